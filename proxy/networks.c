/* Everything is compared as an IPv6 address, IPv4 mapped into it (RFC 4291 2.5.5.2). */
#include "proxy/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum err networks_fill(struct networks *set, const struct config_names *names)
{
    if (names->n == 0)
        return ERR_OK;
    set->list = calloc(names->n, sizeof(*set->list));
    if (set->list == NULL)
        return ERR_NO_MEMORY;
    for (; set->n < names->n; set->n++)
        if (config_network(span_str(names->list[set->n]), &set->list[set->n]) != NULL)
            return ERR_INVALID; /* the loader has let it through */
    return ERR_OK;
}

void networks_free(struct networks *set)
{
    free(set->list);
    *set = (struct networks){NULL, 0};
}

static bool is_in(const struct config_network *net, const unsigned char ip[16])
{
    unsigned whole = net->bits / 8;
    unsigned rest = net->bits % 8;
    if (memcmp(net->ip, ip, whole) != 0)
        return false;
    return rest == 0 || ((net->ip[whole] ^ ip[whole]) & 0xff << (8 - rest) & 0xff) == 0;
}

bool networks_have(const struct networks *set, struct span ip)
{
    unsigned char wide[16] = {[10] = 0xff, [11] = 0xff};
    if (ip.n > 0)
        memcpy(wide + sizeof(wide) - ip.n, ip.p, ip.n);
    for (size_t i = 0; i < set->n; i++) {
        const struct config_network *net = &set->list[i];
        if (net->local ? ip.n == 0 : ip.n > 0 && is_in(net, wide))
            return true;
    }
    return false;
}

size_t networks_text(struct span ip, char out[ADDRESS_TEXT])
{
    if (ip.n == 0)
        memcpy(out, "unix", 5);
    else
        inet_ntop(ip.n == 4 ? AF_INET : AF_INET6, ip.p, out, ADDRESS_TEXT);
    return strlen(out);
}

/* http://host[:port] at the beginning of a text, compared with what is known. */
#include "shadow/origin.h"

static struct span without_brackets(struct span host)
{
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return span_of(host.p + 1, host.n - 2);
    return host;
}

enum err origin_add(struct origins *o, struct arena *a, struct span host, unsigned port)
{
    void *list = o->list;
    if (o->n == o->cap && !arena_grow(a, &list, &o->cap, sizeof(*o->list)))
        return ERR_NO_MEMORY;
    o->list = list;
    host = without_brackets(host);
    char *copy = arena_copy(a, host);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    o->list[o->n++] = (struct origin){span_of(copy, host.n), port};
    return ERR_OK;
}

/* Cuts host[:port]; port 0 when there is none. */
static bool split(struct span authority, struct span *host, unsigned *port)
{
    uint64_t v = 0;
    size_t from = authority.n > 0 && authority.p[0] == '[' ? span_find(authority, ']') : 0;
    if (from == authority.n && from > 0)
        return false;
    size_t colon = from + span_find(span_from(authority, from), ':');
    *host = without_brackets(span_until(authority, colon));
    *port = 0;
    if (colon == authority.n)
        return host->n > 0;
    if (!span_u64(span_from(authority, colon + 1), &v) || v > 65535)
        return false;
    *port = (unsigned)v;
    return host->n > 0;
}

static size_t scheme_length(struct span text, unsigned *port)
{
    if (text.n < 8 || byte_lower(text.p[0]) != 'h')
        return 0;
    if (span_eq_nocase(span_until(text, 7), SPAN("http://"))) {
        *port = 80;
        return 7;
    }
    *port = 443;
    return span_eq_nocase(span_until(text, 8), SPAN("https://")) ? 8 : 0;
}

/* given: the port as it stands there, 0: none, which is that of the scheme. A Host without a port
 * is on that of its scheme; a link to the same host elsewhere is not to us. */
static bool own_matches(struct span own, struct span host, unsigned given, unsigned of_scheme)
{
    struct span own_host;
    unsigned own_port;
    if (!split(own, &own_host, &own_port) || !span_eq_nocase(own_host, host))
        return false;
    return given == 0 || given == (own_port == 0 ? of_scheme : own_port);
}

size_t origin_prefix(const struct origins *o, struct span own, struct span text)
{
    unsigned scheme_port, port;
    struct span host;
    size_t begin = scheme_length(text, &scheme_port);
    if (begin == 0)
        return 0;
    size_t end = begin;
    while (end < text.n && memchr("/?#", text.p[end], 3) == NULL)
        end++;
    if (!split(span_of(text.p + begin, end - begin), &host, &port))
        return 0;
    unsigned given = port;
    port = given != 0 ? given : scheme_port;
    for (size_t i = 0; i < o->n; i++)
        if (span_eq_nocase(o->list[i].host, host) &&
            (o->list[i].port == 0 || o->list[i].port == port))
            return end;
    return own_matches(own, host, given, scheme_port) ? end : 0;
}

bool origin_is_host(const struct origins *o, struct span own, struct span host)
{
    struct span own_host;
    unsigned port;
    for (size_t i = 0; i < o->n; i++)
        if (span_eq_nocase(o->list[i].host, host))
            return true;
    return split(own, &own_host, &port) && span_eq_nocase(own_host, host);
}

/* Sets of addresses: who is trusted. Private to proxy/. */
#ifndef PROXY_NETWORKS_H
#define PROXY_NETWORKS_H

#include "config/config.h"

enum { ADDRESS_TEXT = 46 }; /* INET6_ADDRSTRLEN */

struct networks {
    struct config_network *list;
    size_t n;
};

enum err networks_fill(struct networks *set, const struct config_names *names) MUST_USE;
void networks_free(struct networks *set);

bool networks_have(const struct networks *set, struct span ip);
/* ip: 4 or 16 bytes; none for a peer on a Unix socket. */

size_t networks_text(struct span ip, char out[ADDRESS_TEXT]);
/* "192.0.2.1", "2001:db8::1", "unix"; returns the length. */

#endif

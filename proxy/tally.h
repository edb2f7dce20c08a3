/* How many connections a listener and a client's address have, over all workers. The one place
 * where workers share a lock; it is taken when a connection begins and ends, never on a request's
 * path. Private to proxy/. */
#ifndef PROXY_TALLY_H
#define PROXY_TALLY_H

#include "proxy/plane.h"
#include "proxy/proxy_protocol.h"

struct tally;

struct tally_key {
    unsigned char bytes[16];
};

struct tally_key tally_client(const struct endpoint *client);
/* An IPv4 address, or an IPv6 network of 64 bits: whoever has one address there has all. */

enum err tally_listener(const struct address *a, struct tally_key *out) MUST_USE;

enum err tally_new(struct tally **out) MUST_USE;
void tally_free(struct tally **t);

enum err tally_take(struct tally *t, const struct tally_key *key, unsigned max) MUST_USE;
/* Counts one more, unless there are max already: ERR_QUEUE_FULL. Any thread. */

void tally_give(struct tally *t, const struct tally_key *key);

#endif

/* SHA-256 and HMAC-SHA-256, and SHA-1 for WebSocket, by OpenSSL, each algorithm fetched once. The
 * only use of OpenSSL outside the data plane's TLS. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/bytes.h"

enum { DIGEST_BYTES = 32 };

struct digest; /* a running SHA-256 */

enum err digest_begin(struct digest **out) MUST_USE;
void digest_add(struct digest *d, struct span s);
void digest_end(struct digest **d, unsigned char out[DIGEST_BYTES]);
/* Writes the hash and frees d; out may be NULL to only free. */

enum err digest_of(struct span s, unsigned char out[DIGEST_BYTES]) MUST_USE;
enum err digest_hmac(struct span key, struct span s, unsigned char out[DIGEST_BYTES]) MUST_USE;

enum { DIGEST_SHA1_BYTES = 20 };

enum err digest_sha1(struct span s, unsigned char out[DIGEST_SHA1_BYTES]) MUST_USE;
/* Only where a protocol asks for it and nothing depends on its strength (RFC 6455 4.2.2). */

bool digest_same(struct span a, struct span b);
/* Equality in time that depends only on the lengths; for tokens and signatures. */

#endif

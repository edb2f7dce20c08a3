/* What comes after a body: trailers, and in them how a gRPC call ended. */
#ifndef SHADOW_TRAILERS_H
#define SHADOW_TRAILERS_H

#include "shadow/headers.h"
#include "shadow/shadow.h"

bool trailers_is_grpc(const struct shadow_answer *a);
/* By its Content-Type. */

enum err trailers_status(struct diff *d, const struct shadow_answer *legacy,
                         const struct shadow_answer *new_, bool *stop) MUST_USE;
/* Of two gRPC answers: grpc-status, from the trailers or from a head without any (path grpc-status,
 * kind status). *stop: one call went well and the other did not. grpc-message is a sentence and not
 * compared. */

enum err trailers_compare(struct diff *d, const struct shadow_answer *legacy,
                          const struct shadow_answer *new_) MUST_USE;
/* Field by field, like headers (path trailer:NAME, kind header). */

#endif

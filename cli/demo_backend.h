/* The two small backends of `weir demo`: real servers on real sockets, deliberately different.
 * Private to cli/.
 *
 *   /api/orders/N    new sends `total` as a string        type    $.total
 *   /api/users/N     new forgets `phone`                   missing $.phone
 *   /api/products    new lists them in another order       order   $.products
 *   /api/search      new takes longer                      nothing to find in the answer, only in
 * its time /api/prices, /   the same on both sides
 */
#ifndef CLI_DEMO_BACKEND_H
#define CLI_DEMO_BACKEND_H

#include "config/config.h"

struct demo_backend;

enum err demo_backend_start(enum side side, struct demo_backend **out) MUST_USE;
/* A thread with a listener on a free port of 127.0.0.1. */

unsigned demo_backend_port(const struct demo_backend *b);

void demo_backend_stop(struct demo_backend **b);

#endif

/* Which kind of store there is. */
#include "control/store.h"

enum err store_new(const struct store_options *o, struct store **out)
{
    return o->config->control.redis != NULL ? store_redis_new(o, out) : store_file_new(o, out);
}

/* The audit stream: a copy of every line of the audit trail, which Redis cuts to about stream_max.
 */
#include "control/store_redis.h"

#include "base/log.h"

#include <stdio.h>

static void on_noted(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    bool refused = a->kind == ANSWER_REFUSAL;
    if (refused && !s->stream_refused)
        log_warn("redis", "stream %s takes no entry: " SPAN_FMT, s->stream,
                 (int)min_size(a->text.n, 160), a->text.p);
    s->stream_refused = refused;
}

void redis_store_note(struct store *base, struct span line)
{
    struct redis_store *s = CONTAINER_OF(base, struct redis_store, base);
    char max[24];
    OBJ_CHECK(s, REDIS_STORE_MAGIC);
    if (!s->up || s->stream == NULL)
        return;
    (void)snprintf(max, sizeof(max), "%u", s->stream_max);
    redis_send(s->cmd, on_noted, s, 10,
               (struct span[]){SPAN("XADD"), span_str(s->stream), SPAN("MAXLEN"), SPAN("~"),
                               span_str(max), SPAN("*"), SPAN("instance"), span_str(s->instance),
                               SPAN("change"), line});
}

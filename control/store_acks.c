/* Acknowledgements: each instance keeps a key weir:ack:<instance> alive that says what it has in
 * force, so that `weir flip --wait` can tell who is behind. The key expires when the instance dies.
 */
#include "control/store_redis.h"

#include "base/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { INSTANCES_MAX = 1000 };

enum { PREFIX_LEN = sizeof("weir:ack:") - 1 };

void peers_free(struct peers *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->list[i].instance);
    free(p->list);
    *p = (struct peers){.list = NULL};
}

/* --- ours --- */

static void on_acked(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    bool refused = a->kind == ANSWER_REFUSAL;
    if (refused && !s->ack_refused)
        log_warn("redis", "%s cannot be written, so others cannot see this instance: " SPAN_FMT,
                 s->ack_key, (int)min_size(a->text.n, 160), a->text.p);
    s->ack_refused = refused;
}

void redis_store_ack_now(struct redis_store *s)
{
    char ttl[24];
    if (!s->up || s->yielded || s->ack.n == 0)
        return;
    (void)snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)s->ack_ttl_ms);
    redis_send(s->cmd, on_acked, s, 5,
               (struct span[]){SPAN("SET"), span_str(s->ack_key), buf_span(&s->ack), SPAN("PX"),
                               span_str(ttl)});
    redis_store_timer(s, &s->renew, s->ack_ttl_ms / 3);
}

void redis_store_ack(struct store *base, struct span json)
{
    struct redis_store *s = CONTAINER_OF(base, struct redis_store, base);
    OBJ_CHECK(s, REDIS_STORE_MAGIC);
    s->ack.n = 0;
    if (buf_append(&s->ack, json) != ERR_OK)
        return; /* the next one replaces it; until then the old one lapses */
    redis_store_ack_now(s);
}

static void on_renew(void *arg)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    redis_store_ack_now(s);
}

void redis_store_withdraw(struct redis_store *s)
{
    redis_send(s->cmd, on_acked, s, 2, (struct span[]){SPAN("DEL"), span_str(s->ack_key)});
    redis_finish(s->cmd, 200);
}

/* --- everybody's --- */

static void forget_names(struct redis_store *s)
{
    for (size_t i = 0; i < s->nnames; i++)
        free(s->names[i]);
    free(s->names);
    s->names = NULL;
    s->nnames = 0;
}

static void answer_peers(struct redis_store *s, bool complete)
{
    void (*fn)(void *arg, struct peers *p) = s->peers_fn;
    struct peers p = s->peers;
    p.complete = complete;
    s->peers_fn = NULL;
    s->peers = (struct peers){.list = NULL};
    forget_names(s);
    fn(s->peers_arg, &p);
}

void redis_store_peers_failed(struct redis_store *s)
{
    if (s->peers_fn != NULL)
        answer_peers(s, false);
}

void redis_store_peers_end(struct redis_store *s)
{
    s->peers_fn = NULL;
    peers_free(&s->peers);
    forget_names(s);
}

static bool has_name(const struct redis_store *s, struct span name)
{
    for (size_t i = 0; i < s->nnames; i++)
        if (span_eq(span_str(s->names[i]), name))
            return true;
    return false;
}

static bool add_name(struct redis_store *s, struct span name)
{
    if (has_name(s, name)) /* SCAN may say a key twice */
        return true;
    if (s->nnames == INSTANCES_MAX)
        return false;
    if (s->names == NULL)
        s->names = calloc(INSTANCES_MAX, sizeof(*s->names));
    if (s->names == NULL)
        return false;
    s->names[s->nnames] = strndup(name.p, name.n);
    if (s->names[s->nnames] == NULL)
        return false;
    s->nnames++;
    return true;
}

/* Instances of a fleet with another control key are not ours to wait for. */
static void add_peer(struct redis_store *s, const char *name, struct span text)
{
    json_t *o = json_loadb(text.p, text.n, 0, NULL);
    const char *key = json_string_value(json_object_get(o, "key"));
    if (key != NULL && strcmp(key, s->key) == 0) {
        struct peer *p = &s->peers.list[s->peers.n];
        p->instance = strdup(name + PREFIX_LEN);
        p->epoch = (uint64_t)json_integer_value(json_object_get(o, "epoch"));
        p->document = (uint64_t)json_integer_value(json_object_get(o, "document"));
        s->peers.n += p->instance != NULL ? 1 : 0;
    }
    json_decref(o);
}

static void on_acks(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->peers_fn == NULL)
        return;
    if (a->kind != ANSWER_LIST || a->n != s->nnames) {
        answer_peers(s, false);
        return;
    }
    s->peers.list = calloc(s->nnames + 1, sizeof(*s->peers.list));
    for (size_t i = 0; s->peers.list != NULL && i < a->n; i++) {
        struct answer one = answer_item(a, i);
        if (one.kind == ANSWER_TEXT) /* nil: it has lapsed just now */
            add_peer(s, s->names[i], one.text);
    }
    answer_peers(s, s->peers.list != NULL);
}

static void read_acks(struct redis_store *s)
{
    struct span argv[INSTANCES_MAX + 1] = {SPAN("MGET")};
    if (s->nnames == 0) {
        answer_peers(s, true);
        return;
    }
    for (size_t i = 0; i < s->nnames; i++)
        argv[i + 1] = span_str(s->names[i]);
    redis_send(s->cmd, on_acks, s, s->nnames + 1, argv);
}

static void scan(struct redis_store *s, struct span cursor);

static void on_scanned(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->peers_fn == NULL)
        return;
    struct answer keys = {.kind = ANSWER_NOTHING};
    if (a->kind == ANSWER_LIST && a->n == 2)
        keys = answer_item(a, 1);
    bool ok = keys.kind == ANSWER_LIST;
    for (size_t i = 0; ok && i < keys.n; i++)
        ok = add_name(s, answer_item(&keys, i).text);
    if (!ok) {
        answer_peers(s, false);
        return;
    }
    struct answer cursor = answer_item(a, 0);
    if (span_eq(cursor.text, SPAN("0")))
        read_acks(s);
    else
        scan(s, cursor.text);
}

static void scan(struct redis_store *s, struct span cursor)
{
    redis_send(s->cmd, on_scanned, s, 6,
               (struct span[]){SPAN("SCAN"), cursor, SPAN("MATCH"), SPAN("weir:ack:*"),
                               SPAN("COUNT"), SPAN("1000")});
}

void redis_store_peers(struct store *base, void (*fn)(void *arg, struct peers *p), void *arg)
{
    struct redis_store *s = CONTAINER_OF(base, struct redis_store, base);
    OBJ_CHECK(s, REDIS_STORE_MAGIC);
    BUG_IF(s->peers_fn != NULL);
    s->peers_fn = fn;
    s->peers_arg = arg;
    if (s->up)
        scan(s, SPAN("0"));
    else
        answer_peers(s, false);
}

void redis_store_begin_acks(struct redis_store *s)
{
    timer_begin(&s->renew, on_renew, s);
}

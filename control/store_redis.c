/* The control store in Redis. Two connections: one for commands, one subscribed to
 * __redis__:invalidate, to which the first one's key tracking is redirected (CLIENT TRACKING ...
 * REDIRECT ... BCAST), so that a plain `redis-cli SET` by anybody is seen at once. Beside it the
 * key is read every `poll`, which also finds out whether Redis still answers.
 *
 * The special difficulty is that everything may fail at any moment and nothing of it may matter to
 * routing: whatever goes wrong ends in down(), which reports once and tries again. Reading and
 * writing the key is here; the push is store_push.c, the acknowledgements store_acks.c. */
#include "control/store_redis.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rand.h"

#include <stdio.h>
#include <stdlib.h>

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000, CONNECT_PATIENCE_MS = 10000 };

static void connect_now(struct redis_store *s);

static struct redis_store *self(struct store *base)
{
    struct redis_store *s = CONTAINER_OF(base, struct redis_store, base);
    OBJ_CHECK(s, REDIS_STORE_MAGIC);
    return s;
}

void redis_store_timer(struct redis_store *s, struct timer *t, uint64_t ms)
{
    /* hiredis calls past loop.c, so the loop's clock may be behind. */
    loop_timer_set(s->loop, t, ms + (clock_us() - loop_now_us(s->loop)) / 1000);
}

void redis_store_changed(struct redis_store *s)
{
    s->events.changed(s->events.arg);
}

/* --- up and down --- */

static uint64_t next_backoff(struct redis_store *s)
{
    uint64_t ms = s->backoff_ms;
    s->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
    return ms / 2 + rand_u64() % (ms / 2 + 1);
}

/* During one outage each reason is logged once, not once per attempt. */
static bool is_news(struct redis_store *s, const char *why)
{
    for (size_t i = 0; i < s->nsaid; i++)
        if (strcmp(s->said[i], why) == 0)
            return false;
    if (s->nsaid < SAID_MAX)
        (void)snprintf(s->said[s->nsaid++], sizeof(s->said[0]), "%s", why);
    return true;
}

static void say_down(struct redis_store *s, const char *why)
{
    char text[SAID_LEN];
    (void)snprintf(text, sizeof(text), "%s", why);
    bool news = is_news(s, text);
    if (s->up)
        log_warn("redis", "%s is lost: %s; routing stays as it is", s->base.facts.where, why);
    else if (news)
        log_warn("redis", "%s cannot be used: %s; trying again", s->base.facts.where, why);
}

static void write_failed(struct redis_store *s, const char *why)
{
    if (!s->writing)
        return;
    s->writing = false;
    s->events.wrote(s->events.arg, STORE_FAILED, s->write_epoch, buf_span(&s->write_raw), why);
}

void redis_store_down(struct redis_store *s, const char *why)
{
    char text[SAID_LEN];
    (void)snprintf(text, sizeof(text), "%s", why); /* may lie in the connection that goes now */
    redis_store_push_end(s);
    if (s->cmd != NULL)
        redis_close(&s->cmd);
    resolve_cancel(&s->resolving);
    redis_store_sentinels_rest(s);
    loop_timer_clear(s->loop, &s->poll);
    loop_timer_clear(s->loop, &s->renew);
    say_down(s, text);
    struct store_facts *f = &s->base.facts;
    (void)snprintf(f->error, sizeof(f->error), "%s", text);
    (void)snprintf(f->mode, sizeof(f->mode), "none");
    if (s->up) {
        f->lost++;
        f->since_ms = clock_wall_ms();
    }
    f->published = 0; /* it may come back empty */
    s->was_up = s->was_up || s->up;
    s->up = f->connected = s->looking = s->look_again = false;
    metric_set(METRIC_REDIS_CONNECTED, 0);
    redis_store_timer(s, &s->retry, next_backoff(s));
    redis_store_peers_failed(s);
    redis_store_tables_failed(s);
    write_failed(s, text);
    redis_store_changed(s);
}

static void on_gone(void *arg, const char *why)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    redis_store_down(s, why);
}

void redis_store_refused(struct redis_store *s, const char *doing, const struct answer *a)
{
    char why[SAID_LEN];
    struct span text = a->kind == ANSWER_REFUSAL ? a->text : SPAN("an answer of another kind");
    (void)snprintf(why, sizeof(why), "%s: " SPAN_FMT, doing, (int)min_size(text.n, 160), text.p);
    redis_store_down(s, why);
}

static void come_up(struct redis_store *s)
{
    struct store_facts *f = &s->base.facts;
    uint64_t now = clock_wall_ms();
    if (s->was_up)
        log_info("redis", "%s answers again after %.1f s", f->where,
                 (double)(now - f->since_ms) / 1000.0);
    else
        log_info("redis", "%s answers (Redis %s)", f->where, f->server);
    if (s->was_up)
        metric_inc(METRIC_REDIS_RECONNECTS);
    metric_set(METRIC_REDIS_CONNECTED, 1);
    s->up = f->connected = true;
    s->backoff_ms = BACKOFF_MIN_MS;
    s->nsaid = 0;
    f->since_ms = now;
    f->error[0] = '\0';
    (void)snprintf(f->mode, sizeof(f->mode), "poll");
    redis_store_timer(s, &s->poll, s->poll_ms);
    redis_store_ack_now(s);
    redis_store_push_begin(s);
    redis_store_changed(s);
}

/* --- looking --- */

static void keep_value(struct redis_store *s, enum sight sight, struct span raw)
{
    s->value_sight = sight;
    s->value.n = 0;
    if (buf_append(&s->value, raw) != ERR_OK)
        s->value_sight = SIGHT_NONE; /* cannot be compared with: no write until the next look */
}

static void report(struct redis_store *s, enum sight sight, struct span raw, enum err unreadable)
{
    bool differs = s->value_sight != sight || !span_eq(buf_span(&s->value), raw);
    bool first = s->first_look;
    s->first_look = false;
    s->looking = false;
    s->base.facts.looks++;
    keep_value(s, sight, raw);
    if (!s->up)
        come_up(s);
    if (differs && !first)
        redis_store_push_check(s);
    s->pushes_at_look = s->base.facts.pushes;
    s->events.looked(s->events.arg, sight, raw, unreadable);
    if (s->look_again && s->up)
        redis_store_look(s);
}

static void on_exists(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    s->exists = a->kind == ANSWER_NUMBER && a->number == 1;
    if (a->kind != ANSWER_NUMBER)
        redis_store_refused(s, "the key cannot be read", a);
}

static void on_value(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    bool wrong_type = a->kind == ANSWER_REFUSAL && span_has_prefix(a->text, SPAN("WRONGTYPE"));
    if (wrong_type)
        report(s, SIGHT_UNREADABLE, SPAN(""), ERR_CONTROL_WRONG_TYPE);
    else if (a->kind != ANSWER_TEXT)
        redis_store_refused(s, "the key cannot be read", a);
    else if (a->text.n > DOCUMENT_MAX)
        report(s, SIGHT_UNREADABLE, SPAN(""), ERR_CONTROL_TOO_LARGE);
    else if (a->text.n == 0 && !s->exists)
        report(s, SIGHT_MISSING, SPAN(""), ERR_OK);
    else
        report(s, SIGHT_VALUE, a->text, ERR_OK);
}

/* GETRANGE rather than GET: somebody's 500 MB under this key must not end up in our memory. */
void redis_store_look(struct redis_store *s)
{
    char last[24];
    if (s->looking || s->cmd == NULL) {
        s->look_again = s->looking;
        return;
    }
    s->looking = true;
    s->look_again = false;
    (void)snprintf(last, sizeof(last), "%d", DOCUMENT_MAX); /* one byte more than allowed */
    redis_send(s->cmd, on_exists, s, 2, (struct span[]){SPAN("EXISTS"), span_str(s->key)});
    redis_send(s->cmd, on_value, s, 4,
               (struct span[]){SPAN("GETRANGE"), span_str(s->key), SPAN("0"), span_str(last)});
}

static void on_poll(void *arg)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    redis_store_check_role(s);
    redis_store_look(s);
    redis_store_timer(s, &s->poll, s->poll_ms);
}

/* --- writing --- */

/* Sets the key if it still holds what was looked at last. GET raises an error for a key of another
 * type. */
static const char compare_and_set[] = "local v = redis.call('GET', KEYS[1])\n"
                                      "if ARGV[1] == 'missing' then\n"
                                      "  if v then return 0 end\n"
                                      "elseif v ~= ARGV[2] then\n"
                                      "  return 0\n"
                                      "end\n"
                                      "redis.call('SET', KEYS[1], ARGV[3])\n"
                                      "return 1\n";

static void on_written(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    char why[SAID_LEN] = "an answer of another kind";
    struct span raw = buf_span(&s->write_raw);
    s->writing = false;
    if (a->kind == ANSWER_NUMBER && a->number == 1) {
        keep_value(s, SIGHT_VALUE, raw);
        s->events.wrote(s->events.arg, STORE_WRITTEN, s->write_epoch, raw, NULL);
        return;
    }
    if (a->kind == ANSWER_REFUSAL)
        (void)snprintf(why, sizeof(why), SPAN_FMT, (int)min_size(a->text.n, 160), a->text.p);
    bool conflict = a->kind == ANSWER_NUMBER;
    s->events.wrote(s->events.arg, conflict ? STORE_CONFLICT : STORE_FAILED, s->write_epoch, raw,
                    conflict ? NULL : why);
    if (conflict)
        redis_store_look(s);
}

static bool redis_store_write(struct store *base, uint64_t epoch, struct span raw)
{
    struct redis_store *s = self(base);
    bool known = s->value_sight == SIGHT_MISSING || s->value_sight == SIGHT_VALUE;
    s->write_raw.n = 0;
    if (!s->up || s->writing || !known || buf_append(&s->write_raw, raw) != ERR_OK)
        return false;
    s->writing = true;
    s->write_epoch = epoch;
    struct span mode = s->value_sight == SIGHT_MISSING ? SPAN("missing") : SPAN("value");
    redis_send(s->cmd, on_written, s, 7,
               (struct span[]){SPAN("EVAL"), span_str(compare_and_set), SPAN("1"), span_str(s->key),
                               mode, buf_span(&s->value), raw});
    return true;
}

/* --- connecting --- */

static void describe(struct redis_store *s)
{
    struct store_facts *f = &s->base.facts;
    char host[220] = "";
    bool v6 = s->host != NULL && strchr(s->host, ':') != NULL;
    if (s->host != NULL)
        (void)snprintf(host, sizeof(host), "%s%.200s%s:%u", v6 ? "[" : "", s->host, v6 ? "]" : "",
                       s->port);
    if (s->path != NULL)
        (void)snprintf(f->where, sizeof(f->where), "unix:%.200s db %u", s->path, s->db);
    else if (s->nsentinels > 0)
        (void)snprintf(f->where, sizeof(f->where), "redis://%s/%u, master %.40s",
                       host[0] == '\0' ? "?" : host, s->db, s->master);
    else
        (void)snprintf(f->where, sizeof(f->where), "redis://%s/%u", host, s->db);
}

static void on_hello(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (a->kind != ANSWER_TEXT)
        redis_store_refused(s, "it did not let us in", a);
}

static void on_info(void *arg, const struct answer *a)
{
    static const struct span tag = {"redis_version:", 14};
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    struct span rest = a->kind == ANSWER_TEXT ? a->text : SPAN_NULL;
    struct span line;
    (void)snprintf(s->base.facts.server, sizeof(s->base.facts.server), "?");
    while (span_cut(&rest, '\n', &line)) {
        if (!span_has_prefix(line, tag))
            continue;
        line = span_from(line, tag.n);
        line.n = min_size(span_find(line, '\r'), sizeof(s->base.facts.server) - 1);
        (void)snprintf(s->base.facts.server, sizeof(s->base.facts.server), SPAN_FMT,
                       SPAN_ARG(line));
    }
}

void redis_store_login(struct redis_store *s, const struct redis_login *as, struct redis_link *l,
                       redis_fn *fn)
{
    struct span password = span_str(as->password);
    if (as->password != NULL && as->user != NULL)
        redis_send(l, fn, s, 3, (struct span[]){SPAN("AUTH"), span_str(as->user), password});
    else if (as->password != NULL)
        redis_send(l, fn, s, 2, (struct span[]){SPAN("AUTH"), password});
}

static void hello(struct redis_store *s)
{
    char db[16];
    redis_store_login(s, &s->login, s->cmd, on_hello);
    if (s->db != 0) {
        (void)snprintf(db, sizeof(db), "%u", s->db);
        redis_send(s->cmd, on_hello, s, 2, (struct span[]){SPAN("SELECT"), span_str(db)});
    }
    redis_store_check_role(s);
    redis_send(s->cmd, on_info, s, 2, (struct span[]){SPAN("INFO"), SPAN("server")});
    s->first_look = true;
    redis_store_look(s);
}

void redis_store_address(const struct redis_store *s, struct redis_at *at)
{
    *at = (struct redis_at){.path = s->path, .port = s->port};
    if (s->path == NULL)
        at->ip = s->found.ips[s->next_ip % s->found.n];
}

static void open_command(struct redis_store *s)
{
    char why[SAID_LEN];
    struct redis_at at;
    struct redis_events ev = {s, on_gone};
    redis_store_address(s, &at);
    if (redis_open(&s->cmd, s->loop, &at, REDIS_TIMEOUT_MS, &ev, why, sizeof(why)) != ERR_OK) {
        redis_store_down(s, why);
        return;
    }
    hello(s);
}

static void on_resolved(void *arg, const struct resolved *r)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    s->resolving = NULL;
    if (r->n == 0) {
        redis_store_down(s, r->why);
        return;
    }
    s->found = *r;
    s->next_ip = 0;
    loop_timer_clear(s->loop, &s->retry);
    open_command(s);
}

bool redis_store_resolve(struct redis_store *s, const char *host, resolve_fn *fn)
{
    struct resolved itself = {.n = 1};
    if (resolve_is_address(host)) {
        (void)snprintf(itself.ips[0], sizeof(itself.ips[0]), "%s", host);
        fn(s, &itself);
        return true;
    }
    if (resolve_start(&s->resolving, s->loop, host, fn, s) != ERR_OK)
        return false;
    redis_store_timer(s, &s->retry, CONNECT_PATIENCE_MS);
    return true;
}

/* Every address that was found is tried before the name is looked up again. */
static void connect_server(struct redis_store *s)
{
    if (s->path != NULL) {
        open_command(s);
        return;
    }
    if (s->next_ip + 1 < s->found.n) {
        s->next_ip++;
        open_command(s);
        return;
    }
    s->found.n = 0;
    if (!redis_store_resolve(s, s->host, on_resolved))
        redis_store_down(s, "a name look-up cannot be started");
}

void redis_store_at(struct redis_store *s, const char *host, unsigned port)
{
    char why[SAID_LEN];
    if (s->cmd != NULL && strcmp(s->host, host) == 0 && s->port == port)
        return;
    char *copy = strdup(host);
    if (copy == NULL) {
        redis_store_down(s, err_sentence(ERR_NO_MEMORY));
        return;
    }
    (void)snprintf(why, sizeof(why), "the master is at %.100s port %u now", host, port);
    if (s->cmd != NULL)
        redis_store_down(s, why);
    free(s->host);
    s->host = copy;
    s->port = port;
    s->found.n = s->next_ip = 0;
    describe(s);
    loop_timer_clear(s->loop, &s->retry);
    connect_server(s);
}

static void connect_now(struct redis_store *s)
{
    s->sentinels_asked = 0;
    if (s->nsentinels > 0)
        redis_store_ask_sentinels(s);
    else
        connect_server(s);
}

static void on_retry(void *arg)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->resolving != NULL) {
        resolve_cancel(&s->resolving);
        if (s->cmd == NULL) /* else it was a sentinel's */
            redis_store_down(s, "looking its name up takes too long");
        else
            redis_store_timer(s, &s->sentinel_retry, BACKOFF_MAX_MS);
        return;
    }
    connect_now(s);
}

/* --- life --- */

static void redis_store_start(struct store *base)
{
    struct redis_store *s = self(base);
    s->base.facts.since_ms = clock_wall_ms();
    connect_now(s);
}

static void login_free(struct redis_login *l)
{
    if (l->password != NULL)
        explicit_bzero(l->password, strlen(l->password));
    free(l->user);
    free(l->password);
}

static void redis_store_free(struct redis_store *s)
{
    free(s->path);
    free(s->host);
    login_free(&s->login);
    login_free(&s->sentinel_login);
    free(s->key);
    free(s->ack_key);
    free(s->table_key);
    free(s->stream);
    free(s->instance);
    buf_free(&s->value);
    buf_free(&s->write_raw);
    buf_free(&s->ack);
    s->magic = 0;
    free(s);
}

static void redis_store_yield(struct store *base)
{
    struct redis_store *s = self(base);
    s->yielded = true;
    loop_timer_clear(s->loop, &s->renew);
}

static void redis_store_close(struct store **base)
{
    struct redis_store *s = self(*base);
    *base = NULL;
    resolve_cancel(&s->resolving);
    redis_store_push_end(s);
    redis_store_sentinels_end(s);
    loop_timer_clear(s->loop, &s->poll);
    loop_timer_clear(s->loop, &s->renew);
    loop_timer_clear(s->loop, &s->retry);
    if (s->cmd != NULL) {
        if (s->up && !s->yielded)
            redis_store_withdraw(s);
        redis_close(&s->cmd);
    }
    redis_store_peers_end(s);
    redis_store_tables_end(s);
    metric_set(METRIC_REDIS_CONNECTED, 0);
    redis_store_free(s);
}

static const struct store_ops ops = {redis_store_start,   redis_store_write,  redis_store_ack,
                                     redis_store_peers,   redis_store_note,   redis_store_yield,
                                     redis_store_publish, redis_store_tables, redis_store_close};

static bool copy(char **to, const char *from)
{
    *to = from == NULL ? NULL : strdup(from);
    return from == NULL || *to != NULL;
}

static bool copy_all(struct redis_store *s, const struct store_options *o)
{
    const struct config_control *c = &o->config->control;
    char ack[512], table[512];
    (void)snprintf(ack, sizeof(ack), "weir:ack:%s", o->instance);
    (void)snprintf(table, sizeof(table), REDIS_TABLE_PREFIX "%s", o->instance);
    return copy(&s->table_key, table) && copy(&s->path, c->store.path) &&
           copy(&s->host, c->store.host) && copy(&s->login.user, c->store.user) &&
           copy(&s->login.password, c->store.password) &&
           copy(&s->sentinel_login.user, c->sentinel_user) &&
           copy(&s->sentinel_login.password, c->sentinel_password) && copy(&s->key, c->key) &&
           copy(&s->ack_key, ack) && copy(&s->stream, c->audit_stream) &&
           copy(&s->instance, o->instance);
}

enum err store_redis_new(const struct store_options *o, struct store **out)
{
    *out = NULL;
    struct redis_store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(s, REDIS_STORE_MAGIC);
    s->base.ops = &ops;
    s->loop = o->loop;
    if (!copy_all(s, o) || !redis_store_begin_sentinels(s, &o->config->control.store)) {
        redis_store_sentinels_end(s);
        redis_store_free(s);
        return ERR_NO_MEMORY;
    }
    s->events = o->events;
    s->port = o->config->control.store.port;
    s->db = o->config->control.store.db;
    s->poll_ms = o->config->control.poll;
    s->stream_max = o->config->control.audit_stream_max;
    s->ack_ttl_ms = o->config->control.ack_ttl;
    s->keep_ms = o->config->shadow.keep;
    s->backoff_ms = BACKOFF_MIN_MS;
    timer_begin(&s->poll, on_poll, s);
    timer_begin(&s->retry, on_retry, s);
    redis_store_begin_push(s);
    redis_store_begin_acks(s);
    struct store_facts *f = &s->base.facts;
    f->kind = "redis";
    (void)snprintf(f->name, sizeof(f->name), "redis key %.200s", s->key);
    (void)snprintf(f->mode, sizeof(f->mode), "none");
    (void)snprintf(f->error, sizeof(f->error), "not connected yet");
    describe(s);
    *out = &s->base;
    return ERR_OK;
}

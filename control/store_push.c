/* The push: a second connection that Redis tells when the key changes.
 *
 * The special difficulty is that a push can be lost without anybody noticing: RESP2 does not say
 * when the redirection breaks. So the poll keeps watch: a change it finds that no push announced
 * within a second means that the push is dead, and it is set up anew. */
#include "control/store_redis.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PUSH_BACKOFF_MIN_MS = 100,
    PUSH_BACKOFF_MAX_MS = 30000,
    PUSH_REFUSED_RETRY_MS = 60000,
    PUSH_DOUBT_MS = 1000,
    TRACKING_SINCE = 6, /* the major version of Redis that brought CLIENT TRACKING */
};

static const char channel[] = "__redis__:invalidate";

static void set_mode(struct redis_store *s)
{
    struct store_facts *f = &s->base.facts;
    if (s->push == PUSH_ON)
        (void)snprintf(f->mode, sizeof(f->mode), "push and poll");
    else if (s->push_why[0] != '\0')
        (void)snprintf(f->mode, sizeof(f->mode), "poll only: %.140s", s->push_why);
    else
        (void)snprintf(f->mode, sizeof(f->mode), "poll");
    redis_store_changed(s);
}

static void say_lost(struct redis_store *s)
{
    if (s->push_said)
        return;
    s->push_said = true;
    log_warn("redis", "changes are not pushed (%s); the key is read every %llu ms", s->push_why,
             (unsigned long long)s->poll_ms);
}

static void close_push(struct redis_store *s, const char *why)
{
    (void)snprintf(s->push_why, sizeof(s->push_why), "%s", why);
    s->push = PUSH_OFF;
    loop_timer_clear(s->loop, &s->push_doubt);
    if (s->sub != NULL)
        redis_close(&s->sub);
    set_mode(s);
}

/* Nothing is said yet: when Redis itself has gone, the command connection will say so. */
static void push_lost(struct redis_store *s, const char *why)
{
    close_push(s, why);
    redis_store_timer(s, &s->push_retry, s->push_backoff_ms);
    s->push_backoff_ms *= 2;
    if (s->push_backoff_ms > PUSH_BACKOFF_MAX_MS)
        s->push_backoff_ms = PUSH_BACKOFF_MAX_MS;
}

static void push_refused(struct redis_store *s, const struct answer *a)
{
    char why[SAID_LEN];
    struct span text = a->kind == ANSWER_REFUSAL ? a->text : SPAN("an unexpected answer");
    (void)snprintf(why, sizeof(why), SPAN_FMT, (int)min_size(text.n, 120), text.p);
    close_push(s, why);
    say_lost(s);
    redis_store_timer(s, &s->push_retry, PUSH_REFUSED_RETRY_MS);
}

static void on_sub_gone(void *arg, const char *why)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    push_lost(s, why);
}

/* --- setting up: log in, learn the connection's number, subscribe, redirect --- */

static void on_sub_hello(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (a->kind == ANSWER_REFUSAL)
        push_refused(s, a);
}

static void on_off(void *arg, const struct answer *a)
{
    UNUSED(arg); /* nothing was on: fine */
    UNUSED(a);
}

static void on_tracking(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->push != PUSH_TRACKING)
        return;
    if (a->kind != ANSWER_TEXT) {
        push_refused(s, a);
        return;
    }
    s->push = PUSH_ON;
    s->push_backoff_ms = PUSH_BACKOFF_MIN_MS;
    s->push_why[0] = '\0';
    log_info("redis", "changes of %s are pushed%s", s->key, s->push_said ? " again" : "");
    s->push_said = false;
    set_mode(s);
    s->first_look = true; /* what changed until now was not announced */
    redis_store_look(s);
}

static void track(struct redis_store *s)
{
    s->push = PUSH_TRACKING;
    redis_send(s->cmd, on_off, s, 3,
               (struct span[]){SPAN("CLIENT"), SPAN("TRACKING"), SPAN("OFF")});
    redis_send(s->cmd, on_tracking, s, 8,
               (struct span[]){SPAN("CLIENT"), SPAN("TRACKING"), SPAN("ON"), SPAN("REDIRECT"),
                               span_str(s->sub_id), SPAN("BCAST"), SPAN("PREFIX"),
                               span_str(s->key)});
}

static bool names_our_key(const struct redis_store *s, const struct answer *keys)
{
    if (keys->kind != ANSWER_LIST)
        return true; /* nil: everything was flushed */
    for (size_t i = 0; i < keys->n; i++)
        if (span_eq(answer_item(keys, i).text, span_str(s->key)))
            return true;
    return false;
}

static void on_message(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (a->kind != ANSWER_LIST || a->n != 3)
        return;
    if (s->push == PUSH_SUBSCRIBING) { /* the confirmation */
        track(s);
        return;
    }
    struct answer keys = answer_item(a, 2);
    if (!names_our_key(s, &keys))
        return;
    s->base.facts.pushes++;
    metric_inc(METRIC_REDIS_PUSHES);
    redis_store_look(s);
}

static void on_id(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (a->kind != ANSWER_NUMBER) {
        push_refused(s, a);
        return;
    }
    (void)snprintf(s->sub_id, sizeof(s->sub_id), "%lld", a->number);
    s->push = PUSH_SUBSCRIBING;
    redis_send(s->sub, on_message, s, 2, (struct span[]){SPAN("SUBSCRIBE"), span_str(channel)});
}

static bool too_old(struct redis_store *s)
{
    char *end;
    unsigned long major = strtoul(s->base.facts.server, &end, 10);
    return end != s->base.facts.server && major < TRACKING_SINCE;
}

void redis_store_push_begin(struct redis_store *s)
{
    struct redis_at at;
    struct redis_events ev = {s, on_sub_gone};
    char why[SAID_LEN];
    if (too_old(s)) {
        (void)snprintf(why, sizeof(why), "Redis %s cannot push, 6.0 and later can",
                       s->base.facts.server);
        close_push(s, why);
        say_lost(s);
        return;
    }
    redis_store_address(s, &at);
    if (redis_open(&s->sub, s->loop, &at, REDIS_TIMEOUT_MS, &ev, why, sizeof(why)) != ERR_OK) {
        push_lost(s, why);
        return;
    }
    s->push = PUSH_CONNECTING;
    redis_store_login(s, &s->login, s->sub, on_sub_hello);
    redis_send(s->sub, on_id, s, 2, (struct span[]){SPAN("CLIENT"), SPAN("ID")});
}

static void on_push_retry(void *arg)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (!s->up)
        return;
    say_lost(s);
    redis_store_push_begin(s);
}

static void on_doubt(void *arg)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->push == PUSH_ON && s->base.facts.pushes == s->pushes_at_doubt)
        push_lost(s, "a change was not announced");
}

void redis_store_push_check(struct redis_store *s)
{
    if (s->push != PUSH_ON || s->base.facts.pushes != s->pushes_at_look ||
        timer_is_set(&s->push_doubt))
        return;
    s->pushes_at_doubt = s->base.facts.pushes;
    redis_store_timer(s, &s->push_doubt, PUSH_DOUBT_MS);
}

void redis_store_push_end(struct redis_store *s)
{
    s->push = PUSH_OFF;
    s->push_why[0] = '\0';
    s->push_backoff_ms = PUSH_BACKOFF_MIN_MS;
    loop_timer_clear(s->loop, &s->push_retry);
    loop_timer_clear(s->loop, &s->push_doubt);
    if (s->sub != NULL)
        redis_close(&s->sub);
}

void redis_store_begin_push(struct redis_store *s)
{
    timer_begin(&s->push_retry, on_push_retry, s);
    timer_begin(&s->push_doubt, on_doubt, s);
    s->push_backoff_ms = PUSH_BACKOFF_MIN_MS;
}

/* Sentinels: where the master is, and when it moves.
 *
 * One connection to one sentinel at a time. It is asked for the master, then stays subscribed to
 * +switch-master. Whenever the connection to the master is lost, a sentinel is asked anew.
 *
 * The special difficulty is old news: a sentinel that was cut off names the old master, and an old
 * master that comes back does not know yet that it is one no more. So every server is asked for its
 * role before it counts as up, and the next attempt begins with another sentinel. What was written
 * to an old master and lost is the business of flip.c. */
#include "control/store_redis.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { WATCH_RETRY_MS = 1000 };

static const char channel[] = "+switch-master";

static struct sentinel_at *current(struct redis_store *s)
{
    return &s->sentinels[s->next_sentinel % s->nsentinels];
}

static void hang_up(struct redis_store *s)
{
    s->watching = false;
    if (s->sentinel != NULL)
        redis_close(&s->sentinel);
}

static void next_one(struct redis_store *s, const char *why)
{
    char text[SAID_LEN];
    const struct sentinel_at *at = current(s);
    bool news_only = s->watching;
    (void)snprintf(text, sizeof(text), "sentinel %.80s:%u: %.100s", at->host, at->port, why);
    hang_up(s);
    s->next_sentinel++;
    s->sentinels_asked++;
    if (s->cmd != NULL) /* the master is well */
        redis_store_timer(s, &s->sentinel_retry, WATCH_RETRY_MS);
    else if (news_only)
        return; /* the next attempt to connect asks another */
    else if (s->sentinels_asked < s->nsentinels)
        redis_store_ask_sentinels(s);
    else
        redis_store_down(s, text);
}

static void on_gone(void *arg, const char *why)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    next_one(s, why);
}

/* --- +switch-master NAME OLD-IP OLD-PORT NEW-IP NEW-PORT --- */

static void take_news(struct redis_store *s, struct span text)
{
    struct span words[5];
    char host[256];
    uint64_t port;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!span_cut(&text, ' ', &words[i]))
            return;
    if (!span_eq(words[0], span_str(s->master)) || words[3].n >= sizeof(host) ||
        !span_u64(words[4], &port) || port == 0 || port > 65535)
        return;
    (void)snprintf(host, sizeof(host), SPAN_FMT, SPAN_ARG(words[3]));
    redis_store_at(s, host, (unsigned)port);
}

static void on_news(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (a->kind == ANSWER_LIST && a->n == 3 && answer_item(a, 2).kind == ANSWER_TEXT)
        take_news(s, answer_item(a, 2).text);
}

/* --- asking --- */

static void refused(struct redis_store *s, const char *doing, const struct answer *a)
{
    char why[SAID_LEN];
    struct span text = a->kind == ANSWER_REFUSAL ? a->text : SPAN("an answer of another kind");
    (void)snprintf(why, sizeof(why), "%s: " SPAN_FMT, doing, (int)min_size(text.n, 100), text.p);
    next_one(s, why);
}

static void on_master(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    char host[256];
    uint64_t port = 0;
    struct answer ip = {.kind = ANSWER_NOTHING};
    struct answer at = ip;
    if (a->kind == ANSWER_LIST && a->n == 2) {
        ip = answer_item(a, 0);
        at = answer_item(a, 1);
    }
    if (ip.kind != ANSWER_TEXT || at.kind != ANSWER_TEXT || ip.text.n >= sizeof(host) ||
        !span_u64(at.text, &port) || port == 0 || port > 65535) {
        if (a->kind == ANSWER_NOTHING)
            next_one(s, "it knows no master of this name");
        else
            refused(s, "it does not say where the master is", a);
        return;
    }
    (void)snprintf(host, sizeof(host), SPAN_FMT, SPAN_ARG(ip.text));
    redis_send(s->sentinel, on_news, s, 2, (struct span[]){SPAN("SUBSCRIBE"), span_str(channel)});
    s->watching = true;
    redis_store_at(s, host, (unsigned)port);
}

static void on_login(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (a->kind != ANSWER_TEXT)
        refused(s, "it did not let us in", a);
}

static void on_resolved(void *arg, const struct resolved *r)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    struct redis_events ev = {s, on_gone};
    struct redis_at at = {.ip = r->ips[0], .port = current(s)->port};
    char why[SAID_LEN];
    s->resolving = NULL;
    loop_timer_clear(s->loop, &s->retry);
    if (r->n == 0) {
        next_one(s, r->why);
    } else if (redis_open(&s->sentinel, s->loop, &at, REDIS_TIMEOUT_MS, &ev, why, sizeof(why)) !=
               ERR_OK) {
        next_one(s, why);
    } else {
        redis_store_login(s, &s->sentinel_login, s->sentinel, on_login);
        redis_send(s->sentinel, on_master, s, 3,
                   (struct span[]){SPAN("SENTINEL"), SPAN("get-master-addr-by-name"),
                                   span_str(s->master)});
    }
}

void redis_store_ask_sentinels(struct redis_store *s)
{
    hang_up(s);
    loop_timer_clear(s->loop, &s->sentinel_retry);
    if (!redis_store_resolve(s, current(s)->host, on_resolved))
        next_one(s, "a name look-up cannot be started");
}

static void on_retry(void *arg)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->cmd != NULL && s->resolving == NULL)
        redis_store_ask_sentinels(s);
}

/* --- the role --- */

static void on_role(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    struct answer role = {.kind = ANSWER_NOTHING};
    if (a->kind == ANSWER_LIST && a->n > 0)
        role = answer_item(a, 0);
    if (a->kind == ANSWER_REFUSAL)
        redis_store_refused(s, "it does not say its role", a);
    else if (role.kind != ANSWER_TEXT || !span_eq(role.text, SPAN("master"))) {
        s->next_sentinel++; /* whoever named it may be cut off */
        redis_store_down(s, "it is not the master (any more)");
    }
}

void redis_store_check_role(struct redis_store *s)
{
    if (s->nsentinels > 0)
        redis_send(s->cmd, on_role, s, 1, (struct span[]){SPAN("ROLE")});
}

/* --- life --- */

bool redis_store_begin_sentinels(struct redis_store *s, const struct config_redis *c)
{
    timer_begin(&s->sentinel_retry, on_retry, s);
    if (c->nsentinels == 0)
        return true;
    s->master = strdup(c->master);
    s->sentinels = calloc(c->nsentinels, sizeof(*s->sentinels));
    if (s->master == NULL || s->sentinels == NULL)
        return false;
    for (; s->nsentinels < c->nsentinels; s->nsentinels++) {
        s->sentinels[s->nsentinels].port = c->sentinels[s->nsentinels].port;
        s->sentinels[s->nsentinels].host = strdup(c->sentinels[s->nsentinels].host);
        if (s->sentinels[s->nsentinels].host == NULL)
            return false;
    }
    return true;
}

void redis_store_sentinels_rest(struct redis_store *s)
{
    loop_timer_clear(s->loop, &s->sentinel_retry);
    if (!s->watching)
        hang_up(s);
}

void redis_store_sentinels_end(struct redis_store *s)
{
    loop_timer_clear(s->loop, &s->sentinel_retry);
    hang_up(s);
    for (size_t i = 0; i < s->nsentinels; i++)
        free(s->sentinels[i].host);
    free(s->sentinels);
    free(s->master);
    s->sentinels = NULL;
    s->master = NULL;
    s->nsentinels = 0;
}

/* hiredis, tamed. Its special difficulties:
 *
 *   - It frees its context itself when a connection breaks, and must not be freed from within its
 * connect callback. So a link outlives its context, and is itself freed only when no callback of
 * hiredis is on the stack.
 *   - It aborts the process by assert() when a server says something unasked for, or a pub/sub
 * message has another shape than Redis gives it. So every answer is vetted as it is parsed, before
 * hiredis looks at it (vet_*).
 *   - It has no timeouts, and resolves names blockingly: deadlines are here, and addresses arrive
 * numeric.
 *   - It writes with write(2): SIGPIPE must be ignored by the program (control_start does). */
#include "control/redis.h"

#include "base/clock.h"

#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { LINK_MAGIC = 0x524c4e4b, ASKED_MAGIC = 0x52415344, WHY_MAX = 160, LIST_MAX = 100000 };

#if HIREDIS_MAJOR >= 1
typedef size_t list_size;
#else
typedef int list_size;
#endif

struct redis_link {
    unsigned magic;
    redisAsyncContext *ac; /* NULL once hiredis has freed it */
    struct loop *loop;
    uint64_t timeout_ms;
    struct redis_events events;
    redisReplyObjectFunctions plain; /* hiredis' own */
    redisReplyObjectFunctions vetting;
    size_t asked;    /* commands without an answer */
    size_t expected; /* of those, not yet seen by vet() */
    char channel[64];
    bool confirming; /* the message being parsed confirms the subscription */
    bool subscribed; /* a SUBSCRIBE was sent: anything further is a message */
    bool connected;
    bool muted;      /* the owner wants no more answers */
    bool closing;    /* the owner has let go */
    bool dying;      /* gone() is called, or about to be */
    unsigned within; /* callbacks of hiredis on the stack */
    char why[WHY_MAX];
    struct timer deadline;
    struct loop_task task;
};

/* One command under way. */
struct asked {
    unsigned magic;
    struct redis_link *link;
    redis_fn *fn;
    void *arg;
    bool subscribe; /* answered more than once */
};

/* --- vetting: called while hiredis parses, for each value; NULL breaks the connection off --- */

static bool odd(struct redis_link *l, const char *why)
{
    (void)snprintf(l->why, sizeof(l->why), "%s", why);
    return false;
}

/* A whole answer or message. */
static bool vet_top(struct redis_link *l, bool list, size_t n)
{
    l->confirming = l->subscribed && l->expected == 1;
    if (l->expected > 0) {
        l->expected--;
        return true;
    }
    return (l->subscribed && list && n == 3) || odd(l, "it said something nobody had asked for");
}

/* The first two members of a message: hiredis looks its channel up, and asserts that all is as it
 * should be. */
static bool vet_head(struct redis_link *l, int idx, struct span text)
{
    struct span kind = l->confirming ? SPAN("subscribe") : SPAN("message");
    struct span want = idx == 0 ? kind : span_str(l->channel);
    return span_eq(text, want) || odd(l, "it sent a message of an unknown shape");
}

/* text.p is NULL for what is no string. */
static bool vet(const redisReadTask *t, struct span text, bool list, size_t n)
{
    struct redis_link *l;
    OBJ_CAST(l, t->privdata, LINK_MAGIC);
    if (t->parent == NULL)
        return vet_top(l, list, n);
    bool head = t->parent->parent == NULL && t->idx < 2;
    return !head || !l->subscribed || l->expected > 0 || vet_head(l, t->idx, text);
}

static void *vet_string(const redisReadTask *t, char *s, size_t n)
{
    struct redis_link *l = t->privdata;
    struct span text = t->type == REDIS_REPLY_STRING ? span_of(s, n) : SPAN_NULL;
    return vet(t, text, false, 0) ? l->plain.createString(t, s, n) : NULL;
}

/* hiredis would allocate whatever number it is told. */
static void *vet_array(const redisReadTask *t, list_size n)
{
    struct redis_link *l = t->privdata;
    bool fits = (size_t)n <= LIST_MAX || odd(l, "it sent a list that is too long");
    return fits && vet(t, SPAN_NULL, true, (size_t)n) ? l->plain.createArray(t, n) : NULL;
}

static void *vet_integer(const redisReadTask *t, long long v)
{
    struct redis_link *l = t->privdata;
    return vet(t, SPAN_NULL, false, 0) ? l->plain.createInteger(t, v) : NULL;
}

static void *vet_nil(const redisReadTask *t)
{
    struct redis_link *l = t->privdata;
    return vet(t, SPAN_NULL, false, 0) ? l->plain.createNil(t) : NULL;
}

static void begin_vetting(struct redis_link *l)
{
    redisReader *r = l->ac->c.reader;
    l->plain = *r->fn;
    l->vetting = *r->fn;
    l->vetting.createString = vet_string;
    l->vetting.createArray = vet_array;
    l->vetting.createInteger = vet_integer;
    l->vetting.createNil = vet_nil;
    r->fn = &l->vetting;
    r->privdata = l;
}

/* --- the end of a link --- */

static void set_why(struct redis_link *l, const char *why)
{
    if (l->why[0] == '\0')
        (void)snprintf(l->why, sizeof(l->why), "%s", why == NULL || why[0] == '\0' ? "?" : why);
}

static void say_gone(void *arg)
{
    struct redis_link *l;
    OBJ_CAST(l, arg, LINK_MAGIC);
    l->events.gone(l->events.arg, l->why);
}

/* gone() is called at the end of the turn, when hiredis is off the stack. */
static void dead(struct redis_link *l, const char *why)
{
    if (l->dying || l->closing)
        return;
    set_why(l, why);
    l->dying = true;
    loop_timer_clear(l->loop, &l->deadline);
    loop_defer(l->loop, &l->task, say_gone, l);
}

static void destroy(void *arg)
{
    struct redis_link *l;
    OBJ_CAST(l, arg, LINK_MAGIC);
    if (l->ac != NULL)
        redisAsyncFree(l->ac); /* calls what is pending with NULL; `closing` swallows it */
    l->magic = 0;
    free(l);
}

void redis_close(struct redis_link **lp)
{
    struct redis_link *l;
    OBJ_TAKE(l, lp, LINK_MAGIC);
    l->closing = true;
    loop_timer_clear(l->loop, &l->deadline);
    loop_undefer(l->loop, &l->task);
    if (l->within > 0)
        loop_defer(l->loop, &l->task, destroy, l);
    else
        destroy(l);
}

/* --- callbacks of hiredis --- */

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct redis_link *l;
    OBJ_CAST(l, ac->data, LINK_MAGIC);
    l->connected = status == REDIS_OK;
    if (status == REDIS_OK) {
        if (l->asked == 0)
            loop_timer_clear(l->loop, &l->deadline);
        return;
    }
    dead(l, ac->errstr != NULL && ac->errstr[0] != '\0' ? ac->errstr : ac->c.errstr);
    l->ac = NULL; /* freed by hiredis when this returns */
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    struct redis_link *l;
    OBJ_CAST(l, ac->data, LINK_MAGIC);
    dead(l, status == REDIS_OK ? "the connection was closed" : ac->errstr);
    l->ac = NULL;
}

static struct answer answer_of(const redisReply *r)
{
    static const enum answer_kind kinds[] = {
        [REDIS_REPLY_STRING] = ANSWER_TEXT,    [REDIS_REPLY_ARRAY] = ANSWER_LIST,
        [REDIS_REPLY_INTEGER] = ANSWER_NUMBER, [REDIS_REPLY_NIL] = ANSWER_NOTHING,
        [REDIS_REPLY_STATUS] = ANSWER_TEXT,    [REDIS_REPLY_ERROR] = ANSWER_REFUSAL,
    };
    bool known = r->type >= REDIS_REPLY_STRING && r->type <= REDIS_REPLY_ERROR;
    struct answer a = {.kind = known ? kinds[r->type] : ANSWER_NOTHING, .number = r->integer};
    if (a.kind == ANSWER_TEXT || a.kind == ANSWER_REFUSAL)
        a.text = span_of(r->str, (size_t)r->len);
    if (a.kind == ANSWER_LIST) {
        a.n = (size_t)r->elements;
        a.list = r->element;
    }
    return a;
}

struct answer answer_item(const struct answer *list, size_t i)
{
    redisReply *const *items = list->list;
    BUG_IF(list->kind != ANSWER_LIST || i >= list->n);
    return answer_of(items[i]);
}

/* The loop's clock stands still within handlers that libevent calls past loop.c. */
static void set_deadline(struct redis_link *l)
{
    uint64_t lag_ms = (clock_us() - loop_now_us(l->loop)) / 1000;
    loop_timer_set(l->loop, &l->deadline, l->timeout_ms + lag_ms);
}

static void one_answered(struct redis_link *l)
{
    l->asked--;
    if (l->asked == 0)
        loop_timer_clear(l->loop, &l->deadline);
    else if (!l->dying && !l->closing)
        set_deadline(l);
}

static void on_answer(redisAsyncContext *ac, void *reply, void *arg)
{
    struct asked *q;
    OBJ_CAST(q, arg, ASKED_MAGIC);
    struct redis_link *l = q->link;
    UNUSED(ac);
    if (!q->subscribe || l->asked > 0)
        one_answered(l);
    l->within++;
    if (reply != NULL && !l->muted && !l->closing && !l->dying) {
        struct answer a = answer_of(reply);
        q->fn(q->arg, &a);
    }
    l->within--;
    if (!q->subscribe || reply == NULL) {
        q->magic = 0;
        free(q);
    }
}

/* What the kernel still holds for a server that does not answer must not arrive one day, after what
 * the next connection will have said by then. */
static void drop_unsent(struct redis_link *l)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (l->ac != NULL && l->ac->c.fd >= 0)
        (void)setsockopt(l->ac->c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void on_deadline(void *arg)
{
    struct redis_link *l;
    OBJ_CAST(l, arg, LINK_MAGIC);
    char why[WHY_MAX];
    drop_unsent(l);
    (void)snprintf(why, sizeof(why), "%s for %llu ms", l->connected ? "no answer" : "no connection",
                   (unsigned long long)l->timeout_ms);
    dead(l, why);
}

/* --- opening and sending --- */

static enum err attach(struct redis_link *l)
{
    l->ac->data = l;
    begin_vetting(l);
    if (redisLibeventAttach(l->ac, loop_event_base(l->loop)) != REDIS_OK ||
        redisAsyncSetConnectCallback(l->ac, on_connect) != REDIS_OK ||
        redisAsyncSetDisconnectCallback(l->ac, on_disconnect) != REDIS_OK)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

static enum err begin(struct redis_link *l, const struct redis_at *at)
{
    l->ac = at->path != NULL ? redisAsyncConnectUnix(at->path)
                             : redisAsyncConnect(at->ip, (int)at->port);
    if (l->ac == NULL)
        return ERR_NO_MEMORY;
    if (l->ac->err != 0) {
        set_why(l, l->ac->errstr);
        return ERR_SYSTEM;
    }
    if (at->path ==
        NULL) /* a peer that vanished without a word shows on the subscribed connection too */
        (void)redisEnableKeepAlive(&l->ac->c);
    return attach(l);
}

enum err redis_open(struct redis_link **out, struct loop *loop, const struct redis_at *at,
                    uint64_t timeout_ms, const struct redis_events *ev, char *why, size_t why_cap)
{
    *out = NULL;
    struct redis_link *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        (void)snprintf(why, why_cap, "%s", err_sentence(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    OBJ_INIT(l, LINK_MAGIC);
    l->loop = loop;
    l->timeout_ms = timeout_ms;
    l->events = *ev;
    timer_begin(&l->deadline, on_deadline, l);
    enum err e = begin(l, at);
    if (e != ERR_OK) {
        (void)snprintf(why, why_cap, "%s", l->why[0] != '\0' ? l->why : err_sentence(e));
        redis_close(&l);
        return e;
    }
    set_deadline(l);
    *out = l;
    return ERR_OK;
}

static struct asked *asked_new(struct redis_link *l, redis_fn *fn, void *arg, bool subscribe)
{
    struct asked *q = calloc(1, sizeof(*q));
    if (q == NULL)
        return NULL;
    OBJ_INIT(q, ASKED_MAGIC);
    q->link = l;
    q->fn = fn;
    q->arg = arg;
    q->subscribe = subscribe;
    return q;
}

enum { ARGC_MAX = 1024 };

static bool send_now(struct redis_link *l, struct asked *q, size_t argc, const struct span *argv)
{
    const char *texts[ARGC_MAX];
    size_t sizes[ARGC_MAX];
    for (size_t i = 0; i < argc; i++) {
        texts[i] = argv[i].n == 0 ? "" : argv[i].p;
        sizes[i] = argv[i].n;
    }
    return redisAsyncCommandArgv(l->ac, on_answer, q, (int)argc, texts, sizes) == REDIS_OK;
}

void redis_send(struct redis_link *l, redis_fn *fn, void *arg, size_t argc, const struct span *argv)
{
    OBJ_CHECK(l, LINK_MAGIC);
    BUG_IF(argc == 0 || argc > ARGC_MAX || fn == NULL);
    if (l->ac == NULL || l->dying || l->closing)
        return;
    bool subscribe = span_eq_nocase(argv[0], SPAN("SUBSCRIBE"));
    struct asked *q = asked_new(l, fn, arg, subscribe);
    if (q == NULL || !send_now(l, q, argc, argv)) {
        free(q);
        dead(l, "a command could not be sent");
        return;
    }
    if (subscribe) {
        BUG_IF(argc != 2 || argv[1].n >= sizeof(l->channel));
        l->subscribed = true;
        memcpy(l->channel, argv[1].p, argv[1].n);
    }
    l->expected++;
    if (l->asked++ == 0)
        set_deadline(l);
}

void redis_finish(struct redis_link *l, uint64_t ms)
{
    OBJ_CHECK(l, LINK_MAGIC);
    uint64_t end = clock_us() + ms * 1000;
    l->muted = true;
    while (l->ac != NULL && l->asked > 0 && clock_us() < end) {
        struct pollfd p = {l->ac->c.fd, POLLIN | POLLOUT, 0};
        uint64_t left = (end - clock_us()) / 1000 + 1;
        if (poll(&p, 1, (int)left) <= 0)
            return;
        if (p.revents & POLLOUT)
            redisAsyncHandleWrite(l->ac);
        p.events = POLLIN;
        if (l->ac != NULL && poll(&p, 1, (int)left) > 0)
            redisAsyncHandleRead(l->ac);
    }
}

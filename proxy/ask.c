/* The special difficulty: it may be over before ask_begin() returns, and from within any callback
 * of the stream; over() is the last thing done, for the owner may free the object in it. */
#include "proxy/ask.h"

enum { ASK_MAGIC = 0x41534b3f };

static struct ask *ask_of(void *owner)
{
    struct ask *a;
    OBJ_CAST(a, owner, ASK_MAGIC);
    return a;
}

bool ask_is_open(const struct ask *a)
{
    return a->begun && !a->capture.done;
}

static void let_go(struct ask *a)
{
    back_cancel(&a->wish);
    if (a->stream != NULL)
        http_reset(a->stream, ERR_CLIENT_CLOSED);
    a->stream = NULL;
    loop_timer_clear(a->worker->loop, &a->timer);
}

static void over(struct ask *a, enum err outcome)
{
    if (!a->capture.done)
        capture_end(&a->capture, outcome, loop_now_us(a->worker->loop) - a->sent_us);
    let_go(a);
    a->over(a->owner);
}

/* --- the answer --- */

static void on_head(void *owner, struct http_head *head)
{
    struct ask *a = ask_of(owner);
    struct worker *w = a->worker;
    struct shadow_answer *to = a->capture.answer;
    if (head->status < 200)
        return;
    to->head = *head;
    to->has_head = true;
    to->first_byte_us = loop_now_us(w->loop) - a->sent_us;
    uint64_t spent = to->first_byte_us / 1000;
    loop_timer_set(w->loop, &a->timer, spent < w->shadow.total ? w->shadow.total - spent : 0);
}

static void on_body(void *owner, struct span data)
{
    struct ask *a = ask_of(owner);
    a->trouble = capture_body(a->pair, &a->capture, data, a->worker->shadow.compare_body);
    if (a->trouble == ERR_OK)
        http_consumed(a->stream, data.n);
    else
        over(a, a->trouble);
}

static void on_end(void *owner, enum err how, struct http_head *trailers)
{
    struct ask *a = ask_of(owner);
    a->capture.answer->trailers = trailers; /* in the pair's arena, like the head */
    capture_end(&a->capture, how, loop_now_us(a->worker->loop) - a->sent_us);
    /* The stream has still to say `gone`. */
}

static void on_gone(void *owner, enum err why)
{
    struct ask *a = ask_of(owner);
    a->stream = NULL;
    over(a, why);
}

static const struct http_stream_events events = {
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .ready = NULL,
    .gone = on_gone,
};

/* --- the question --- */

static void on_timer(void *arg)
{
    struct ask *a = ask_of(arg);
    struct worker *w = a->worker;
    over(a, ERR_SHADOW_TIMEOUT);
    worker_flush(w);
}

static void on_failed(void *owner, enum err why)
{
    over(ask_of(owner), why);
}

static void on_ready(void *owner, struct http_stream *s, bool reused)
{
    struct ask *a = ask_of(owner);
    UNUSED(reused);
    a->stream = s;
    a->sent_us = loop_now_us(a->worker->loop);
    loop_timer_set(a->worker->loop, &a->timer, a->worker->shadow.first_byte);
    enum err e = http_send_head(s, a->head, true);
    if (e != ERR_OK)
        over(a, e);
}

void ask_begin(struct ask *a, const struct ask_question *q)
{
    *a = (struct ask){.worker = q->worker, .pair = q->pair, .head = q->head, .begun = true};
    OBJ_INIT(a, ASK_MAGIC);
    a->over = q->over;
    a->owner = q->owner;
    a->capture.answer = q->answer;
    a->sent_us = loop_now_us(q->worker->loop);
    timer_begin(&a->timer, on_timer, a);
    a->wish = (struct back_wish){.ready = on_ready,
                                 .failed = on_failed,
                                 .on = &events,
                                 .owner = a,
                                 .method = q->head->method,
                                 .arena = &q->pair->arena,
                                 .who = q->who};
    back_take(q->worker, q->view, q->backend, POOL_MIRROR, &a->wish);
}

void ask_end(struct ask *a)
{
    if (!a->begun)
        return;
    let_go(a);
    capture_free(&a->capture);
}

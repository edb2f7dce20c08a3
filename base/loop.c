/* The only file of the data plane that knows libevent.
 *
 * The special difficulty is order within a turn: handlers may close connections whose own event is
 * still in this turn's list. So nothing is freed by a handler; it is queued with loop_defer() and
 * goes when the list is through. */
#include "base/loop.h"

#include "base/clock.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOP_MAGIC = 0x4c4f4f50, SIGNALS_MAX = 8, LATE_US = 500 };

struct loop_sig {
    struct event *event;
    void (*fn)(void *, int);
    void *arg;
    struct loop *loop;
};

struct loop {
    unsigned magic;
    struct event_base *base;
    uint64_t now_us;
    uint64_t woke_us;    /* the first reading of the clock in this turn; 0: none yet */
    uint64_t longest_us; /* of the steps of this turn that are over */
    loop_turn_fn *turn_fn;
    void *turn_arg;
    struct timer_wheel wheel;
    struct event *tick;
    bool ticking;
    struct loop_task *first_task;
    struct loop_task **last_task;
    unsigned turn; /* tasks that are queued now run at the end of it */
    struct mailbox mailbox;
    int wake_fd;
    struct event *wake;
    struct loop_sig signals[SIGNALS_MAX];
    size_t nsignals;
    atomic_bool stop;
};

_Static_assert(sizeof(struct event) <= sizeof(((struct loop_io *)0)->event), "struct event grew");
_Static_assert(alignof(struct event) <= alignof(struct loop_io), "and is aligned");

static void refresh(struct loop *l)
{
    uint64_t now = clock_us();
    if (l->woke_us == 0)
        l->woke_us = now;
    else if (now - l->now_us > l->longest_us)
        l->longest_us = now - l->now_us;
    l->now_us = now;
}

bool loop_is_late(const struct loop *l)
{
    return clock_us() - l->now_us >= LATE_US;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    UNUSED(fd);
    UNUSED(what);
    refresh(l);
    timer_wheel_run(&l->wheel, l->now_us / 1000);
    if (l->wheel.count == 0) {
        event_del(l->tick);
        l->ticking = false;
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    uint64_t n;
    UNUSED(what);
    refresh(l);
    ssize_t got = read(fd, &n, sizeof(n));
    UNUSED(got);
    mailbox_drain(&l->mailbox);
}

static void wake_up(void *arg)
{
    struct loop *l = arg;
    uint64_t one = 1;
    ssize_t put = write(l->wake_fd, &one, sizeof(one));
    UNUSED(put); /* can only fail when the counter is full, and then the loop is awake */
}

static enum err loop_begin(struct loop *l, size_t mailbox_cap)
{
    struct event_config *cfg = event_config_new();
    if (cfg == NULL)
        return ERR_NO_MEMORY;
    event_config_require_features(cfg, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
    l->base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    if (l->base == NULL)
        return ERR_SYSTEM;
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0)
        return ERR_SYSTEM;
    TRY(mailbox_begin(&l->mailbox, mailbox_cap, wake_up, l));
    l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
    if (l->wake == NULL || l->tick == NULL || event_add(l->wake, NULL) != 0)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

enum err loop_new(struct loop **out, size_t mailbox_cap)
{
    *out = NULL;
    struct loop *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(l, LOOP_MAGIC);
    l->wake_fd = -1;
    l->last_task = &l->first_task;
    refresh(l);
    timer_wheel_begin(&l->wheel, l->now_us / 1000);
    enum err e = loop_begin(l, mailbox_cap);
    if (e != ERR_OK) {
        loop_free(&l);
        return e;
    }
    *out = l;
    return ERR_OK;
}

void loop_free(struct loop **lp)
{
    struct loop *l;
    OBJ_TAKE(l, lp, LOOP_MAGIC);
    for (size_t i = 0; i < l->nsignals; i++)
        event_free(l->signals[i].event);
    if (l->wake != NULL)
        event_free(l->wake);
    if (l->tick != NULL)
        event_free(l->tick);
    mailbox_end(&l->mailbox);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    if (l->base != NULL)
        event_base_free(l->base);
    l->magic = 0;
    free(l);
}

/* What is queued while tasks run belongs to the next turn, so that a task that re-queues itself
 * cannot starve the rest. */
static void run_tasks(struct loop *l)
{
    unsigned turn = l->turn++;
    if (l->first_task != NULL)
        refresh(l);
    while (l->first_task != NULL && l->first_task->turn == turn) {
        struct loop_task *t = l->first_task;
        l->first_task = t->next;
        if (l->first_task == NULL)
            l->last_task = &l->first_task;
        t->next = NULL;
        t->queued = false;
        t->fn(t->arg);
    }
}

void loop_on_turn(struct loop *l, loop_turn_fn *fn, void *arg)
{
    l->turn_fn = fn;
    l->turn_arg = arg;
}

static void end_turn(struct loop *l)
{
    run_tasks(l);
    if (l->turn_fn != NULL && l->woke_us != 0) {
        refresh(l);
        l->turn_fn(l->turn_arg, l->now_us - l->woke_us, l->longest_us);
    }
    l->woke_us = l->longest_us = 0;
}

void loop_run(struct loop *l)
{
    OBJ_CHECK(l, LOOP_MAGIC);
    refresh(l);
    end_turn(l);
    while (!atomic_load_explicit(&l->stop, memory_order_acquire)) {
        int flags = l->first_task == NULL ? EVLOOP_ONCE : EVLOOP_NONBLOCK;
        BUG_IF(event_base_loop(l->base, flags) < 0);
        end_turn(l);
    }
    mailbox_close(&l->mailbox);
    mailbox_drain(&l->mailbox);
}

void loop_finish(struct loop *l)
{
    while (l->first_task != NULL)
        run_tasks(l);
}

void loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stop, true, memory_order_release);
    wake_up(l);
}

uint64_t loop_now_us(const struct loop *l)
{
    return l->now_us;
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_us / 1000;
}

void *loop_event_base(struct loop *l)
{
    return l->base;
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    struct loop_io *io = arg;
    unsigned w = 0;
    UNUSED(fd);
    if (what & EV_READ)
        w |= LOOP_READ;
    if (what & EV_WRITE)
        w |= LOOP_WRITE;
    if (what & EV_CLOSED)
        w |= LOOP_READ | LOOP_CLOSED;
    refresh(io->loop);
    io->fn(io->arg, w);
}

enum err loop_io_add(struct loop *l, struct loop_io *io, int fd, unsigned what, loop_io_fn *fn,
                     void *arg)
{
    struct event *ev = (struct event *)(void *)io->event;
    short flags = EV_PERSIST | EV_ET;
    if (what & LOOP_READ)
        flags |= EV_READ | EV_CLOSED;
    if (what & LOOP_WRITE)
        flags |= EV_WRITE;
    io->fn = fn;
    io->arg = arg;
    io->loop = l;
    if (event_assign(ev, l->base, fd, flags, on_io, io) != 0 || event_add(ev, NULL) != 0) {
        io->loop = NULL;
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

void loop_io_del(struct loop_io *io)
{
    if (io->loop == NULL)
        return;
    event_del((struct event *)(void *)io->event);
    io->loop = NULL;
}

static void begin_ticking(struct loop *l)
{
    struct timeval tv = {0, TIMER_TICK_MS * 1000};
    refresh(l); /* a handler that is not ours (hiredis') may run after a long sleep */
    BUG_IF(event_add(l->tick, &tv) != 0);
    l->ticking = true;
}

void loop_timer_set(struct loop *l, struct timer *t, uint64_t ms)
{
    if (UNLIKELY(!l->ticking))
        begin_ticking(l);
    uint64_t now = l->now_us / 1000;
    timer_set(&l->wheel, t, ms < UINT64_MAX - now ? now + ms : UINT64_MAX);
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
    timer_clear(&l->wheel, t);
}

void loop_defer(struct loop *l, struct loop_task *t, mail_fn *fn, void *arg)
{
    if (t->queued)
        return;
    *t = (struct loop_task){.fn = fn, .arg = arg, .turn = l->turn, .queued = true};
    *l->last_task = t;
    l->last_task = &t->next;
}

void loop_undefer(struct loop *l, struct loop_task *t)
{
    if (!t->queued)
        return;
    struct loop_task **at = &l->first_task;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (l->last_task == &t->next)
        l->last_task = at;
    t->queued = false;
}

bool loop_post(struct loop *l, mail_fn *fn, void *arg)
{
    return mailbox_post(&l->mailbox, fn, arg);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct loop_sig *s = arg;
    UNUSED(what);
    refresh(s->loop);
    s->fn(s->arg, (int)signo);
}

enum err loop_signal(struct loop *l, int signo, void (*fn)(void *, int), void *arg)
{
    BUG_IF(l->nsignals == SIGNALS_MAX);
    struct loop_sig *s = &l->signals[l->nsignals];
    *s = (struct loop_sig){.fn = fn, .arg = arg, .loop = l};
    s->event = evsignal_new(l->base, signo, on_signal, s);
    if (s->event == NULL)
        return ERR_NO_MEMORY;
    l->nsignals++;
    return event_add(s->event, NULL) == 0 ? ERR_OK : ERR_SYSTEM;
}

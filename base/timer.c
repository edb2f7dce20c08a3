/* A hashed wheel. A timer lies in the slot of `placed_ms`; when that slot comes up and the timer
 * has been pushed back in the meantime, it is moved to where it belongs now. What lies further
 * ahead than one turn is looked at once a turn. */
#include "base/timer.h"

static void list_begin(struct timer_link *l)
{
    l->prev = l->next = l;
}

static void unlink_timer(struct timer *t)
{
    t->link.prev->next = t->link.next;
    t->link.next->prev = t->link.prev;
    t->link.next = t->link.prev = NULL;
}

static void push(struct timer_link *l, struct timer *t)
{
    t->link.prev = l->prev;
    t->link.next = l;
    l->prev->next = &t->link;
    l->prev = &t->link;
}

void timer_wheel_begin(struct timer_wheel *w, uint64_t now_ms)
{
    for (size_t i = 0; i < TIMER_SLOTS; i++)
        list_begin(&w->slots[i]);
    list_begin(&w->firing);
    w->tick = now_ms / TIMER_TICK_MS;
    w->count = 0;
}

static void place(struct timer_wheel *w, struct timer *t)
{
    uint64_t tick = t->due_ms / TIMER_TICK_MS + (t->due_ms % TIMER_TICK_MS != 0);
    if (tick < w->tick)
        tick = w->tick;
    if (tick >= w->tick + TIMER_SLOTS)
        tick = w->tick + TIMER_SLOTS - 1;
    t->placed_ms = tick * TIMER_TICK_MS;
    push(&w->slots[tick % TIMER_SLOTS], t);
}

void timer_begin(struct timer *t, timer_fn *fn, void *arg)
{
    *t = (struct timer){.fn = fn, .arg = arg};
}

void timer_set(struct timer_wheel *w, struct timer *t, uint64_t due_ms)
{
    t->due_ms = due_ms;
    if (timer_is_set(t)) {
        if (due_ms >= t->placed_ms)
            return;
        unlink_timer(t);
        w->count--;
    }
    place(w, t);
    w->count++;
}

void timer_clear(struct timer_wheel *w, struct timer *t)
{
    if (!timer_is_set(t))
        return;
    unlink_timer(t);
    w->count--;
}

static void run_slot(struct timer_wheel *w, struct timer_link *slot, uint64_t now_ms)
{
    if (slot->next == slot)
        return;
    w->firing = *slot;
    w->firing.next->prev = w->firing.prev->next = &w->firing;
    list_begin(slot);
    while (w->firing.next != &w->firing) {
        struct timer *t = CONTAINER_OF(w->firing.next, struct timer, link);
        unlink_timer(t);
        if (t->due_ms > now_ms) {
            place(w, t);
            continue;
        }
        w->count--;
        t->fn(t->arg);
    }
}

void timer_wheel_run(struct timer_wheel *w, uint64_t now_ms)
{
    uint64_t last = now_ms / TIMER_TICK_MS;
    if (last >= w->tick + TIMER_SLOTS) /* after a long sleep one turn sees every slot */
        w->tick = last - TIMER_SLOTS + 1;
    while (w->tick <= last) {
        struct timer_link *slot = &w->slots[w->tick % TIMER_SLOTS];
        w->tick++;
        run_slot(w, slot, now_ms);
    }
}

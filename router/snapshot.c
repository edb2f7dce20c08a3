/* Snapshots: one writer, a few readers, no lock. The control thread stores the newest in one atomic
 * pointer; a reader says in a slot of its own which is the oldest it may still touch. What is older
 * than every slot says is freed.
 *
 * Why a reader may load the pointer and look behind it: its slot still names something older than
 * what it loads, and nothing from there on is freed until it raises the slot. */
#include "router/room.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    ROUTER_MAGIC = 0x524f5554,
    READER_MAGIC = 0x52454144,
    CACHE_LINE = 64,
};

static const uint64_t nothing = UINT64_MAX; /* a slot without a reader holds nothing back */

/* Written by its reader, read by the control thread; a cache line each. */
struct slot {
    alignas(CACHE_LINE) _Atomic uint64_t oldest; /* generation still in use */
    _Atomic uint64_t adopted;                    /* newest generation seen */
    atomic_bool taken;
};

struct router {
    unsigned magic;
    struct snapshot *newest; /* the control thread's list of all that are not freed */
    uint64_t generation;
    unsigned nslots;
    struct slot *slots;
    alignas(CACHE_LINE) _Atomic(struct snapshot *) current;
};

struct router_reader {
    unsigned magic;
    struct router *router;
    struct slot *slot;
    struct snapshot_hold *holds; /* newest first; the first is the adopted one */
    void (*forget)(void *arg, struct snapshot_hold *h);
    void *arg;
};

/* --- a snapshot --- */

enum err snapshot_new(struct route_table *table, uint64_t epoch, struct snapshot **out)
{
    struct snapshot *s = calloc(1, sizeof(*s) + table->nroutes * sizeof(s->states[0]));
    *out = s;
    if (s == NULL)
        return ERR_NO_MEMORY;
    s->epoch = epoch;
    s->table = table;
    for (size_t i = 0; i < table->nroutes; i++)
        s->states[i].weight = (uint16_t)table->routes[i].config->new_weight;
    table->users++;
    return ERR_OK;
}

void snapshot_free(struct snapshot **s)
{
    struct snapshot *gone = *s;
    *s = NULL;
    if (gone == NULL)
        return;
    if (--gone->table->users == 0)
        route_table_free(&gone->table);
    free(gone);
}

/* --- the control thread --- */

enum err router_new(unsigned readers_max, struct router **out)
{
    struct router *r = aligned_alloc(CACHE_LINE, sizeof(*r));
    *out = NULL;
    if (r == NULL)
        return ERR_NO_MEMORY;
    *r = (struct router){.nslots = readers_max};
    OBJ_INIT(r, ROUTER_MAGIC);
    r->slots = aligned_alloc(CACHE_LINE, (readers_max + 1) * sizeof(*r->slots));
    if (r->slots == NULL) {
        free(r);
        return ERR_NO_MEMORY;
    }
    atomic_init(&r->current, NULL);
    for (unsigned i = 0; i < readers_max; i++) {
        atomic_init(&r->slots[i].oldest, nothing);
        atomic_init(&r->slots[i].adopted, nothing);
        atomic_init(&r->slots[i].taken, false);
    }
    *out = r;
    return ERR_OK;
}

void router_free(struct router **router)
{
    struct router *r;
    if (*router == NULL)
        return;
    OBJ_TAKE(r, router, ROUTER_MAGIC);
    for (unsigned i = 0; i < r->nslots; i++)
        BUG_IF(atomic_load(&r->slots[i].taken));
    while (r->newest != NULL) {
        struct snapshot *gone = r->newest;
        r->newest = gone->older;
        snapshot_free(&gone);
    }
    r->magic = 0;
    free(r->slots);
    free(r);
}

uint64_t router_publish(struct router *r, struct snapshot **s)
{
    struct snapshot *published = *s;
    OBJ_CHECK(r, ROUTER_MAGIC);
    *s = NULL;
    published->generation = ++r->generation;
    published->older = r->newest;
    r->newest = published;
    atomic_store_explicit(&r->current, published, memory_order_release);
    return published->generation;
}

const struct snapshot *router_current(const struct router *r)
{
    OBJ_CHECK(r, ROUTER_MAGIC);
    return r->newest;
}

bool router_adopted(const struct router *r, uint64_t generation)
{
    OBJ_CHECK(r, ROUTER_MAGIC);
    for (unsigned i = 0; i < r->nslots; i++)
        if (atomic_load_explicit(&r->slots[i].adopted, memory_order_acquire) < generation)
            return false;
    return true;
}

void router_reap(struct router *r)
{
    OBJ_CHECK(r, ROUTER_MAGIC);
    uint64_t oldest = r->generation; /* the current one stays in any case */
    for (unsigned i = 0; i < r->nslots; i++) {
        uint64_t held = atomic_load_explicit(&r->slots[i].oldest, memory_order_acquire);
        oldest = held < oldest ? held : oldest;
    }
    struct snapshot **at = &r->newest;
    while (*at != NULL && (*at)->generation >= oldest)
        at = &(*at)->older;
    while (*at != NULL) {
        struct snapshot *gone = *at;
        *at = gone->older;
        snapshot_free(&gone);
    }
}

/* --- a reader --- */

static struct slot *take_slot(struct router *r)
{
    for (unsigned i = 0; i < r->nslots; i++)
        if (!atomic_exchange(&r->slots[i].taken, true))
            return &r->slots[i];
    return NULL;
}

static void leave_slot(struct slot *s)
{
    atomic_store_explicit(&s->adopted, nothing, memory_order_release);
    atomic_store_explicit(&s->oldest, nothing, memory_order_release);
    atomic_store(&s->taken, false);
}

static struct snapshot_hold *hold_new(const struct snapshot *s, struct snapshot_hold *next)
{
    struct snapshot_hold *h = calloc(1, sizeof(*h));
    if (h != NULL)
        *h = (struct snapshot_hold){.snapshot = s, .next = next};
    return h;
}

enum err router_reader_new(struct router *r, void (*forget)(void *arg, struct snapshot_hold *h),
                           void *arg, struct router_reader **out)
{
    OBJ_CHECK(r, ROUTER_MAGIC);
    BUG_IF(r->newest == NULL); /* nothing to read yet */
    *out = NULL;
    struct slot *slot = take_slot(r);
    if (slot == NULL)
        return ERR_TOO_LARGE;
    struct router_reader *reader = calloc(1, sizeof(*reader));
    struct snapshot_hold *hold = hold_new(r->newest, NULL);
    if (reader == NULL || hold == NULL) {
        free(reader);
        free(hold);
        leave_slot(slot);
        return ERR_NO_MEMORY;
    }
    *reader = (struct router_reader){
        .router = r, .slot = slot, .holds = hold, .forget = forget, .arg = arg};
    OBJ_INIT(reader, READER_MAGIC);
    atomic_store_explicit(&slot->oldest, r->newest->generation, memory_order_release);
    atomic_store_explicit(&slot->adopted, r->newest->generation, memory_order_release);
    *out = reader;
    return ERR_OK;
}

static void forget(struct router_reader *r, struct snapshot_hold *h)
{
    if (r->forget != NULL)
        r->forget(r->arg, h);
    h->attachment = NULL;
}

void router_reader_free(struct router_reader **reader)
{
    struct router_reader *r;
    if (*reader == NULL)
        return;
    OBJ_TAKE(r, reader, READER_MAGIC);
    while (r->holds != NULL) {
        struct snapshot_hold *h = r->holds;
        BUG_IF(h->users != 0);
        r->holds = h->next;
        forget(r, h);
        free(h);
    }
    leave_slot(r->slot);
    r->magic = 0;
    free(r);
}

/* Everything older than the last hold may go. */
static void raise_oldest(struct router_reader *r)
{
    const struct snapshot_hold *last = r->holds;
    while (last->next != NULL)
        last = last->next;
    atomic_store_explicit(&r->slot->oldest, last->snapshot->generation, memory_order_release);
}

static struct snapshot_hold *adopt_newer(struct router_reader *r)
{
    const struct snapshot *now = atomic_load_explicit(&r->router->current, memory_order_acquire);
    struct snapshot_hold *h = r->holds;
    if (h->users > 0) {
        h = hold_new(now, r->holds);
        if (h == NULL)
            return r->holds;
        r->holds = h;
    } else { /* nobody needs the old one: its hold is used again */
        forget(r, h);
        h->snapshot = now;
    }
    raise_oldest(r);
    atomic_store_explicit(&r->slot->adopted, now->generation, memory_order_release);
    return h;
}

struct snapshot_hold *router_adopt(struct router_reader *r)
{
    OBJ_CHECK(r, READER_MAGIC);
    /* The adopted snapshot is not freed while it is held, so no other can have its address. */
    if (LIKELY(atomic_load_explicit(&r->router->current, memory_order_relaxed) ==
               r->holds->snapshot))
        return r->holds;
    return adopt_newer(r);
}

void snapshot_take(struct snapshot_hold *h)
{
    h->users++;
}

void snapshot_give(struct router_reader *r, struct snapshot_hold **hold)
{
    struct snapshot_hold *h = *hold;
    OBJ_CHECK(r, READER_MAGIC);
    *hold = NULL;
    BUG_IF(h == NULL || h->users == 0);
    if (--h->users > 0 || h == r->holds)
        return;
    struct snapshot_hold **at = &r->holds;
    while (*at != h) {
        BUG_IF(*at == NULL);
        at = &(*at)->next;
    }
    *at = h->next;
    forget(r, h);
    free(h);
    raise_oldest(r);
}

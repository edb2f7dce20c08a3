/* One worker's share of the shadow: its budgets, its pairs, and the way by which pairs come back
 * to it. Private to shadow/. */
#ifndef SHADOW_LANE_H
#define SHADOW_LANE_H

#include "shadow/shadow.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    LANE_MAGIC = 0x4c414e45,
    PAIR_MAGIC = 0x50414952,
    LANE_SENDS = 32, /* pairs that go to the pool together */
};

struct shadow_lane {
    unsigned magic;
    struct shadow *shadow;
    size_t memory_max;
    unsigned queue_max;
    unsigned slots_max;          /* pairs that are being asked again */
    struct {                     /* the worker's */
        void *sends[LANE_SENDS]; /* pairs, submitted and not yet in the pool */
        size_t nsends;
        struct shadow_pair *spare;
    } mine;
    _Atomic size_t memory;
    _Atomic unsigned queued; /* in the pool's queue, or being compared for the first time */
    _Atomic unsigned slots;
    _Atomic(struct shadow_pair *) spare; /* whoever is done with a pair adds it, the worker takes
                                            all of them */
    _Atomic unsigned nspare;             /* of both lists */
    pthread_mutex_t lock;
    struct {                     /* under lock */
        bool (*wake)(void *arg); /* NULL: nothing comes back */
        void *arg;
        struct shadow_pair *back; /* on its way to the worker */
    } shared;
};

void lane_begin(struct shadow_lane *l, struct shadow *s, const struct config *config,
                unsigned lanes);
void lane_end(struct shadow_lane *l);
/* No pair of the lane's is in use. */

bool lane_hand_back(struct shadow_pair *p);
/* A pair that is to be asked again, to its worker. False: pair->recheck says why it cannot be. */

#endif

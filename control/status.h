/* The parts of `GET /status`: facts from the control thread, counts from the metrics, and the text
 * for a terminal. */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include "control/admin.h"
#include "router/router.h"

/* What the control thread knows. The table stays alive as long as control.lookers is not zero. */
struct status_facts {
    json_t *head; /* everything but the routes */
    const struct route_table *table;
    enum pin pin;
    struct route_state states[]; /* by route.index */
};

/* --- status_counts.c --- */

/* One route, from weir_requests_total, weir_requests_leaving and weir_shadow_sandbox_stopped. */
struct route_count {
    struct span route;    /* lies in the text */
    uint64_t requests[2]; /* by enum side */
    uint64_t failed[2];   /* answered 5xx, or not at all */
    uint64_t leaving[2];  /* running, and moved away from this side */
    uint64_t stopped[2];  /* this side is sent no copies of unsafe requests any more */
};

struct route_counts {
    struct buf text;
    struct route_count *list; /* sorted by route */
    size_t n;
};

enum err counts_read(struct route_counts *out) MUST_USE;
/* From the metrics of this process. Any thread. */

enum err counts_parse(struct route_counts *c) MUST_USE;
/* From c->text, in the Prometheus text format. */

const struct route_count *counts_of(const struct route_counts *c, const char *route);
/* NULL: none yet. */

void counts_free(struct route_counts *c);

/* --- status_text.c --- */

enum err status_text(const json_t *status, const struct admin_look *look, uint64_t now_ms,
                     struct buf *out) MUST_USE;
/* The status object for a person, at most look->width columns wide where it can be helped. */

/* --- status_table.c --- */

struct page;

void status_table(struct page *p, const json_t *routes);

#endif

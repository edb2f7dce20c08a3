/* The order of a report: findings, endpoints, statuses and reasons. */
#ifndef SHADOW_REPORT_ORDER_H
#define SHADOW_REPORT_ORDER_H

#include "shadow/report.h"

void report_order(struct report *r);
/* All records are read: settles states and rates, then puts what matters first. */

void report_common(struct report *r);
/* Fills r->common. report_common.c */

#endif

/* One request to one side for weir's own sake, over the connections for copies: nobody waits for
 * it, its answer is captured into a pair, whatever it comes to. Has no body. Private to proxy/. */
#ifndef PROXY_ASK_H
#define PROXY_ASK_H

#include "proxy/back.h"
#include "proxy/capture.h"

struct ask {
    unsigned magic;
    struct worker *worker;
    struct shadow_pair *pair;
    const struct http_head *head;
    struct back_wish wish;
    struct http_stream *stream;
    struct capture capture;
    struct timer timer;
    uint64_t sent_us;
    enum err trouble; /* the answer was not followed to its end: ERR_TOO_LARGE, ERR_NO_MEMORY */
    bool begun;
    void (*over)(void *owner);
    void *owner;
};

struct ask_question {
    struct worker *worker;
    const struct view *view;
    size_t backend;
    struct shadow_pair *pair;
    const struct http_head *head; /* lives as long as the pair */
    const struct endpoints *who;  /* likewise */
    struct shadow_answer *answer; /* in the pair, empty */
    void (*over)(void *owner);
    void *owner;
};

void ask_begin(struct ask *a, const struct ask_question *q);
/* Calls q->over(q->owner) once, now or later, when q->answer is as complete as it gets. */

bool ask_is_open(const struct ask *a);
/* Begun and not over. */

void ask_end(struct ask *a);
/* over() will not be called. Nothing happens when it was, or when nothing was begun. */

#endif

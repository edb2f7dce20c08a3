/* The record file of a running weir: lines from the compare threads, one after another, through the
 * scribe. */
#ifndef SHADOW_JOURNAL_H
#define SHADOW_JOURNAL_H

#include "shadow/record.h"

#include <pthread.h>

struct scribe;
struct scribe_file;
struct scribe_writer;

enum {
    JOURNAL_STACKS = 64, /* software fingerprints and options of routes that are remembered */
    JOURNAL_STACK_MS = 10 * 60 * 1000, /* written again after this */
    JOURNAL_DROPS_MS = 10 * 1000,      /* how often drops are written, when there are any */
};

struct journal_said {
    uint64_t hash, at_ms;
};

struct journal {
    pthread_mutex_t lock;
    struct scribe *scribe;
    struct redactor redactor;         /* const after journal_begin() */
    char *path;                       /* likewise */
    uint64_t max_bytes;               /* likewise */
    struct {                          /* under lock */
        struct scribe_writer *writer; /* NULL: not open yet, or impossible */
        bool failed;
        struct journal_said stacks[JOURNAL_STACKS];
        struct journal_said rules;         /* a long line: nothing else takes its place */
        uint64_t drops[SHADOW_DROP_COUNT]; /* as last written */
        uint64_t drops_ms;
    } shared;
};

enum err journal_begin(struct journal *j, const struct config *config, struct scribe *scribe,
                       struct complaints *wrong) MUST_USE;
/* Opens the file when some route mirrors; otherwise it is opened by the first record. */

void journal_end(struct journal *j);
/* Writes the last drops and hands everything over. */

void journal_pair(struct journal *j, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c, struct buf *line);
/* Any thread. line: the caller's, for making the line in. */

void journal_seeds(struct journal *j, const struct shadow_pair *pair,
                   const struct endpoint *endpoint, const struct seed_result results[SEED_KINDS],
                   struct buf *line);
/* Any thread. What came of a self-test. */

void journal_drops(struct journal *j);
/* Any thread. Writes what was dropped since it was last written, at most every JOURNAL_DROPS_MS:
 * also where no pair comes that would bring it along. */

void journal_flush(struct journal *j);

#endif

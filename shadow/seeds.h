/* The self-test of the comparison: defects are planted in a copy of an answer that was really
 * given, and the copy is compared with the original under the rules in force. What is not found
 * then would not have been found on the new side either. It works in memory, on a sample, and keeps
 * nothing but what came of it, so it is the same for every mode of shadow.store.
 *
 * A seeder is used by one thread at a time. */
#ifndef SHADOW_SEEDS_H
#define SHADOW_SEEDS_H

#include "shadow/compare.h"
#include "shadow/endpoint.h"

enum seed_kind {
#define SEED(name, word, sentence) SEED_##name,
#include "shadow/seeds.def"
#undef SEED
    SEED_KINDS
};

const char *seed_word(enum seed_kind k);
const char *seed_sentence(enum seed_kind k);
bool seed_of(struct span word, enum seed_kind *out);

enum seed_outcome {
    SEED_NOWHERE, /* the answer has no place for it */
    SEED_CAUGHT,
    SEED_HIDDEN, /* a rule or an option says that it does not count */
    SEED_MISSED,
    SEED_OUTCOMES
};

const char *seed_outcome_word(enum seed_outcome o);
bool seed_outcome_of(struct span word, enum seed_outcome *out);

bool seed_is_told(enum seed_outcome o, struct span path, const char *had, bool missed);
/* Of several of a kind one is told of: one that was missed before one that was hidden, then the
 * first by name, so that it does not matter in what order they come. Whether it is this one rather
 * than `had` (NULL: none yet). missed: one of those before was. */

struct seed_result {
    enum seed_outcome outcome;
    const char *by; /* SEED_HIDDEN: the rule's id, "shadow.ignore" or "shadow.tolerance";
                       SEED_MISSED: why nothing was compared, or "" */
    char path[PATH_TEXT_MAX];
    size_t path_n;
};

enum {
    SEEDS_BODY_MAX = 64 * 1024, /* answers with larger bodies are not used */
    SEEDS_COUNTS = 1024,
};

struct seeder {
    struct comparer comparer;
    struct diff plain; /* the original, read without rules: docs[SIDE_LEGACY] */
    struct decoder decoder;
    struct arena arena;
    struct buf text;
    uint32_t counts[SEEDS_COUNTS]; /* pairs, by hash of the endpoint */
    struct seed_result results[SEED_KINDS];
};

void seeds_begin(struct seeder *s);
void seeds_end(struct seeder *s);

bool seeds_due(struct seeder *s, const struct shadow_pair *pair, const struct endpoint *endpoint,
               unsigned every);
/* Counts a compared pair: true for the first, second, fourth, eighth ... of an endpoint and for
 * every so many; every 0: never. */

bool seeds_run(struct seeder *s, const struct shadow_pair *pair);
/* Fills s->results. False: the answer that was served cannot be used (an error, cut short, too
 * large, undecodable), or there is no memory. */

enum err seed_plant(const struct jdoc *d, enum seed_kind kind, uint64_t dice, struct buf *out,
                    struct seed_result *where) MUST_USE;
/* Writes the document with the defect at one of the places it fits, which the dice choose. The
 * document has been hashed (shape.c). ERR_NOT_FOUND: there is no such place. seed_plant.c */

#endif

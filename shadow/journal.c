/* Lines are made outside of the lock, into the compare thread's own buffer; the lock is held for a
 * copy. */
#include "shadow/journal.h"

#include "base/clock.h"
#include "base/scribe.h"
#include "shadow/drops.h"
#include "shadow/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* --- opening --- */

static bool mirrors(const struct config *config)
{
    for (size_t i = 0; i < config->nroutes; i++)
        if (config->routes[i].shadow.percent > 0)
            return true;
    return false;
}

static enum err put_locked(struct journal *j, struct span line)
{
    char *room = scribe_room(j->shared.writer, line.n);
    if (room == NULL)
        return ERR_NO_MEMORY;
    memcpy(room, line.p, line.n);
    scribe_commit(j->shared.writer, line.n);
    return ERR_OK;
}

static enum err first_line(struct journal *j)
{
    struct buf line = BUF_INIT(RECORD_LINE_MAX);
    enum err e = record_run(&j->redactor, clock_wall_ms(), &line);
    if (e == ERR_OK)
        e = put_locked(j, buf_span(&line));
    buf_free(&line);
    return e;
}

static enum err open_locked(struct journal *j)
{
    struct scribe_file *file;
    if (j->shared.writer != NULL)
        return ERR_OK;
    TRY(scribe_open(j->scribe, j->path, j->max_bytes, &file));
    TRY(scribe_writer_new(file, &j->shared.writer));
    enum err e = first_line(j);
    if (e != ERR_OK)
        scribe_writer_free(&j->shared.writer);
    return e;
}

static enum err path_of(const struct config *config, char **out)
{
    *out = NULL;
    if (config->shadow.records != NULL) {
        *out = strdup(config->shadow.records);
    } else {
        const char *dir = config->state_dir == NULL ? "." : config->state_dir;
        size_t n = strlen(dir) + sizeof("/shadow.ndjson");
        (void)mkdir(dir, 0750); /* scribe_open() tells when it is not there after all */
        *out = malloc(n);
        if (*out != NULL)
            (void)snprintf(*out, n, "%s/shadow.ndjson", dir);
    }
    return *out == NULL ? ERR_NO_MEMORY : ERR_OK;
}

enum err journal_begin(struct journal *j, const struct config *config, struct scribe *scribe,
                       struct complaints *wrong)
{
    memset(j, 0, sizeof(*j));
    pthread_mutex_init(&j->lock, NULL);
    j->scribe = scribe;
    j->max_bytes = config->shadow.records_max;
    drops_read(j->shared.drops);
    enum err e = redact_begin(&j->redactor, config->shadow.store);
    if (e == ERR_OK)
        e = path_of(config, &j->path);
    if (e == ERR_OK && j->redactor.store != SHADOW_STORE_NONE && mirrors(config)) {
        e = open_locked(j);
        if (e != ERR_OK)
            complain(wrong, "$.shadow.records", "name a file in a directory that weir may write to",
                     "%s cannot be opened: %s", j->path,
                     e == ERR_SYSTEM ? strerror(errno) : err_sentence(e));
    }
    if (e != ERR_OK) {
        free(j->path);
        pthread_mutex_destroy(&j->lock);
    }
    return e;
}

/* --- writing --- */

/* Whether what has this hash has not been written for a while. */
static bool is_news_at(struct journal *j, struct journal_said *said, uint64_t h, uint64_t wall_ms)
{
    pthread_mutex_lock(&j->lock);
    /* pairs do not come in the order in which they began */
    bool news = said->hash != h || wall_ms >= said->at_ms + JOURNAL_STACK_MS;
    if (news)
        *said = (struct journal_said){h, wall_ms};
    pthread_mutex_unlock(&j->lock);
    return news;
}

static bool is_news(struct journal *j, uint64_t h, uint64_t wall_ms)
{
    return is_news_at(j, &j->shared.stacks[h % JOURNAL_STACKS], h, wall_ms);
}

static bool stack_is_news(struct journal *j, const struct shadow_pair *pair,
                          const struct comparison *c)
{
    const struct headers_stack *l = &c->stack[SIDE_LEGACY], *r = &c->stack[SIDE_NEW];
    if (l->n == 0 && r->n == 0)
        return false;
    uint64_t h = mix_bytes(1, span_str(pair->rules->route));
    h = mix_bytes(mix_bytes(h, span_of(l->text, l->n)), span_of(r->text, r->n));
    return is_news(j, h, pair->wall_ms);
}

static void drops_locked(struct journal *j, bool now)
{
    uint64_t counts[SHADOW_DROP_COUNT], more[SHADOW_DROP_COUNT], sum = 0;
    uint64_t wall_ms = clock_wall_ms();
    struct buf line = BUF_INIT(RECORD_LINE_MAX);
    if (!now && wall_ms - j->shared.drops_ms < JOURNAL_DROPS_MS)
        return;
    drops_read(counts);
    for (size_t d = 0; d < SHADOW_DROP_COUNT; d++) {
        more[d] = counts[d] - j->shared.drops[d];
        sum += more[d];
    }
    j->shared.drops_ms = wall_ms;
    if (sum > 0 && record_drops(wall_ms, more, &line) == ERR_OK &&
        put_locked(j, buf_span(&line)) == ERR_OK)
        memcpy(j->shared.drops, counts, sizeof(counts));
    buf_free(&line);
}

static bool is_open_locked(struct journal *j)
{
    if (!j->shared.failed && open_locked(j) != ERR_OK) {
        log_error("shadow", "%s cannot be opened; pairs are compared but not recorded", j->path);
        j->shared.failed = true;
    }
    return j->shared.writer != NULL;
}

static void line_put(struct journal *j, struct span line)
{
    pthread_mutex_lock(&j->lock);
    if (is_open_locked(j)) {
        drops_locked(j, false);
        (void)!put_locked(j, line); /* the scribe has counted it */
    }
    pthread_mutex_unlock(&j->lock);
}

static bool drops_are_news(struct journal *j)
{
    uint64_t counts[SHADOW_DROP_COUNT];
    drops_read(counts);
    return memcmp(counts, j->shared.drops, sizeof(counts)) != 0;
}

void journal_drops(struct journal *j)
{
    if (j->redactor.store == SHADOW_STORE_NONE)
        return;
    pthread_mutex_lock(&j->lock);
    if (drops_are_news(j) && is_open_locked(j)) {
        drops_locked(j, false);
        scribe_flush(j->shared.writer);
    }
    pthread_mutex_unlock(&j->lock);
}

static void put_options(struct journal *j, const struct shadow_pair *pair, struct buf *line)
{
    if (!is_news(j, pair->rules->options_hash, pair->wall_ms))
        return;
    line->n = 0;
    if (record_options(pair->rules, pair->wall_ms, line) == ERR_OK)
        line_put(j, buf_span(line));
}

static void put_rules(struct journal *j, const struct shadow_pair *pair, struct buf *line)
{
    const struct rulebook *book = &pair->rules->book;
    if (book->n == 0 || !is_news_at(j, &j->shared.rules, book->hash, pair->wall_ms))
        return;
    line->n = 0;
    if (record_rules(book, pair->wall_ms, line) == ERR_OK)
        line_put(j, buf_span(line));
}

void journal_pair(struct journal *j, const struct shadow_pair *pair,
                  const struct endpoint *endpoint, const struct comparison *c, struct buf *line)
{
    if (j->redactor.store == SHADOW_STORE_NONE)
        return;
    put_options(j, pair, line);
    put_rules(j, pair, line);
    line->n = 0;
    if (record_pair(&j->redactor, pair, endpoint, c, stack_is_news(j, pair, c), line) == ERR_OK)
        line_put(j, buf_span(line));
    else
        metric_inc(METRIC_LOG_DROPPED);
}

void journal_seeds(struct journal *j, const struct shadow_pair *pair,
                   const struct endpoint *endpoint, const struct seed_result results[SEED_KINDS],
                   struct buf *line)
{
    line->n = 0;
    if (record_seeds(pair, endpoint, results, line) == ERR_OK)
        line_put(j, buf_span(line));
    else
        metric_inc(METRIC_LOG_DROPPED);
}

void journal_flush(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    if (j->shared.writer != NULL)
        scribe_flush(j->shared.writer);
    pthread_mutex_unlock(&j->lock);
}

void journal_end(struct journal *j)
{
    if (j->shared.writer != NULL)
        drops_locked(j, true);
    scribe_writer_free(&j->shared.writer);
    free(j->path);
    pthread_mutex_destroy(&j->lock);
    memset(j, 0, sizeof(*j));
}

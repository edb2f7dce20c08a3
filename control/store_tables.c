/* The findings of a fleet: each instance keeps a stream weir:findings:<instance> whose newest entry
 * is its table, whole. A stream per instance, so that one that tells much pushes out nobody else;
 * it is cut to that entry with every one that is added, so that what was purged is gone, and
 * expires when nothing is added for as long as findings are kept.
 *
 * They are read one after another, never in one go: between two of them the control key is looked
 * at as ever. */
#include "control/store_redis.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TABLES_MAX = 1000,
    KEY_MAX = 512, /* bytes; our instances' names are shorter */
    LINES_MAX = 128 * 1024 * 1024,
    SCANS_MAX = 100 * 1000, /* a Redis that comes to no end with its keys is not asked for ever */
};

struct tables_look {
    void (*fn)(void *arg, struct store_tables *t);
    void *arg;
    struct store_tables tables;
    char **keys;
    size_t n, next;
    unsigned scans;
};

/* --- ours --- */

static void on_published(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    bool refused = a->kind == ANSWER_REFUSAL;
    if (refused && !s->table_refused)
        log_warn("redis", "%s cannot be written, so others do not see our findings: " SPAN_FMT,
                 s->table_key, (int)min_size(a->text.n, 160), a->text.p);
    s->table_refused = refused;
    s->base.facts.published = s->publishing; /* also when refused: the next change tries again */
}

static void on_expiry(void *arg, const struct answer *a)
{
    UNUSED(arg);
    UNUSED(a);
}

void redis_store_publish(struct store *base, uint64_t number, struct span lines)
{
    struct redis_store *s = CONTAINER_OF(base, struct redis_store, base);
    char ttl[24];
    OBJ_CHECK(s, REDIS_STORE_MAGIC);
    if (!s->up)
        return;
    s->publishing = number;
    redis_send(s->cmd, on_published, s, 9,
               (struct span[]){SPAN("XADD"), span_str(s->table_key), SPAN("MAXLEN"), SPAN("1"),
                               SPAN("*"), SPAN("key"), span_str(s->key), SPAN("lines"), lines});
    (void)snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)s->keep_ms);
    if (s->cmd != NULL)
        redis_send(s->cmd, on_expiry, s, 3,
                   (struct span[]){SPAN("PEXPIRE"), span_str(s->table_key), span_str(ttl)});
}

/* --- everybody's --- */

static void look_free(struct tables_look *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->keys[i]);
    free(l->keys);
    free(l);
}

static void answer_tables(struct redis_store *s, bool complete)
{
    struct tables_look *l = s->tables;
    struct store_tables t = l->tables;
    void (*fn)(void *arg, struct store_tables *t) = l->fn;
    void *arg = l->arg;
    t.complete = complete;
    s->tables = NULL;
    look_free(l);
    fn(arg, &t);
}

void redis_store_tables_failed(struct redis_store *s)
{
    if (s->tables != NULL)
        answer_tables(s, false);
}

void redis_store_tables_end(struct redis_store *s)
{
    if (s->tables == NULL)
        return;
    buf_free(&s->tables->tables.lines);
    buf_free(&s->tables->tables.whose);
    look_free(s->tables);
    s->tables = NULL;
}

static bool has_key(const struct tables_look *l, struct span key)
{
    for (size_t i = 0; i < l->n; i++)
        if (span_eq(span_str(l->keys[i]), key))
            return true;
    return false;
}

static bool add_key(struct tables_look *l, struct span key)
{
    if (!span_has_prefix(key, SPAN(REDIS_TABLE_PREFIX)) || key.n > KEY_MAX || has_key(l, key))
        return true; /* no instance of ours; SCAN may say a key twice */
    if (l->n == TABLES_MAX) {
        l->tables.left_out++;
        return true;
    }
    char *copy = strndup(key.p, key.n);
    if (copy == NULL)
        return false;
    l->keys[l->n++] = copy;
    return true;
}

/* The fields of an entry: name, value, name, value. */
static struct span field(const struct answer *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->n; i += 2)
        if (span_eq(answer_item(fields, i).text, span_str(name)))
            return answer_item(fields, i + 1).text;
    return SPAN_NULL;
}

/* By the name of the stream. */
static enum err note_whose(struct tables_look *l)
{
    struct span name = span_str(l->keys[l->next - 1] + sizeof(REDIS_TABLE_PREFIX) - 1);
    if (l->tables.whose.n == 0)
        TRY(buf_append(&l->tables.whose, span_of("", 1)));
    return buf_append(&l->tables.whose, span_of(name.p, name.n + 1));
}

/* Tables of a fleet with another control key are not ours. What stands in one entry must not count
 * as lines of the table in the entry before. */
static void take_entry(struct redis_store *s, const struct answer *entry)
{
    struct tables_look *l = s->tables;
    struct answer fields = {.kind = ANSWER_NOTHING};
    if (entry->kind == ANSWER_LIST && entry->n == 2)
        fields = answer_item(entry, 1);
    if (fields.kind != ANSWER_LIST || !span_eq(field(&fields, "key"), span_str(s->key)))
        return;
    size_t before = l->tables.lines.n;
    struct span lines = field(&fields, "lines");
    if (lines.n == 0) /* everything was purged, and nothing has come since */
        return;
    if (buf_append(&l->tables.lines, lines) == ERR_OK &&
        buf_append(&l->tables.lines, SPAN("\n{\"v\":1,\"t\":\"end\",\"at\":0}\n")) == ERR_OK &&
        note_whose(l) == ERR_OK)
        return;
    l->tables.lines.n = before;
    l->tables.left_out++;
}

static void read_next(struct redis_store *s);

static void on_entry(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->tables == NULL)
        return;
    if (a->kind == ANSWER_LIST && a->n > 0) { /* else it has expired just now, or is no stream */
        struct answer newest = answer_item(a, 0);
        take_entry(s, &newest);
    }
    read_next(s);
}

static void read_next(struct redis_store *s)
{
    struct tables_look *l = s->tables;
    if (l->next == l->n) {
        answer_tables(s, true);
        return;
    }
    redis_send(s->cmd, on_entry, s, 6,
               (struct span[]){SPAN("XREVRANGE"), span_str(l->keys[l->next++]), SPAN("+"),
                               SPAN("-"), SPAN("COUNT"), SPAN("1")});
}

static void scan(struct redis_store *s, struct span cursor);

static void on_scanned(void *arg, const struct answer *a)
{
    struct redis_store *s;
    OBJ_CAST(s, arg, REDIS_STORE_MAGIC);
    if (s->tables == NULL)
        return;
    struct answer keys = {.kind = ANSWER_NOTHING};
    if (a->kind == ANSWER_LIST && a->n == 2)
        keys = answer_item(a, 1);
    bool ok = keys.kind == ANSWER_LIST && ++s->tables->scans < SCANS_MAX;
    for (size_t i = 0; ok && i < keys.n; i++)
        ok = add_key(s->tables, answer_item(&keys, i).text);
    if (!ok) {
        answer_tables(s, false);
        return;
    }
    struct answer cursor = answer_item(a, 0);
    if (span_eq(cursor.text, SPAN("0")))
        read_next(s);
    else
        scan(s, cursor.text);
}

static void scan(struct redis_store *s, struct span cursor)
{
    redis_send(s->cmd, on_scanned, s, 6,
               (struct span[]){SPAN("SCAN"), cursor, SPAN("MATCH"), SPAN(REDIS_TABLE_PREFIX "*"),
                               SPAN("COUNT"), SPAN("1000")});
}

void redis_store_tables(struct store *base, void (*fn)(void *arg, struct store_tables *t),
                        void *arg)
{
    struct redis_store *s = CONTAINER_OF(base, struct redis_store, base);
    struct store_tables none = {.lines = BUF_INIT(LINES_MAX)};
    OBJ_CHECK(s, REDIS_STORE_MAGIC);
    BUG_IF(s->tables != NULL);
    struct tables_look *l = s->up ? calloc(1, sizeof(*l)) : NULL;
    char **keys = l == NULL ? NULL : calloc(TABLES_MAX, sizeof(*keys));
    if (keys == NULL) {
        free(l);
        fn(arg, &none);
        return;
    }
    *l = (struct tables_look){.fn = fn, .arg = arg, .tables = none, .keys = keys};
    s->tables = l;
    scan(s, SPAN("0"));
}

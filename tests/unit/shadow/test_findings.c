/* The tables of findings: that they are bounded, grow old, survive a restart, and can be put
 * together in any order, any number of times. */
#include "tests/unit/shadow/support.h"

#include "base/clock.h"
#include "shadow/findings.h"
#include "shadow/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOUR = 3600 * 1000 };

static struct bench b;
static struct redactor redactor;

static int begin(void **state)
{
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    return redact_begin(&redactor, SHADOW_STORE_TOKENS) == ERR_OK ? 0 : -1;
}

static int end(void **state)
{
    UNUSED(state);
    bench_end(&b);
    return 0;
}

static void open_table(struct findings *f, uint64_t keep_ms)
{
    assert_int_equal(findings_begin(f, &redactor, keep_ms), ERR_OK);
}

static void add(struct findings *f, const char *path)
{
    struct endpoint e;
    endpoint_of(HTTP_GET, span_str(path), &e);
    findings_add(f, &b.pair, &e, &b.result);
}

static void add_fixed(struct findings *f, const char *format_path)
{
    struct endpoint e;
    assert_true(endpoint_of_template(HTTP_GET, span_str(format_path), &e));
    findings_add(f, &b.pair, &e, &b.result);
}

static const struct findings_table *now(const struct findings *f)
{
    return &f->shared.tables[0];
}

static const struct findings_endpoint *find(const struct findings *f, const char *name)
{
    for (size_t i = 0; i < now(f)->nendpoints; i++)
        if (strcmp(now(f)->endpoints[i]->name, name) == 0)
            return now(f)->endpoints[i];
    return NULL;
}

static bool has(struct span text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static struct buf written(struct findings *f, const char *instance, size_t max)
{
    struct buf out = BUF_INIT(0);
    assert_int_equal(findings_write(f, instance, max, &out), ERR_OK);
    return out;
}

static struct buf report(struct span text, enum report_format format)
{
    struct report_options o = {.text = text, .format = format, .width = 100};
    struct complaints wrong = {.n = 0};
    struct buf out = BUF_INIT(0);
    assert_int_equal(shadow_report(&o, &out, &wrong), ERR_OK);
    return out;
}

/* --- bounds --- */

static void tables_are_bounded(void **state)
{
    struct findings f;
    char path[32];
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1}",
               "{\"a\":2,\"b\":2,\"c\":2,\"d\":2,\"e\":2,\"f\":2}");
    for (unsigned i = 0; i < FINDINGS_ENDPOINTS_MAX + 200; i++) {
        (void)snprintf(path, sizeof(path), "/p%ux", i);
        add_fixed(&f, path);
        if (i % 2 == 0)
            bench_json(&b, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1}",
                       "{\"a\":2,\"b\":2,\"c\":2,\"d\":2,\"e\":2,\"f\":2}");
    }
    assert_int_equal(now(&f)->nendpoints, FINDINGS_ENDPOINTS_MAX + 1);
    assert_int_equal(find(&f, ENDPOINT_OTHER)->verdicts[VERDICT_MISMATCH], 200);
    assert_int_equal(now(&f)->nentries, 6 * (FINDINGS_ENDPOINTS_MAX + 1));
    for (unsigned i = 0; i < 1000; i++) {
        char legacy[400] = "{\"x\":1", new_[400] = "{\"x\":1";
        size_t n = strlen(legacy);
        for (unsigned k = 0; k < 6; k++)
            n += (size_t)snprintf(legacy + n, sizeof(legacy) - n, ",\"k%u_%u\":1", i, k);
        memcpy(new_, legacy, n);
        for (size_t k = 8; k < n; k++)
            if (new_[k - 1] == ':')
                new_[k] = '2';
        legacy[n] = new_[n] = '}';
        bench_json(&b, legacy, new_);
        add_fixed(&f, "/p0x");
    }
    assert_int_equal(now(&f)->nentries, FINDINGS_MAX);
    assert_true(now(&f)->lost > 0);
    findings_end(&f);
}

static void what_is_written_has_a_ceiling(void **state)
{
    struct findings f;
    char path[32];
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":2}");
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(path, sizeof(path), "/p%ux", i);
        add_fixed(&f, path);
    }
    for (size_t max = 1; max < 300000; max = max * 3 + 1) {
        struct buf text = written(&f, "a", max);
        assert_true(max < 20000 || text.n <= max);
        assert_true(text.n < max + 4096);
        assert_true(has(buf_span(&text), max < 250000 ? "\"left_out\":" : "\"t\":\"table\""));
        struct buf json = report(buf_span(&text), REPORT_JSON);
        if (!has(buf_span(&json), "\"unreadable\":0"))
            fail_msg("%zu: %.400s\n%.*s", max, json.p, SPAN_ARG(buf_span(&text)));
        buf_free(&json);
        buf_free(&text);
    }
    findings_end(&f);
}

/* --- counting --- */

static void numbers_that_fold_are_put_together(void **state)
{
    struct findings f;
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    add(&f, "/items/1");
    b.pair.wall_ms += 1000;
    add(&f, "/items/2");
    assert_int_equal(now(&f)->nendpoints, 2);
    b.pair.wall_ms += 1000;
    add(&f, "/items/3");
    add(&f, "/items/4");
    assert_int_equal(now(&f)->nendpoints, 1);
    assert_int_equal(now(&f)->nentries, 1);
    const struct findings_endpoint *e = find(&f, "GET /items/{}");
    assert_non_null(e);
    assert_int_equal(e->verdicts[VERDICT_MISMATCH], 4);
    assert_int_equal(e->times[SIDE_NEW].n, 4);
    assert_int_equal(e->statuses[0].n, 4);
    const struct findings_entry *x = &now(&f)->entries[0];
    assert_int_equal(x->pairs, 4);
    assert_int_equal(x->last_ms - x->first_ms, 2000);
    assert_int_equal(x->example_ms, x->first_ms);
    findings_end(&f);
}

static void examples_are_redacted(void **state)
{
    struct findings f;
    UNUSED(state);
    open_table(&f, 0);
    b.pair.target = SPAN("/items/7?token=PLANTED1&q=PLANTED2");
    bench_json(&b, "{\"mail\":\"PLANTED3\",\"password\":\"PLANTED4\"}",
               "{\"mail\":\"PLANTED5\",\"password\":\"PLANTED6\"}");
    add(&f, "/items/7");
    struct buf text = written(&f, "a", 0);
    assert_false(has(buf_span(&text), "PLANTED"));
    assert_true(has(buf_span(&text), "token=<secret>&q=<text#"));
    assert_true(has(buf_span(&text), "\"legacy\":\"<text#"));
    buf_free(&text);
    findings_end(&f);
}

static void examples_name_rules_however_much_they_hide(void **state)
{
    const struct rule rules[] = {{.id = "cent"}, {.id = "tags"}};
    struct diff_hidden hidden[12];
    struct buf json = BUF_INIT(FINDINGS_EXAMPLE_MAX);
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        hidden[i] = (struct diff_hidden){.rule = &rules[i / 11], .path = SPAN("$.m")};
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    bench_compare(&b);
    struct comparison c = b.result;
    c.hidden = hidden;
    c.nhidden = ARRAY_LEN(hidden);
    assert_int_equal(record_example(&redactor, &b.pair, &c, 0, &json), ERR_OK);
    assert_true(has(buf_span(&json), "\"rules\":[\"cent\",\"tags\"]"));
    buf_free(&json);
}

static void a_route_can_be_forgotten(void **state)
{
    struct findings f;
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    add(&f, "/items/1");
    findings_forget(&f, "another");
    assert_int_equal(now(&f)->nentries, 1);
    findings_forget(&f, "default");
    assert_int_equal(now(&f)->nentries + now(&f)->nendpoints, 0);
    add(&f, "/items/1");
    assert_int_equal(now(&f)->entries[0].pairs, 1);
    findings_forget(&f, NULL);
    struct buf text = written(&f, "a", 0);
    assert_int_equal(text.n, 0);
    buf_free(&text);
    findings_end(&f);
}

static void routes_are_bounded(void **state)
{
    static char names[FINDINGS_ROUTES_MAX + 2][16];
    struct findings f;
    const char *was = b.rules->route;
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    for (size_t i = 0; i < FINDINGS_ROUTES_MAX + 2; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "r%zu", i);
        b.rules->route = names[i];
        add(&f, "/x");
    }
    b.rules->route = names[0];
    add(&f, "/x");
    b.rules->route = was;
    assert_int_equal(f.shared.nroutes, FINDINGS_ROUTES_MAX + 1);
    assert_int_equal(f.shared.routes[0].verdicts[VERDICT_MISMATCH], 2);
    assert_string_equal(f.shared.routes[FINDINGS_ROUTES_MAX].name, ENDPOINT_OTHER);
    assert_int_equal(f.shared.routes[FINDINGS_ROUTES_MAX].verdicts[VERDICT_MISMATCH], 2);
    findings_end(&f);
}

/* --- age --- */

static void tables_grow_old(void **state)
{
    struct findings f;
    UNUSED(state);
    open_table(&f, 4 * HOUR);
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    add(&f, "/first");
    uint64_t begun = now(&f)->begun_ms;
    b.pair.wall_ms += HOUR;
    add(&f, "/first");
    assert_int_equal(now(&f)->begun_ms, begun);
    b.pair.wall_ms += HOUR;
    add(&f, "/second");
    assert_int_equal(f.shared.tables[1].begun_ms, begun);
    assert_null(find(&f, "GET /first"));
    struct buf text = written(&f, "a", 0);
    assert_true(has(buf_span(&text), "GET /first") && has(buf_span(&text), "GET /second"));
    buf_free(&text);
    b.pair.wall_ms += 2 * HOUR;
    add(&f, "/third");
    text = written(&f, "a", 0);
    assert_false(has(buf_span(&text), "GET /first"));
    assert_true(has(buf_span(&text), "GET /second") && has(buf_span(&text), "GET /third"));
    buf_free(&text);
    findings_end(&f);
}

static void tables_grow_old_without_traffic(void **state)
{
    struct findings f;
    UNUSED(state);
    open_table(&f, 4 * HOUR);
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    b.pair.wall_ms = clock_wall_ms() - 4 * HOUR - 1000;
    add(&f, "/first");
    uint64_t changes = findings_changes(&f);
    assert_true(changes > 1);
    struct buf text = written(&f, "a", 0);
    assert_false(has(buf_span(&text), "GET /first"));
    assert_int_equal(findings_changes(&f), changes);
    buf_free(&text);
    findings_end(&f);
}

/* --- what was written --- */

static void unsettled_mismatches_count(void **state)
{
    static const char text[] =
        "{\"v\":1,\"t\":\"table\",\"at\":2,\"instance\":\"a\",\"begun\":1,"
        "\"version\":\"0\",\"store\":\"tokens\",\"dropped\":{}}\n"
        "{\"v\":1,\"t\":\"endpoint\",\"at\":2,\"route\":\"r\",\"endpoint\":\"GET /\",\"match\":5,"
        "\"mismatch\":4,\"transient\":1}\n";
    struct findings f;
    UNUSED(state);
    open_table(&f, 0);
    assert_int_equal(findings_restore(&f, span_str(text), "a"), ERR_OK);
    assert_int_equal(find(&f, "GET /")->settled[SETTLED_TRANSIENT], 1);
    assert_int_equal(find(&f, "GET /")->settled[SETTLED_UNCHECKED], 3);
    findings_end(&f);
}

static void fill(struct findings *f, struct dice *d, unsigned n)
{
    static const char *const bodies[] = {"{\"a\":1,\"b\":[1,2]}", "{\"a\":2,\"b\":[1,2]}",
                                         "{\"a\":\"1\",\"b\":[2,1]}", "{\"b\":[1,2,3],\"c\":null}"};
    char path[64];
    for (unsigned i = 0; i < n; i++) {
        bench_json(&b, bodies[dice_roll(d, 4)], bodies[dice_roll(d, 4)]);
        b.pair.wall_ms += dice_roll(d, 1000);
        b.pair.answers[SIDE_LEGACY].total_us = dice_roll(d, 100000);
        b.pair.answers[SIDE_NEW].total_us = dice_roll(d, 100000);
        (void)snprintf(path, sizeof(path), "/%s/%u", dice_roll(d, 2) == 0 ? "items" : "users",
                       (unsigned)dice_roll(d, 4));
        add(f, path);
    }
}

static struct buf without_generation(struct buf *text)
{
    struct buf out = BUF_INIT(0);
    struct span rest = buf_span(text), line;
    while (span_cut(&rest, '\n', &line)) {
        if (has(line, "\"t\":\"table\""))
            line = span_from(line, 40);
        assert_int_equal(buf_append(&out, line), ERR_OK);
    }
    return out;
}

static void a_restart_changes_nothing(void **state)
{
    struct findings f, g;
    struct dice d = {3};
    UNUSED(state);
    open_table(&f, HOUR);
    fill(&f, &d, 200);
    b.pair.wall_ms += HOUR / 2;
    fill(&f, &d, 100);
    struct buf text = written(&f, "a", 0);
    open_table(&g, HOUR);
    assert_int_equal(findings_restore(&g, buf_span(&text), "a"), ERR_OK);
    assert_int_equal(g.shared.generation, f.shared.generation);
    struct buf again = written(&g, "a", 0);
    assert_true(g.shared.generation > f.shared.generation);
    struct buf x = without_generation(&text), y = without_generation(&again);
    if (x.n < 1000 || !span_eq(buf_span(&x), buf_span(&y)))
        for (size_t i = 0; i < x.n; i++)
            if (i >= y.n || x.p[i] != y.p[i])
                fail_msg("at %zu: %.200s\n%.200s", i, x.p + i - 60, y.p + i - 60);
    fill(&g, &d, 10);
    buf_free(&x);
    buf_free(&y);
    buf_free(&text);
    buf_free(&again);
    findings_end(&g);
    open_table(&g, HOUR); /* of somebody else */
    text = written(&f, "b", 0);
    assert_int_equal(findings_restore(&g, buf_span(&text), "a"), ERR_OK);
    assert_int_equal(now(&g)->begun_ms, 0);
    buf_free(&text);
    findings_end(&g);
    findings_end(&f);
}

/* Names that were said are no neighbours, also when they come back. */
static void what_is_named_stays_named(void **state)
{
    struct findings f, g;
    char path[32];
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1}", "{\"a\":2}");
    for (unsigned i = 0; i < 2 * TRIE_NAMES_MAX; i++) {
        (void)snprintf(path, sizeof(path), "/api/n%ux", i);
        add_fixed(&f, path);
    }
    struct buf text = written(&f, "a", 0);
    open_table(&g, 0);
    assert_int_equal(findings_restore(&g, buf_span(&text), "a"), ERR_OK);
    assert_int_equal(now(&g)->nendpoints, 2 * TRIE_NAMES_MAX);
    assert_int_equal(now(&g)->nentries, 2 * TRIE_NAMES_MAX);
    for (size_t i = 0; i < now(&g)->nentries; i++)
        assert_int_equal(now(&g)->entries[i].endpoint->verdicts[VERDICT_MISMATCH], 1);
    struct buf json = report(buf_span(&text), REPORT_JSON);
    assert_false(has(buf_span(&json), ENDPOINT_NAME));
    buf_free(&json);
    buf_free(&text);
    findings_end(&g);
    findings_end(&f);
}

static void append(struct buf *to, const struct buf *from)
{
    assert_int_equal(buf_append(to, buf_span(from)), ERR_OK);
}

static uint64_t pairs_in(struct span json)
{
    struct jdoc d = JDOC_INIT;
    uint64_t n = 0;
    if (jdoc_parse(&d, json) != ERR_OK)
        fail_msg("%s at %zu of %.*s", d.wrong, d.wrong_at, SPAN_ARG(json));
    assert_true(jdoc_u64(&d, 0, "pairs", &n));
    jdoc_free(&d);
    return n;
}

/* Any order, any of them twice, older generations among them: the report is the same to the byte.
 */
static void tables_add_up_in_any_order(void **state)
{
    enum { INSTANCES = 4, TEXTS = 2 * INSTANCES };
    static const char *const names[INSTANCES] = {"a", "b", "c", "d"};
    struct buf texts[TEXTS];
    struct dice d = {4};
    struct buf first = BUF_INIT(0);
    UNUSED(state);
    for (size_t i = 0; i < INSTANCES; i++) {
        struct findings f;
        open_table(&f, 0);
        fill(&f, &d, 50);
        texts[i] = written(&f, names[i], 0);
        fill(&f, &d, 50);
        texts[INSTANCES + i] = written(&f, names[i], 0);
        findings_end(&f);
    }
    for (int round = 0; round < 100; round++) {
        struct buf all = BUF_INIT(0);
        for (size_t i = 0; i < 3 * TEXTS; i++)
            append(&all, &texts[dice_roll(&d, TEXTS)]);
        for (size_t i = 0; i < INSTANCES; i++) /* now all are there, in another order each time */
            append(&all, &texts[INSTANCES + (i + (size_t)round) % INSTANCES]);
        struct buf json = report(buf_span(&all), REPORT_JSON);
        if (round == 0)
            append(&first, &json);
        assert_int_equal(pairs_in(buf_span(&json)), 100 * INSTANCES);
        const char *a = memmem(first.p, first.n, "\"matches_by_rules\":", 19);
        const char *c = memmem(json.p, json.n, "\"matches_by_rules\":", 19);
        struct span x = span_from(buf_span(&first), (size_t)(a - first.p));
        struct span y = span_from(buf_span(&json), (size_t)(c - json.p));
        if (!span_eq(x, y))
            fail_msg("round %d: %.*s\n%.*s", round, SPAN_ARG(x), SPAN_ARG(y));
        buf_free(&json);
        buf_free(&all);
    }
    for (size_t i = 0; i < TEXTS; i++)
        buf_free(&texts[i]);
    buf_free(&first);
}

/* A report of the table says what a report of the records of the same pairs says. */
static void tables_and_records_agree(void **state)
{
    struct findings f;
    struct dice d = {8};
    struct buf records = BUF_INIT(0);
    struct endpoint e;
    char path[64];
    UNUSED(state);
    open_table(&f, 0);
    for (unsigned i = 0; i < 60; i++) {
        bench_json(&b, "{\"a\":1}", dice_roll(&d, 2) == 0 ? "{\"a\":2}" : "{\"a\":1}");
        (void)snprintf(path, sizeof(path), "/items/%u", (unsigned)dice_roll(&d, 4));
        endpoint_of(HTTP_GET, span_str(path), &e);
        findings_add(&f, &b.pair, &e, &b.result);
        struct buf line = BUF_INIT(RECORD_LINE_MAX);
        assert_int_equal(record_pair(&redactor, &b.pair, &e, &b.result, false, &line), ERR_OK);
        append(&records, &line);
        buf_free(&line);
    }
    struct buf table = written(&f, "a", 0);
    struct buf x = report(buf_span(&records), REPORT_JSON);
    struct buf y = report(buf_span(&table), REPORT_JSON);
    const char *p = memmem(x.p, x.n, "\"endpoints\":", 12),
               *q = memmem(y.p, y.n, "\"endpoints\":", 12);
    assert_true(span_eq(span_from(buf_span(&x), (size_t)(p - x.p)),
                        span_from(buf_span(&y), (size_t)(q - y.p))));
    assert_true(has(buf_span(&y), "\"instance\":\"a\""));
    assert_true(has(buf_span(&x), "\"source\":\"records\"") && !has(buf_span(&x), "not_held"));
    assert_true(has(buf_span(&y), "\"source\":\"tables\",\"not_held\":\"Tables hold one example"));
    append(&records, &table);
    struct report_options o = {.text = buf_span(&records)};
    struct complaints wrong = {.n = 0};
    struct buf out = BUF_INIT(0);
    assert_int_equal(shadow_report(&o, &out, &wrong), ERR_INVALID);
    assert_int_equal(wrong.n, 1);
    complaints_free(&wrong);
    buf_free(&x);
    buf_free(&y);
    buf_free(&table);
    buf_free(&records);
    findings_end(&f);
}

static void expect_restored(struct buf *text, const char *instance)
{
    struct findings g;
    open_table(&g, 0);
    assert_int_equal(findings_restore(&g, buf_span(text), instance), ERR_OK);
    struct buf again = written(&g, instance, 0);
    struct buf x = without_generation(text), y = without_generation(&again);
    assert_true(span_eq(buf_span(&x), buf_span(&y)));
    buf_free(&x);
    buf_free(&y);
    buf_free(&again);
    findings_end(&g);
}

/* --- how it was compared --- */

static const char rules_in_force[] =
    "{\"rules\":[{\"id\":\"cent\",\"path\":\"$.a\",\"action\":\"tolerance\",\"abs\":1,\"author\":"
    "\"dana\",\"reason\":\"half a cent\",\"expires\":\"2099-01-01\"},"
    "{\"id\":\"never\",\"path\":\"$.never\",\"action\":\"ignore\",\"author\":\"kim\",\"reason\":"
    "\"gone soon\",\"expires\":\"2099-01-01\"}]}";

static int begin_with_rules(void **state)
{
    static char file[] = "/tmp/weir-findings-rules-XXXXXX";
    UNUSED(state);
    memcpy(file + sizeof(file) - 7, "XXXXXX", 6);
    FILE *f = fdopen(mkstemp(file), "w");
    if (f == NULL || fputs(rules_in_force, f) < 0 || fclose(f) != 0)
        return -1;
    bench_begin(&b);
    b.config.shadow.rules = file;
    bench_ignore(&b, "$.at");
    bench_rules(&b);
    return unlink(file) == 0 && redact_begin(&redactor, SHADOW_STORE_TOKENS) == ERR_OK ? 0 : -1;
}

static void answer_with(int a, int seed, enum side side)
{
    char text[200];
    (void)snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: %s\r\n\r\n"
                   "{\"a\":%d,\"b\":%d,\"at\":%d}",
                   side == SIDE_NEW ? "new/2" : "old/1", a, seed, (int)side);
    bench_answer(&b, side, span_str(text));
}

/* A pair and, at times, a self-test, as a compare thread writes and counts them. */
static void see(struct findings *f, struct buf *records, struct dice *d)
{
    struct seed_result results[SEED_KINDS] = {{.outcome = SEED_NOWHERE}};
    struct buf line = BUF_INIT(4 * RECORD_LINE_MAX);
    struct endpoint e;
    char path[32];
    (void)snprintf(path, sizeof(path), "/p%ux", (unsigned)dice_roll(d, 3));
    endpoint_of(HTTP_GET, span_str(path), &e);
    bench_clear(&b);
    answer_with(1, 1, SIDE_LEGACY);
    answer_with((int)dice_roll(d, 4), (int)dice_roll(d, 2), SIDE_NEW);
    bench_compare(&b);
    b.pair.wall_ms++;
    findings_add(f, &b.pair, &e, &b.result);
    assert_int_equal(record_options(b.rules, b.pair.wall_ms, &line), ERR_OK);
    assert_int_equal(record_rules(&b.rules->book, b.pair.wall_ms, &line), ERR_OK);
    assert_int_equal(record_pair(&redactor, &b.pair, &e, &b.result, true, &line), ERR_OK);
    results[SEED_STATUS].outcome = SEED_CAUGHT;
    results[SEED_CENT] = (struct seed_result){
        .outcome = dice_roll(d, 2) == 0 ? SEED_HIDDEN : SEED_CAUGHT, .by = "cent"};
    results[SEED_CENT].path_n = 3;
    memcpy(results[SEED_CENT].path, dice_roll(d, 2) == 0 ? "$.a" : "$.c", 3);
    results[SEED_STATUS].by = "";
    findings_add_seeds(f, &b.pair, &e, results);
    assert_int_equal(record_seeds(&b.pair, &e, results, &line), ERR_OK);
    append(records, &line);
    buf_free(&line);
}

static struct span from_rules(const struct buf *json)
{
    const char *p = memmem(json->p, json->n, "\"matches_by_rules\":", 19);
    assert_non_null(p);
    return span_from(buf_span(json), (size_t)(p - json->p));
}

static struct span stacks_in(const struct buf *json)
{
    const char *p = memmem(json->p, json->n, "\"stacks\":", 9);
    assert_non_null(p);
    return span_until(span_from(buf_span(json), (size_t)(p - json->p)), 60);
}

/* Options, rules with their cost, software, self-tests: of two instances, in tables and records. */
static void how_it_was_compared_is_in_tables(void **state)
{
    static const char *const must[] = {"ignore $.at; 2 rules",
                                       "Rules: mismatches without them",
                                       "dana: half a cent (until 2099",
                                       "kim: gone soon",
                                       "matches nothing",
                                       "old/1",
                                       "cent    ",
                                       "Self-test"};
    struct findings f[2];
    struct dice d = {21};
    struct buf records = BUF_INIT(0), texts[2], tables = BUF_INIT(0);
    UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        open_table(&f[i], 0);
        for (int n = 0; n < 40; n++)
            see(&f[i], &records, &d);
        texts[i] = written(&f[i], i == 0 ? "a" : "b", 0);
        expect_restored(&texts[i], i == 0 ? "a" : "b");
        findings_end(&f[i]);
    }
    for (size_t i = 0; i < 3; i++)
        append(&tables, &texts[(1 + i) % 2]);
    struct buf x = report(buf_span(&records), REPORT_JSON);
    struct buf y = report(buf_span(&tables), REPORT_JSON);
    if (!span_eq(from_rules(&x), from_rules(&y)) || !span_eq(stacks_in(&x), stacks_in(&y)))
        fail_msg("%.*s\n%.*s", (int)x.n, x.p, (int)y.n, y.p);
    assert_true(has(buf_span(&y), "\"id\":\"cent\",\"action\":\"tolerance\""));
    struct buf text = report(buf_span(&tables), REPORT_TEXT);
    for (size_t i = 0; i < ARRAY_LEN(must); i++)
        if (!has(buf_span(&text), must[i]))
            fail_msg("\"%s\" is not in\n%.*s", must[i], (int)text.n, text.p);
    struct buf seeds = report(buf_span(&tables), REPORT_SEEDS),
               md = report(buf_span(&tables), REPORT_MD);
    assert_true(has(buf_span(&seeds), "hidden by cent"));
    assert_true(has(buf_span(&md), "Options in force:\n\n- `default`: "));
    buf_free(&x);
    buf_free(&y);
    buf_free(&text);
    buf_free(&seeds);
    buf_free(&md);
    buf_free(&records);
    buf_free(&tables);
    buf_free(&texts[0]);
    buf_free(&texts[1]);
}

static void other_options_are_said(void **state)
{
    struct findings f;
    struct buf again = BUF_INIT(0);
    UNUSED(state);
    open_table(&f, 0);
    bench_json(&b, "{\"a\":1}", "{\"a\":1}");
    add(&f, "/");
    bench_end(&b);
    bench_begin(&b); /* a reload: no rules, and another path is ignored */
    bench_ignore(&b, "$.id");
    bench_rules(&b);
    b.pair.wall_ms += 5000;
    bench_json(&b, "{\"a\":1}", "{\"a\":1}");
    add(&f, "/");
    struct buf table = written(&f, "a", 0);
    expect_restored(&table, "a");
    struct buf text = report(buf_span(&table), REPORT_TEXT);
    if (!has(buf_span(&text), "ignore $.id; changed meanwhile") || has(buf_span(&text), "cent"))
        fail_msg("%.*s", (int)text.n, text.p); /* no rules are in force now */
    findings_forget(&f, b.rules->route);
    again = written(&f, "a", 0);
    assert_false(has(buf_span(&again), "$.id"));
    findings_end(&f);
    buf_free(&table);
    buf_free(&again);
    buf_free(&text);
}

/* --- noise --- */

/* What legacy answers when it is asked again, and what the re-check said. */
struct looked {
    struct comparer comparer;
    struct shadow_answer answer;
    struct comparison probe;
    struct settlement settled;
};

static void look_again(struct looked *l, struct dice *d, const char *body)
{
    struct shadow_answer *p = b.pair.probe = &l->answer;
    buf_free(&p->body);
    *p = b.pair.answers[b.pair.served];
    p->body = BUF_INIT(0);
    assert_int_equal(buf_append(&p->body, span_str(body)), ERR_OK);
    p->body_length = p->body.n;
    memset(&l->settled, 0, sizeof(l->settled));
    if (b.result.verdict == VERDICT_MISMATCH) {
        l->settled.said = SETTLED_PERSISTENT + (enum settled)dice_roll(d, 4);
        for (size_t i = 1; i < b.result.nfindings; i++)
            l->settled.gone[i] = dice_roll(d, 4) == 0;
    }
    b.result.settled = &l->settled;
    if (dice_roll(d, 2) == 0) {
        compare_probe(&l->comparer, &b.pair, &l->probe);
        b.result.probe = &l->probe;
    }
}

/* Pairs of two endpoints, told to a table and written as records. At /users legacy differs from
 * itself as often as from new; at /items it does not. */
static void fill_both(struct findings *f, struct buf *records, struct dice *d, unsigned n)
{
    static const char *const noise[] = {"{\"a\":1,\"o\":{\"n\":1}}", "{\"a\":1,\"o\":{\"n\":2}}"};
    static const char *const new_[] = {"{\"a\":1,\"o\":{\"n\":1}}", "{\"a\":\"1\",\"o\":{\"n\":1}}",
                                       "{\"a\":1}"};
    struct looked l;
    struct endpoint e;
    memset(&l, 0, sizeof(l));
    compare_begin(&l.comparer, 1024 * 1024);
    for (unsigned i = 0; i < n; i++) {
        bool noisy = dice_roll(d, 2) == 0;
        const char *own = noise[noisy ? dice_roll(d, 2) : 0];
        bench_json(&b, own, noisy ? noise[dice_roll(d, 2)] : new_[dice_roll(d, 3)]);
        b.pair.wall_ms += 1 + dice_roll(d, 1000);
        look_again(&l, d, noise[noisy ? dice_roll(d, 2) : 0]);
        b.result.absent[0] = "$.o";
        b.result.nabsent = dice_roll(d, 5) == 0 ? 1 : 0;
        endpoint_of(HTTP_GET, noisy ? SPAN("/users") : SPAN("/items"), &e);
        findings_add(f, &b.pair, &e, &b.result);
        struct buf line = BUF_INIT(RECORD_LINE_MAX);
        assert_int_equal(record_pair(&redactor, &b.pair, &e, &b.result, false, &line), ERR_OK);
        append(records, &line);
        buf_free(&line);
    }
    compare_end(&l.comparer);
    buf_free(&l.answer.body);
    b.pair.probe = NULL;
}

static void make(struct report *r, struct report_options *o, struct span text)
{
    struct complaints wrong = {.n = 0};
    *o = (struct report_options){.text = text};
    assert_int_equal(report_make(o, r, &wrong), ERR_OK);
}

static const struct report_endpoint *same_endpoint(const struct report *r,
                                                   const struct report_endpoint *as)
{
    for (size_t i = 0; i < r->nendpoints; i++)
        if (strcmp(r->endpoints[i]->name, as->name) == 0)
            return r->endpoints[i];
    fail_msg("%s is not there", as->name);
    return NULL;
}

static void expect_same_findings(const struct report_endpoint *x, const struct report_endpoint *y)
{
    const struct report_finding *p = x->findings, *q = y->findings;
    for (; p != NULL && q != NULL; p = p->next, q = q->next) {
        if (strcmp(p->path, q->path) != 0 || p->kind != q->kind || p->state != q->state ||
            p->pairs != q->pairs || p->lasting != q->lasting || p->skew != q->skew ||
            p->within != q->within || strcmp(p->detail, q->detail) != 0 ||
            strcmp(p->classes[SIDE_NEW], q->classes[SIDE_NEW]) != 0 ||
            memcmp(&p->evidence, &q->evidence, sizeof(p->evidence)) != 0)
            fail_msg("%s %s: %s %s, %s %s", x->name, p->path, finding_kind_word(p->kind),
                     evidence_word(p->state), q->path, evidence_word(q->state));
    }
    assert_true(p == NULL && q == NULL);
}

/* Whatever was seen of noise, tables know it as well as records do. */
static void noise_is_the_same_in_tables(void **state)
{
    uint64_t states[EVIDENCE_STATES] = {0};
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct findings f[2];
        struct dice d = {seed};
        struct buf records = BUF_INIT(0), tables = BUF_INIT(0), texts[2];
        struct report_options ox, oy;
        struct report x, y;
        for (size_t i = 0; i < 2; i++) { /* two instances */
            open_table(&f[i], 0);
            fill_both(&f[i], &records, &d, 5u << (seed % 6));
            texts[i] = written(&f[i], i == 0 ? "a" : "b", 0);
            expect_restored(&texts[i], i == 0 ? "a" : "b");
            findings_end(&f[i]);
        }
        for (size_t i = 0; i < 3; i++) /* in any order, one of them twice */
            append(&tables, &texts[(seed + i) % 2]);
        make(&x, &ox, buf_span(&records));
        make(&y, &oy, buf_span(&tables));
        assert_int_equal(x.probes, y.probes);
        assert_int_equal(x.nfindings, y.nfindings);
        assert_true(y.counted >= x.counted && y.counted + y.noise == x.counted + x.noise);
        for (size_t i = 0; i < x.nendpoints; i++) {
            const struct report_endpoint *e = same_endpoint(&y, x.endpoints[i]);
            assert_memory_equal(e->states, x.endpoints[i]->states, sizeof(e->states));
            assert_memory_equal(e->probes, x.endpoints[i]->probes, sizeof(e->probes));
            expect_same_findings(x.endpoints[i], e);
        }
        for (size_t s = 0; s < EVIDENCE_STATES; s++)
            states[s] += x.states[s];
        report_free(&x);
        report_free(&y);
        buf_free(&records);
        buf_free(&tables);
        buf_free(&texts[0]);
        buf_free(&texts[1]);
    }
    assert_true(states[EVIDENCE_REGRESS] > 0 && states[EVIDENCE_NOISY] > 0 &&
                states[EVIDENCE_THIN] > 0);
}

/* --- damage --- */

static void damaged_lines_are_left_out(void **state)
{
    struct findings f, g;
    struct dice d = {9};
    UNUSED(state);
    open_table(&f, 0);
    fill(&f, &d, 60);
    struct buf text = written(&f, "a", 0);
    for (int round = 0; round < 300; round++) {
        struct buf bad = BUF_INIT(0);
        append(&bad, &text);
        for (unsigned i = 0; i < 1 + dice_roll(&d, 8); i++)
            bad.p[dice_roll(&d, bad.n)] = "0}\",:[9\n"[dice_roll(&d, 8)];
        open_table(&g, 0);
        assert_int_equal(findings_restore(&g, buf_span(&bad), "a"), ERR_OK);
        struct buf again = written(&g, "a", 0);
        struct buf json = report(buf_span(&bad), REPORT_JSON);
        struct jdoc doc = JDOC_INIT;
        assert_int_equal(jdoc_parse(&doc, buf_span(&json)), ERR_OK);
        jdoc_free(&doc);
        buf_free(&json);
        buf_free(&again);
        findings_end(&g);
        buf_free(&bad);
    }
    buf_free(&text);
    findings_end(&f);
}

/* --- forged tables --- */

enum { BIG = 70 * 1024 };

static void put_table(struct buf *to, const char *instance, uint64_t begun, uint64_t at)
{
    assert_int_equal(buf_printf(to,
                                "{\"v\":1,\"t\":\"table\",\"at\":%llu,\"instance\":\"%s\","
                                "\"begun\":%llu,\"dropped\":{}}\n",
                                (unsigned long long)at, instance, (unsigned long long)begun),
                     ERR_OK);
}

static void put_forged(struct buf *to, const char *route, const char *path, const char *n)
{
    assert_int_equal(
        buf_printf(
            to,
            "{\"v\":1,\"t\":\"endpoint\",\"at\":%s,\"route\":\"%s\",\"endpoint\":\"GET "
            "/a\",\"first\":%s,\"match\":%s,\"mismatch\":%s,\"persistent\":%s,\"unchecked\":%s,"
            "\"judged\":%s,\"legacy_errors\":%s,\"new_errors\":%s,\"more\":%s,\"status\":[200,"
            "200,%s,%s,999,1],\"legacy_us\":[3,%s,99999,1],\"new_us\":[3,%s],\"probes\":[%s,%s,"
            "%s],\"by_rules\":%s,\"defects\":[{\"defect\":\"cent\",\"caught\":%s,\"missed\":%s,"
            "\"path\":\"a\",\"by\":\"\"}],\"absent\":[{\"path\":\"%s\",\"pairs\":%s,\"probes\":%s}]"
            "}\n",
            n, route, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, path, n, n),
        ERR_OK);
    assert_int_equal(
        buf_printf(to,
                   "{\"v\":1,\"t\":\"finding\",\"at\":%s,\"route\":\"%s\",\"endpoint\":\"GET /a\","
                   "\"path\":\"%s\",\"kind\":\"value\",\"first\":%s,\"pairs\":%s,\"lasting\":%s,"
                   "\"places\":%s,\"b\":%s,\"c\":%s,\"both\":%s}\n",
                   n, route, path, n, n, n, n, n, n, n),
        ERR_OK);
    assert_int_equal(
        buf_printf(
            to,
            "{\"v\":1,\"t\":\"hidden\",\"at\":%s,\"route\":\"%s\",\"rule\":\"x\",\"pairs\":%s,"
            "\"places\":%s,\"paths\":[\"%s\"]}\n"
            "{\"v\":1,\"t\":\"rules\",\"at\":%s,\"rules\":[{\"id\":\"x\",\"expires\":%s},{},1]}\n"
            "{\"v\":1,\"t\":\"options\",\"at\":%s,\"route\":\"%s\",\"percent\":%s,\"rules\":%s}\n",
            n, route, n, n, path, n, n, n, route, n, n),
        ERR_OK);
}

/* In every format, and for the gate: no number that is none, no sum beyond its type. */
static void expect_readable(struct span text)
{
    static const enum report_format formats[] = {REPORT_TEXT, REPORT_HTML, REPORT_MD, REPORT_JUNIT};
    const struct gate_limits limits = {
        .errors = 1, .mismatch = 1, .p95 = 9, .p99 = 9, .coverage = 0.9};
    struct report_options o = {.text = text};
    struct complaints wrong = {.n = 0};
    struct jdoc doc = JDOC_INIT;
    struct buf out = report(text, REPORT_JSON);
    enum gate_verdict verdict;
    assert_int_equal(jdoc_parse(&doc, buf_span(&out)), ERR_OK);
    out.n = 0;
    assert_int_equal(shadow_gate(&o, &limits, GATE_JSON, &out, &verdict, &wrong), ERR_OK);
    assert_int_equal(jdoc_parse(&doc, buf_span(&out)), ERR_OK);
    buf_free(&out);
    jdoc_free(&doc);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        out = report(text, formats[i]);
        assert_false(has(buf_span(&out), "nan") || has(buf_span(&out), " inf"));
        buf_free(&out);
    }
}

static void forged_numbers_are_survived(void **state)
{
    static const char *const numbers[] = {"0",    "1",   "4294967295", "9007199254740993",
                                          "1e18", "-1",  "0.5",        "18446744073709551615",
                                          "null", "NaN", "[]",         "99999999999999999999999"};
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
            struct buf text = BUF_INIT(0);
            struct findings f;
            put_table(&text, "a", clock_wall_ms() - 1000, clock_wall_ms());
            put_forged(&text, "r", "$.a", numbers[i]);
            put_forged(&text, "r", "$.a", numbers[k]);
            put_forged(&text, "q", "$.a.b", numbers[k]);
            expect_readable(buf_span(&text));
            open_table(&f, HOUR);
            assert_int_equal(findings_restore(&f, buf_span(&text), "a"), ERR_OK);
            add(&f, "/a");
            findings_end(&f);
            buf_free(&text);
        }
    }
}

static void forged_names_are_bounded(void **state)
{
    struct findings f;
    struct buf text = BUF_INIT(0);
    char route[32], *big = malloc(BIG + 1);
    UNUSED(state);
    memset(big, 'a', BIG);
    big[BIG] = '\0';
    put_table(&text, "a", 1, 2);
    put_forged(&text, big, "$.a", "1");
    put_forged(&text, "r", big, "1");
    big[PATH_TEXT_MAX + 1] = '\0';
    put_forged(&text, big, "$.a", "1");
    put_forged(&text, "s", big, "1");
    open_table(&f, 0);
    assert_int_equal(findings_restore(&f, buf_span(&text), "a"), ERR_OK);
    assert_int_equal(now(&f)->nendpoints, 1); /* "s", without the place and the finding */
    assert_int_equal(now(&f)->endpoints[0]->nabsent, 0);
    assert_int_equal(now(&f)->nentries, 0);
    findings_end(&f);
    text.n = 0;
    put_table(&text, "a", 1, 2);
    for (unsigned i = 0; i < 2 * TRIE_ROUTES_MAX; i++) {
        (void)snprintf(route, sizeof(route), "r%u", i);
        put_forged(&text, route, "$.a", "1");
    }
    open_table(&f, 0);
    assert_int_equal(findings_restore(&f, buf_span(&text), "a"), ERR_OK);
    assert_true(f.shared.trie.nodes < 4 * TRIE_ROUTES_MAX);
    assert_int_equal(now(&f)->nendpoints, FINDINGS_ENDPOINTS_MAX + 1);
    findings_end(&f);
    buf_free(&text);
    free(big);
}

/* Of the places that a rule hid the first in the alphabet stay, in whatever order they come. */
static void hidden_places_are_few_and_in_order(void **state)
{
    static const char *const orders[] = {"gfedcba", "abcdefg", "dacbgfe", "cccbbdaea"};
    static const char want[] = "\"rule\":\"x\",\"pairs\":%zu,\"places\":%zu,\"paths\":[\"a\",\"b\","
                               "\"c\",\"d\",\"e\"]%s}";
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct findings f;
        struct buf text = BUF_INIT(0);
        char line[128];
        size_t n = strlen(orders[i]);
        uint64_t now_ms = clock_wall_ms();
        put_table(&text, "a", now_ms - 1000, now_ms);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(buf_printf(&text,
                                        "{\"v\":1,\"t\":\"hidden\",\"at\":1,\"route\":\"r\","
                                        "\"rule\":\"x\",\"pairs\":1,\"places\":1,"
                                        "\"paths\":[\"%c\"]}\n",
                                        orders[i][k]),
                             ERR_OK);
        open_table(&f, HOUR);
        assert_int_equal(findings_restore(&f, buf_span(&text), "a"), ERR_OK);
        struct buf out = written(&f, "a", 0);
        (void)snprintf(line, sizeof(line), want, n, n, n > 7 ? "" : ",\"more_paths\":true");
        if (!has(buf_span(&out), line))
            fail_msg("%s: %.*s", orders[i], SPAN_ARG(buf_span(&out)));
        findings_end(&f);
        buf_free(&out);
        buf_free(&text);
    }
}

static void a_table_of_the_future_is_none(void **state)
{
    struct findings f;
    struct buf text = BUF_INIT(0);
    uint64_t year = (uint64_t)365 * 24 * HOUR;
    UNUSED(state);
    put_table(&text, "a", clock_wall_ms() + year, clock_wall_ms() + 2 * year);
    put_forged(&text, "r", "$.a", "1");
    open_table(&f, HOUR);
    assert_int_equal(findings_restore(&f, buf_span(&text), "a"), ERR_OK);
    assert_int_equal(now(&f)->begun_ms, 0);
    add(&f, "/a");
    assert_true(now(&f)->begun_ms <= clock_wall_ms() && f.shared.generation == 0);
    findings_end(&f);
    buf_free(&text);
}

/* --- copies that no pair came of --- */

static void drops_need_no_pair(void **state)
{
    struct findings f;
    UNUSED(state);
    open_table(&f, 0);
    struct buf text = written(&f, "a", 0);
    assert_int_equal(text.n, 0);
    uint64_t before = findings_changes(&f);
    shadow_count_drop(SHADOW_DROP_METHOD);
    shadow_count_drop(SHADOW_DROP_METHOD);
    assert_true(findings_changes(&f) > before);
    text = written(&f, "a", 0);
    assert_true(has(buf_span(&text), "\"dropped\":{\"method\":2}"));
    struct buf seen = report(buf_span(&text), REPORT_TEXT);
    if (!has(buf_span(&seen), "method 2"))
        fail_msg("%.*s", (int)seen.n, seen.p);
    findings_end(&f);
    open_table(&f, 0);
    assert_int_equal(findings_restore(&f, buf_span(&text), "a"), ERR_OK);
    assert_int_equal(now(&f)->drops[SHADOW_DROP_METHOD], 2);
    findings_end(&f);
    buf_free(&seen);
    buf_free(&text);
}

/* --- failing allocations --- */

static struct buf to_restore;

static enum err build(void *arg)
{
    struct findings f;
    struct buf out = BUF_INIT(0);
    UNUSED(arg);
    TRY(findings_begin(&f, &redactor, 0));
    enum err e = findings_restore(&f, buf_span(&to_restore), "a");
    if (e == ERR_OK)
        e = findings_write(&f, "a", 0, &out);
    buf_free(&out);
    findings_end(&f);
    return e == ERR_TOO_LARGE ? ERR_OK : e;
}

static enum err build_report(void *arg)
{
    struct report_options o = {.text = buf_span(&to_restore), .format = REPORT_TEXT, .width = 80};
    struct complaints wrong = {.n = 0};
    struct buf out = BUF_INIT(0);
    UNUSED(arg);
    enum err e = shadow_report(&o, &out, &wrong);
    complaints_free(&wrong);
    buf_free(&out);
    return e;
}

static void failing_allocations_are_survived(void **state)
{
    struct findings f;
    struct dice d = {10};
    UNUSED(state);
    open_table(&f, 0);
    fill(&f, &d, 12);
    to_restore = written(&f, "a", 0);
    findings_end(&f);
    alloc_walk(build, NULL);
    alloc_walk(build_report, NULL);
    for (long n = 1; n < 60; n++) { /* adding never fails; it counts */
        open_table(&f, 0);
        bench_json(&b, "{\"a\":1}", "{\"a\":2}");
        alloc_fail_at(n);
        add(&f, "/items/1");
        alloc_fail_at(0);
        assert_true(now(&f)->lost + now(&f)->nentries == 1);
        findings_end(&f);
    }
    buf_free(&to_restore);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(what_is_written_has_a_ceiling, begin, end),
        cmocka_unit_test_setup_teardown(numbers_that_fold_are_put_together, begin, end),
        cmocka_unit_test_setup_teardown(examples_are_redacted, begin, end),
        cmocka_unit_test_setup_teardown(examples_name_rules_however_much_they_hide, begin, end),
        cmocka_unit_test_setup_teardown(a_route_can_be_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(routes_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(tables_grow_old, begin, end),
        cmocka_unit_test_setup_teardown(tables_grow_old_without_traffic, begin, end),
        cmocka_unit_test_setup_teardown(unsettled_mismatches_count, begin, end),
        cmocka_unit_test_setup_teardown(a_restart_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_is_named_stays_named, begin, end),
        cmocka_unit_test_setup_teardown(tables_add_up_in_any_order, begin, end),
        cmocka_unit_test_setup_teardown(tables_and_records_agree, begin, end),
        cmocka_unit_test_setup_teardown(how_it_was_compared_is_in_tables, begin_with_rules, end),
        cmocka_unit_test_setup_teardown(other_options_are_said, begin_with_rules, end),
        cmocka_unit_test_setup_teardown(noise_is_the_same_in_tables, begin, end),
        cmocka_unit_test_setup_teardown(damaged_lines_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(forged_numbers_are_survived, begin, end),
        cmocka_unit_test_setup_teardown(forged_names_are_bounded, begin, end),
        cmocka_unit_test_setup_teardown(hidden_places_are_few_and_in_order, begin, end),
        cmocka_unit_test_setup_teardown(a_table_of_the_future_is_none, begin, end),
        cmocka_unit_test_setup_teardown(drops_need_no_pair, begin, end),
        cmocka_unit_test_setup_teardown(failing_allocations_are_survived, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

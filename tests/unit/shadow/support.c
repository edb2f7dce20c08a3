/* See support.h. */
#include "tests/unit/shadow/support.h"

#include <stdio.h>
#include <stdlib.h>

void bench_begin(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->servers[SIDE_LEGACY] = "legacy.test:80";
    b->servers[SIDE_NEW] = "new.test:8080";
    b->backends[SIDE_LEGACY] =
        (struct config_backend){.name = "old", .servers = {&b->servers[SIDE_LEGACY], 1}};
    b->backends[SIDE_NEW] =
        (struct config_backend){.name = "fresh", .servers = {&b->servers[SIDE_NEW], 1}};
    b->config.backends = b->backends;
    b->config.nbackends = 2;
    b->route.name = "default";
    b->route.legacy = "old";
    b->route.new_ = "fresh";
    b->route.shadow.ignore.list = b->ignore;
    b->route.shadow.tolerance = b->tolerance;
    b->config.routes = &b->route;
    b->config.nroutes = 1;
    arena_begin(&b->pair.arena, 64 * 1024 * 1024);
    (void)snprintf(b->pair.id, sizeof(b->pair.id), "%032x", 7);
    b->pair.wall_ms = 1767225600000;
    b->pair.served = SIDE_LEGACY;
    b->pair.method = HTTP_GET;
    b->pair.target = SPAN("/items/7?q=1");
    b->pair.path = SPAN("/items/7");
    b->pair.host = SPAN("shop.test");
    compare_begin(&b->comparer, 4 * 1024 * 1024);
}

void bench_ignore(struct bench *b, const char *path)
{
    assert_true(b->route.shadow.ignore.n < BENCH_RULES_MAX);
    b->ignore[b->route.shadow.ignore.n++] = path;
}

void bench_tolerate(struct bench *b, const char *path, double abs, double rel)
{
    assert_true(b->route.shadow.ntolerance < BENCH_RULES_MAX);
    b->tolerance[b->route.shadow.ntolerance++] = (struct config_tolerance){path, abs, rel};
}

void bench_rules(struct bench *b)
{
    struct complaints wrong = {.n = 0};
    enum err e = shadow_rules_new(&b->route, &b->config, &b->rules, &wrong);
    if (e != ERR_OK && wrong.n > 0)
        fail_msg("%s %s", wrong.list[0].where, wrong.list[0].what);
    assert_int_equal(e, ERR_OK);
    complaints_free(&wrong);
    b->pair.rules = b->rules;
}

/* --- answers --- */

static struct span keep(struct bench *b, struct span s)
{
    char *p = arena_copy(&b->pair.arena, s);
    assert_non_null(p);
    return span_of(p, s.n);
}

static struct span next_line(struct span *rest)
{
    size_t n = span_find(*rest, '\n');
    assert_true(n < rest->n);
    struct span line = span_until(*rest, n);
    *rest = span_from(*rest, n + 1);
    return span_has_suffix(line, SPAN("\r")) ? span_until(line, line.n - 1) : line;
}

static void read_head(struct bench *b, struct http_head *h, struct span *rest)
{
    uint64_t status = 0;
    struct span line = keep(b, next_line(rest));
    assert_true(line.n >= 12 && span_u64(span_of(line.p + 9, 3), &status));
    h->status = (uint16_t)status;
    for (line = next_line(rest); line.n > 0; line = next_line(rest)) {
        line = keep(b, line);
        size_t colon = span_find(line, ':');
        assert_true(colon < line.n);
        assert_int_equal(
            http_head_add(h, span_until(line, colon), span_trim(span_from(line, colon + 1))),
            ERR_OK);
    }
}

void bench_answer(struct bench *b, enum side side, struct span text)
{
    struct shadow_answer *a = &b->pair.answers[side];
    http_head_begin(&a->head, &b->pair.arena, true);
    a->head.status = 200;
    a->has_head = true;
    if (span_has_prefix(text, SPAN("HTTP/")))
        read_head(b, &a->head, &text);
    buf_free(&a->body);
    a->body = BUF_INIT(0);
    assert_int_equal(buf_append(&a->body, text), ERR_OK);
    a->body_length = text.n;
    a->first_byte_us = 1000;
    a->total_us = side == SIDE_LEGACY ? 12000 : 30000;
}

void bench_trailers(struct bench *b, enum side side, struct span text)
{
    struct http_head *h = arena_alloc(&b->pair.arena, sizeof(*h));
    assert_non_null(h);
    http_head_begin(h, &b->pair.arena, true);
    b->pair.answers[side].trailers = h;
    while (text.n > 0) {
        struct span line = keep(b, next_line(&text));
        size_t colon = span_find(line, ':');
        assert_true(colon < line.n);
        assert_int_equal(
            http_head_add(h, span_until(line, colon), span_trim(span_from(line, colon + 1))),
            ERR_OK);
    }
}

void bench_clear(struct bench *b)
{
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        buf_free(&b->pair.answers[s].body);
        memset(&b->pair.answers[s], 0, sizeof(b->pair.answers[s]));
    }
    arena_end(&b->pair.arena);
}

void bench_compare(struct bench *b)
{
    compare_pair(&b->comparer, &b->pair, &b->result);
}

void bench_end(struct bench *b)
{
    bench_clear(b);
    compare_end(&b->comparer);
    shadow_rules_release(&b->rules);
}

void bench_json(struct bench *b, const char *legacy, const char *new_)
{
    const char *texts[2] = {legacy, new_};
    bench_clear(b);
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        bench_answer(b, s, span_str(texts[s]));
        assert_int_equal(
            http_head_add_id(&b->pair.answers[s].head, HTTP_CONTENT_TYPE, SPAN("application/json")),
            ERR_OK);
    }
    bench_compare(b);
}

/* --- looking --- */

const struct finding *bench_finding(const struct bench *b, const char *path, enum finding_kind kind)
{
    for (size_t i = 0; i < b->result.nfindings; i++)
        if (b->result.findings[i].kind == kind &&
            span_eq(b->result.findings[i].path, span_str(path)))
            return &b->result.findings[i];
    return NULL;
}

static void list(const struct bench *b)
{
    print_error("verdict %s %s, body %s\n", verdict_word(b->result.verdict),
                b->result.reason == NULL ? "" : b->result.reason, b->result.body);
    for (size_t i = 0; i < b->result.nfindings; i++) {
        const struct finding *f = &b->result.findings[i];
        print_error("  %.*s %s n=%u detail=%s method=%s note=%.*s\n", SPAN_ARG(f->path),
                    finding_kind_word(f->kind), f->n, f->detail == NULL ? "-" : f->detail,
                    f->method == NULL ? "-" : f->method, SPAN_ARG(f->note));
    }
}

void bench_expect(const struct bench *b, const char *path, enum finding_kind kind)
{
    if (bench_finding(b, path, kind) != NULL)
        return;
    list(b);
    fail_msg("%s at %s was not found", finding_kind_word(kind), path);
}

void bench_expect_count(const struct bench *b, size_t findings)
{
    if (b->result.nfindings == findings)
        return;
    list(b);
    fail_msg("%zu findings, not %zu", b->result.nfindings, findings);
}

/* --- random --- */

uint64_t dice_roll(struct dice *d, uint64_t n)
{
    d->state += 0x9e3779b97f4a7c15u;
    uint64_t z = d->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % n;
}

bool slurp(const char *file, struct buf *out)
{
    FILE *f = fopen(file, "rb");
    if (f == NULL)
        return false;
    size_t got = 1;
    while (got > 0) {
        assert_int_equal(buf_reserve(out, 65536), ERR_OK);
        got = fread(out->p + out->n, 1, 65536, f);
        out->n += got;
    }
    assert_int_equal(fclose(f), 0);
    return true;
}

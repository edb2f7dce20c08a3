/* Records: what is written is read back, values are redacted in every mode as promised, lines stay
 * within bounds, and anything that is no record is told from one. */
#include "tests/unit/shadow/support.h"

#include "shadow/patch.h"

#include "shadow/jwrite.h"
#include "shadow/record_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct bench b;
static struct redactor redactor;
static struct endpoint endpoint;
static struct buf line;
static struct record_reader reader;

static int begin(void **state)
{
    UNUSED(state);
    bench_begin(&b);
    bench_rules(&b);
    endpoint_of(HTTP_GET, SPAN("/items/7"), &endpoint);
    return redact_begin(&redactor, SHADOW_STORE_TOKENS) == ERR_OK ? 0 : -1;
}

static int end(void **state)
{
    UNUSED(state);
    bench_end(&b);
    buf_free(&line);
    record_reader_free(&reader);
    return 0;
}

static void write_line(enum shadow_store store)
{
    line.n = 0;
    line.max = RECORD_LINE_MAX;
    redactor.store = store;
    assert_int_equal(record_pair(&redactor, &b.pair, &endpoint, &b.result, true, &line), ERR_OK);
    assert_true(line.n > 0 && line.n <= RECORD_LINE_MAX);
    assert_int_equal(line.p[line.n - 1], '\n');
    assert_null(memchr(line.p, '\n', line.n - 1));
}

static void read_line(void)
{
    assert_int_equal(record_read(&reader, span_of(line.p, line.n - 1)), ERR_OK);
}

static bool line_has(const char *s)
{
    return memmem(line.p, line.n, s, strlen(s)) != NULL;
}

static void what_is_written_is_read(void **state)
{
    const struct record *r = &reader.record;
    UNUSED(state);
    bench_json(&b, "{\"a\":1,\"b\":[{\"id\":1,\"c\":\"x\"},{\"id\":2}],\"gone\":null}",
               "{\"a\":\"1\",\"b\":[{\"id\":2},{\"id\":1,\"c\":\"y\"}]}");
    b.pair.epoch = 9;
    b.pair.bucket = 77;
    write_line(SHADOW_STORE_TOKENS);
    read_line();
    assert_int_equal(r->type, RECORD_PAIR);
    assert_int_equal(r->verdict, VERDICT_MISMATCH);
    assert_int_equal(r->at_ms, b.pair.wall_ms);
    assert_true(span_eq(r->id, span_str(b.pair.id)));
    assert_true(span_eq(r->route, SPAN("default")));
    assert_true(span_eq(r->endpoint, SPAN("GET /items/7")));
    assert_true(span_eq(r->method, SPAN("GET")));
    assert_int_equal(r->status[SIDE_NEW], 200);
    assert_int_equal(r->total_us[SIDE_NEW], 30000);
    assert_int_equal(r->nfindings, b.result.nfindings);
    for (size_t i = 0; i < r->nfindings; i++) {
        assert_true(span_eq(r->findings[i].path, b.result.findings[i].path));
        assert_int_equal(r->findings[i].kind, b.result.findings[i].kind);
        assert_int_equal(r->findings[i].n, b.result.findings[i].n);
    }
    const struct finding *order = bench_finding(&b, "$.b", KIND_ORDER);
    assert_non_null(order);
}

static void tokens_show_same_and_different_and_nothing_else(void **state)
{
    const struct record *r = &reader.record;
    UNUSED(state);
    /* A token is hexadecimal: neither name can be in one by chance. */
    bench_json(
        &b,
        "{\"a\":\"eve@example.org\",\"b\":\"eve@example.org\",\"c\":true,\"d\":null,\"e\":12345}",
        "{\"a\":\"bob@example.org\",\"b\":\"x\",\"c\":false,\"d\":{\"k\":1},\"e\":\"12345\"}");
    write_line(SHADOW_STORE_TOKENS);
    read_line();
    assert_false(line_has("eve") || line_has("bob") || line_has("12345\"") || line_has("true"));
    assert_true(span_has_prefix(r->findings[0].values[SIDE_LEGACY], SPAN("<email#")));
    assert_true(span_has_suffix(r->findings[0].values[SIDE_LEGACY], SPAN(",15>")));
    assert_true(span_eq(r->findings[0].values[SIDE_LEGACY], r->findings[1].values[SIDE_LEGACY]));
    assert_false(span_eq(r->findings[0].values[SIDE_LEGACY], r->findings[0].values[SIDE_NEW]));
    /* another run has another key */
    struct span before = r->findings[0].values[SIDE_LEGACY];
    char old[64];
    memcpy(old, before.p, before.n);
    struct redactor other;
    assert_int_equal(redact_begin(&other, SHADOW_STORE_TOKENS), ERR_OK);
    struct buf token = BUF_INIT(0);
    assert_int_equal(redact_text(&other, SPAN("eve@example.org"), &token), ERR_OK);
    assert_false(span_eq(buf_span(&token), span_of(old, before.n)));
    buf_free(&token);
}

/* --- secrets --- */

static const char *const planted[] = {"hunter2",     "tok-secret",   "cookie-secret",
                                      "auth-secret", "query-secret", "header-secret",
                                      "line-secret", "plain-value",  "path-secret@example.org"};

static void plant(void)
{
    b.pair.path = SPAN("/reset/path-secret%40example.org/x");
    endpoint_of(HTTP_GET, b.pair.path, &endpoint);
    b.pair.target = SPAN("/reset/path-secret%40example.org/"
                         "x?api_key=query-secret&q=plain-value&tok-secret&=hunter2");
    bench_answer(
        &b, SIDE_LEGACY,
        SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAuthorization: auth-secret\r\n"
             "Set-Cookie: session=cookie-secret; Path=/cookie-secret\r\nX-Api-Key: "
             "header-secret\r\nX-Plain: "
             "plain-value\r\n\r\n"
             "{\"password\":\"hunter2\",\"auth\":{\"deep\":[\"tok-secret\"]},\"note\":\"plain-"
             "value\",\"by\":{\"path-secret@example.org\":1}}"));
    bench_answer(&b, SIDE_NEW,
                 SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: "
                      "session=cookie-secret-2; "
                      "Path=/x\r\nX-Plain: "
                      "other\r\n\r\n{\"password\":\"hunter22\",\"auth\":{\"deep\":[\"x\"]},"
                      "\"note\":\"y\",\"by\":{\"path-secret@example.org\":2}}"));
    bench_compare(&b);
    assert_true(b.result.nfindings >= 6);
}

static void planted_secrets_reach_no_record(void **state)
{
    UNUSED(state);
    plant();
    for (enum shadow_store s = SHADOW_STORE_PATHS; s <= SHADOW_STORE_TOKENS; s++) {
        write_line(s);
        for (size_t i = 0; i < ARRAY_LEN(planted); i++)
            if (line_has(planted[i]))
                fail_msg("%s with store %s:\n%.*s", planted[i], record_store_word(s), (int)line.n,
                         line.p);
    }
    assert_true(line_has("api_key=<secret>"));
    assert_true(line_has("q=<text#"));
}

/* In full, values are kept, but not those whose names say what they are. */
static void full_keeps_values_but_no_named_secrets(void **state)
{
    UNUSED(state);
    plant();
    write_line(SHADOW_STORE_FULL);
    assert_true(line_has("plain-value"));
    assert_true(line_has("path-secret%40example.org"));
    static const char *const never[] = {"hunter2\"",   "hunter22",     "cookie-secret",
                                        "auth-secret", "query-secret", "header-secret"};
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (line_has(never[i]))
            fail_msg("%s:\n%.*s", never[i], (int)line.n, line.p);
    assert_false(line_has("deep[]\",\"kind\":\"value\",\"legacy_class\":\"text\",\"new_class\":"
                          "\"text\",\"legacy\":\"tok"));
}

/* Also in patches, at any depth: what is around a name that says so, and what is below one. */
static void patches_hold_no_named_secrets(void **state)
{
    struct diff d = {.n = 0};
    struct buf patch = BUF_INIT(0);
    size_t steps;
    UNUSED(state);
    assert_int_equal(
        patch_make(
            &d,
            SPAN("{\"a\":1,\"login\":{\"password\":\"hunter2\"},\"auth\":{\"deep\":[\"hunter2\"]},"
                 "\"l\":[1]}"),
            SPAN("{\"a\":2,\"login\":{\"password\":\"hunter22\"},\"auth\":{\"deep\":[\"hunter3\"]},"
                 "\"l\":[{"
                 "\"api_key\":\"hunter4\",\"x\":\"two\\nlines\"}],\"user\":{\"pin\":\"hunter5\"}}"),
            true, &patch, &steps),
        ERR_OK);
    plant();
    b.result.patch = buf_span(&patch);
    write_line(SHADOW_STORE_FULL);
    assert_true(line_has("\"patch\":["));
    assert_true(line_has("{\"op\": \"replace\", \"path\": \"/a\", \"value\": 2}"));
    assert_true(line_has("two\\nlines"));
    assert_false(line_has("hunter"));
    assert_ptr_equal(memchr(line.p, '\n', line.n), line.p + line.n - 1);
    read_line();
    assert_int_not_equal(reader.record.patch, JDOC_NONE);
    diff_free(&d);
    buf_free(&patch);
}

/* The names of fields of forms and of trailers say it as those of JSON and of headers do. */
static void forms_and_trailers_are_redacted_too(void **state)
{
    UNUSED(state);
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n";
    char texts[2][256];
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        (void)snprintf(texts[s], sizeof(texts[s]), "%spassword=hunter%u&plain=open%u", head, s, s);
        bench_answer(&b, s, span_str(texts[s]));
        (void)snprintf(texts[s], sizeof(texts[s]), "X-Api-Key: hunter%u\n", s);
        bench_trailers(&b, s, span_str(texts[s]));
    }
    bench_compare(&b);
    assert_int_equal(b.result.nfindings, 3);
    for (enum shadow_store s = SHADOW_STORE_PATHS; s <= SHADOW_STORE_FULL; s++) {
        write_line(s);
        assert_false(line_has("hunter"));
        assert_int_equal(line_has("open1"), s == SHADOW_STORE_FULL);
    }
    bench_trailers(&b, SIDE_LEGACY, SPAN(""));
    bench_trailers(&b, SIDE_NEW, SPAN(""));
}

/* What is damaged has names that nobody could read. */
static void damaged_documents_are_not_shown(void **state)
{
    static const struct {
        const char *media, *before, *after;
    } rows[] = {
        {"application/x-www-form-urlencoded", "password=hunter", "%ff"},
        {"application/json", "{\"password\":\"hunter", "\""},
        {"text/event-stream", "data: {\"password\":\"hunter", "\"}\n\n\xff"},
    };
    char texts[2][256];
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
            (void)snprintf(texts[s], sizeof(texts[s]),
                           "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n%s%u%s", rows[i].media,
                           rows[i].before, s, rows[i].after);
            bench_answer(&b, s, span_str(texts[s]));
        }
        bench_compare(&b);
        assert_true(b.result.nfindings > 0);
        write_line(SHADOW_STORE_FULL);
        if (line_has("hunter") || !line_has("<text#"))
            fail_msg("%s: %.*s", rows[i].media, (int)line.n, line.p);
    }
    bench_answer(&b, SIDE_NEW, SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"));
    bench_answer(&b, SIDE_LEGACY,
                 SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
                      "{\"password\":\"hunter2\""));
    bench_compare(&b);
    write_line(SHADOW_STORE_FULL);
    assert_false(line_has("hunter"));
}

static void paths_store_no_values_and_no_target(void **state)
{
    UNUSED(state);
    plant();
    write_line(SHADOW_STORE_PATHS);
    assert_false(line_has("target") || line_has("\"legacy\":\"<") || line_has("\"new\":\"<"));
    assert_true(line_has("\"path\":\"$.note\""));
}

static void text_bodies_are_redacted_too(void **state)
{
    UNUSED(state);
    bench_answer(&b, SIDE_LEGACY,
                 SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nline-secret\n"));
    bench_answer(&b, SIDE_NEW, SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nother\n"));
    bench_compare(&b);
    write_line(SHADOW_STORE_TOKENS);
    assert_false(line_has("line-secret"));
    bench_answer(
        &b, SIDE_LEGACY,
        SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n<p>line-secret</p>"));
    bench_answer(&b, SIDE_NEW, SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"));
    bench_compare(&b);
    write_line(SHADOW_STORE_TOKENS);
    assert_false(line_has("line-secret"));
    assert_true(line_has("is not JSON"));
}

/* Random targets: no run of eight or more characters of a query value is in the line. */
static void path_segments_that_say_too_much_are_redacted(void **state)
{
    static const char *const segments[] = {
        "ada@example.org",
        "ada%40example.org",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "4111111111111111",
        "aVeryLongWordThatNobodyWouldPutIntoAPathByHand",
        "3f2b8c1e-7d3a-4f5b-9c1d-2e3f4a5b6c7d",
        "Q1dFUlRZVUlPUDEyMzQ1Njc4",
    };
    UNUSED(state);
    redactor.store = SHADOW_STORE_TOKENS;
    for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
        char target[128];
        int n = snprintf(target, sizeof(target), "/items/42/%s/parts", segments[i]);
        line.n = 0;
        assert_int_equal(redact_target(&redactor, span_of(target, (size_t)n), &line), ERR_OK);
        assert_true(line_has("\"/items/42/<") && line_has(">/parts\""));
        if (line_has(segments[i]))
            fail_msg("%.*s", (int)line.n, line.p);
    }
}

static void random_targets_are_redacted(void **state)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789%&=/?.-_";
    struct dice dice = {31};
    UNUSED(state);
    bench_json(&b, "1", "2");
    for (int round = 0; round < 3000; round++) {
        char target[200] = "/p?";
        size_t n = 3 + dice_roll(&dice, 150);
        for (size_t i = 3; i < n; i++)
            target[i] = alphabet[dice_roll(&dice, sizeof(alphabet) - 1)];
        b.pair.target = span_of(target, n);
        write_line(SHADOW_STORE_TOKENS);
        read_line();
        for (size_t i = 3; i + 8 < n; i++) {
            struct span value = span_of(target + i, 0);
            if (target[i] != '=')
                continue;
            value.p++;
            while (i + 1 + value.n < n && target[i + 1 + value.n] != '&')
                value.n++;
            if (value.n >= 8 &&
                memmem(reader.record.target.p, reader.record.target.n, value.p, value.n) != NULL)
                fail_msg("%.*s in %.*s", SPAN_ARG(value), SPAN_ARG(reader.record.target));
        }
    }
    b.pair.target = SPAN("/items/7?q=1");
}

/* --- bounds --- */

static void lines_stay_within_their_bound(void **state)
{
    struct buf texts[2] = {BUF_INIT(0), BUF_INIT(0)};
    char key[60], wide[6 * 200 + 1] = "";
    UNUSED(state);
    for (unsigned i = 0; i < 200; i++) /* six bytes each when written */
        memcpy(wide + (size_t)6 * i, "\\u0001", 7);
    for (unsigned s = 0; s < 2; s++) {
        assert_int_equal(buf_append(&texts[s], SPAN("{")), ERR_OK);
        for (unsigned i = 0; i < 45; i++) {
            for (unsigned k = 0; k < sizeof(key) - 1; k++)
                key[k] =
                    (char)(1 + (i + k) % 31); /* control characters: six bytes each when written */
            key[0] = (char)('a' + i % 26);
            key[1] = (char)('a' + i / 26);
            key[sizeof(key) - 1] = '\0';
            struct buf *t = &texts[s];
            assert_int_equal(buf_append(t, i == 0 ? SPAN("") : SPAN(",")), ERR_OK);
            assert_int_equal(jwrite_string(t, span_str(key)), ERR_OK);
            assert_int_equal(buf_append(t, SPAN(":{\"x\":[")), ERR_OK);
            for (unsigned k = 0; k < 2; k++) {
                assert_int_equal(buf_append(t, k == 0 ? SPAN("{") : SPAN(",{")), ERR_OK);
                assert_int_equal(jwrite_string(t, span_str(key)), ERR_OK);
                assert_int_equal(buf_printf(t, ":%u,\"more\":\"%s%u\"}", s, wide, s), ERR_OK);
            }
            assert_int_equal(buf_append(t, SPAN("]}")), ERR_OK);
        }
        assert_int_equal(buf_append(&texts[s], span_of("}", 2)), ERR_OK);
    }
    bench_json(&b, texts[0].p, texts[1].p);
    bench_expect_count(&b, DIFF_FINDINGS_MAX);
    char long_target[8192];
    memset(long_target, '<', sizeof(long_target));
    b.pair.target = span_of(long_target, sizeof(long_target));
    for (enum shadow_store s = SHADOW_STORE_PATHS; s <= SHADOW_STORE_FULL; s++) {
        write_line(s);
        read_line();
        assert_true(reader.record.nfindings > 20);
        assert_true(reader.record.more > 0);
    }
    b.pair.target = SPAN("/items/7?q=1");
    buf_free(&texts[0]);
    buf_free(&texts[1]);
}

static void a_match_is_compact(void **state)
{
    UNUSED(state);
    bench_json(&b, "{}", "{ }");
    write_line(SHADOW_STORE_TOKENS);
    assert_true(line.n < 420);
    assert_false(line_has("target") || line_has("findings"));
}

/* --- other lines, and no lines --- */

static void runs_and_drops_are_read(void **state)
{
    uint64_t drops[SHADOW_DROP_COUNT] = {[SHADOW_DROP_BUDGET] = 3, [SHADOW_DROP_LOOP] = 1};
    UNUSED(state);
    line.n = 0;
    assert_int_equal(record_drops(5, drops, &line), ERR_OK);
    read_line();
    assert_int_equal(reader.record.type, RECORD_DROPS);
    assert_memory_equal(reader.record.drops, drops, sizeof(drops));
    line.n = 0;
    redactor.store = SHADOW_STORE_PATHS;
    assert_int_equal(record_run(&redactor, 6, &line), ERR_OK);
    read_line();
    assert_int_equal(reader.record.type, RECORD_RUN);
    assert_true(span_eq(reader.record.store, SPAN("paths")));
}

static void what_is_no_record_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"v\":1}",
        "{\"v\":1,\"t\":\"pair\"}",
        "{\"v\":\"1\",\"t\":\"pair\",\"at\":1}",
        "{\"v\":1,\"t\":\"pair\",\"at\":1}",
        "{\"v\":1,\"t\":7,\"at\":1}",
        "{\"v\":1,\"t\":\"drops\",\"at\":1}",
        "{\"v\":1,\"t\":\"drops\",\"at\":1,\"dropped\":[]}",
        "{\"v\":1,\"t\":\"pair\",\"at\":-1}",
        "{\"v\":1,\"t\":\"pair\",\"at\":1,\"id\":\"\",\"route\":\"r\",\"endpoint\":\"e\","
        "\"served\":\"new\",\"verdict\":\"odd\","
        "\"status\":[1,2],\"first_us\":[1,2],\"total_us\":[1,2]}",
        "{\"v\":1,\"t\":\"pair\",\"at\":1,\"id\":\"\",\"route\":\"r\",\"endpoint\":\"e\","
        "\"served\":\"new\",\"verdict\":\"match\","
        "\"status\":[1],\"first_us\":[1,2],\"total_us\":[1,2]}",
        "{\"v\":1,\"t\":\"pair\",\"at\":1,\"id\":\"\",\"route\":\"r\",\"endpoint\":\"e\","
        "\"served\":\"new\",\"verdict\":"
        "\"mismatch\",\"status\":[1,2],\"first_us\":[1,2],\"total_us\":[1,2]}",
        "{\"v\":1,\"t\":\"pair\",\"at\":1,\"id\":\"\",\"route\":\"r\",\"endpoint\":\"e\","
        "\"served\":\"new\",\"verdict\":"
        "\"mismatch\",\"status\":[1,2],\"first_us\":[1,2],\"total_us\":[1,2],\"findings\":[{"
        "\"path\":\"\",\"kind\":\"value\"}]}",
    };
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (record_read(&reader, span_str(bad[i])) != ERR_INVALID)
            fail_msg("%s", bad[i]);
    assert_int_equal(record_read(&reader, SPAN("{\"v\":2,\"t\":\"pair\",\"at\":1}")),
                     ERR_NOT_FOUND);
    assert_int_equal(record_read(&reader, SPAN("{\"v\":1,\"t\":\"later\",\"at\":1,\"x\":{}}")),
                     ERR_OK);
    assert_int_equal(reader.record.type, RECORD_OTHER);
}

/* --- lines of a file --- */

static void files_are_cut_into_lines(void **state)
{
    char path[] = "/tmp/weir-test-record-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    struct record_file file;
    struct span got;
    UNUSED(state);
    assert_non_null(f);
    (void)fputs("one\n\n\ntwo\r\n", f);
    for (size_t i = 0; i < 50 * RECORD_LINE_MAX; i++)
        (void)fputc('x', f);
    (void)fputs("\nfour\nlast without an end", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(record_file_open(&file, path), ERR_OK);
    static const char *const want[] = {"one", "two\r", "", "four", "last without an end"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(record_file_next(&file, &got), ERR_OK);
        assert_non_null(got.p);
        assert_true(span_eq(got, span_str(want[i])));
    }
    assert_int_equal(record_file_next(&file, &got), ERR_OK);
    assert_null(got.p);
    assert_true(file.buf.cap < 16 * RECORD_LINE_MAX);
    record_file_close(&file);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(record_file_open(&file, "/nonexistent/x"), ERR_SYSTEM);
    record_file_close(&file);
}

static void json_text_is_always_clean(void **state)
{
    struct buf out = BUF_INIT(0);
    struct jdoc d = JDOC_INIT;
    struct dice dice = {8};
    UNUSED(state);
    for (int round = 0; round < 20000; round++) {
        char raw[24];
        size_t n = dice_roll(&dice, sizeof(raw));
        for (size_t i = 0; i < n; i++)
            raw[i] = (char)dice_roll(&dice, 256);
        out.n = 0;
        assert_int_equal(jwrite_string(&out, span_of(raw, n)), ERR_OK);
        if (jdoc_parse(&d, buf_span(&out)) != ERR_OK)
            fail_msg("%.*s: %s", (int)out.n, out.p, d.wrong);
        for (size_t i = 0; i < out.n; i++)
            assert_true((unsigned char)out.p[i] >= 0x20 && out.p[i] != 0x7f);
        size_t cut = jwrite_cut(buf_span(&out), 7);
        assert_true(cut <= 7 && (cut == out.n || ((unsigned char)out.p[cut] & 0xc0) != 0x80));
    }
    jdoc_free(&d);
    buf_free(&out);
}

/* Half a pair of surrogates is legal JSON and no UTF-8: what is written means the same. */
static void half_a_pair_is_written_as_it_was_read(void **state)
{
    static const char text[] = "\"\\ud800 a \\udfff\\ud83d\"";
    struct buf out = BUF_INIT(0);
    struct jdoc d = JDOC_INIT;
    UNUSED(state);
    assert_int_equal(jdoc_parse(&d, span_str(text)), ERR_OK);
    assert_int_equal(jwrite_string(&out, jdoc_text(&d, 0)), ERR_OK);
    assert_true(span_eq(buf_span(&out), span_str(text)));
    jdoc_free(&d);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(tokens_show_same_and_different_and_nothing_else),
        cmocka_unit_test(planted_secrets_reach_no_record),
        cmocka_unit_test(full_keeps_values_but_no_named_secrets),
        cmocka_unit_test(patches_hold_no_named_secrets),
        cmocka_unit_test(forms_and_trailers_are_redacted_too),
        cmocka_unit_test(damaged_documents_are_not_shown),
        cmocka_unit_test(paths_store_no_values_and_no_target),
        cmocka_unit_test(text_bodies_are_redacted_too),
        cmocka_unit_test(path_segments_that_say_too_much_are_redacted),
        cmocka_unit_test(random_targets_are_redacted),
        cmocka_unit_test(lines_stay_within_their_bound),
        cmocka_unit_test(a_match_is_compact),
        cmocka_unit_test(runs_and_drops_are_read),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(files_are_cut_into_lines),
        cmocka_unit_test(json_text_is_always_clean),
        cmocka_unit_test(half_a_pair_is_written_as_it_was_read),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

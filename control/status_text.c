/* `weir status`: what an operator needs first comes first, and whatever is not as it should be
 * stands out. */
#include "control/page.h"
#include "control/state.h"
#include "control/status.h"

#include "base/clock.h"
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* The same for what is always there. */
static const char *word_of(const json_t *o, const char *key)
{
    const char *text = text_of(o, key);
    return text == NULL ? "?" : text;
}

static uint64_t number_of(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* "12 min" since an RFC 3339 time of ours; "?" when it is none. */
static void age_of(char out[PAGE_SHORT], const char *when, uint64_t now_ms)
{
    struct tm tm = {.tm_isdst = 0};
    if (when == NULL || strptime(when, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
        (void)snprintf(out, PAGE_SHORT, "?");
        return;
    }
    uint64_t then = (uint64_t)timegm(&tm);
    uint64_t now = now_ms / 1000;
    page_age(out, now > then ? now - then : 0);
}

/* A line of its own for what is not as it should be. */
static void problem(struct page *p, enum ink ink, const char *text)
{
    page_label(p, "");
    page_printf(p, ink, "! %s", text);
    page_end(p);
}

/* One for each line of a text. */
static void problems(struct page *p, const char *what, const char *text)
{
    struct span rest = span_str(text);
    struct span one;
    char line[1024];
    while (span_cut(&rest, '\n', &one)) {
        (void)snprintf(line, sizeof(line), "%s" SPAN_FMT, what, SPAN_ARG(one));
        if (one.n > 0)
            problem(p, INK_BAD, line);
    }
}

static void remark(struct page *p, const char *text)
{
    page_label(p, "");
    page_text(p, INK_DIM, text);
    page_end(p);
}

/* --- the head --- */

static void say_program(struct page *p, const json_t *s)
{
    char up[PAGE_SHORT];
    page_age(up, number_of(s, "uptime_seconds"));
    page_printf(p, INK_BOLD, "weir %s", word_of(s, "version"));
    page_printf(p, INK_PLAIN, "  %s  pid %llu, up %s", word_of(s, "instance"),
                (unsigned long long)number_of(s, "pid"), up);
    page_end(p);
    page_end(p);
    if (!is(s, "ready"))
        problem(p, INK_WARN, "not ready: it is starting or shutting down");
}

static void say_who(struct page *p, const json_t *o, uint64_t now_ms)
{
    const char *by = text_of(o, "by");
    const char *why = text_of(o, "why");
    char age[PAGE_SHORT];
    age_of(age, text_of(o, "since"), now_ms);
    page_printf(p, INK_PLAIN, "since %s ago, by %s%s%s%s%s%s", age, by == NULL ? "" : by,
                by == NULL ? "" : " (", word_of(o, "source"), by == NULL ? "" : ")",
                why == NULL ? "" : ": ", why == NULL ? "" : why);
    page_end(p);
}

/* Of the document in force, where it is not what made the epoch. */
static void say_document(struct page *p, const json_t *s, uint64_t now_ms)
{
    const json_t *from = json_object_get(s, "document_from");
    page_label(p, "document");
    if (json_is_object(from)) {
        page_text(p, INK_PLAIN, "in force ");
        say_who(p, from, now_ms);
    } else {
        page_text(p, INK_PLAIN, "none was ever applied");
        page_end(p);
    }
}

static void say_epoch(struct page *p, const json_t *s, uint64_t now_ms)
{
    page_label(p, "epoch");
    page_printf(p, INK_BOLD, "%llu", (unsigned long long)number_of(s, "epoch"));
    page_text(p, INK_PLAIN, ", ");
    if (text_of(s, "since") != NULL) {
        say_who(p, s, now_ms);
        if (strcmp(word_of(s, "source"), source_word(SOURCE_CONFIG)) == 0)
            say_document(p, s, now_ms);
    } else {
        page_text(p, INK_PLAIN, "as configured: no control document was ever applied");
        page_end(p);
    }
    if (!is(s, "adopted"))
        problem(p, INK_WARN, "not every worker has taken this epoch over yet");
}

static size_t pinned_routes(const json_t *routes)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(routes); i++)
        n += json_is_string(json_object_get(json_array_get(routes, i), "pin"));
    return n;
}

static void say_pin(struct page *p, const json_t *s)
{
    const char *pin = text_of(s, "pin");
    size_t own = pinned_routes(json_object_get(s, "routes"));
    page_label(p, "pin");
    if (pin != NULL)
        page_printf(p, INK_WARN, "%s: everything goes to %s", pin, pin);
    else
        page_text(p, INK_PLAIN, own == 0 ? "none: every route goes by its weight" : "none");
    if (own > 0)
        page_printf(p, INK_WARN, "; %zu route%s pinned by %s", own, own == 1 ? " is" : "s are",
                    own == 1 ? "itself" : "themselves");
    page_end(p);
}

static void say_value(struct page *p, const json_t *store, bool has_document)
{
    const char *value = text_of(store, "value");
    const char *refused = text_of(store, "refused");
    char line[1024];
    if (value != NULL && strcmp(value, "missing") == 0 && has_document &&
        !is(store, "pending_write"))
        problem(p, INK_WARN, "it holds no document; the last one stays in force");
    if (refused != NULL)
        problems(p, "what it holds is refused: ", refused);
    if (!is(store, "pending_write"))
        return;
    const char *why = text_of(store, "write_error");
    (void)snprintf(line, sizeof(line),
                   "the document in force is not in it yet; other instances do not have it%s%s",
                   why == NULL ? "" : ": ", why == NULL ? "" : why);
    problem(p, INK_BAD, line);
}

static void say_store(struct page *p, const json_t *s, uint64_t now_ms)
{
    const json_t *store = json_object_get(s, "store");
    char age[PAGE_SHORT];
    char line[512];
    if (!json_is_object(store))
        return;
    const char *server = text_of(store, "server");
    age_of(age, text_of(store, "since"), now_ms);
    page_label(p, "store");
    page_printf(p, INK_PLAIN, "%s, ", word_of(store, "where"));
    if (strcmp(word_of(store, "kind"), "redis") == 0)
        page_printf(p, INK_PLAIN, "%s, ", word_of(store, "name"));
    if (is(store, "connected"))
        page_printf(p, INK_GOOD, "well for %s", age);
    else
        page_printf(p, INK_BAD, "lost for %s", age);
    if (is(store, "connected"))
        page_printf(p, INK_PLAIN, "; %s", word_of(store, "mode"));
    if (server != NULL)
        page_printf(p, INK_PLAIN, "; Redis %s", server);
    page_end(p);
    const char *error = text_of(store, "error");
    if (error != NULL) {
        (void)snprintf(line, sizeof(line), "%s; routing stays as it is", error);
        problem(p, INK_BAD, line);
    }
    say_value(p, store, json_is_object(json_object_get(s, "document_from")));
}

static void say_state(struct page *p, const json_t *s)
{
    const json_t *state = json_object_get(s, "state");
    const char *error = text_of(state, "error");
    const char *damaged = text_of(state, "damaged");
    uint64_t undo = number_of(state, "undo");
    char line[512];
    page_label(p, "disk");
    page_printf(p, INK_PLAIN, "%s in %s; %llu change%s can be undone",
                is(state, "saved") ? "saved" : "being saved", word_of(state, "dir"),
                (unsigned long long)undo, undo == 1 ? "" : "s");
    page_end(p);
    if (error != NULL) {
        (void)snprintf(line, sizeof(line), "cannot be written: %s; a restart would lose the state",
                       error);
        problem(p, INK_BAD, line);
    }
    if (damaged != NULL)
        problems(p, "", damaged);
}

/* Only when something was lost: a log that is written is nothing to tell. */
static void say_logs(struct page *p, const json_t *s)
{
    const json_t *logs = json_object_get(s, "logs");
    uint64_t lost = number_of(logs, "lines_lost");
    uint64_t failing = number_of(logs, "failing");
    char line[160];
    if (lost == 0 && failing == 0)
        return;
    page_label(p, "logs");
    page_printf(p, failing > 0 ? INK_BAD : INK_WARN, "%llu line%s lost since the start",
                (unsigned long long)lost, lost == 1 ? "" : "s");
    page_end(p);
    if (failing == 0)
        return;
    (void)snprintf(line, sizeof(line),
                   "%llu file%s of logs and records cannot be written; the log of weir says which "
                   "and why",
                   (unsigned long long)failing, failing == 1 ? "" : "s");
    problem(p, INK_BAD, line);
}

/* Only when it is time to do something about it. */
static void say_expiry(struct page *p, const json_t *s, uint64_t now_ms)
{
    const uint64_t day_ms = 24 * 3600 * 1000;
    char date[CLOCK_ISO_LEN + 1];
    char left[PAGE_SHORT];
    uint64_t at_ms = number_of(s, "certificate_expiry") * 1000;
    if (at_ms == 0 || at_ms > now_ms + CERTIFICATE_SOON_DAYS * day_ms)
        return;
    clock_iso(date, at_ms);
    page_age(left, at_ms <= now_ms ? 0 : (at_ms - now_ms) / 1000);
    page_label(p, "TLS");
    if (at_ms <= now_ms)
        page_printf(p, INK_BAD, "a certificate expired on %.10s", date);
    else
        page_printf(p, INK_WARN, "a certificate expires on %.10s, in %s", date, left);
    page_end(p);
}

static void say_reload(struct page *p, const json_t *s, uint64_t now_ms)
{
    const json_t *r = json_object_get(s, "reload");
    char age[PAGE_SHORT];
    page_label(p, "reload");
    if (!json_is_object(r)) {
        page_text(p, INK_PLAIN, "none since the start");
        page_end(p);
        return;
    }
    age_of(age, text_of(r, "at"), now_ms);
    size_t n = json_array_size(json_object_get(r, "said"));
    if (is(r, "ok"))
        page_printf(p, INK_GOOD, "good, %s ago: %zu change%s", age, n, n == 1 ? "" : "s");
    else
        page_printf(p, INK_BAD, "refused, %s ago; what ran before goes on", age);
    page_end(p);
    const json_t *list = json_object_get(r, "complaints");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);
        const char *right = text_of(c, "right");
        char line[1024];
        (void)snprintf(line, sizeof(line), "%s: %s%s%s", word_of(c, "where"), word_of(c, "what"),
                       right == NULL ? "" : "; ", right == NULL ? "" : right);
        problem(p, INK_BAD, line);
    }
}

static void say_upgrade(struct page *p, const json_t *s, uint64_t now_ms)
{
    const json_t *u = json_object_get(s, "upgrade");
    char age[PAGE_SHORT];
    if (!json_is_object(u))
        return;
    age_of(age, text_of(u, "at"), now_ms);
    page_label(p, "upgrade");
    page_printf(p, is(u, "ok") ? INK_GOOD : INK_BAD, "%s, %s ago: %s",
                is(u, "ok") ? "good" : "failed", age, word_of(u, "said"));
    page_end(p);
    if (!json_is_integer(json_object_get(u, "before")))
        return;
    page_label(p, "");
    page_printf(p, INK_PLAIN, "process %llu still finishes what it runs; it is not counted here",
                (unsigned long long)number_of(u, "before"));
    page_end(p);
}

/* What the table of findings reaches back to, and whether all of it had room. */
static void say_table(struct page *p, const json_t *shadow)
{
    uint64_t since = number_of(shadow, "since"), lost = number_of(shadow, "lost");
    char begun[CLOCK_ISO_LEN + 1];
    if (since == 0)
        return;
    clock_iso(begun, since);
    page_label(p, "findings");
    page_printf(p, INK_PLAIN, "%llu on %llu endpoints since %.16sZ: weir report --live",
                (unsigned long long)number_of(shadow, "findings"),
                (unsigned long long)number_of(shadow, "endpoints"), begun);
    if (lost > 0)
        page_printf(p, INK_WARN, "; %llu had no room", (unsigned long long)lost);
    page_end(p);
}

static void say_shadow(struct page *p, const json_t *s)
{
    const json_t *shadow = json_object_get(s, "shadow");
    json_t *routes = json_object_get(shadow, "routes");
    json_t *drops = json_object_get(shadow, "dropped");
    uint64_t match = 0;
    uint64_t mismatch = 0;
    uint64_t other = 0;
    uint64_t dropped = 0;
    char counts[4][PAGE_SHORT];
    if (!json_is_object(shadow))
        return;
    for (void *it = json_object_iter(routes); it != NULL; it = json_object_iter_next(routes, it)) {
        const json_t *r = json_object_iter_value(it);
        match += number_of(r, "match");
        mismatch += number_of(r, "mismatch");
        other += number_of(r, "skipped") + number_of(r, "failed");
    }
    for (void *it = json_object_iter(drops); it != NULL; it = json_object_iter_next(drops, it))
        dropped += (uint64_t)json_integer_value(json_object_iter_value(it));
    page_count(counts[0], match);
    page_count(counts[1], mismatch);
    page_count(counts[2], other);
    page_count(counts[3], dropped);
    page_label(p, "shadow");
    page_printf(p, mismatch > 0 ? INK_WARN : INK_PLAIN, "%s pairs alike, %s not, ", counts[0],
                counts[1]);
    page_printf(p, INK_PLAIN, "%s not comparable, %s copies dropped: weir report", counts[2],
                counts[3]);
    page_end(p);
    say_table(p, shadow);
}

static bool is_mirrored(const json_t *route)
{
    return json_number_value(json_object_get(route, "shadow_percent")) > 0;
}

/* Whether what new serves could go back to legacy, of the routes of which it can be known. */
static void say_rollback(struct page *p, const json_t *routes)
{
    enum { LINES_MAX = 10 };
    size_t known = 0, ready = 0, unknown = 0, lines = 0;
    for (size_t i = 0; i < json_array_size(routes); i++) {
        const json_t *o = json_object_get(json_array_get(routes, i), "rollback_ready");
        bool mirrored = is_mirrored(json_array_get(routes, i));
        known += json_is_object(o) && mirrored;
        ready += json_is_object(o) && strcmp(word_of(o, "state"), "ready") == 0;
        unknown += json_is_object(o) && mirrored && strcmp(word_of(o, "state"), "unknown") == 0;
    }
    if (known == 0)
        return;
    page_label(p, "rollback");
    page_printf(p,
                ready == known             ? INK_GOOD
                : ready + unknown == known ? INK_PLAIN
                                           : INK_WARN,
                "legacy could take over %zu of %zu routes that new serves and legacy shadows",
                ready, known);
    if (unknown > 0)
        page_printf(p, INK_PLAIN, "; of %zu too little was seen to know", unknown);
    page_end(p);
    for (size_t i = 0; i < json_array_size(routes) && lines < LINES_MAX; i++) {
        const json_t *route = json_array_get(routes, i);
        const json_t *o = json_object_get(route, "rollback_ready");
        char line[512];
        if (!json_is_object(o) || strcmp(word_of(o, "state"), "ready") == 0 || !is_mirrored(route))
            continue;
        (void)snprintf(line, sizeof(line), "%s: %s: %s", word_of(route, "name"),
                       word_of(o, "state"), word_of(o, "why"));
        if (strcmp(word_of(o, "state"), "unknown") == 0)
            remark(p, line);
        else
            problem(p, INK_WARN, line);
        lines++;
    }
}

static void say_stopped(struct page *p, const json_t *routes)
{
    static const char *const sides[] = {"legacy", "new"};
    static const char *const keys[] = {"on_legacy", "on_new"};
    for (size_t i = 0; i < json_array_size(routes); i++) {
        const json_t *route = json_array_get(routes, i);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            char line[512];
            if (!is(json_object_get(route, keys[k]), "sandbox_stopped"))
                continue;
            (void)snprintf(line, sizeof(line),
                           "%s: %s did not confirm a copy (X-Weir-Shadow-Ack: sandbox); copies of "
                           "requests that may change something stopped until a reload",
                           word_of(route, "name"), sides[k]);
            problem(p, INK_BAD, line);
        }
    }
}

static void say_unknown(struct page *p, const json_t *s)
{
    const json_t *list = json_object_get(s, "unknown_routes");
    char line[1024];
    size_t at = (size_t)snprintf(line, sizeof(line),
                                 "the document names routes this configuration does not have:");
    for (size_t i = 0; i < json_array_size(list) && at < sizeof(line); i++)
        at += (size_t)snprintf(line + at, sizeof(line) - at, " %s",
                               json_string_value(json_array_get(list, i)));
    if (json_array_size(list) > 0)
        problem(p, INK_WARN, line);
}

enum err status_text(const json_t *status, const struct admin_look *look, uint64_t now_ms,
                     struct buf *out)
{
    struct page p = {out, look, ERR_OK};
    say_program(&p, status);
    say_epoch(&p, status, now_ms);
    say_pin(&p, status);
    say_unknown(&p, status);
    say_store(&p, status, now_ms);
    say_state(&p, status);
    say_logs(&p, status);
    say_expiry(&p, status, now_ms);
    say_reload(&p, status, now_ms);
    say_upgrade(&p, status, now_ms);
    say_shadow(&p, status);
    say_stopped(&p, json_object_get(status, "routes"));
    say_rollback(&p, json_object_get(status, "routes"));
    page_end(&p);
    status_table(&p, json_object_get(status, "routes"));
    return p.err;
}

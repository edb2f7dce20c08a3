/* Regular expressions, by PCRE2: compiled once, just in time where the machine lets us, and bounded
 * in work and memory, since requests choose the text. A compiled expression is constant: any thread
 * may match with it. */
#include "router/room.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MATCH_LIMIT = 100000, /* steps of one match: well under a millisecond */
    DEPTH_LIMIT = 1000,
    HEAP_LIMIT = 1024, /* KiB, without JIT */
    SCRATCH = 1024,
    REGEX_GROUPS = 10, /* $0 to $9 */
};

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

void regex_free(struct regex **r)
{
    struct regex *gone = *r;
    *r = NULL;
    if (gone == NULL)
        return;
    pcre2_match_context_free(gone->limits);
    pcre2_code_free(gone->code);
    free(gone);
}

static void say_error(int number, size_t at, char *why, size_t max)
{
    unsigned char text[128] = "";
    (void)pcre2_get_error_message(number, text, sizeof(text));
    (void)snprintf(why, max, "%s (at byte %zu)", (const char *)text, at);
}

enum err regex_new(const char *pattern, struct regex **out, char *why, size_t max)
{
    int number = 0;
    size_t at = 0;
    struct regex *r = calloc(1, sizeof(*r));
    *out = r;
    if (r == NULL)
        return ERR_NO_MEMORY;
    r->limits = pcre2_match_context_create(NULL);
    r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_BACKSLASH_C,
                            &number, &at, NULL);
    if (r->limits == NULL || r->code == NULL) {
        enum err e =
            r->code == NULL && number != PCRE2_ERROR_NOMEMORY ? ERR_INVALID : ERR_NO_MEMORY;
        say_error(number, at, why, max);
        regex_free(out);
        return e;
    }
    (void)pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(r->limits, HEAP_LIMIT);
    (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* where memory may not be executable it
                                                             is interpreted */
    return ERR_OK;
}

/* --- matching: what it needs lies on the stack, so that no lack of memory changes a decision ---
 */

struct scratch {
    alignas(max_align_t) char bytes[SCRATCH];
    size_t used;
};

static void *take(size_t n, void *data)
{
    struct scratch *s = data;
    size_t room = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (room > sizeof(s->bytes) - s->used)
        return malloc(n); /* the interpreter's frames, where there is no JIT */
    void *p = s->bytes + s->used;
    s->used += room;
    return p;
}

static void give(void *p, void *data)
{
    struct scratch *s = data;
    if ((char *)p < s->bytes || (char *)p >= s->bytes + sizeof(s->bytes))
        free(p);
}

/* Calls `use` with what was found; false when nothing was. */
static bool match(const struct regex *r, struct span text,
                  enum err (*use)(void *arg, const size_t *groups, unsigned n), void *arg,
                  enum err *err)
{
    struct scratch s;
    s.used = 0;
    pcre2_general_context *memory = pcre2_general_context_create(take, give, &s);
    pcre2_match_data *found = pcre2_match_data_create(REGEX_GROUPS, memory);
    BUG_IF(found == NULL); /* SCRATCH has room for both */
    int n = pcre2_match(r->code, (PCRE2_SPTR)(text.p == NULL ? "" : text.p), text.n, 0, 0, found,
                        r->limits);
    if (n >= 0 && use != NULL)
        *err = use(arg, pcre2_get_ovector_pointer(found), n == 0 ? REGEX_GROUPS : (unsigned)n);
    pcre2_match_data_free(found);
    pcre2_general_context_free(memory);
    return n >= 0;
}

bool regex_matches(const struct regex *r, struct span text)
{
    return match(r, text, NULL, NULL, NULL);
}

/* --- replacing --- */

struct replacing {
    struct span text;
    struct span to;
    struct buf *out;
};

static enum err put_group(const struct replacing *x, const size_t *groups, unsigned n, unsigned i)
{
    if (i >= n || groups[2 * i] == PCRE2_UNSET || groups[2 * i] > groups[2 * i + 1])
        return ERR_OK; /* it took no part, or \K moved the start */
    return buf_append(x->out,
                      span_of(x->text.p + groups[2 * i], groups[2 * i + 1] - groups[2 * i]));
}

static enum err put_replaced(void *arg, const size_t *groups, unsigned n)
{
    const struct replacing *x = arg;
    TRY(buf_append(x->out, span_until(x->text, groups[0])));
    for (size_t i = 0; i < x->to.n; i++) {
        char next = x->to.p[i] == '$' && i + 1 < x->to.n ? x->to.p[i + 1] : '\0';
        if (next >= '0' && next <= '9') {
            TRY(put_group(x, groups, n, (unsigned)(next - '0')));
            i++;
            continue;
        }
        TRY(buf_append(x->out, span_of(x->to.p + i, 1)));
        i += next == '$';
    }
    return buf_append(x->out, span_from(x->text, groups[1]));
}

enum err regex_replace(const struct regex *r, struct span text, struct span to, struct buf *out)
{
    struct replacing x = {text, to, out};
    enum err e = ERR_OK;
    return match(r, text, put_replaced, &x, &e) ? e : ERR_NOT_FOUND;
}

/* `weir diff`: a pair made of two files, and the engine that the shadow uses. */
#include "base/clock.h"
#include "shadow/diff_print.h"
#include "shadow/patch.h"
#include "shadow/saved.h"

#include <stdlib.h>

enum { FILES_ARENA_MAX = 64 * 1024 * 1024, DECODED_MAX = 1024 * 1024 * 1024 };

struct files {
    const struct shadow_diff_options *o;
    struct shadow_pair pair;
    struct comparer comparer;
    struct complaints *wrong;
};

/* --- reading --- */

static struct span type_of(const struct files *f, enum side s)
{
    struct span name = span_str(f->o->names[s]);
    if (f->o->type != NULL)
        return span_str(f->o->type);
    return span_has_suffix(name, SPAN(".json")) ? SPAN("application/json") : SPAN_NULL;
}

static struct span said_type(const struct files *f, enum side s)
{
    return http_head_value(&f->pair.answers[s].head, HTTP_CONTENT_TYPE);
}

/* A body whose type nobody said has that of the other side, else the one its name ends in. Where
 * that would set one side apart from the other, both are guessed from what is in them. whole: they
 * are answers, of which one lacks what the other says. */
static enum err give_types(struct files *f, bool whole)
{
    struct span types[2];
    if (whole && (said_type(f, SIDE_LEGACY).n > 0 || said_type(f, SIDE_NEW).n > 0))
        return ERR_OK;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        types[s] = said_type(f, s).n > 0 ? said_type(f, s) : said_type(f, side_other(s));
        types[s] = types[s].n > 0 ? types[s] : type_of(f, s);
    }
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        if (types[0].n > 0 && types[1].n > 0 && said_type(f, s).n == 0)
            TRY(http_head_add_id(&f->pair.answers[s].head, HTTP_CONTENT_TYPE, types[s]));
    return ERR_OK;
}

/* A body against a whole answer: the bodies are compared, nothing else can be. */
static enum err drop_head(struct files *f, enum side s)
{
    struct http_head *h = &f->pair.answers[s].head;
    struct span type = http_head_value(h, HTTP_CONTENT_TYPE);
    struct span coding = http_head_value(h, HTTP_CONTENT_ENCODING);
    http_head_begin(h, &f->pair.arena, true);
    h->status = 200;
    if (type.n > 0)
        TRY(http_head_add_id(h, HTTP_CONTENT_TYPE, type));
    return coding.n == 0 ? ERR_OK : http_head_add_id(h, HTTP_CONTENT_ENCODING, coding);
}

static enum err read_both(struct files *f)
{
    bool has_head[2];
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++) {
        struct shadow_answer *a = &f->pair.answers[s];
        enum err e = saved_read(f->o->texts[s], &f->pair.arena, a, &has_head[s]);
        if (e == ERR_INVALID)
            complain(f->wrong, f->o->names[s],
                     "save it with `curl -i`, or without its status line and fields",
                     "begins with HTTP/ but is no answer");
        TRY(e);
    }
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        if (has_head[s] && !has_head[side_other(s)])
            TRY(drop_head(f, s));
    return give_types(f, has_head[SIDE_LEGACY] && has_head[SIDE_NEW]);
}

/* --- comparing --- */

static enum err compare(struct files *f, struct buf *out, enum shadow_diff_result *result)
{
    static const enum shadow_diff_result results[VERDICT_KINDS] = {
        SHADOW_DIFF_SAME, SHADOW_DIFF_DIFFER, SHADOW_DIFF_UNKNOWN, SHADOW_DIFF_UNKNOWN};
    struct comparison c;
    struct config config = {.shadow = {.rules = f->o->rules_file}};
    struct config_route route = {.name = "", .shadow = *f->o->rules};
    f->pair.wall_ms = clock_wall_ms();
    TRY(shadow_rules_new(&route, &config, &f->pair.rules, f->wrong));
    compare_pair(&f->comparer, &f->pair, &c);
    *result = results[c.verdict];
    return f->o->format == SHADOW_DIFF_JSON ? diff_print_json(f->o, &c, out)
                                            : diff_print_text(f->o, &c, out);
}

static enum err decode(struct files *f, enum side s, struct span *out)
{
    const struct shadow_answer *a = &f->pair.answers[s];
    enum err e = decode_answer(&f->comparer.decoders[s], &a->head, buf_span(&a->body),
                               f->comparer.decoded_max, out);
    if (e != ERR_OK && e != ERR_NO_MEMORY)
        complain(f->wrong, f->o->names[s], NULL, "its body cannot be decoded");
    return e;
}

static enum err patch(struct files *f, struct buf *out, enum shadow_diff_result *result)
{
    struct span bodies[2];
    size_t steps = 0;
    TRY(decode(f, SIDE_LEGACY, &bodies[SIDE_LEGACY]));
    TRY(decode(f, SIDE_NEW, &bodies[SIDE_NEW]));
    struct diff *d = &f->comparer.diff;
    enum err e = patch_make(d, bodies[SIDE_LEGACY], bodies[SIDE_NEW], false, out, &steps);
    if (e == ERR_OK)
        *result = steps == 0 ? SHADOW_DIFF_SAME : SHADOW_DIFF_DIFFER;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW && e == ERR_SHADOW_MALFORMED; s++)
        if (d->docs[s].wrong != NULL)
            complain(f->wrong, f->o->names[s], "a patch is made of two JSON texts",
                     "is not JSON: %s, at byte %zu", d->docs[s].wrong, d->docs[s].wrong_at);
    return e;
}

enum err shadow_diff(const struct shadow_diff_options *o, struct buf *out,
                     enum shadow_diff_result *result, struct complaints *wrong)
{
    struct files *f = calloc(1, sizeof(*f));
    *result = SHADOW_DIFF_UNKNOWN;
    if (f == NULL)
        return ERR_NO_MEMORY;
    f->o = o;
    f->wrong = wrong;
    f->pair.method = HTTP_GET;
    arena_begin(&f->pair.arena, FILES_ARENA_MAX);
    compare_begin(&f->comparer, DECODED_MAX);
    enum err e = read_both(f);
    if (e == ERR_OK)
        e = o->format == SHADOW_DIFF_PATCH ? patch(f, out, result) : compare(f, out, result);
    compare_end(&f->comparer);
    shadow_rules_release(&f->pair.rules);
    buf_free(&f->pair.answers[SIDE_LEGACY].body);
    buf_free(&f->pair.answers[SIDE_NEW].body);
    arena_end(&f->pair.arena);
    free(f);
    return e;
}

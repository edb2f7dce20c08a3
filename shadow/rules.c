/* Compiling a route's rules. Every complaint names the rule by its place in the configuration. */
#include "shadow/rules.h"

#include "shadow/jwrite.h"
#include "shadow/mix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RULES_MAGIC = 0x52554c45, RULES_ARENA_MAX = 16 * 1024 * 1024, OPTIONS_MAX = 32 * 1024 };

struct compiler {
    struct shadow_rules *rules;
    const struct config *config;
    size_t route; /* index in the configuration */
    struct complaints *wrong;
    bool refused;
};

static void refuse(struct compiler *c, const char *what, const char *right, const char *list,
                   size_t i, const char *member)
{
    char where[256];
    if (c->config->nroutes == 0) /* `weir diff`: from the command line */
        (void)snprintf(where, sizeof(where), "--%s, number %zu", list, i + 1);
    else
        (void)snprintf(where, sizeof(where), "%s%s$.routes[%zu].shadow.%s[%zu]%s",
                       c->config->file == NULL ? "" : c->config->file,
                       c->config->file == NULL ? "" : ": ", c->route, list, i, member);
    complain(c->wrong, where, right, "%s", what);
    c->refused = true;
}

static void refuse_text(struct compiler *c, const char *text, const struct selector_wrong *w,
                        const char *list, size_t i, const char *member)
{
    char what[256];
    (void)snprintf(what, sizeof(what), "\"%.120s\" %s", text, w->what);
    refuse(c, what, w->right, list, i, member);
}

/* --- ignore --- */

static enum err add_header(struct compiler *c, struct span name, size_t i, const char *text)
{
    static const struct selector_wrong bad = {"names no header field",
                                              "write header:NAME or header:prefix-*"};
    struct shadow_rules *r = c->rules;
    struct rules_header h = {.prefix = span_has_suffix(name, SPAN("*"))};
    h.name = span_until(name, name.n - (h.prefix ? 1 : 0));
    if (!http_is_token(h.name)) {
        refuse_text(c, text, &bad, "ignore", i, "");
        return ERR_OK;
    }
    char *lower = arena_copy(&r->arena, h.name);
    if (lower == NULL)
        return ERR_NO_MEMORY;
    for (size_t k = 0; k < h.name.n; k++)
        lower[k] = byte_lower(lower[k]);
    h.name.p = lower;
    r->headers[r->nheaders++] = h;
    return ERR_OK;
}

static enum err add_path(struct compiler *c, struct selector_set *set, const char *text, size_t tag,
                         const char *list, size_t i, const char *member)
{
    struct selector_wrong wrong;
    enum err e = selector_add(set, &c->rules->arena, span_str(text), tag, &wrong);
    if (e != ERR_INVALID)
        return e;
    refuse_text(c, text, &wrong, list, i, member);
    return ERR_OK;
}

static enum err add_ignores(struct compiler *c, const struct config_names *names)
{
    struct shadow_rules *r = c->rules;
    r->headers = arena_alloc(&r->arena, (names->n + 1) * sizeof(*r->headers));
    if (r->headers == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < names->n; i++) {
        struct span text = span_str(names->list[i]);
        if (span_has_prefix(text, SPAN("header:")))
            TRY(add_header(c, span_from(text, 7), i, names->list[i]));
        else
            TRY(add_path(c, &r->ignore, names->list[i], 0, "ignore", i, ""));
    }
    return ERR_OK;
}

/* --- tolerance --- */

static bool is_amount(double v)
{
    return isfinite(v) && v >= 0;
}

static enum err add_tolerances(struct compiler *c, const struct config_tolerance *list, size_t n)
{
    struct shadow_rules *r = c->rules;
    r->tolerances = arena_alloc(&r->arena, (n + 1) * sizeof(*r->tolerances));
    if (r->tolerances == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        r->tolerances[i] = (struct rules_tolerance){list[i].abs, list[i].rel};
        if (!is_amount(list[i].abs))
            refuse(c, "is not a usable number", "write 0 or more", "tolerance", i, ".abs");
        if (!is_amount(list[i].rel))
            refuse(c, "is not a usable number", "write 0 or more; 0.01 is one percent", "tolerance",
                   i, ".rel");
        if (list[i].abs <= 0 && list[i].rel <= 0)
            refuse(c, "tolerates nothing", "give abs or rel a value above 0", "tolerance", i, "");
        TRY(add_path(c, &r->tolerance, list[i].path, i, "tolerance", i, ".path"));
    }
    return ERR_OK;
}

/* --- origins --- */

static enum err add_backend(struct compiler *c, const char *name)
{
    struct shadow_rules *r = c->rules;
    for (size_t i = 0; name != NULL && i < c->config->nbackends; i++) {
        const struct config_backend *b = &c->config->backends[i];
        if (strcmp(b->name, name) != 0)
            continue;
        for (size_t k = 0; k < b->servers.n; k++) {
            struct span host;
            unsigned port;
            if (config_host_port(span_str(b->servers.list[k]), &host, &port) == ERR_OK)
                TRY(origin_add(&r->origins, &r->arena, host, port));
        }
        if (b->tls != NULL && b->tls->server_name != NULL)
            TRY(origin_add(&r->origins, &r->arena, span_str(b->tls->server_name), 0));
    }
    return ERR_OK;
}

/* --- life --- */

static enum err add_series(struct shadow_rules *r)
{
    for (enum verdict_kind k = 0; k < VERDICT_KINDS; k++) {
        const char *values[] = {r->route, verdict_word(k)};
        TRY(metrics_series(METRIC_SHADOW_VERDICTS, values, &r->verdicts[k]));
    }
    return ERR_OK;
}

/* name NULL: *out stays empty. */
static enum err copy_name(struct arena *a, const char *name, struct span *out)
{
    if (name == NULL)
        return ERR_OK;
    *out = span_str(arena_copy(a, span_str(name)));
    return out->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* --- what is in force, for the records --- */

static enum err write_paths(const struct config_names *names, struct buf *b)
{
    TRY(buf_append(b, SPAN(",\"ignore\":[")));
    for (size_t i = 0; i < names->n; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("") : SPAN(",")));
        TRY(jwrite_string(b, span_str(names->list[i])));
    }
    return buf_append(b, SPAN("]"));
}

static enum err write_options(const struct compiler *c, const struct config_route *route,
                              struct buf *b)
{
    const struct config_route_shadow *s = &route->shadow;
    TRY(buf_printf(b, ",\"percent\":%u.%02u", s->percent / 100, s->percent % 100));
    TRY(write_paths(&s->ignore, b));
    TRY(buf_append(b, SPAN(",\"tolerance\":[")));
    for (size_t i = 0; i < s->ntolerance; i++) {
        TRY(buf_append(b, i == 0 ? SPAN("{\"path\":") : SPAN(",{\"path\":")));
        TRY(jwrite_string(b, span_str(s->tolerance[i].path)));
        TRY(buf_printf(b, ",\"abs\":%g,\"rel\":%g}", s->tolerance[i].abs, s->tolerance[i].rel));
    }
    return buf_printf(b, "],\"rules\":%zu", c->rules->book.n);
}

static enum err keep_options(struct compiler *c, const struct config_route *route)
{
    struct buf b = BUF_INIT(OPTIONS_MAX);
    struct shadow_rules *r = c->rules;
    enum err e = write_options(c, route, &b);
    if (e == ERR_TOO_LARGE) { /* of a thousand paths a line has no room for all */
        b.n = 0;
        e = buf_append(&b, SPAN(",\"too_long\":true"));
    }
    if (e == ERR_OK) {
        r->options = arena_copy(&r->arena, buf_span(&b));
        e = r->options == NULL ? ERR_NO_MEMORY : ERR_OK;
        r->options_hash = mix_bytes(mix_bytes(3, span_str(r->route)), buf_span(&b));
    }
    buf_free(&b);
    return e;
}

static enum err compile(struct compiler *c, const struct config_route *route)
{
    struct shadow_rules *r = c->rules;
    r->route = arena_copy(&r->arena, span_str(route->name));
    if (r->route == NULL)
        return ERR_NO_MEMORY;
    r->exact_path = route->match.path != NULL;
    TRY(copy_name(&r->arena, c->config->shadow.template_header, &r->template_header));
    TRY(copy_name(&r->arena, route->shadow.version_header, &r->version_header));
    TRY(add_ignores(c, &route->shadow.ignore));
    TRY(add_tolerances(c, route->shadow.tolerance, route->shadow.ntolerance));
    TRY(add_backend(c, route->legacy != NULL ? route->legacy : c->config->defaults.legacy));
    TRY(add_backend(c, route->new_ != NULL ? route->new_ : c->config->defaults.new_));
    TRY(add_series(r));
    if (c->config->shadow.rules != NULL)
        TRY(rulebook_load(&r->book, c->config->shadow.rules, c->wrong));
    TRY(keep_options(c, route));
    return c->refused ? ERR_CONFIG : ERR_OK;
}

enum err shadow_rules_new(const struct config_route *route, const struct config *config,
                          struct shadow_rules **out, struct complaints *wrong)
{
    *out = NULL;
    struct shadow_rules *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(r, RULES_MAGIC);
    atomic_init(&r->refs, 1);
    arena_begin(&r->arena, RULES_ARENA_MAX);
    struct compiler c = {r, config, 0, wrong, false};
    if (config->routes != NULL && route >= config->routes &&
        route < config->routes + config->nroutes)
        c.route = (size_t)(route - config->routes);
    enum err e = compile(&c, route);
    if (e != ERR_OK) {
        shadow_rules_release(&r);
        return e;
    }
    *out = r;
    return ERR_OK;
}

void shadow_rules_hold(struct shadow_rules *r)
{
    OBJ_CHECK(r, RULES_MAGIC);
    (void)atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
}

void shadow_rules_release(struct shadow_rules **rp)
{
    struct shadow_rules *r;
    if (*rp == NULL)
        return;
    OBJ_TAKE(r, rp, RULES_MAGIC);
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    rulebook_free(&r->book);
    arena_end(&r->arena);
    r->magic = 0;
    free(r);
}

/* --- asking --- */

bool rules_tolerate_here(const struct shadow_rules *r, const struct selector_walk *w,
                         const struct decimal *a, const struct decimal *b)
{
    const struct selector *s;
    for (size_t at = 0; (s = selector_next(w, &at)) != NULL;) {
        const struct rules_tolerance *t = &r->tolerances[s->tag];
        if (decimal_within(a, b, t->abs, t->rel))
            return true;
    }
    return false;
}

bool rules_ignore_header(const struct shadow_rules *r, struct span name)
{
    if (r->template_header.n > 0 && span_eq_nocase(r->template_header, name))
        return true; /* it is meant for us */
    for (size_t i = 0; i < r->nheaders; i++) {
        const struct rules_header *h = &r->headers[i];
        if (h->prefix && name.n >= h->name.n &&
            span_eq_nocase(span_until(name, h->name.n), h->name))
            return true;
        if (!h->prefix && span_eq_nocase(h->name, name))
            return true;
    }
    return false;
}

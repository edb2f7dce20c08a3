/* See trailers.h. A gRPC status that is nowhere is shown as absent: to a client it means that the
 * call broke. */
#include "shadow/trailers.h"

static const char status_field[] = "grpc-status";

bool trailers_is_grpc(const struct shadow_answer *a)
{
    static const char type[] = "application/grpc";
    struct span v = http_head_value(&a->head, HTTP_CONTENT_TYPE);
    size_t n = sizeof(type) - 1;
    return v.n >= n && span_eq_nocase(span_until(v, n), SPAN("application/grpc")) &&
           (v.n == n || v.p[n] == '+' || v.p[n] == ';' || v.p[n] == ' ');
}

static const struct http_head *trailers_of(const struct shadow_answer *a)
{
    static const struct http_head none;
    return a->trailers != NULL ? a->trailers : &none;
}

/* SPAN_NULL: not there. */
static struct span field_of(const struct http_head *h, struct span name)
{
    for (size_t i = 0; i < h->nfields; i++)
        if ((h->fields[i].flags & HTTP_FIELD_DROPPED) == 0 &&
            span_eq_nocase(h->fields[i].name, name))
            return h->fields[i].value.n == 0 ? SPAN("") : span_trim(h->fields[i].value);
    return SPAN_NULL;
}

static struct span status_of(const struct shadow_answer *a)
{
    struct span s = field_of(trailers_of(a), span_str(status_field));
    return s.p != NULL ? s : field_of(&a->head, span_str(status_field));
}

enum err trailers_status(struct diff *d, const struct shadow_answer *legacy,
                         const struct shadow_answer *new_, bool *stop)
{
    struct span a = status_of(legacy), b = status_of(new_);
    bool well_a = span_eq(a, SPAN("0")), well_b = span_eq(b, SPAN("0"));
    *stop = well_a != well_b;
    if (span_eq(a, b) && (a.p == NULL) == (b.p == NULL))
        return ERR_OK;
    struct finding f = {.kind = KIND_STATUS, .path = span_str(status_field), .open = true};
    f.detail = b.p == NULL ? "missing" : a.p == NULL ? "extra" : NULL;
    f.values[SIDE_LEGACY] = diff_text_value(a);
    f.values[SIDE_NEW] = diff_text_value(b);
    return diff_report(d, &f);
}

enum err trailers_compare(struct diff *d, const struct shadow_answer *legacy,
                          const struct shadow_answer *new_)
{
    return headers_compare_as(d, "trailer:", trailers_of(legacy), trailers_of(new_));
}

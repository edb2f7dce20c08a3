/* gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). A call that fails is
 * still an answer with status 200: what happened stands in grpc-status. */
#include "proxy/grpc.h"

enum {
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    TIMEOUT_DIGITS_MAX = 8,
};

bool grpc_is_call(const struct http_head *request)
{
    static const struct span type = SPAN("application/grpc");
    struct span t = http_head_value(request, HTTP_CONTENT_TYPE);
    if (t.n < type.n || !span_eq_nocase(span_until(t, type.n), type))
        return false;
    return t.n == type.n || t.p[type.n] == '+' || t.p[type.n] == ';' || t.p[type.n] == ' ';
}

/* --- the deadline --- */

/* 1 to 8 digits and a unit. Less than a millisecond counts as one. */
static bool parse_timeout(struct span s, uint64_t *ms)
{
    uint64_t n;
    if (s.n < 2 || s.n > TIMEOUT_DIGITS_MAX + 1 || !span_u64(span_until(s, s.n - 1), &n))
        return false;
    switch (s.p[s.n - 1]) {
    case 'H':
        *ms = n * 3600 * 1000;
        return true;
    case 'M':
        *ms = n * 60 * 1000;
        return true;
    case 'S':
        *ms = n * 1000;
        return true;
    case 'm':
        *ms = n;
        return true;
    case 'u':
        *ms = (n + 999) / 1000;
        return true;
    case 'n':
        *ms = (n + 999999) / 1000000;
        return true;
    default:
        return false;
    }
}

enum err grpc_admit(struct exchange *x)
{
    const struct http_field *f = http_head_find_name(x->request, SPAN("grpc-timeout"));
    uint64_t ms;
    if (f == NULL)
        return ERR_OK;
    if (!parse_timeout(f->value, &ms))
        return ERR_BAD_DEADLINE;
    x->deadline_ms = loop_now_ms(x->worker->loop) + ms;
    loop_timer_set(x->worker->loop, &x->timer, ms);
    return ERR_OK;
}

bool grpc_is_overdue(const struct exchange *x)
{
    return x->deadline_ms > 0 && !x->answer_ended && loop_now_ms(x->worker->loop) >= x->deadline_ms;
}

/* --- weir's own answers --- */

int grpc_status_of(enum err why)
{
    switch (why) {
    case ERR_DEADLINE:
    case ERR_BACKEND_FIRST_BYTE_TIMEOUT:
    case ERR_BACKEND_IDLE_TIMEOUT:
    case ERR_CLIENT_BODY_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case ERR_HEADER_TOO_LARGE:
    case ERR_TARGET_TOO_LONG:
    case ERR_BACKEND_TOO_MUCH:
        return GRPC_RESOURCE_EXHAUSTED;
    case ERR_NO_ROUTE:
    case ERR_METHOD_NOT_SUPPORTED:
        return GRPC_UNIMPLEMENTED;
    default:
        return err_fault(why) == FAULT_CLIENT ? GRPC_INTERNAL : GRPC_UNAVAILABLE;
    }
}

/* The sentences of err.def are such that grpc-message needs no percent-encoding; a test sees to
 * that. */
enum err grpc_answer_fields(struct exchange *x, enum err why, struct http_head *h)
{
    char digits[20];
    x->grpc_status = (int8_t)grpc_status_of(why);
    size_t n = bytes_u64(digits, (uint64_t)x->grpc_status);
    const char *status = arena_copy(&x->arena, span_of(digits, n));
    if (status == NULL)
        return ERR_NO_MEMORY;
    TRY(http_head_add_id(h, HTTP_CONTENT_TYPE, SPAN("application/grpc")));
    TRY(http_head_add(h, SPAN("grpc-status"), span_of(status, n)));
    return http_head_add(h, SPAN("grpc-message"), span_str(err_sentence(why)));
}

/* --- what servers say --- */

void grpc_note_status(struct exchange *x, const struct http_head *h)
{
    uint64_t status;
    const struct http_field *f = h == NULL ? NULL : http_head_find_name(h, SPAN("grpc-status"));
    if (f == NULL)
        return;
    bool known = span_u64(f->value, &status) && status <= GRPC_STATUS_MAX;
    x->grpc_status = known ? (int8_t)status : GRPC_UNKNOWN;
}

/* The routes of the admin API as a table, and what must hold before one is followed.
 *
 * Who may do what: over the Unix socket, whoever the file's mode lets in. Over TCP, whoever has the
 * token, but for the two health checks. A browser must not be made to act for somebody else, so a
 * change needs POST, JSON, and must not come from another site; and a foreign name that resolves to
 * this address (DNS rebinding) is not served. */
#include "control/json_read.h"
#include "control/room.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, LONG_PATIENCE_MS = 320000, RELOAD_PATIENCE_MS = 120000 };

enum {
    ROW_OPEN = 1,    /* over TCP without the token, under any name */
    ROW_CHANGES = 2, /* only by the process in charge */
};

struct api_row {
    enum admin_method method;
    const char *path;
    unsigned flags;
    uint64_t patience_ms;
    void (*local)(struct admin_request *r); /* admin thread; or: */
    void (*control)(struct control *c, struct admin_request *r);
    void (*finish)(struct control *c, struct admin_request *r); /* admin thread again */
};

/* --- answers --- */

static enum err say_lines(struct buf *out, const json_t *said)
{
    for (size_t i = 0; i < json_array_size(said); i++)
        TRY(buf_printf(out, "%s\n", json_string_value(json_array_get(said, i))));
    return ERR_OK;
}

static enum err say_text(struct buf *out, const json_t *answer)
{
    const char *message = json_string_value(json_object_get(answer, "message"));
    const json_t *list = json_object_get(answer, "complaints");
    if (message != NULL)
        TRY(buf_printf(out, "%s\n", message));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);
        const char *right = json_string_value(json_object_get(c, "right"));
        TRY(buf_printf(out, "%s: %s%s%s\n", json_string_value(json_object_get(c, "where")),
                       json_string_value(json_object_get(c, "what")), right == NULL ? "" : "; ",
                       right == NULL ? "" : right));
    }
    return say_lines(out, json_object_get(answer, "said"));
}

static enum err say_json(struct buf *out, const json_t *answer)
{
    char *text = json_dumps(answer, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    enum err e = text == NULL ? ERR_NO_MEMORY : buf_append(out, span_str(text));
    free(text);
    return e == ERR_OK ? buf_append(out, SPAN("\n")) : e;
}

void api_say(struct admin_request *r, int status, json_t *answer)
{
    enum err e = ERR_NO_MEMORY;
    r->status = status;
    r->type = r->look.text ? "text/plain; charset=utf-8" : "application/json";
    buf_free(&r->answer);
    if (answer != NULL)
        e = r->look.text ? say_text(&r->answer, answer) : say_json(&r->answer, answer);
    json_decref(answer);
    if (e == ERR_OK)
        return;
    buf_free(&r->answer); /* status and no body: there is no memory for more */
    r->status = status >= 400 ? status : 503;
}

json_t *api_complaints(const struct complaints *wrong)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && wrong != NULL && i < wrong->n; i++) {
        const struct complaint *c = &wrong->list[i];
        json_t *o = json_object();
        (void)json_object_set_new(o, "where", json_text(span_str(c->where)));
        (void)json_object_set_new(o, "what", json_text(span_str(c->what)));
        if (c->right != NULL)
            (void)json_object_set_new(o, "right", json_text(span_str(c->right)));
        (void)json_array_append_new(list, o);
    }
    return list;
}

void api_refuse(struct admin_request *r, int status, const char *word, const char *message,
                const struct complaints *wrong)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "error", json_string(word));
    (void)json_object_set_new(o, "message", json_string(message));
    if (wrong != NULL && wrong->n > 0)
        (void)json_object_set_new(o, "complaints", api_complaints(wrong));
    if (wrong != NULL && wrong->dropped > 0)
        (void)json_object_set_new(o, "more_complaints", json_integer((json_int_t)wrong->dropped));
    api_say(r, status, o);
}

/* --- handlers of the admin thread --- */

static void run_metrics(struct admin_request *r)
{
    uint64_t up_ms = clock_wall_ms() - r->control->started_ms;
    metric_set(METRIC_UPTIME, up_ms / 1000);
    if (r->control->shadow != NULL)
        shadow_measure(r->control->shadow);
    r->status = 200;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    if (metrics_render(&r->answer) != ERR_OK)
        api_say(r, 503, NULL);
}

static void run_healthz(struct admin_request *r)
{
    api_say(r, 200, json_pack("{s:s, s:s}", "status", "ok", "message", "ok"));
}

static void run_readyz(struct admin_request *r)
{
    bool ready = atomic_load(&r->control->ready);
    const char *word = ready ? "ready" : "not ready";
    api_say(r, ready ? 200 : 503, json_pack("{s:s, s:s}", "status", word, "message", word));
}

static const struct api_row rows[] = {
    {ADMIN_GET, "/status", 0, PATIENCE_MS, NULL, status_gather, status_render},
    {ADMIN_POST, "/control", ROW_CHANGES, LONG_PATIENCE_MS, NULL, orders_change, NULL},
    {ADMIN_POST, "/undo", ROW_CHANGES, LONG_PATIENCE_MS, NULL, orders_undo, NULL},
    {ADMIN_POST, "/explain", 0, PATIENCE_MS, NULL, explain_request, NULL},
    {ADMIN_GET, "/routes", 0, PATIENCE_MS, NULL, routes_request, NULL},
    {ADMIN_POST, "/reload", ROW_CHANGES, RELOAD_PATIENCE_MS, NULL, reload_request, NULL},
    {ADMIN_POST, "/upgrade", ROW_CHANGES, LONG_PATIENCE_MS, NULL, upgrade_request, NULL},
    {ADMIN_GET, "/metrics", 0, PATIENCE_MS, run_metrics, NULL, NULL},
    {ADMIN_GET, "/healthz", ROW_OPEN, PATIENCE_MS, run_healthz, NULL, NULL},
    {ADMIN_GET, "/readyz", ROW_OPEN, PATIENCE_MS, run_readyz, NULL, NULL},
};

/* --- what must hold --- */

static bool fits(const struct api_row *row, enum admin_method m)
{
    return row->method == m || (row->method == ADMIN_GET && m == ADMIN_HEAD);
}

static bool find_row(const struct admin_head *h, struct admin_request *r)
{
    const struct api_row *same_path = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].path, h->path) != 0)
            continue;
        same_path = &rows[i];
        r->row = same_path;
        if (fits(same_path, h->method))
            return true;
    }
    if (same_path == NULL) {
        api_refuse(r, 404, "not_found",
                   "there is GET /status, POST /control, POST /undo, POST /explain, GET /routes, "
                   "POST /reload, POST /upgrade, "
                   "GET /metrics, GET /healthz, GET /readyz",
                   NULL);
        return false;
    }
    r->allow = same_path->method == ADMIN_GET ? "GET, HEAD" : "POST";
    api_refuse(r, 405, "method_not_allowed",
               same_path->method == ADMIN_GET ? "use GET" : "use POST", NULL);
    return false;
}

/* Host without its port and brackets. */
static struct span host_name(const char *host)
{
    struct span s = span_str(host);
    if (s.n > 0 && s.p[0] == '[')
        return span_until(span_from(s, 1), span_find(span_from(s, 1), ']'));
    return span_until(s, span_find(s, ':'));
}

static bool is_address(struct span name)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr a;
    if (name.n == 0 || name.n >= sizeof(text))
        return false;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

/* A name an attacker's DNS cannot point here: an address, localhost, our own, the configured one.
 */
static bool is_our_host(const struct admin_request *r, const char *host)
{
    struct span name = host_name(host);
    struct span own = span_str(r->control->host);
    const char *configured = admin_tcp_address(r->admin);
    return is_address(name) || span_eq_nocase(name, SPAN("localhost")) ||
           span_eq_nocase(name, own) ||
           span_eq_nocase(name, span_until(own, span_find(own, '.'))) ||
           (configured != NULL && span_eq_nocase(name, host_name(configured)));
}

static bool has_token(const struct admin_head *h, const struct admin_request *r)
{
    struct span a = span_str(h->authorization);
    struct span scheme = SPAN("Bearer ");
    if (a.n <= scheme.n || !span_eq_nocase(span_until(a, scheme.n), scheme))
        return false;
    return admin_token_is(r->admin, span_trim(span_from(a, scheme.n)));
}

static bool may_enter(const struct admin_head *h, struct admin_request *r)
{
    if (!h->tcp || (r->row->flags & ROW_OPEN) || has_token(h, r))
        return true;
    if (!is_our_host(r, h->host)) {
        api_refuse(r, 403, err_word(ERR_FORBIDDEN),
                   "the Host header does not name this machine, and there is no valid token", NULL);
        return false;
    }
    r->challenge = true;
    api_refuse(r, 401, err_word(ERR_UNAUTHORIZED),
               "send Authorization: Bearer with the value of admin.token", NULL);
    return false;
}

/* The origin of a page that we served ourselves: scheme://Host. */
static bool is_own_origin(const struct admin_head *h, const struct admin_request *r)
{
    const char *sep = strstr(h->origin, "://");
    return sep != NULL && span_eq_nocase(span_str(sep + 3), span_str(h->host)) &&
           is_our_host(r, h->host);
}

static bool from_our_site(const struct admin_head *h, struct admin_request *r)
{
    bool fetched = h->sec_fetch_site[0] != '\0' && strcmp(h->sec_fetch_site, "same-origin") != 0 &&
                   strcmp(h->sec_fetch_site, "none") != 0;
    if (!fetched && (h->origin[0] == '\0' || is_own_origin(h, r)))
        return true;
    api_refuse(r, 403, err_word(ERR_FORBIDDEN), "a page of another site cannot change anything",
               NULL);
    return false;
}

static bool is_json(const char *content_type)
{
    struct span s = span_str(content_type);
    return span_eq_nocase(span_trim(span_until(s, span_find(s, ';'))), SPAN("application/json"));
}

static bool sends_json(const struct admin_head *h, struct admin_request *r)
{
    bool nothing = !h->tcp && h->content_type[0] == '\0' && h->length == 0;
    if (nothing || is_json(h->content_type))
        return true;
    api_refuse(r, 415, "unsupported_media_type", "send Content-Type: application/json", NULL);
    return false;
}

static bool fits_length(const struct admin_head *h, struct admin_request *r)
{
    if (h->length > ADMIN_BODY_MAX) {
        api_refuse(r, 413, err_word(ERR_TOO_LARGE), "a body may have 65536 bytes", NULL);
        return false;
    }
    if (h->chunked) {
        api_refuse(r, 411, "length_required", "send the body with Content-Length", NULL);
        return false;
    }
    return true;
}

static void read_look(const char *query, struct admin_look *look)
{
    struct span rest = span_str(query);
    struct span item;
    uint64_t width;
    *look = (struct admin_look){.width = 80};
    while (rest.n > 0 && span_cut(&rest, '&', &item)) {
        struct span key = span_until(item, span_find(item, '='));
        if (span_eq(key, SPAN("text")))
            look->text = true;
        else if (span_eq(key, SPAN("colour")))
            look->colour = true;
        else if (span_eq(key, SPAN("ascii")))
            look->ascii = true;
        else if (span_has_prefix(item, SPAN("width=")) && span_u64(span_from(item, 6), &width) &&
                 width <= 10000)
            look->width = (unsigned)width;
    }
}

bool api_open(const struct admin_head *h, struct admin_request *r)
{
    read_look(h->query, &r->look);
    r->head_only = h->method == ADMIN_HEAD;
    if (!find_row(h, r) || !may_enter(h, r))
        return false;
    return h->method != ADMIN_POST ||
           (from_our_site(h, r) && sends_json(h, r) && fits_length(h, r));
}

/* --- running --- */

uint64_t api_patience_ms(const struct admin_request *r)
{
    return r->row == NULL ? PATIENCE_MS : r->row->patience_ms;
}

static void on_control(void *arg)
{
    struct admin_request *r;
    OBJ_CAST(r, arg, ADMIN_REQUEST_MAGIC);
    if ((r->row->flags & ROW_CHANGES) && upgrade_refuses(r->control, r))
        return;
    r->row->control(r->control, r);
}

void api_run(struct admin_request *r)
{
    if (r->row->local != NULL) {
        r->row->local(r);
        admin_return(r);
    } else if (!loop_post(r->control->loop, on_control, r)) {
        api_refuse(r, 503, err_word(ERR_QUEUE_FULL), "weir is too busy for this; try again", NULL);
        admin_return(r);
    }
}

void api_finish(struct admin_request *r)
{
    if (r->row != NULL && r->row->finish != NULL && r->facts != NULL)
        r->row->finish(r->control, r);
}

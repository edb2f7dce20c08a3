/* GET /routes, and POST /explain: {"method", "url", "headers": ["name: value"], "ip"}; everything
 * but url may be left out. Changes nothing; it is a POST because it has a body. */
#include "control/json_read.h"
#include "control/room.h"

#include <stdlib.h>

enum { HEADERS_MAX = 64, TEXT_MAX = 16 * 1024 };

static const char *const keys[] = {"method", "url", "headers", "ip"};

static const char *text_of(struct json_reader *jr, const json_t *v, const char *path)
{
    if (json_is_string(v))
        return json_string_value(v);
    json_refuse(jr, path, "must be text", "is %s", json_type_word(v));
    return NULL;
}

static void read_headers(struct json_reader *jr, const json_t *v, const char *list[HEADERS_MAX],
                         struct explain_request *out)
{
    if (!json_is_array(v) || json_array_size(v) > HEADERS_MAX) {
        json_refuse(jr, "$.headers", "must be a list of at most 64 texts \"name: value\"", "is %s",
                    json_type_word(v));
        return;
    }
    out->headers = list;
    for (size_t i = 0; i < json_array_size(v); i++)
        list[out->nheaders++] = text_of(jr, json_array_get(v, i), "$.headers[]");
}

static enum err read_question(struct json_reader *jr, json_t *body, const char *list[HEADERS_MAX],
                              struct explain_request *out)
{
    const char *key;
    json_t *v;
    json_object_foreach(body, key, v)
    {
        if (strcmp(key, "method") == 0)
            out->method = text_of(jr, v, "$.method");
        else if (strcmp(key, "url") == 0)
            out->url = text_of(jr, v, "$.url");
        else if (strcmp(key, "ip") == 0)
            out->ip = text_of(jr, v, "$.ip");
        else if (strcmp(key, "headers") == 0)
            read_headers(jr, v, list, out);
        else
            json_unknown_key(jr, "$", key, keys, ARRAY_LEN(keys));
    }
    if (jr->err == ERR_OK && out->url == NULL)
        json_refuse(jr, "$.url", "must be the path or URL that is asked for", "is missing");
    return jr->err;
}

static json_t *lines_of(const struct buf *text)
{
    json_t *said = json_array();
    struct span rest = buf_span(text);
    struct span line;
    while (rest.n > 0 && span_cut(&rest, '\n', &line))
        (void)json_array_append_new(said, json_text(line));
    return said;
}

static json_t *say(const struct snapshot *s, const struct decision *d, enum err e,
                   const struct buf *text)
{
    json_t *o = json_object();
    if (e == ERR_OK) {
        const struct config *c = s->table->config;
        const char *backend = c->backends[d->route->backends[d->side]].name;
        (void)json_object_set_new(o, "route", json_string(d->route->config->name));
        (void)json_object_set_new(o, "side", json_string(side_word(d->side)));
        (void)json_object_set_new(o, "backend", json_string(backend));
        (void)json_object_set_new(o, "reason", json_string(reason_word(d->reason)));
        (void)json_object_set_new(o, "bucket", json_integer(d->bucket));
        (void)json_object_set_new(o, "weight", json_integer(d->weight));
        (void)json_object_set_new(o, "sticky", json_string(d->sticky));
        (void)json_object_set_new(o, "shadow", json_boolean(d->shadow));
    } else {
        (void)json_object_set_new(o, "error", json_string(err_word(e)));
    }
    (void)json_object_set_new(o, "epoch", json_integer((json_int_t)s->epoch));
    (void)json_object_set_new(o, "said", lines_of(text));
    return o;
}

static void explain(struct control *c, struct admin_request *r, json_t *body)
{
    struct complaints wrong = {.n = 0};
    struct json_reader jr = {.name = "", .wrong = &wrong, .malformed = ERR_INVALID};
    struct explain_request q = {.method = NULL};
    const char *headers[HEADERS_MAX];
    const struct snapshot *s = router_current(c->router);
    struct buf text = BUF_INIT(TEXT_MAX);
    struct decision d;
    enum err e = read_question(&jr, body, headers, &q);
    if (e == ERR_OK)
        e = route_explain(s, &q, &d, &text, &wrong);
    if (e == ERR_OK || e == ERR_NO_ROUTE)
        api_say(r, 200, say(s, &d, e, &text));
    else
        api_refuse(r, err_status(e), err_word(e), "the request cannot be explained", &wrong);
    complaints_free(&wrong);
    buf_free(&text);
}

void explain_request(struct control *c, struct admin_request *r)
{
    json_error_t at;
    json_t *body =
        json_loadb(r->body.p == NULL ? "" : r->body.p, r->body.n, JSON_REJECT_DUPLICATES, &at);
    if (json_is_object(body))
        explain(c, r, body);
    else
        api_refuse(r, 400, err_word(ERR_INVALID),
                   "send an object: {\"url\": \"/path\", \"headers\": [\"name: value\"]}", NULL);
    json_decref(body);
    admin_return(r);
}

void routes_request(struct control *c, struct admin_request *r)
{
    struct buf text = BUF_INIT(0);
    json_t *o = json_object();
    enum err e = route_list(router_current(c->router), &text);
    (void)json_object_set_new(o, "said", lines_of(&text));
    api_say(r, e == ERR_OK ? 200 : err_status(e), o);
    buf_free(&text);
    admin_return(r);
}

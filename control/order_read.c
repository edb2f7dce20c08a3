/* The bodies of POST /control and POST /undo. As strict as documents: an order that is half
 * understood is not carried out. */
#include "control/json_read.h"
#include "control/room.h"
#include "control/words.h"

#include <stdlib.h>

enum { WAIT_MAX_MS = 300000 };

struct reading {
    struct json_reader r;
    struct order_text *out;
    bool has_pin;
    bool has_weight;
    bool has_pause;
    bool has_restore;
};

void order_text_free(struct order_text *o)
{
    free(o->route);
    free(o->by);
    free(o->why);
    document_free(&o->content);
    *o = (struct order_text){.wait_ms = 0};
}

static void read_pin(struct reading *g, const json_t *v)
{
    static const char right[] =
        "must be \"legacy\", \"new\", \"config\", or null to remove the pin";
    struct change *ch = &g->out->change;
    const char *word = json_string_value(v);
    char quoted[WORDS_QUOTE_MAX];
    g->has_pin = true;
    if (json_is_null(v)) {
        ch->what = CHANGE_UNPIN;
    } else if (word == NULL) {
        json_refuse(&g->r, "$.pin", right, "is %s", json_type_word(v));
    } else if (strcmp(word, "config") == 0) {
        ch->what = CHANGE_CONFIG;
    } else if (strcmp(word, "legacy") == 0 || strcmp(word, "new") == 0) {
        ch->what = CHANGE_PIN;
        ch->pin = word[0] == 'l' ? PIN_LEGACY : PIN_NEW;
    } else {
        words_quote(quoted, span_str(word));
        json_refuse(&g->r, "$.pin", right, "is %s", quoted);
    }
}

static void read_weight(struct reading *g, const json_t *v)
{
    struct change *ch = &g->out->change;
    g->has_weight = true;
    ch->what = json_is_null(v) ? CHANGE_UNWEIGHT : CHANGE_WEIGHT;
    if (!json_is_null(v))
        (void)json_read_percent(&g->r, v, "$.new_percent", &ch->weight);
}

static void read_restore(struct reading *g, const json_t *v)
{
    g->has_restore = true;
    g->out->change.what = CHANGE_RESTORE;
    if (json_is_null(v))
        return;
    document_free(&g->out->content);
    enum err e = document_from_json(v, "$.restore", &g->out->content, g->r.wrong);
    if (e != ERR_OK && g->r.err == ERR_OK)
        g->r.err = e == ERR_NO_MEMORY ? e : ERR_INVALID;
}

static void read_flag(struct reading *g, const json_t *v, const char *path, bool *out)
{
    if (!json_is_boolean(v))
        json_refuse(&g->r, path, "must be true or false", "is %s", json_type_word(v));
    else
        *out = json_is_true(v);
}

static void read_wait(struct reading *g, const json_t *v)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > WAIT_MAX_MS)
        json_refuse(&g->r, "$.wait_ms", "must be a whole number of milliseconds from 0 to 300000",
                    "is %s", json_is_integer(v) ? "out of range" : json_type_word(v));
    else
        g->out->wait_ms = (uint64_t)n;
}

static void read_pause(struct reading *g, const json_t *v)
{
    json_int_t n = json_integer_value(v);
    g->has_pause = true;
    if (!json_is_integer(v) || n < 0 || n > DOCUMENT_PAUSE_MAX_MS)
        json_refuse(&g->r, "$.pause_ms", "must be a whole number of milliseconds from 0 to 60000",
                    "is %s", json_is_integer(v) ? "out of range" : json_type_word(v));
    else
        g->out->change.pause_ms = (uint64_t)n;
}

static void read_member(struct reading *g, bool change, const char *key, const json_t *v)
{
    static const char *const known[] = {"by",    "why", "wait_ms",  "pin",    "new_percent",
                                        "route", "all", "pause_ms", "restore"};
    if (strcmp(key, "by") == 0)
        json_read_text(&g->r, v, "$.by", DOCUMENT_BY_MAX, &g->out->by);
    else if (strcmp(key, "why") == 0)
        json_read_text(&g->r, v, "$.why", DOCUMENT_WHY_MAX, &g->out->why);
    else if (strcmp(key, "wait_ms") == 0)
        read_wait(g, v);
    else if (change && strcmp(key, "pin") == 0)
        read_pin(g, v);
    else if (change && strcmp(key, "new_percent") == 0)
        read_weight(g, v);
    else if (change && strcmp(key, "restore") == 0)
        read_restore(g, v);
    else if (change && strcmp(key, "route") == 0)
        json_read_text(&g->r, v, "$.route", DOCUMENT_NAME_MAX, &g->out->route);
    else if (change && strcmp(key, "all") == 0)
        read_flag(g, v, "$.all", &g->out->change.all);
    else if (change && strcmp(key, "pause_ms") == 0)
        read_pause(g, v);
    else
        json_unknown_key(&g->r, "$", key, known, change ? ARRAY_LEN(known) : 3);
}

static void check_whole(struct reading *g)
{
    struct order_text *o = g->out;
    unsigned n = (unsigned)g->has_pin + (unsigned)g->has_weight + (unsigned)g->has_restore;
    if (g->has_pause && o->route == NULL)
        json_refuse(&g->r, "$.route", "a pause belongs to one route", "is missing");
    if (g->has_pause && n == 0)
        o->change.what = CHANGE_PAUSE;
    else if (n != 1)
        json_refuse(&g->r, "$", "give one of pin, new_percent and restore",
                    n > 1 ? "has more than one of pin, new_percent and restore" : "says nothing");
    if (g->has_restore && (o->route != NULL || g->has_pause))
        json_refuse(&g->r, "$.restore", "restore is about everything, and alone",
                    "does not fit here");
    if (g->has_weight && o->route == NULL)
        json_refuse(&g->r, "$.route", "a weight belongs to one route", "is missing");
    if (o->change.all && (o->route != NULL || o->change.what != CHANGE_PIN))
        json_refuse(&g->r, "$.all", "goes with a pin of everything", "does not fit here");
}

static void read_object(struct reading *g, bool change, json_t *o)
{
    if (!json_is_object(o)) {
        json_refuse(&g->r, "$", "must be an object", "is %s", json_type_word(o));
        return;
    }
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it))
        read_member(g, change, json_object_iter_key(it), json_object_iter_value(it));
    if (change && g->r.err == ERR_OK)
        check_whole(g);
}

enum err order_read(struct span body, bool change, struct order_text *out, struct complaints *wrong)
{
    struct reading g = {.r = {.name = "request", .wrong = wrong, .malformed = ERR_INVALID},
                        .out = out};
    json_error_t error;
    *out = (struct order_text){.wait_ms = 0};
    if (body.n == 0)
        body = SPAN("{}");
    json_t *o = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &error);
    if (o == NULL && json_error_code(&error) == json_error_out_of_memory)
        return ERR_NO_MEMORY;
    if (o == NULL)
        json_refuse(&g.r, "", "must be one JSON object", "line %d, column %d: %s", error.line,
                    error.column, error.text);
    else
        read_object(&g, change, o);
    json_decref(o);
    out->change.route = out->route;
    out->change.by = out->by;
    out->change.why = out->why;
    out->change.content = out->content;
    if (g.r.err != ERR_OK)
        order_text_free(out);
    return g.r.err;
}

enum err order_read_request(const struct admin_request *r, bool change, struct order_text *out,
                            struct complaints *wrong)
{
    TRY(order_read(buf_span(&r->body), change, out, wrong));
    if (out->change.by == NULL && r->user[0] != '\0')
        out->change.by = r->user;
    return ERR_OK;
}

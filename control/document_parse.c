/* Reading control documents. What is not understood completely is refused completely, with every
 * reason there is: half of an instruction is worse than none.
 *
 * A route this instance does not know is not an error here. Whether a name exists is the business
 * of whoever applies the document (flip.c): in the middle of a rollout the same document must be
 * good for instances with and without that route. */
#include "control/document.h"

#include "base/suggest.h"
#include "control/json_read.h"
#include "control/words.h"

#include <stdio.h>
#include <stdlib.h>

enum { WHERE_MAX = 512 };

/* --- members --- */

static void read_epoch(struct json_reader *r, const json_t *v, const char *path, uint64_t *out)
{
    static const char right[] = "must be a whole number from 1 to 9007199254740991";
    if (!json_is_integer(v)) {
        json_refuse(r, path, right, "is %s%s", json_type_word(v),
                    json_is_real(v) ? " with a fraction" : "");
        return;
    }
    json_int_t n = json_integer_value(v);
    if (n < 1 || (uint64_t)n > DOCUMENT_EPOCH_MAX)
        json_refuse(r, path, right, "is %" JSON_INTEGER_FORMAT, n);
    else
        *out = (uint64_t)n;
}

/* global: "config" and null mean no pin. On a route "config" would leave open whether the global
 * pin still counts. */
static void read_pin(struct json_reader *r, const json_t *v, const char *path, bool global,
                     enum pin *out)
{
    const char *right =
        global ? "must be \"legacy\", \"new\" or \"config\"" : "must be \"legacy\" or \"new\"";
    char quoted[WORDS_QUOTE_MAX];
    if (json_is_null(v)) {
        *out = PIN_NONE;
        return;
    }
    if (!json_is_string(v)) {
        json_refuse(r, path, right, "is %s", json_type_word(v));
        return;
    }
    const char *word = json_string_value(v);
    if (strcmp(word, "legacy") == 0) {
        *out = PIN_LEGACY;
    } else if (strcmp(word, "new") == 0) {
        *out = PIN_NEW;
    } else if (global && strcmp(word, "config") == 0) {
        *out = PIN_NONE;
    } else {
        words_quote(quoted, span_of(word, json_string_length(v)));
        json_refuse(r, path, right, "is %s", quoted);
    }
}

/* --- routes --- */

static bool is_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    return n > 0 && n <= DOCUMENT_NAME_MAX && s[n] == '\0';
}

static void read_until(struct json_reader *r, const json_t *v, const char *path, uint64_t *out)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || (uint64_t)n > DOCUMENT_EPOCH_MAX)
        json_refuse(r, path, "must be a time in milliseconds since 1970", "is %s",
                    json_is_integer(v) ? "out of range" : json_type_word(v));
    else
        *out = (uint64_t)n;
}

static void read_route(struct json_reader *r, const char *name, const json_t *v,
                       struct document_route *out)
{
    static const char *const known[] = {"pin", "new_percent", "paused_until_ms"};
    char path[WHERE_MAX];
    char member[WHERE_MAX];
    const char *key;
    const json_t *m;
    (void)snprintf(path, sizeof(path), "$.routes.%s", name);
    if (!json_is_object(v)) {
        json_refuse(r, path, "must be an object such as {\"pin\": \"legacy\"}", "is %s",
                    json_type_word(v));
        return;
    }
    void *it = json_object_iter((json_t *)(uintptr_t)v);
    for (; it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        key = json_object_iter_key(it);
        m = json_object_iter_value(it);
        (void)snprintf(member, sizeof(member), "%.300s.%.64s", path, key);
        if (strcmp(key, "pin") == 0)
            read_pin(r, m, member, false, &out->pin);
        else if (strcmp(key, "new_percent") == 0)
            out->weighs = json_read_percent(r, m, member, &out->weight);
        else if (strcmp(key, "paused_until_ms") == 0)
            read_until(r, m, member, &out->paused_until_ms);
        else
            json_unknown_key(r, path, key, known, ARRAY_LEN(known));
    }
}

static int by_name(const void *a, const void *b)
{
    const struct document_route *x = a;
    const struct document_route *y = b;
    return strcmp(x->name, y->name);
}

static void read_one_route(struct json_reader *r, const char *name, const json_t *v,
                           struct document *d)
{
    char quoted[WORDS_QUOTE_MAX];
    if (!is_name(name)) {
        words_quote(quoted, span_str(name));
        json_refuse(r, "$.routes", "a route name has letters, digits, '-', '_' and '.'",
                    "%s cannot be the name of a route", quoted);
        return;
    }
    struct document_route *slot = &d->routes[d->nroutes];
    read_route(r, name, v, slot);
    if (slot->pin == PIN_NONE && !slot->weighs && slot->paused_until_ms == 0)
        return; /* {} says nothing */
    slot->name = strdup(name);
    if (slot->name == NULL)
        json_no_memory(r);
    else
        d->nroutes++;
}

static void read_routes(struct json_reader *r, const json_t *v, struct document *d)
{
    json_t *routes = (json_t *)(uintptr_t)v;
    if (!json_is_object(v)) {
        json_refuse(r, "$.routes",
                    "must be an object such as {\"checkout\": {\"pin\": \"legacy\"}}", "is %s",
                    json_type_word(v));
        return;
    }
    d->routes = calloc(json_object_size(v) + 1, sizeof(*d->routes));
    if (d->routes == NULL) {
        json_no_memory(r);
        return;
    }
    for (void *it = json_object_iter(routes); it != NULL && r->err != ERR_NO_MEMORY;
         it = json_object_iter_next(routes, it))
        read_one_route(r, json_object_iter_key(it), json_object_iter_value(it), d);
    qsort(d->routes, d->nroutes, sizeof(*d->routes), by_name);
}

/* --- the whole --- */

static void read_member(struct json_reader *r, const char *key, const json_t *v, struct document *d)
{
    static const char *const known[] = {"epoch", "pin", "by", "why", "at", "routes", "undoes"};
    if (strcmp(key, "epoch") == 0)
        read_epoch(r, v, "$.epoch", &d->epoch);
    else if (strcmp(key, "pin") == 0)
        read_pin(r, v, "$.pin", true, &d->pin);
    else if (strcmp(key, "by") == 0)
        json_read_text(r, v, "$.by", DOCUMENT_BY_MAX, &d->by);
    else if (strcmp(key, "why") == 0)
        json_read_text(r, v, "$.why", DOCUMENT_WHY_MAX, &d->why);
    else if (strcmp(key, "at") == 0)
        json_read_text(r, v, "$.at", DOCUMENT_AT_MAX, &d->at);
    else if (strcmp(key, "routes") == 0)
        read_routes(r, v, d);
    else if (strcmp(key, "undoes") == 0)
        read_epoch(r, v, "$.undoes", &d->undoes);
    else
        json_unknown_key(r, "$", key, known, ARRAY_LEN(known));
}

static void read_object(struct json_reader *r, const json_t *object, struct document *d)
{
    json_t *o = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(o); it != NULL && r->err != ERR_NO_MEMORY;
         it = json_object_iter_next(o, it))
        read_member(r, json_object_iter_key(it), json_object_iter_value(it), d);
}

static enum err finish(struct json_reader *r, struct document *d, struct document **out)
{
    if (r->err != ERR_OK)
        document_free(&d);
    *out = d;
    return r->err;
}

enum err document_from_json(const json_t *object, const char *name, struct document **out,
                            struct complaints *wrong)
{
    struct json_reader r = {.name = name, .wrong = wrong, .malformed = ERR_CONTROL_MALFORMED};
    *out = NULL;
    struct document *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return ERR_NO_MEMORY;
    if (json_is_object(object))
        read_object(&r, object, d);
    else
        json_refuse(&r, "$", "must be an object", "is %s", json_type_word(object));
    d->word = d->epoch == 0;
    return finish(&r, d, out);
}

static enum err parse_json(struct span text, struct json_reader *r, struct document **out)
{
    json_error_t error;
    char path[64];
    json_t *o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (o == NULL && json_error_code(&error) == json_error_out_of_memory)
        return ERR_NO_MEMORY;
    if (o == NULL) {
        (void)snprintf(path, sizeof(path), "line %d, column %d", error.line, error.column);
        json_refuse(r, path, "must be legacy, new, config or one JSON object", "%s", error.text);
        return r->err;
    }
    enum err e = document_from_json(o, r->name, out, r->wrong);
    json_decref(o);
    if (e == ERR_OK && (*out)->word) {
        json_refuse(r, "$.epoch", "give the number of the epoch in force plus one", "is missing");
        document_free(out);
        e = r->err;
    }
    return e;
}

static enum err parse_word(struct span word, struct json_reader *r, struct document **out)
{
    static const char *const words[] = {"legacy", "new", "config"};
    static const enum pin pins[] = {PIN_LEGACY, PIN_NEW, PIN_NONE};
    char quoted[WORDS_QUOTE_MAX];
    char right[96] = "must be legacy, new, config or a JSON object";
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!span_eq(word, span_str(words[i])))
            continue;
        *out = calloc(1, sizeof(**out));
        if (*out == NULL)
            return ERR_NO_MEMORY;
        (*out)->word = true;
        (*out)->pin = pins[i];
        return ERR_OK;
    }
    struct span bare = word;
    if (bare.n > 2 && bare.p[0] == '"' && bare.p[bare.n - 1] == '"')
        bare = span_of(bare.p + 1, bare.n - 2);
    const char *near = suggest_nearest(bare, words, ARRAY_LEN(words));
    if (near != NULL)
        (void)snprintf(right, sizeof(right), "did you mean %s? (lower case, without quotes)", near);
    words_quote(quoted, word);
    json_refuse(r, "", right, "is %s", quoted);
    return r->err;
}

enum err document_parse(struct span raw, const char *name, struct document **out,
                        struct complaints *wrong)
{
    struct json_reader r = {.name = name, .wrong = wrong, .malformed = ERR_CONTROL_MALFORMED};
    struct span text = words_strip(raw);
    *out = NULL;
    if (raw.n > DOCUMENT_MAX) {
        json_refuse(&r, "", "must be at most 1048576 bytes", "has %zu bytes", raw.n);
        return ERR_CONTROL_TOO_LARGE;
    }
    if (text.n == 0) {
        json_refuse(&r, "", "must be legacy, new, config or a JSON object", "is empty");
        return r.err;
    }
    return text.p[0] == '{' ? parse_json(text, &r, out) : parse_word(text, &r, out);
}

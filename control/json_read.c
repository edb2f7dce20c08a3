/* Reading JSON that people wrote: each refusal says where, what is wrong and what would be right.
 */
#include "control/json_read.h"

#include "base/suggest.h"
#include "control/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHERE_MAX = 512 };

void json_refuse(struct json_reader *r, const char *path, const char *right, const char *fmt, ...)
{
    char where[WHERE_MAX];
    char what[WHERE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    (void)snprintf(where, sizeof(where), "%s%s%s", r->name, path[0] == '\0' ? "" : ": ", path);
    complain(r->wrong, where, right, "%s", what);
    if (r->err == ERR_OK)
        r->err = r->malformed;
}

void json_no_memory(struct json_reader *r)
{
    r->err = ERR_NO_MEMORY;
}

const char *json_type_word(const json_t *v)
{
    static const char *const words[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null"};
    return words[json_typeof(v)];
}

void json_read_text(struct json_reader *r, const json_t *v, const char *path, size_t max,
                    char **out)
{
    char right[64];
    (void)snprintf(right, sizeof(right), "must be text of at most %zu bytes", max);
    if (!json_is_string(v)) {
        json_refuse(r, path, right, "is %s", json_type_word(v));
        return;
    }
    if (json_string_length(v) > max) {
        json_refuse(r, path, right, "has %zu bytes", json_string_length(v));
        return;
    }
    free(*out);
    *out = strdup(json_string_value(v));
    if (*out == NULL)
        json_no_memory(r);
}

bool json_read_percent(struct json_reader *r, const json_t *v, const char *path, uint16_t *out)
{
    static const char right[] = "must be a number from 0 to 100 with at most two decimals";
    if (!json_is_number(v)) {
        json_refuse(r, path, right, "is %s", json_type_word(v));
        return false;
    }
    double percent = json_number_value(v);
    double points = round(percent * 100.0);
    if (!(percent >= 0.0 && percent <= 100.0) || fabs(percent * 100.0 - points) > 1e-9) {
        json_refuse(r, path, right, "is %.10g", percent);
        return false;
    }
    *out = (uint16_t)points;
    return true;
}

void json_unknown_key(struct json_reader *r, const char *path, const char *key,
                      const char *const *known, size_t nknown)
{
    char quoted[WORDS_QUOTE_MAX];
    char right[160];
    size_t at = 0;
    const char *near = suggest_nearest(span_str(key), known, nknown);
    if (near != NULL) {
        (void)snprintf(right, sizeof(right), "did you mean \"%s\"?", near);
    } else {
        for (size_t i = 0; i < nknown && at < sizeof(right); i++)
            at += (size_t)snprintf(right + at, sizeof(right) - at, "%s%s",
                                   i == 0 ? "known are " : ", ", known[i]);
    }
    words_quote(quoted, span_str(key));
    json_refuse(r, path, right, "has no member %s", quoted);
}

json_t *json_text(struct span s)
{
    json_t *v = json_stringn(s.n == 0 ? "" : s.p, s.n);
    if (v != NULL)
        return v;
    char *copy = malloc(s.n + 1);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < s.n; i++)
        copy[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?';
    v = json_stringn(copy, s.n);
    free(copy);
    return v;
}

/* Reading JSON that people wrote: documents, orders to the admin API. */
#ifndef CONTROL_JSON_READ_H
#define CONTROL_JSON_READ_H

#include "config/config.h"

#include <jansson.h>

struct json_reader {
    const char *name; /* begins every complaint; "" for none */
    struct complaints *wrong;
    enum err malformed; /* what a refusal counts as */
    enum err err;       /* the first failure */
};

void json_refuse(struct json_reader *r, const char *path, const char *right, const char *fmt, ...)
    PRINTF(4, 5);
void json_no_memory(struct json_reader *r);

const char *json_type_word(const json_t *v);
/* "an object", "text", "a number" ... */

void json_read_text(struct json_reader *r, const json_t *v, const char *path, size_t max,
                    char **out);
/* A copy to be freed; what was there before is freed. */

bool json_read_percent(struct json_reader *r, const json_t *v, const char *path, uint16_t *out);
/* 12.5 -> 1250. False: refused. */

void json_unknown_key(struct json_reader *r, const char *path, const char *key,
                      const char *const *known, size_t nknown);

json_t *json_text(struct span s);
/* A string of whatever bytes: what is not UTF-8 is shown as '?'. NULL without memory. */

#endif

/* The special difficulty is trust: the file decides where traffic goes after a restart, so a
 * half-written or edited one must never be taken for a state. It carries a hash of itself; what
 * does not agree with it is kept aside and not used. */
#include "control/state.h"

#include "base/clock.h"
#include "control/disk.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATE_VERSION = 1, STATE_FILE_MAX = 256 * 1024 * 1024, HEX_LEN = 2 * DIGEST_BYTES };

static const char *const source_words[SOURCE_COUNT] = {"none",  "redis",  "file",
                                                       "admin", "config", "upgrade"};

const char *source_word(enum source s)
{
    return source_words[s];
}

void state_free(struct state *s)
{
    document_free(&s->document);
    for (size_t i = 0; i < s->nundo; i++)
        document_free(&s->undo[i]);
    *s = (struct state){.epoch = 0};
}

void state_remember(struct state *s, struct document **d)
{
    if (s->nundo == UNDO_MAX) {
        document_free(&s->undo[0]);
        memmove(&s->undo[0], &s->undo[1], (UNDO_MAX - 1) * sizeof(s->undo[0]));
        s->nundo--;
    }
    s->undo[s->nundo++] = *d;
    *d = NULL;
}

/* --- rendering --- */

static json_t *document_or_null(const struct document *d)
{
    return d == NULL ? json_null() : document_to_json(d);
}

static json_t *hex(const unsigned char *digest)
{
    char text[HEX_LEN];
    bytes_hex(text, digest, DIGEST_BYTES);
    return json_stringn(text, sizeof(text));
}

static json_t *undo_to_json(const struct state *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < s->nundo; i++) {
        if (json_array_append_new(list, document_or_null(s->undo[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool put_text(json_t *o, const char *key, const char *text)
{
    return text == NULL || json_object_set_new(o, key, json_string(text)) == 0;
}

static json_t *config_or_null(const struct state_config *c)
{
    if (c->at_ms == 0)
        return json_null();
    json_t *o = json_object();
    bool ok = o != NULL &&
              json_object_set_new(o, "at_ms", json_integer((json_int_t)c->at_ms)) == 0 &&
              put_text(o, "by", c->by) && put_text(o, "why", c->why);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *state_to_json(const struct state *s)
{
    json_t *o = json_object();
    bool ok = o != NULL &&
              json_object_set_new(o, "epoch", json_integer((json_int_t)s->epoch)) == 0 &&
              json_object_set_new(o, "seen", json_integer((json_int_t)s->seen)) == 0 &&
              json_object_set_new(o, "source", json_string(source_words[s->source])) == 0 &&
              json_object_set_new(o, "at_ms", json_integer((json_int_t)s->at_ms)) == 0 &&
              json_object_set_new(o, "pending", json_boolean(s->pending)) == 0 &&
              json_object_set_new(o, "document", document_or_null(s->document)) == 0 &&
              json_object_set_new(o, "value", s->has_value ? hex(s->value) : json_null()) == 0 &&
              json_object_set_new(o, "routing", hex(s->routing)) == 0 &&
              json_object_set_new(o, "undo", undo_to_json(s)) == 0 &&
              json_object_set_new(o, "config", config_or_null(&s->config)) == 0;
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

/* The hash is taken over a canonical form, so that it does not depend on white space. */
static json_t *sum_of(const json_t *state)
{
    unsigned char digest[DIGEST_BYTES];
    char *text = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    if (text == NULL)
        return NULL;
    enum err e = digest_of(span_str(text), digest);
    free(text);
    return e == ERR_OK ? hex(digest) : NULL;
}

enum err state_render(const struct state *s, struct buf *out)
{
    json_t *o = json_object();
    json_t *inner = state_to_json(s);
    char *text = NULL;
    bool ok = o != NULL && inner != NULL &&
              json_object_set_new(o, "weir_state", json_integer(STATE_VERSION)) == 0 &&
              json_object_set_new(o, "sha256", sum_of(inner)) == 0 &&
              json_object_set(o, "state", inner) == 0;
    if (ok)
        text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    enum err e = text == NULL ? ERR_NO_MEMORY : buf_append(out, span_str(text));
    if (e == ERR_OK)
        e = buf_append(out, SPAN("\n"));
    free(text);
    json_decref(inner);
    json_decref(o);
    return e;
}

/* --- reading --- */

struct loader {
    const char *name;
    struct complaints *wrong;
    struct state *out;
};

static enum err damaged(const struct loader *l, const char *what)
{
    complain(l->wrong, l->name, "weir writes this file itself; it cannot be edited", "%s", what);
    return ERR_INVALID;
}

static enum err take_number(const struct loader *l, const json_t *o, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return damaged(l, "a number is missing");
    *out = (uint64_t)json_integer_value(v);
    return ERR_OK;
}

static enum err take_digest(const struct loader *l, const json_t *o, const char *key,
                            unsigned char out[DIGEST_BYTES])
{
    const json_t *v = json_object_get(o, key);
    uint64_t byte;
    if (json_string_length(v) != HEX_LEN)
        return damaged(l, "a hash is missing");
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        if (!span_hex_u64(span_of(json_string_value(v) + 2 * i, 2), &byte))
            return damaged(l, "a hash is malformed");
        out[i] = (unsigned char)byte;
    }
    return ERR_OK;
}

static enum err take_document(const struct loader *l, const json_t *v, struct document **out)
{
    *out = NULL;
    if (json_is_null(v))
        return ERR_OK;
    if (v == NULL)
        return damaged(l, "a document is missing");
    enum err e = document_from_json(v, l->name, out, l->wrong);
    return e == ERR_CONTROL_MALFORMED ? ERR_INVALID : e;
}

static enum err take_source(const struct loader *l, const json_t *o)
{
    const char *word = json_string_value(json_object_get(o, "source"));
    for (int i = 0; word != NULL && i < SOURCE_COUNT; i++) {
        if (strcmp(word, source_words[i]) == 0) {
            l->out->source = (enum source)i;
            return ERR_OK;
        }
    }
    return damaged(l, "the source is missing");
}

static enum err take_undo(const struct loader *l, const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > UNDO_MAX)
        return damaged(l, "the undo list is missing");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct document *d;
        TRY(take_document(l, json_array_get(list, i), &d));
        state_remember(l->out, &d);
    }
    return ERR_OK;
}

static enum err take_text(const struct loader *l, const json_t *o, const char *key, char *out,
                          size_t max)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_string(v) || json_string_length(v) > max)
        return damaged(l, "a text is missing");
    memcpy(out, json_string_value(v), json_string_length(v) + 1);
    return ERR_OK;
}

static enum err take_config(const struct loader *l, const json_t *v)
{
    struct state_config *c = &l->out->config;
    if (v == NULL || json_is_null(v)) /* a weir that did not keep it wrote the file */
        return ERR_OK;
    TRY(take_number(l, v, "at_ms", &c->at_ms));
    TRY(take_text(l, v, "by", c->by, DOCUMENT_BY_MAX));
    return take_text(l, v, "why", c->why, DOCUMENT_WHY_MAX);
}

static enum err take_state(const struct loader *l, const json_t *o)
{
    struct state *s = l->out;
    TRY(take_number(l, o, "epoch", &s->epoch));
    TRY(take_number(l, o, "seen", &s->seen));
    TRY(take_number(l, o, "at_ms", &s->at_ms));
    TRY(take_source(l, o));
    TRY(take_document(l, json_object_get(o, "document"), &s->document));
    TRY(take_digest(l, o, "routing", s->routing));
    TRY(take_config(l, json_object_get(o, "config")));
    s->pending = json_is_true(json_object_get(o, "pending"));
    s->has_value = !json_is_null(json_object_get(o, "value"));
    if (s->has_value)
        TRY(take_digest(l, o, "value", s->value));
    return take_undo(l, json_object_get(o, "undo"));
}

static enum err check_sum(const struct loader *l, const json_t *o, const json_t *state)
{
    json_t *sum = sum_of(state);
    if (sum == NULL)
        return ERR_NO_MEMORY;
    bool same = json_equal(sum, json_object_get(o, "sha256")) == 1;
    json_decref(sum);
    return same ? ERR_OK : damaged(l, "does not agree with the hash it carries");
}

static enum err take_file(const struct loader *l, const json_t *o)
{
    const json_t *state = json_object_get(o, "state");
    if (json_integer_value(json_object_get(o, "weir_state")) != STATE_VERSION ||
        !json_is_object(state))
        return damaged(l, "is not a state of this version of weir");
    TRY(check_sum(l, o, state));
    return take_state(l, state);
}

enum err state_parse(struct span text, const char *name, struct state *out,
                     struct complaints *wrong)
{
    struct loader l = {name, wrong, out};
    json_error_t error;
    *out = (struct state){.epoch = 0};
    json_t *o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (o == NULL && json_error_code(&error) == json_error_out_of_memory)
        return ERR_NO_MEMORY;
    if (o == NULL)
        return damaged(&l, text.n == 0 ? "is empty" : "is not JSON");
    enum err e = take_file(&l, o);
    json_decref(o);
    if (e != ERR_OK)
        state_free(out);
    return e;
}

static void keep_aside(const char *path, struct complaints *wrong)
{
    char bad[PATH_MAX];
    int n = snprintf(bad, sizeof(bad), "%s.bad", path);
    if (n > 0 && (size_t)n < sizeof(bad) && rename(path, bad) == 0)
        complain(wrong, path, NULL, "was renamed to %s", bad);
    else
        complain(wrong, path, NULL, "cannot be renamed: %s", strerror(errno));
}

enum err state_load(const char *path, struct state *out, struct complaints *wrong)
{
    struct buf text = BUF_INIT(0);
    *out = (struct state){.epoch = 0};
    enum err e = disk_read(path, STATE_FILE_MAX, &text);
    if (e == ERR_SYSTEM)
        complain(wrong, path, NULL, "cannot be read: %s", strerror(errno));
    if (e == ERR_OK)
        e = state_parse(buf_span(&text), path, out, wrong);
    if (e == ERR_TOO_LARGE) {
        complain(wrong, path, NULL, "is larger than any state weir writes");
        e = ERR_INVALID;
    }
    if (e == ERR_INVALID)
        keep_aside(path, wrong);
    buf_free(&text);
    return e;
}

/* --- the audit trail --- */

static bool put_changes(json_t *o, const json_t *changes)
{
    char more[48];
    size_t n = json_array_size(changes);
    json_t *list = json_array();
    if (n == 0 || list == NULL) {
        json_decref(list);
        return n == 0;
    }
    for (size_t i = 0; i < n && i < AUDIT_CHANGES_MAX; i++)
        (void)json_array_append(list, json_array_get(changes, i));
    if (n > AUDIT_CHANGES_MAX) {
        (void)snprintf(more, sizeof(more), "%zu more", n - AUDIT_CHANGES_MAX);
        (void)json_array_append_new(list, json_string(more));
    }
    return json_object_set_new(o, "changes", list) == 0;
}

enum err audit_line(const struct audit *a, struct buf *out)
{
    char when[CLOCK_ISO_LEN + 1];
    json_t *o = json_object();
    char *text = NULL;
    clock_iso(when, a->at_ms);
    bool ok = o != NULL && put_text(o, "at", when) &&
              json_object_set_new(o, "epoch", json_integer((json_int_t)a->epoch)) == 0 &&
              put_text(o, "source", source_word(a->source)) && put_text(o, "by", a->by) &&
              put_text(o, "why", a->why) && put_changes(o, a->changes) &&
              json_object_set_new(o, "from", document_or_null(a->from)) == 0 &&
              json_object_set_new(o, "to", document_or_null(a->to)) == 0;
    if (ok)
        text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
    enum err e = text == NULL ? ERR_NO_MEMORY : buf_append(out, span_str(text));
    if (e == ERR_OK)
        e = buf_append(out, SPAN("\n"));
    free(text);
    json_decref(o);
    return e;
}

/* options.def as data. The compiler checks each row against the struct member it names: a DURATION
 * that is not a uint64_t does not build. */
#include "config/room.h"

#include <stddef.h>
#include <string.h>

#define config_root  config /* the root's struct has no suffix; see STRUCT */
#define STRUCT(name) struct config_##name

/* --- the words of the enumerations --- */

static const char *const words_tls_version[] = {[TLS_1_2] = "1.2", [TLS_1_3] = "1.3", NULL};
static const char *const words_backend_protocol[] = {
    [BACKEND_HTTP1] = "http1", [BACKEND_H2] = "h2", [BACKEND_AUTO] = "auto", NULL};
static const char *const words_client_verify[] = {
    [CLIENT_VERIFY_OFF] = "off",
    [CLIENT_VERIFY_OPTIONAL] = "optional",
    [CLIENT_VERIFY_REQUIRED] = "required",
    NULL,
};
static const char *const words_shadow_store[] = {
    [SHADOW_STORE_NONE] = "none",
    [SHADOW_STORE_PATHS] = "paths",
    [SHADOW_STORE_TOKENS] = "tokens",
    [SHADOW_STORE_FULL] = "full",
    NULL,
};
static const char *const words_unsafe_copies[] = {
    [UNSAFE_SKIP] = "skip", [UNSAFE_SANDBOX] = "sandbox", NULL};
static const char *const words_credential[] = {
    [CREDENTIAL_PASS] = "pass", [CREDENTIAL_DROP] = "drop", NULL};
static const char *const words_on_flip[] = {
    [ON_FLIP_FINISH] = "finish", [ON_FLIP_DRAIN] = "drain", [ON_FLIP_CUT] = "cut", NULL};
static const char *const words_new_error[] = {
    [NEW_ERROR_FAIL] = "fail", [NEW_ERROR_LEGACY] = "legacy", NULL};
static const char *const words_edit_on[] = {
    [EDIT_REQUEST] = "request", [EDIT_ANSWER] = "answer", NULL};
static const char *const words_edit_side[] = {
    [EDIT_LEGACY] = "legacy", [EDIT_NEW] = "new", [EDIT_BOTH] = "both", NULL};
static const char *const words_edit_action[] = {
    [EDIT_SET] = "set", [EDIT_ADD] = "add", [EDIT_REMOVE] = "remove", NULL};
static const char *const words_underscore[] = {
    [UNDERSCORE_DROP] = "drop", [UNDERSCORE_PASS] = "pass", [UNDERSCORE_REJECT] = "reject", NULL};
static const char *const words_passing[] = {
    [PASSING_REJECT] = "reject", [PASSING_PASS] = "pass", NULL};
static const char *const words_access_format[] = {
    [ACCESS_JSON] = "json", [ACCESS_COMBINED] = "combined", NULL};
static const char *const words_access_query[] = {[ACCESS_QUERY_KEEP] = "keep",
                                                 [ACCESS_QUERY_NAMES] = "names",
                                                 [ACCESS_QUERY_DROP] = "drop",
                                                 NULL};
static const char *const words_log_level[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL};
static const char *const words_log_format[] = {[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};

/* --- each member has the type its row says --- */

#define IS_UINT        unsigned
#define IS_SIZE        uint64_t
#define IS_DURATION    uint64_t
#define IS_PERCENT     unsigned
#define IS_DOUBLE      double
#define IS_BOOL        bool
#define IS_ENUM(x)     enum x
#define IS_STRING      const char *
#define IS_TEXT(x)     const char *
#define IS_PATH        const char *
#define IS_STREAM      const char *
#define IS_NAMES(x)    struct config_names
#define IS_SECTION(x)  STRUCT(x)
#define IS_OPTIONAL(x) STRUCT(x) *
#define IS_LIST(x)     STRUCT(x) *
#define IS_MAP(x)      STRUCT(x) *

#define SCOPE(...)
#define OPT(scope, key, TYPE, member, ...)                                                \
    _Static_assert(_Generic(&((STRUCT(scope) *)0)->member, IS_##TYPE * : 1, default : 0), \
                   "options.def: " key " has another type in config.h");
#include "config/options.def"
#undef OPT

/* --- lists and maps are followed by their count; enumerations are as wide as an int --- */

#define NOTHING(scope, member)
#define COUNTED(scope, member)                                                         \
    _Static_assert(offsetof(STRUCT(scope), n##member) ==                               \
                       offsetof(STRUCT(scope), member) + offsetof(struct sequence, n), \
                   "config.h: n" #member " must follow " #member);
#define INT_WIDE(scope, member) \
    _Static_assert(sizeof(((STRUCT(scope) *)0)->member) == sizeof(int), "an enum is not an int");
#define LAID_UINT        NOTHING
#define LAID_SIZE        NOTHING
#define LAID_DURATION    NOTHING
#define LAID_PERCENT     NOTHING
#define LAID_DOUBLE      NOTHING
#define LAID_BOOL        NOTHING
#define LAID_ENUM(x)     INT_WIDE
#define LAID_STRING      NOTHING
#define LAID_TEXT(x)     NOTHING
#define LAID_PATH        NOTHING
#define LAID_STREAM      NOTHING
#define LAID_NAMES(x)    NOTHING
#define LAID_SECTION(x)  NOTHING
#define LAID_OPTIONAL(x) NOTHING
#define LAID_LIST(x)     COUNTED
#define LAID_MAP(x)      COUNTED

#define OPT(scope, key, TYPE, member, ...) LAID_##TYPE(scope, member)
#include "config/options.def"
#undef OPT
#undef SCOPE

_Static_assert(sizeof(struct config_names) == sizeof(struct sequence), "names are a sequence");
_Static_assert(offsetof(struct config_backend, name) == 0,
               "an entry of a map begins with its name");

/* --- the tables --- */

enum {
#define SCOPE(name, ...)                   FIRST_##name, BEFORE_##name = FIRST_##name - 1,
#define OPT(scope, key, TYPE, member, ...) AT_##scope##_##member,
#include "config/options.def"
#undef SCOPE
#undef OPT
    OPTION_COUNT
};

static const struct scope_info scopes[SCOPE_COUNT] = {
#define SCOPE(name_, path_, exactly_one_, help_) \
    [SCOPE_##name_] = {                          \
        .name = #name_,                          \
        .path = path_,                           \
        .exactly_one = exactly_one_,             \
        .help = help_,                           \
        .size = sizeof(STRUCT(name_)),           \
        .first = FIRST_##name_,                  \
    },
#define OPT(...)
#include "config/options.def"
#undef SCOPE
#undef OPT
};

#define AS_UINT        .type = OPTION_UINT
#define AS_SIZE        .type = OPTION_SIZE
#define AS_DURATION    .type = OPTION_DURATION
#define AS_PERCENT     .type = OPTION_PERCENT
#define AS_DOUBLE      .type = OPTION_DOUBLE
#define AS_BOOL        .type = OPTION_BOOL
#define AS_ENUM(x)     .type = OPTION_ENUM, .words = words_##x
#define AS_STRING      .type = OPTION_TEXT, .syntax = &syntax_any
#define AS_TEXT(x)     .type = OPTION_TEXT, .syntax = &syntax_##x
#define AS_PATH        .type = OPTION_PATH, .syntax = &syntax_any
#define AS_STREAM      .type = OPTION_STREAM, .syntax = &syntax_any
#define AS_NAMES(x)    .type = OPTION_NAMES, .syntax = &syntax_##x
#define AS_SECTION(x)  .type = OPTION_SECTION, .to = SCOPE_##x
#define AS_OPTIONAL(x) .type = OPTION_OPTIONAL, .to = SCOPE_##x
#define AS_LIST(x)     .type = OPTION_LIST, .to = SCOPE_##x
#define AS_MAP(x)      .type = OPTION_MAP, .to = SCOPE_##x

static const struct option options[OPTION_COUNT] = {
#define SCOPE(...)
#define OPT(scope_, key_, TYPE, member, min_, max_, fallback_, unit_, help_) \
    [AT_##scope_##_##member] = {                                             \
        .key = key_,                                                         \
        AS_##TYPE,                                                           \
        .scope = SCOPE_##scope_,                                             \
        .at = offsetof(STRUCT(scope_), member),                              \
        .min = min_,                                                         \
        .max = max_,                                                         \
        .fallback = fallback_,                                               \
        .unit = unit_,                                                       \
        .help = help_,                                                       \
    },
#include "config/options.def"
#undef SCOPE
#undef OPT
};

const struct scope_info *scope_info(enum scope s)
{
    BUG_IF(s >= SCOPE_COUNT);
    return &scopes[s];
}

const struct option *scope_options(enum scope s, size_t *n)
{
    size_t first = scope_info(s)->first;
    size_t end = s + 1 < SCOPE_COUNT ? scopes[s + 1].first : OPTION_COUNT;
    *n = end - first;
    return &options[first];
}

const struct option *scope_find(enum scope s, const char *key)
{
    size_t n;
    const struct option *o = scope_options(s, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(o[i].key, key) == 0)
            return &o[i];
    return NULL;
}

void *option_member(const struct option *o, void *scope)
{
    return (char *)scope + o->at;
}

const void *option_value(const struct option *o, const void *scope)
{
    return (const char *)scope + o->at;
}

/* --- what a value must be, in words --- */

static enum err expects_range(const struct option *o, struct buf *out,
                              enum err (*put)(struct buf *, uint64_t))
{
    TRY(buf_append(out, SPAN(", from ")));
    TRY(put(out, o->min));
    TRY(buf_append(out, SPAN(" to ")));
    return put(out, o->max);
}

static enum err expects_words(const struct option *o, struct buf *out)
{
    TRY(buf_append(out, SPAN("one of")));
    for (const char *const *w = o->words; *w != NULL; w++)
        TRY(buf_printf(out, "%s \"%s\"", w == o->words ? "" : ",", *w));
    return ERR_OK;
}

/* "a list of 1 to 64 objects" */
static enum err expects_many(const struct option *o, struct buf *out, const char *kind,
                             const char *one, const char *many)
{
    if (o->min == o->max)
        return buf_printf(out, "%s of %llu %s", kind, (unsigned long long)o->max,
                          o->max == 1 ? one : many);
    if (o->min == 0)
        return buf_printf(out, "%s of at most %llu %s", kind, (unsigned long long)o->max, many);
    return buf_printf(out, "%s of %llu to %llu %s", kind, (unsigned long long)o->min,
                      (unsigned long long)o->max, many);
}

static enum err expects_text(const struct option *o, struct buf *out)
{
    if (o->syntax->right != NULL)
        TRY(buf_append(out, span_str(o->syntax->right)));
    if (o->syntax->sized)
        return buf_printf(out, ", %llu to %llu bytes", (unsigned long long)o->min,
                          (unsigned long long)o->max);
    if (o->syntax->right != NULL)
        return ERR_OK;
    return buf_printf(out, "%s of %llu to %llu bytes", o->type == OPTION_TEXT ? "text" : "a path",
                      (unsigned long long)o->min, (unsigned long long)o->max);
}

enum err option_expects(const struct option *o, struct buf *out)
{
    switch (o->type) {
    case OPTION_UINT:
        return buf_printf(out, "a whole number from %llu to %llu", (unsigned long long)o->min,
                          (unsigned long long)o->max);
    case OPTION_SIZE:
        TRY(buf_append(out, SPAN("a number of bytes, or text such as \"32KiB\" or \"1MB\"")));
        return expects_range(o, out, unit_put_size);
    case OPTION_DURATION:
        TRY(buf_append(out, SPAN("a duration such as \"500ms\", \"10s\" or \"5m\"")));
        return expects_range(o, out, unit_put_duration);
    case OPTION_PERCENT:
        return buf_append(out, SPAN("a number from 0 to 100 with at most two decimals"));
    case OPTION_DOUBLE:
        return buf_printf(out, "a number from %llu to %llu", (unsigned long long)o->min,
                          (unsigned long long)o->max);
    case OPTION_BOOL:
        return buf_append(out, SPAN("true or false"));
    case OPTION_ENUM:
        return expects_words(o, out);
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_STREAM:
        return expects_text(o, out);
    case OPTION_NAMES:
        return expects_many(o, out, "a list", "text", "texts");
    case OPTION_SECTION:
    case OPTION_OPTIONAL:
        return buf_append(out, SPAN("an object"));
    case OPTION_LIST:
        return expects_many(o, out, "a list", "object", "objects");
    case OPTION_MAP:
        return expects_many(o, out, "an object", "named object", "named objects");
    case OPTION_TYPES:
        break;
    }
    base_bug(__FILE__, __LINE__, "an option has no type");
}

/* What the files of this room share; nobody outside includes it, but the room's own tests. The
 * table of options as data, the state of one load, and the places complaints point at. */
#ifndef CONFIG_ROOM_H
#define CONFIG_ROOM_H

#include "base/arena.h"
#include "base/suggest.h"
#include "config/config.h"

#include <jansson.h>

/* Makes a C string of a buffer. */
MUST_USE static inline enum err buf_end(struct buf *b)
{
    return buf_append(b, span_of("", 1));
}

/* --- the table (options.c) --- */

enum scope {
#define SCOPE(name, ...) SCOPE_##name,
#define OPT(...)
#include "config/options.def"
#undef SCOPE
#undef OPT
    SCOPE_COUNT
};

enum option_type {
    OPTION_UINT,
    OPTION_SIZE,
    OPTION_DURATION,
    OPTION_PERCENT,
    OPTION_DOUBLE,
    OPTION_BOOL,
    OPTION_ENUM,
    OPTION_TEXT,
    OPTION_PATH,
    OPTION_STREAM,
    OPTION_NAMES,
    OPTION_SECTION,
    OPTION_OPTIONAL,
    OPTION_LIST,
    OPTION_MAP,
    OPTION_TYPES
};

/* How a text must look. */
struct syntax {
    const char *(*fault)(struct span s); /* completes "it ...", NULL when nothing is wrong */
    const char *right;                   /* what it must be; NULL: any text */
    const char *pattern;                 /* the same for the JSON Schema, roughly; NULL: any text */
    void (*tidy)(char *s);               /* brings it into the form the tree keeps; may be NULL */
    bool secret;                         /* never shown, see syntax_redact() */
    bool sized; /* the option's length is part of what it must be; pattern is that of one byte */
};

struct option {
    const char *key;
    enum option_type type;
    enum scope to;               /* SECTION, OPTIONAL, LIST, MAP: the scope of what hangs here */
    const char *const *words;    /* ENUM, NULL-terminated */
    const struct syntax *syntax; /* TEXT, NAMES */
    enum scope scope;            /* where it stands */
    size_t at;                   /* offset of the member */
    uint64_t min, max;
    const char *fallback; /* "" = none, "!" = required */
    const char *unit;
    const char *help;
};

struct scope_info {
    const char *name;
    const char *path;
    const char *exactly_one; /* two keys, separated by a space, or "" */
    const char *help;
    size_t size;  /* of its struct */
    size_t first; /* its options in the table */
};

/* LIST and MAP members look like this, and struct config_names too. */
struct sequence {
    void *list;
    size_t n;
};

const struct scope_info *scope_info(enum scope s);
const struct option *scope_options(enum scope s, size_t *n);
const struct option *scope_find(enum scope s, const char *key);

static inline bool option_required(const struct option *o)
{
    return o->fallback[0] == '!';
}

static inline bool option_is_text(const struct option *o)
{
    return o->type == OPTION_TEXT || o->type == OPTION_PATH || o->type == OPTION_STREAM;
}

void *option_member(const struct option *o, void *scope);
const void *option_value(const struct option *o, const void *scope);

bool option_is_absent(const struct option *o, const void *value);
/* What is absent is not printed: NULL texts, optional sections, lists that may be left out but not
 * be empty. */

enum err option_expects(const struct option *o, struct buf *out) MUST_USE;
/* Appends what a value must be: "a whole number from 0 to 256". */

/* --- syntaxes (syntax.c, address.c, redis.c) --- */

extern const struct syntax syntax_any, syntax_name, syntax_host, syntax_match_host, syntax_path,
    syntax_listen, syntax_tcp, syntax_mode, syntax_server, syntax_network, syntax_sticky,
    syntax_redis, syntax_token, syntax_password, syntax_field, syntax_cookie, syntax_method,
    syntax_status, syntax_edit_field, syntax_field_value, syntax_location, syntax_date, syntax_link;

enum { UNIX_PATH_BYTES = 107 }; /* sockaddr_un.sun_path without its NUL */

const char *address_split(struct span text, struct span *host, unsigned *port);
/* NULL, or what is wrong. */

const char *address_host_fault(struct span host);
/* NULL when it is a DNS name or an IPv4 address. */

bool address_is_ip(struct span host);
bool address_is_ipv6(struct span host);
/* Without brackets. */

const char *redis_split(struct span text, struct arena *a, struct config_redis *out);
/* NULL, or what is wrong. Without an arena it only checks. */

enum err syntax_redact(const struct syntax *s, struct span text, struct buf *out) MUST_USE;
/* Appends the text, of a secret one what may be shown. */

bool syntax_is_redacted(const struct syntax *s, struct span text);
/* Whether a text is what syntax_redact() made of a secret. */

/* --- numbers with units (units.c) --- */

bool unit_size(struct span s, uint64_t *bytes);
bool unit_duration(struct span s, uint64_t *ms);
bool unit_double(struct span s, double *out);
enum err unit_put_size(struct buf *out, uint64_t bytes) MUST_USE;
enum err unit_put_duration(struct buf *out, uint64_t ms) MUST_USE;
enum err unit_put_percent(struct buf *out, unsigned basis_points) MUST_USE;
enum err unit_put_double(struct buf *out, double v) MUST_USE;

/* --- where in the files (place.c) --- */

/* A path from the root, innermost step first, on the stack of whoever walks. */
struct place {
    const struct place *up; /* NULL: this is the root */
    const char *key;        /* NULL: an index */
    size_t index;
};

enum { PLACE_STEPS_MAX = 16 };

enum err place_put(const struct place *at, struct buf *out) MUST_USE;
/* Appends "$.routes[2].name". */

struct place_found {
    size_t line;    /* of the deepest step that is there, from 1 */
    bool whole;     /* every step is there */
    bool is_object; /* what stands there */
};

struct place_found place_find(const struct place *at, struct span text);
/* Only for text that jansson has accepted. */

/* --- one load (load.c, source.c, complain.c) --- */

enum {
    FILE_MAX_BYTES = 64 << 20,
    VALUE_MAX_BYTES = 64 << 10, /* what ${file:} may bring in */
    DEPTH_MAX = 64,
};

struct source {
    const char *name; /* as complaints call it */
    struct buf text;
    json_t *json;
};

struct loader {
    struct source base;
    struct source overlay; /* text empty when there is none */
    const char *dir;       /* relative paths are taken from here; NULL: they stay */
    struct config *tree;
    struct arena *arena; /* of the tree */
    struct complaints *wrong;
    size_t complaints; /* made by this load */
};

extern const char config_broken[];
/* Stands in the tree for a text that was complained about, so that later checks pass over it. */

enum err source_read(const char *file, size_t max, bool regular_only, struct buf *out,
                     const char **why) MUST_USE;
/* ERR_SYSTEM, ERR_TOO_LARGE or ERR_INVALID: *why completes "cannot be read: ". */

enum err source_parse(struct loader *l, struct source *s) MUST_USE;
/* Text to JSON. A complaint leaves s->json NULL. */

void source_free(struct source *s);

enum { SHOWN_BYTES = 60 };

struct shown {
    char text[SHOWN_BYTES * 4 + 4];
};

const char *shown_text(struct shown *out, struct span s);
/* What somebody wrote, fit for a complaint: cut, control bytes escaped. Returns out->text. */

void loader_complain(struct loader *l, const struct place *at, const char *right,
                     const char *what_fmt, ...) PRINTF(4, 5);
/* About a place in the files. */

void loader_complain_file(struct loader *l, const char *name, size_t line, size_t column,
                          const char *right, const char *what);
/* About a file as a whole (line 0) or a spot in its text. */

enum err expand_text(struct loader *l, const struct place *at, struct span in, struct buf *out,
                     bool *changed, bool *usable) MUST_USE;
/* ${...} and $$ replaced. Not usable: complained about. */

enum err fill_root(struct loader *l, const json_t *root) MUST_USE;
enum err fill_scope(struct loader *l, enum scope s, const json_t *given, void *at,
                    const struct place *here) MUST_USE;
/* The tree from JSON, defaults filled in. given NULL: all defaults. */

enum err value_fill(struct loader *l, const struct option *o, const json_t *given, void *at,
                    const struct place *here) MUST_USE;
/* A member that is not a section, list of sections or map. */

/* A text as it was written and as it came out. */
struct text {
    struct span raw;
    struct buf out;
    bool changed; /* a variable was replaced */
};

enum err text_put(const struct text *t, struct buf *out) MUST_USE;
/* Appends "abc", or "abc" (written "${VAR}"); what a file holds may be a secret and is not shown.
 */

enum err text_fill(struct loader *l, const struct option *o, const json_t *given, const char **out,
                   const struct place *here) MUST_USE;
enum err text_fill_names(struct loader *l, const struct option *o, const json_t *given,
                         struct config_names *out, const struct place *here) MUST_USE;
enum err text_keep(struct loader *l, const struct option *o, struct span value,
                   const char **out) MUST_USE;
/* Into the tree: a path made whole, a host in lower case. */

enum err value_complain(struct loader *l, const struct option *o, const json_t *given,
                        const struct place *here) MUST_USE;
/* It is not what the option expects. */

enum err value_complain_count(struct loader *l, const struct option *o, size_t n,
                              const struct place *here) MUST_USE;
/* A list or map of too few or too many. */

enum err value_default(struct loader *l, const struct option *o, void *at) MUST_USE;

enum err derive(struct loader *l) MUST_USE;
/* Defaults that depend on the machine or on other options. */

enum err secrets_read(struct loader *l) MUST_USE;
/* control.secret_file into control.secrets. */

enum err users_read(struct loader *l) MUST_USE;
/* What the files of always_legacy and always_new hold, into users. */

enum err check_tree(struct loader *l) MUST_USE;
/* What no single option can know. */

/* --- writing JSON (write.c) --- */

struct writer {
    struct buf *out;
    unsigned depth;
    bool first;   /* nothing stands in the innermost container yet */
    enum err err; /* the first failure; later calls do nothing */
};

void write_key(struct writer *w, const char *key);
void write_open(struct writer *w, char bracket);
void write_close(struct writer *w, char bracket);
void write_raw(struct writer *w, const char *fmt, ...) PRINTF(2, 3);
void write_text(struct writer *w, struct span s);
void write_item(struct writer *w);
/* Before each element of an array. */

enum err config_write(const struct config *c, bool secrets, struct buf *out) MUST_USE;
/* config_print(), with secrets as they are when asked for. */

#endif

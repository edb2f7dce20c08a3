/* The configuration: a constant tree, made from JSON by the table of options (options.def). Whoever
 * reads a setting reads a struct member here; nobody else sees JSON.
 *
 * A loaded tree never changes and may be read from any thread until config_free(). */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/log.h"

/* --- the two sides of a route, in the words of the whole program --- */

enum side { SIDE_LEGACY, SIDE_NEW };

static inline enum side side_other(enum side s)
{
    return s == SIDE_LEGACY ? SIDE_NEW : SIDE_LEGACY;
}

static inline const char *side_word(enum side s)
{
    return s == SIDE_LEGACY ? "legacy" : "new";
}

enum { WEIGHT_ALL = 10000 }; /* basis points: weight 10000 sends every bucket 0..9999 to new */

/* --- what is wrong with an input, for a person --- */

struct complaint {
    char *where; /* "weir.json:12: $.routes[2].new_percent" */
    char *what;  /* "is 150" */
    char *right; /* "must be a number from 0 to 100"; NULL when there is nothing to add */
};

enum { COMPLAINTS_MAX = 20 }; /* more are counted, not kept */

struct complaints {
    struct complaint list[COMPLAINTS_MAX];
    size_t n;       /* kept */
    size_t dropped; /* counted only */
};

void complain(struct complaints *c, const char *where, const char *right, const char *what_fmt, ...)
    PRINTF(4, 5);
/* Adds one; copies everything. right may be NULL. Without memory, or beyond COMPLAINTS_MAX, it is
 * counted only. */

void complaints_free(struct complaints *c);

enum err complaints_render(const struct complaints *c, struct buf *out) MUST_USE;
/* One per line: "where: what; right". A last line says how many more there were. */

/* --- the tree --- */

struct option; /* a row of the table */

enum tls_version { TLS_1_2, TLS_1_3 };
enum backend_protocol { BACKEND_HTTP1, BACKEND_H2, BACKEND_AUTO };
enum client_verify { CLIENT_VERIFY_OFF, CLIENT_VERIFY_OPTIONAL, CLIENT_VERIFY_REQUIRED };
enum shadow_store { SHADOW_STORE_NONE, SHADOW_STORE_PATHS, SHADOW_STORE_TOKENS, SHADOW_STORE_FULL };
enum underscore { UNDERSCORE_DROP, UNDERSCORE_PASS, UNDERSCORE_REJECT };
enum passing { PASSING_REJECT, PASSING_PASS };
enum access_format { ACCESS_JSON, ACCESS_COMBINED };
enum access_query { ACCESS_QUERY_KEEP, ACCESS_QUERY_NAMES, ACCESS_QUERY_DROP };

enum on_flip { ON_FLIP_FINISH, ON_FLIP_DRAIN, ON_FLIP_CUT };
enum new_error { NEW_ERROR_FAIL, NEW_ERROR_LEGACY };

enum edit_on { EDIT_REQUEST, EDIT_ANSWER };
enum edit_side { EDIT_LEGACY = SIDE_LEGACY, EDIT_NEW = SIDE_NEW, EDIT_BOTH };
enum edit_action { EDIT_SET, EDIT_ADD, EDIT_REMOVE };

struct config_names {
    const char **list;
    size_t n;
};

enum { CERTIFICATE_SOON_DAYS = 14 }; /* one that expires within them is told of */

struct config_certificate {
    const char *cert; /* NULL with self_signed */
    const char *key;
    const char *ocsp; /* NULL: none */
    struct config_names
        self_signed; /* names to make a certificate for in memory; empty: cert and key */
};

struct config_listener_tls {
    struct config_certificate *certificates;
    size_t ncertificates;
    enum tls_version min_version;
    bool h2;
    const char *ticket_keys; /* NULL: own keys */
    enum client_verify client_verify;
    const char *client_ca; /* never NULL unless client_verify is off */
    unsigned client_depth;
};

struct config_listener {
    const char *address;
    const char *mode;                /* octal digits; NULL: the default */
    struct config_listener_tls *tls; /* NULL: plaintext */
    bool proxy_protocol;
};

struct config_backend_tls {
    bool verify;
    const char *ca;          /* NULL: the system's */
    const char *server_name; /* NULL: the server's host */
    const char *cert;        /* NULL: none is shown */
    const char *key;
};

struct config_backend {
    const char *name;
    struct config_names servers;
    struct config_backend_tls *tls; /* NULL: plaintext */
    enum backend_protocol protocol;
    bool proxy_protocol;
};

struct config_defaults {
    const char *legacy;
    const char *new_;
};

struct config_condition { /* on a header field, a cookie or a parameter of the query */
    const char *name;
    const char *value; /* exact; these three are NULL: it must only be there */
    const char *prefix;
    const char *regex;
};

struct config_match {
    const char *host;   /* lower-case, "*.example.com" for all names below; NULL: any */
    const char *path;   /* exact; NULL: see prefix */
    const char *prefix; /* never NULL when path is NULL */
    const char *regex;  /* the path must match it too; only with prefix */
    struct config_names methods;
    struct config_condition *headers;
    size_t nheaders;
    struct config_condition *cookies;
    size_t ncookies;
    struct config_condition *query;
    size_t nquery;
};

struct config_tolerance {
    const char *path;
    double abs;
    double rel;
};

enum unsafe_copies { UNSAFE_SKIP, UNSAFE_SANDBOX };
enum credential { CREDENTIAL_PASS, CREDENTIAL_DROP };

struct config_route_shadow {
    unsigned percent;           /* basis points */
    unsigned probe;             /* likewise, of what is mirrored */
    const char *version_header; /* NULL: none */
    enum unsafe_copies unsafe_;
    enum credential authorization;
    enum credential cookies;
    struct config_names ignore;
    struct config_tolerance *tolerance;
    size_t ntolerance;
};

struct config_redirect {
    unsigned status;
    const char *location; /* with {scheme}, {host}, {path}, {query} */
};

struct config_rewrite {
    enum edit_side side;
    const char *prefix; /* instead of what the match names; NULL: regex */
    const char *regex;
    const char *to; /* with $0 to $9; beside regex */
};

struct config_field_edit {
    enum edit_on on;
    enum edit_side side;
    enum edit_action action;
    const char *name;
    const char *value; /* NULL with EDIT_REMOVE */
};

struct config_deprecation {
    const char *at;
    const char *sunset; /* NULL: none is announced */
    const char *link;   /* NULL: none */
};

struct config_route_fallback {
    struct config_names statuses; /* three digits each */
    unsigned budget;              /* basis points */
    unsigned budget_min;
    uint64_t body;
};

struct config_route {
    const char *name;
    struct config_match match;
    const char *legacy; /* after config_load: always the name of a backend */
    const char *new_;
    unsigned new_weight; /* basis points */
    uint64_t body;       /* limit; never 0 after loading */
    struct config_names sticky;
    const char *cohort; /* NULL: that of the whole configuration */
    struct config_names always_legacy;
    struct config_names always_new;
    const char *always_legacy_file;
    const char *always_new_file;
    struct config_redirect *redirect; /* NULL: it is served */
    struct config_rewrite *rewrites;
    size_t nrewrites;
    struct config_field_edit *headers;
    size_t nheaders;
    struct config_deprecation *deprecation; /* NULL: none */
    enum new_error on_new_error;
    struct config_route_fallback fallback;
    enum on_flip on_flip;
    uint64_t on_flip_time; /* milliseconds */
    struct config_route_shadow shadow;
    struct config_names users[2]; /* by enum side: always_* and what their files hold */
};

struct config_sticky_cookie {
    const char *name;
    const char *secret;
    uint64_t max_age; /* milliseconds */
    bool secure;
};

struct config_override {
    const char *token;
};

struct config_http {
    enum underscore underscore_fields;
    enum passing encoded_nul;
    enum passing encoded_slash;
};

struct config_limits {
    unsigned connections;
    unsigned client_connections;
    unsigned file_reserve;
    uint64_t memory;
    uint64_t header_bytes;
    unsigned header_fields;
    uint64_t target_bytes;
    uint64_t body;
    uint64_t buffer;
    unsigned h2_streams;
    uint64_t h2_stream_window;
    uint64_t h2_connection_window;
    unsigned paused;
    unsigned backend_idle;
    unsigned backend_connections;
    unsigned backend_streams;
};

struct config_timeouts { /* milliseconds */
    uint64_t handshake;
    uint64_t proxy_header;
    uint64_t client_header;
    uint64_t client_body;
    uint64_t client_idle;
    uint64_t stream_idle;
    uint64_t first_byte;
    uint64_t connect;
    uint64_t backend_idle;
    uint64_t backend_ping;
    uint64_t tunnel;
    uint64_t drain;
    uint64_t upgrade;
};

struct config_resolver {
    uint64_t interval;                /* milliseconds */
    struct config_names name_servers; /* empty: the system's */
};

struct config_shadow {
    unsigned in_flight;
    unsigned queue;
    unsigned rechecks;
    unsigned compare_threads;
    uint64_t request_body;
    uint64_t compare_body;
    uint64_t memory;
    uint64_t connect; /* milliseconds */
    uint64_t first_byte;
    uint64_t total;
    const char *records;
    uint64_t records_max;
    const char *rules;  /* NULL: none */
    unsigned self_test; /* 0: never */
    const char *template_header;
    uint64_t keep; /* milliseconds */
    uint64_t findings_every;
    uint64_t publish_max;
    enum shadow_store store;
};

enum { CONFIG_SENTINELS_MAX = 16 };

struct config_sentinel {
    const char *host; /* without brackets */
    unsigned port;
};

struct config_redis { /* control.redis taken apart, %XX decoded */
    const char *path; /* Unix socket; NULL: TCP */
    const char *host; /* without brackets; NULL: the sentinels know */
    unsigned port;
    struct config_sentinel sentinels[CONFIG_SENTINELS_MAX];
    size_t nsentinels;
    const char *master; /* its name among the sentinels; NULL: no sentinels */
    unsigned db;
    const char *user;     /* NULL: none */
    const char *password; /* NULL: none */
};

struct config_control {
    const char *redis;             /* NULL: the local file */
    struct config_redis store;     /* all zero when redis is NULL */
    const char *sentinel_user;     /* NULL: the default user */
    const char *sentinel_password; /* NULL: the sentinels ask for none */
    const char *key;
    uint64_t poll; /* milliseconds */
    const char *instance;
    uint64_t ack_ttl;         /* milliseconds */
    const char *audit_stream; /* NULL: none */
    unsigned audit_stream_max;
    const char *secret_file;     /* NULL: documents need no signature */
    struct config_names secrets; /* what it holds; the first signs, each of them verifies */
};

struct config_admin {
    const char *address; /* NULL: only the Unix socket */
    const char *token;
};

struct config_log {
    enum log_level level;
    enum log_format format;
    const char *access; /* NULL: none */
    enum access_format access_format;
    enum access_query access_query;
};

struct config {
    const char *file; /* where it came from, for messages */
    unsigned workers; /* never 0 after loading */
    const char *state_dir;
    const char *salt;
    struct config_listener *listeners;
    size_t nlisteners;
    struct config_backend *backends;
    size_t nbackends;
    struct config_defaults defaults;
    struct config_sticky_cookie *sticky_cookie; /* NULL: none is minted */
    struct config_override *override;           /* NULL: nobody may choose a side */
    struct config_route *routes;
    size_t nroutes;
    struct config_names trusted_proxies;
    struct config_http http;
    struct config_limits limits;
    struct config_timeouts timeouts;
    struct config_resolver resolver;
    struct config_shadow shadow;
    struct config_control control;
    struct config_admin admin;
    struct config_log log;
};

enum err config_load(const char *file, const char *env, struct config **out,
                     struct complaints *wrong) MUST_USE;
/* Reads file, merges environments/<env>.json beside it over it (env may be NULL), replaces ${VAR},
 * ${VAR:-default} and
 * ${file:/path} in strings ($$ is a plain $), checks everything and fills in the defaults.
 * ERR_CONFIG: `wrong` says why, *out is NULL. Relative paths are taken from the file's directory
 * and come out absolute. That certificates and the like exist is for those to find out who read
 * them. Any thread; reads files. */

enum err config_parse(struct span text, const char *name, struct config **out,
                      struct complaints *wrong) MUST_USE;
/* The same from memory: for the embedded configurations of `weir demo` and `weir run --legacy`,
 * tests and fuzzing. name is what complaints call it, without lines. Relative paths stay as they
 * are. */

void config_free(struct config **c);

enum err config_print(const struct config *c, struct buf *out) MUST_USE;
/* Appends the effective configuration as JSON, defaults included. Loading it again gives the same
 * tree, but for secrets: they are shown as "***", which the loader refuses, so that a printed file
 * cannot go live with a wrong password. */

struct config_value {
    const struct option *option; /* NULL: an object, also where it stands in a list */
    const void *at;
};

typedef void config_differs_fn(void *arg, const char *path, const struct config_value *was,
                               const struct config_value *is);
/* path: "routes.api.new_percent". was or is may be NULL: there is none on that side. */

enum err config_compare(const struct config *before, const struct config *after,
                        config_differs_fn *fn, void *arg) MUST_USE;
/* Calls fn for each value that is printed differently. Lists of named things are compared by name;
 * their order means nothing. */

enum { CONFIG_PATH_MAX = 256 };

void config_path_member(char out[CONFIG_PATH_MAX], const char *path, const char *name);
/* As such a path goes on: "routes" and "api" give "routes.api"; "a.b" gives routes["a.b"]. Cut when
 * it is too long. out may not be path. */

bool config_at_start(const struct config_value *v);
/* The manual says of it "Takes effect at start.": a reload accepts it, and changes nothing yet. */

enum err config_print_value(const struct config_value *v, struct buf *out) MUST_USE;
/* Appends the JSON of one that is no object, as config_print() does. */

enum err config_schema(struct buf *out) MUST_USE;
/* The JSON Schema (draft 2020-12) of the file, made from the table. */

enum err config_manual(struct buf *out) MUST_USE;
/* docs/options.md, made from the table. */

const struct config_backend *config_backend_find(const struct config *c, const char *name);

enum err config_percent(struct span text, unsigned *basis_points) MUST_USE;
/* "12.5" -> 1250. Strict: 0 to 100, at most two decimals. Also for the command line and control
 * documents. */

enum err config_date(struct span text, uint64_t *unix_s) MUST_USE;
/* "2026-03-01" (its first second) or "2026-03-01T12:00:00Z", a day that there is, from 1970 on. */
const char *config_unix_path(const char *address);
/* The path of "unix:/path"; NULL: it is another kind of address. */

struct config_network {
    bool local;           /* "unix:": every peer on a Unix socket */
    unsigned char ip[16]; /* IPv4 mapped into IPv6 */
    unsigned bits;        /* of the 128 */
};

const char *config_network(struct span text, struct config_network *out);
/* "10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "unix:". NULL, or what is wrong. */

enum err config_host_port(struct span text, struct span *host, unsigned *port) MUST_USE;
/* "host:443", "1.2.3.4:80", "[::1]:80" (host "::1"), "*:80" (host "*"); port 0 to 65535.
 * ERR_INVALID otherwise. */

#endif

/* The address of the control store: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/PATH. */
#include "config/room.h"

enum { REDIS_PORT = 6379, REDIS_DB_MAX = 65535, UNIX_PATH_MAX_BYTES = 107 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = byte_lower(c);
    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}

/* out has room for in.n + 1 bytes, or is NULL to check only. */
static bool decode(struct span in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            int high = i + 1 < in.n ? hex_value(in.p[i + 1]) : -1;
            int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (out != NULL)
            out[n++] = c;
    }
    if (out != NULL)
        out[n] = '\0';
    return true;
}

/* An empty part is as good as none. */
static const char *keep(struct span part, struct arena *a, const char **out)
{
    char *copy = NULL;
    *out = NULL;
    if (part.n == 0)
        return NULL;
    if (a != NULL && (copy = arena_alloc(a, part.n + 1)) == NULL)
        return "does not fit into memory";
    *out = copy;
    return decode(part, copy) ? NULL : "has a broken %XX escape";
}

static const char *split_user(struct span user, struct arena *a, struct config_redis *out)
{
    size_t colon = span_find(user, ':');
    const char *fault = keep(span_until(user, colon), a, &out->user);
    if (fault != NULL)
        return fault;
    if (colon == user.n)
        return "has a user without a password";
    return keep(span_from(user, colon + 1), a, &out->password);
}

static const char *split_db(struct span db, struct config_redis *out)
{
    uint64_t n = 0;
    if (db.n > 0 && (!span_u64(db, &n) || n > REDIS_DB_MAX))
        return "has a database that is not a number";
    out->db = (unsigned)n;
    return NULL;
}

static const char *split_host(struct span place, struct arena *a, struct config_redis *out)
{
    struct span host;
    const char *fault = address_split(place, &host, &out->port);
    bool bracketed = place.n > 0 && place.p[0] == '[';
    if (fault != NULL && bracketed && place.p[place.n - 1] == ']') {
        host = span_of(place.p + 1, place.n - 2);
        fault = address_is_ipv6(host) ? NULL : fault;
        out->port = REDIS_PORT;
    } else if (fault != NULL && span_find(place, ':') == place.n) {
        host = place;
        fault = address_host_fault(place);
        out->port = REDIS_PORT;
    }
    if (fault != NULL)
        return fault;
    if (span_eq(host, SPAN("*")) || out->port == 0)
        return "names no server";
    return keep(host, a, &out->host);
}

const char *redis_split(struct span text, struct arena *a, struct config_redis *out)
{
    *out = (struct config_redis){0};
    if (span_has_prefix(text, SPAN("unix:"))) {
        struct span path = span_from(text, 5);
        if (path.n == 0 || path.p[0] != '/')
            return "has no absolute path after unix:";
        if (path.n > UNIX_PATH_MAX_BYTES)
            return "has a path of more than 107 bytes, too long for a Unix socket";
        if (a != NULL && (out->path = arena_copy(a, path)) == NULL)
            return "does not fit into memory";
        return NULL;
    }
    if (span_has_prefix(text, SPAN("rediss://")))
        return "asks for TLS, which the Redis client library of this build does not have";
    if (!span_has_prefix(text, SPAN("redis://")))
        return "does not begin with redis:// or unix:";
    struct span rest = span_from(text, 8);
    size_t slash = span_find(rest, '/');
    struct span place = span_until(rest, slash);
    size_t at = place.n;
    while (at > 0 && place.p[at - 1] != '@')
        at--;
    const char *fault = at == 0 ? NULL : split_user(span_until(place, at - 1), a, out);
    if (fault == NULL)
        fault = split_host(span_from(place, at), a, out);
    if (fault == NULL && slash < rest.n)
        fault = split_db(span_from(rest, slash + 1), out);
    return fault;
}

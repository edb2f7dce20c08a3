/* The address of the control store: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB],
 * redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT],.../MASTER[/DB] or unix:/PATH. */
#include "config/room.h"

enum { REDIS_PORT = 6379, SENTINEL_PORT = 26379, REDIS_DB_MAX = 65535, UNIX_PATH_MAX_BYTES = 107 };

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

static const char *split_host(struct span place, struct arena *a, unsigned port_default,
                              const char **out_host, unsigned *port)
{
    struct span host;
    const char *fault = address_split(place, &host, port);
    bool bracketed = place.n > 0 && place.p[0] == '[';
    if (fault != NULL && bracketed && place.p[place.n - 1] == ']') {
        host = span_of(place.p + 1, place.n - 2);
        fault = address_is_ipv6(host) ? NULL : fault;
        *port = port_default;
    } else if (fault != NULL && span_find(place, ':') == place.n) {
        host = place;
        fault = address_host_fault(place);
        *port = port_default;
    }
    if (fault != NULL)
        return fault;
    if (span_eq(host, SPAN("*")) || *port == 0)
        return "names no server";
    return keep(host, a, out_host);
}

static const char *split_sentinels(struct span places, struct arena *a, struct config_redis *out)
{
    struct span one;
    const char *fault = places.n == 0 ? "names no sentinel" : NULL;
    while (fault == NULL && span_cut(&places, ',', &one)) {
        if (out->nsentinels == CONFIG_SENTINELS_MAX)
            return "names more than 16 sentinels";
        struct config_sentinel *s = &out->sentinels[out->nsentinels++];
        fault = split_host(one, a, SENTINEL_PORT, &s->host, &s->port);
    }
    return fault;
}

/* MASTER[/DB] */
static const char *split_master(struct span rest, struct arena *a, struct config_redis *out)
{
    size_t slash = span_find(rest, '/');
    struct span name = span_until(rest, slash);
    if (name.n == 0)
        return "does not say the master's name behind the sentinels";
    const char *fault = keep(name, a, &out->master);
    if (fault == NULL && slash < rest.n)
        fault = split_db(span_from(rest, slash + 1), out);
    return fault;
}

static const char *split_unix(struct span path, struct arena *a, struct config_redis *out)
{
    if (path.n == 0 || path.p[0] != '/')
        return "has no absolute path after unix:";
    if (path.n > UNIX_PATH_MAX_BYTES)
        return "has a path of more than 107 bytes, too long for a Unix socket";
    if (a != NULL && (out->path = arena_copy(a, path)) == NULL)
        return "does not fit into memory";
    return NULL;
}

/* What follows the scheme. */
static const char *split_tcp(struct span rest, bool sentinel, struct arena *a,
                             struct config_redis *out)
{
    size_t slash = span_find(rest, '/');
    struct span places = span_until(rest, slash);
    struct span path = slash < rest.n ? span_from(rest, slash + 1) : SPAN("");
    size_t at = places.n;
    while (at > 0 && places.p[at - 1] != '@')
        at--;
    const char *fault = at == 0 ? NULL : split_user(span_until(places, at - 1), a, out);
    places = span_from(places, at);
    if (fault == NULL)
        fault = sentinel ? split_sentinels(places, a, out)
                         : split_host(places, a, REDIS_PORT, &out->host, &out->port);
    if (fault == NULL)
        fault = sentinel ? split_master(path, a, out) : split_db(path, out);
    return fault;
}

const char *redis_split(struct span text, struct arena *a, struct config_redis *out)
{
    static const struct span plain = {"redis://", 8};
    static const struct span sentinel = {"redis+sentinel://", 17};
    *out = (struct config_redis){0};
    if (span_has_prefix(text, SPAN("unix:")))
        return split_unix(span_from(text, 5), a, out);
    if (span_has_prefix(text, SPAN("rediss://")))
        return "asks for TLS, which weir does not speak to Redis: put stunnel between them "
               "(docs/control.md shows how)";
    if (span_has_prefix(text, sentinel))
        return split_tcp(span_from(text, sentinel.n), true, a, out);
    if (!span_has_prefix(text, plain))
        return "does not begin with redis://, redis+sentinel:// or unix:";
    return split_tcp(span_from(text, plain.n), false, a, out);
}

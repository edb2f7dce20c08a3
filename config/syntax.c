/* How texts must look: one small function per syntax, which says what is wrong in words. */
#include "config/room.h"

static bool is_alnum(char c)
{
    c = byte_lower(c);
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static bool is_visible(char c)
{
    return c > ' ' && c < 0x7f;
}

/* RFC 9110 5.6.2. (The twin of http_is_token(): http and config do not see each other.) */
static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static char byte_upper(char c)
{
    return (c >= 'a' && c <= 'z') ? (char)(c - ('a' - 'A')) : c;
}

static const char *any_fault(struct span s)
{
    return memchr(s.p, '\0', s.n) != NULL ? "holds a NUL byte" : NULL;
}

static const char *name_fault(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr("-_.", s.p[i]) == NULL))
            return "has other bytes than letters, digits, '-', '_', '.'";
    return NULL;
}

/* --- hosts --- */

static const char *bracketed_fault(struct span s)
{
    bool closed = s.p[s.n - 1] == ']';
    struct span inner = span_of(s.p + 1, closed ? s.n - 2 : s.n - 1);
    if (closed && address_is_ipv6(inner))
        return NULL;
    return closed ? "has no IPv6 address in its brackets" : "has a port, or no ']' at its end";
}

static const char *host_fault(struct span s)
{
    if (s.p[0] == '[')
        return bracketed_fault(s);
    if (s.p[0] == '*')
        return "is a pattern where a name must be";
    if (span_find(s, '/') < s.n)
        return "is a URL or has a path";
    if (span_find(s, ':') < s.n)
        return "has a port, or is an IPv6 address without brackets";
    return address_host_fault(s);
}

static const char *match_host_fault(struct span s)
{
    if (!span_has_prefix(s, SPAN("*")))
        return host_fault(s);
    if (!span_has_prefix(s, SPAN("*.")) || s.n == 2)
        return "has a '*' that a dot and a name do not follow";
    const char *fault = host_fault(span_from(s, 2));
    return fault == NULL && (s.p[2] == '[' || address_is_ip(span_from(s, 2)))
               ? "is a pattern of addresses"
               : fault;
}

static void host_tidy(char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        s[i] = byte_lower(s[i]);
    if (n > 1 && s[n - 1] == '.')
        s[n - 1] = '\0';
}

static bool is_unix(struct span s)
{
    return span_has_prefix(s, SPAN("unix:"));
}

static const char *unix_fault(struct span s)
{
    struct span path = span_from(s, strlen("unix:"));
    if (path.n == 0 || path.p[0] != '/')
        return "has no absolute path behind unix:";
    if (memchr(path.p, '\0', path.n) != NULL)
        return "holds a NUL byte";
    return path.n > UNIX_PATH_BYTES ? "has a path of more than 107 bytes" : NULL;
}

static const char *mode_fault(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '7')
            return "has other bytes than the digits 0 to 7";
    return s.n == 4 && s.p[0] != '0' ? "has bits beyond 0777" : NULL;
}

static const char *server_fault(struct span s)
{
    struct span host;
    unsigned port;
    if (is_unix(s))
        return unix_fault(s);
    const char *fault = address_split(s, &host, &port);
    if (fault != NULL)
        return fault;
    if (span_eq(host, SPAN("*")))
        return "names no host";
    return port == 0 ? "has port 0" : NULL;
}

static const char *tcp_fault(struct span s)
{
    struct span host;
    unsigned port;
    const char *fault = address_split(s, &host, &port);
    if (fault != NULL)
        return fault;
    if (!span_eq(host, SPAN("*")) && !address_is_ip(host))
        return "has a name where an address must be";
    return NULL;
}

static const char *listen_fault(struct span s)
{
    return is_unix(s) ? unix_fault(s) : tcp_fault(s);
}

static const char *network_fault(struct span s)
{
    struct config_network n;
    return config_network(s, &n);
}

/* --- paths of requests --- */

static bool is_unreserved(char c)
{
    return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c >= 'A' && c <= 'F') ? c - 'A' + 10 : -1;
}

static const char *escape_fault(struct span rest)
{
    int high = rest.n > 1 ? hex_value(rest.p[1]) : -1;
    int low = rest.n > 2 ? hex_value(rest.p[2]) : -1;
    if (high < 0 || low < 0)
        return "has a '%' that two upper-case hex digits do not follow";
    char c = (char)(high * 16 + low);
    if (c == '\0')
        return "has a %00";
    return is_unreserved(c) ? "escapes a letter, a digit or one of -._~" : NULL;
}

/* Segments that normalising would remove. The last one of a prefix may go on in the request, so
 * only whole ones count: the prefix "/." takes "/.well-known". */
static const char *segment_fault(struct span path)
{
    struct span rest = span_from(path, 1);
    struct span segment;
    while (span_cut(&rest, '/', &segment)) {
        if (rest.p == NULL)
            break;
        if (segment.n == 0)
            return "has an empty segment (//)";
        if (span_eq(segment, SPAN(".")) || span_eq(segment, SPAN("..")))
            return "has a dot segment";
    }
    return NULL;
}

/* Requests are compared in normal form, so a route in any other form would never match. */
static const char *path_fault(struct span s)
{
    if (s.p[0] != '/')
        return "does not begin with '/'";
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '?' || s.p[i] == '#')
            return "has a query or a fragment";
        if (!is_visible(s.p[i]))
            return "has a space, a control or a non-ASCII byte; write it as %XX";
        const char *fault = s.p[i] == '%' ? escape_fault(span_from(s, i)) : NULL;
        if (fault != NULL)
            return fault;
    }
    return segment_fault(s);
}

static const char *field_fault(struct span s)
{
    return is_token(s) ? NULL : "is not a token";
}

static const char *method_fault(struct span s)
{
    if (!is_token(s))
        return "is not a token";
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != byte_upper(s.p[i]))
            return "has small letters, which make it another method";
    return NULL;
}

static const char *status_fault(struct span s)
{
    uint64_t status;
    bool ok = s.n == 3 && span_u64(s, &status) && status >= 400 && status <= 599;
    return ok ? NULL : "is not a status of an error";
}

/* --- sticky sources --- */

static const char *sticky_fault(struct span s)
{
    if (span_eq(s, SPAN("ip")) || span_eq(s, SPAN("ip+uri")) || span_eq(s, SPAN("random")) ||
        span_eq(s, SPAN("minted")))
        return NULL;
    size_t colon = span_find(s, ':');
    struct span kind = span_until(s, colon);
    if (!span_eq(kind, SPAN("header")) && !span_eq(kind, SPAN("cookie")))
        return "is not a source of a sticky key";
    if (colon == s.n || !is_token(span_from(s, colon + 1)))
        return "names no header or cookie";
    return NULL;
}

/* --- secrets --- */

static const char *token_fault(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_visible(s.p[i]))
            return "has a space, a control or a non-ASCII byte";
    return NULL;
}

static const char *password_fault(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return "has a control byte (a line end in its file, perhaps)";
    return NULL;
}

static const char *redis_fault(struct span s)
{
    struct config_redis parts;
    return redis_split(s, NULL, &parts);
}

/* Where the password of a redis URL stands. */
static bool password_in(struct span text, struct span *password)
{
    size_t at = 0;
    size_t colon;
    size_t scheme = span_find(text, ':') + 3;
    if (!span_has_prefix(text, SPAN("redis")) || scheme > text.n)
        return false; /* a Unix socket */
    struct span rest = span_from(text, scheme);
    for (size_t i = 0; i < rest.n && rest.p[i] != '/'; i++)
        if (rest.p[i] == '@')
            at = i;
    colon = span_find(span_until(rest, at), ':');
    if (colon + 1 >= at)
        return false; /* none, or an empty one */
    *password = span_of(rest.p + colon + 1, at - colon - 1);
    return true;
}

static struct span secret_in(const struct syntax *s, struct span text)
{
    struct span found = SPAN_NULL;
    if (s == &syntax_redis)
        return password_in(text, &found) ? found : SPAN_NULL;
    return text;
}

bool syntax_is_redacted(const struct syntax *s, struct span text)
{
    return s->secret && span_eq(secret_in(s, text), SPAN("***"));
}

enum err syntax_redact(const struct syntax *s, struct span text, struct buf *out)
{
    struct span hide = s->secret ? secret_in(s, text) : SPAN_NULL;
    if (hide.p == NULL)
        return buf_append(out, text);
    size_t before = (size_t)(hide.p - text.p);
    TRY(buf_append(out, span_until(text, before)));
    TRY(buf_append(out, SPAN("***")));
    return buf_append(out, span_from(text, before + hide.n));
}

const struct syntax syntax_any = {.fault = any_fault};

const struct syntax syntax_name = {
    .fault = name_fault,
    .right = "a name of letters, digits, '-', '_', '.'",
    .pattern = "^[A-Za-z0-9._-]+$",
};

const struct syntax syntax_host = {
    .fault = host_fault,
    .right = "a host name or address without a port, such as \"api.example.com\"",
    .pattern = "^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])$",
    .tidy = host_tidy,
};

const struct syntax syntax_match_host = {
    .fault = match_host_fault,
    .right = "a host name or address without a port, such as \"api.example.com\", or "
             "\"*.example.com\"",
    .pattern = "^((\\*\\.)?[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])$",
    .tidy = host_tidy,
};

const struct syntax syntax_field = {
    .fault = field_fault,
    .right = "the name of a header field, such as \"x-beta\"",
    .pattern = "^[!#-'*+.^_`|~0-9A-Za-z-]+$",
};

const struct syntax syntax_cookie = {
    .fault = field_fault,
    .right = "the name of a cookie, such as \"weir_id\"",
    .pattern = "^[!#-'*+.^_`|~0-9A-Za-z-]+$",
};

const struct syntax syntax_method = {
    .fault = method_fault,
    .right = "a method, such as \"GET\"",
    .pattern = "^[!#-'*+.^_`|~0-9A-Z-]+$",
};

const struct syntax syntax_status = {
    .fault = status_fault,
    .right = "a status from \"400\" to \"599\", in quotes",
    .pattern = "^[45][0-9][0-9]$",
};

const struct syntax syntax_path = {
    .fault = path_fault,
    .right = "a path in normal form that begins with '/', such as \"/api/\"",
    .pattern = "^/[!-~]*$",
};

const struct syntax syntax_listen = {
    .fault = listen_fault,
    .right = "HOST:PORT with an address or *, such as \"0.0.0.0:443\", \"[::1]:80\" or \"*:80\", "
             "or unix:/PATH",
    .pattern = "^((\\*|[0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+|unix:/.+)$",
};

const struct syntax syntax_tcp = {
    .fault = tcp_fault,
    .right = "HOST:PORT with an address or *, such as \"0.0.0.0:443\", \"[::1]:80\" or \"*:80\"",
    .pattern = "^(\\*|[0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+$",
};

const struct syntax syntax_mode = {
    .fault = mode_fault,
    .right = "three octal digits, such as \"0660\"",
    .pattern = "^0?[0-7]{3}$",
};

const struct syntax syntax_server = {
    .fault = server_fault,
    .right =
        "HOST:PORT, such as \"app.internal:8000\", \"10.0.0.7:80\" or \"[::1]:80\", or unix:/PATH",
    .pattern = "^(([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+|unix:/.+)$",
};

const struct syntax syntax_network = {
    .fault = network_fault,
    .right = "an address, a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", or \"unix:\"",
    .pattern = "^(unix:|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$",
};

const struct syntax syntax_sticky = {
    .fault = sticky_fault,
    .right = "header:NAME, cookie:NAME, ip, ip+uri, random or minted",
    .pattern = "^(ip|ip\\+uri|random|minted|(header|cookie):[!#-'*+.^_`|~0-9A-Za-z-]+)$",
};

const struct syntax syntax_redis = {
    .fault = redis_fault,
    .right = "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], "
             "redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT],.../MASTER[/DB] or unix:/PATH",
    .pattern = "^(redis://.+|redis\\+sentinel://.+/.+|unix:/.+)$",
    .secret = true,
};

const struct syntax syntax_password = {
    .fault = password_fault,
    .right = "text without control bytes",
    .pattern = "^[^\\u0000-\\u001f\\u007f]+$",
    .secret = true,
};

const struct syntax syntax_token = {
    .fault = token_fault,
    .right = "visible ASCII without spaces",
    .pattern = "[!-~]",
    .secret = true,
    .sized = true,
};

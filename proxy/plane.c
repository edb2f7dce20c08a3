/* Preparing: TLS contexts, addresses, rules, metric series. Runs on the thread that loads the
 * configuration. */
#include "proxy/plane.h"

#include "base/log.h"
#include "proxy/proxy.h"
#include "proxy/sandbox.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

enum { SOCKET_MODE = 0660 };

bool address_same(const struct address *a, const struct address *b)
{
    return a->len == b->len && a->twin == b->twin && memcmp(&a->sa, &b->sa, a->len) == 0;
}

size_t address_text(const struct address *a, char *out, size_t max)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&a->sa;
    int n;
    if (sa->sa_family == AF_UNIX) {
        n = snprintf(out, max, "unix:%s", ((const struct sockaddr_un *)(const void *)sa)->sun_path);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        n = snprintf(out, max, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        n = snprintf(out, max, "%s:%u", host, ntohs(in->sin_port));
    }
    return n < 0 ? 0 : min_size((size_t)n, max - 1);
}

static void route_end(struct plane_route *r)
{
    if (r->rules != NULL)
        shadow_rules_release(&r->rules);
    for (enum side s = SIDE_LEGACY; r->sandbox != NULL && s <= SIDE_NEW; s++)
        sandbox_end(&r->sandbox[s]);
    free(r->sandbox);
}

static void plane_free(void *arg)
{
    struct plane *p = arg;
    for (size_t i = 0; p->backends != NULL && i < p->config->nbackends; i++) {
        struct plane_backend *b = &p->backends[i];
        for (size_t k = 0; b->servers != NULL && k < b->nservers; k++) {
            free(b->servers[k].name);
            free(b->servers[k].host);
        }
        free(b->servers);
        free(b->identity);
        tls_ctx_release(&b->tls);
    }
    for (size_t i = 0; p->listeners != NULL && i < p->config->nlisteners; i++)
        tls_ctx_release(&p->listeners[i].tls);
    for (size_t i = 0; p->routes != NULL && i < p->config->nroutes; i++)
        route_end(&p->routes[i]);
    networks_free(&p->trusted);
    free(p->backends);
    free(p->listeners);
    free(p->routes);
    free(p);
}

const char *plane_where(char out[PLANE_WHERE_MAX], const struct plane *p, const char *path, ...)
{
    va_list ap;
    int n = snprintf(out, PLANE_WHERE_MAX, "%.4095s: ", p->config->file);
    va_start(ap, path);
    (void)vsnprintf(out + n, PLANE_WHERE_MAX - (size_t)n, path, ap);
    va_end(ap);
    return out;
}

/* --- names --- */

static int resolve(struct span host, unsigned port, int flags, struct addrinfo **out)
{
    char name[256], service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    if (host.n >= sizeof(name))
        return EAI_NONAME;
    (void)snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(host));
    (void)snprintf(service, sizeof(service), "%u", port);
    return getaddrinfo(name, service, &hints, out);
}

static void keep_address(struct address *a, const struct addrinfo *ai)
{
    memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
    a->len = ai->ai_addrlen;
}

static void keep_path(struct address *a, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&a->sa;
    un->sun_family = AF_UNIX;
    size_t n = strlen(path) + 1;
    BUG_IF(n > sizeof(un->sun_path)); /* the loader has seen to it */
    memcpy(un->sun_path, path, n);
    a->len = sizeof(*un);
}

/* A name without an address is no reason not to serve the other side: its requests are answered
 * with 502 until it has one (names.h). */
static enum err server_fill(struct plane_server *s, const char *name)
{
    struct span host;
    unsigned port;
    struct addrinfo *list = NULL;
    const char *path = config_unix_path(name);
    if (path != NULL)
        host = span_str(path);
    else
        TRY(config_host_port(span_str(name), &host, &port));
    s->name = strdup(name);
    s->host = strndup(host.p, host.n);
    if (s->name == NULL || s->host == NULL)
        return ERR_NO_MEMORY;
    if (path != NULL) {
        keep_path(&s->addresses[s->naddresses++], path);
        return ERR_OK;
    }
    s->port = port;
    int e = resolve(host, port, AI_NUMERICHOST, &list);
    s->is_name = e != 0;
    if (s->is_name)
        e = resolve(host, port, 0, &list);
    if (e != 0) {
        log_warn("backend",
                 "%s has no address (%s); its requests are answered with 502 until it has one",
                 name, gai_strerror(e));
        return ERR_OK;
    }
    for (struct addrinfo *ai = list; ai != NULL && s->naddresses < ADDRESSES_MAX; ai = ai->ai_next)
        keep_address(&s->addresses[s->naddresses++], ai);
    freeaddrinfo(list);
    return ERR_OK;
}

static enum err listen_address(struct plane *p, size_t i, struct complaints *wrong)
{
    char where[PLANE_WHERE_MAX];
    struct plane_listener *l = &p->listeners[i];
    struct span host;
    unsigned port;
    struct addrinfo *list = NULL;
    const char *path = config_unix_path(l->config->address);
    if (path != NULL) {
        keep_path(&l->address, path);
        return ERR_OK;
    }
    TRY(config_host_port(span_str(l->config->address), &host, &port));
    if (span_eq(host, SPAN("*")))
        host = SPAN("::");
    int e = resolve(host, port, AI_PASSIVE, &list);
    if (e != 0) {
        complain(wrong, plane_where(where, p, "$.listeners[%zu].address", i),
                 "must be an address of this host", "%s has no address: %s", l->config->address,
                 gai_strerror(e));
        return ERR_CONFIG;
    }
    keep_address(&l->address, list);
    freeaddrinfo(list);
    return ERR_OK;
}

static enum err listener_fill(struct plane *p, size_t i, struct complaints *wrong)
{
    char where[PLANE_WHERE_MAX];
    struct plane_listener *l = &p->listeners[i];
    l->mode = l->config->mode == NULL ? SOCKET_MODE : (unsigned)strtoul(l->config->mode, NULL, 8);
    TRY(listen_address(p, i, wrong));
    if (l->config->tls == NULL)
        return ERR_OK;
    plane_where(where, p, "$.listeners[%zu].tls", i);
    return tls_ctx_server(l->config->tls, where, &l->tls, wrong);
}

/* --- backends --- */

static enum err handshake_series(struct plane_backend *b)
{
    const char *const full[] = {b->config->name, "no"}, *const resumed[] = {b->config->name, "yes"};
    if (b->config->tls == NULL)
        return ERR_OK;
    TRY(metrics_series(METRIC_BACKEND_TLS_HANDSHAKES, full, &b->handshakes[0]));
    return metrics_series(METRIC_BACKEND_TLS_HANDSHAKES, resumed, &b->handshakes[1]);
}

static enum err identity_of(struct plane_backend *b)
{
    const struct config_backend_tls *t = b->config->tls;
    struct buf id = BUF_INIT(0);
    enum err e = buf_printf(&id, "%s|%d|%s%s", b->config->name, (int)b->config->protocol,
                            t == NULL ? "plain" : "tls", b->config->proxy_protocol ? "|proxy" : "");
    if (e == ERR_OK && t != NULL)
        e = buf_printf(&id, "|%d|%s|%s|%s", t->verify, t->ca == NULL ? "" : t->ca,
                       t->server_name == NULL ? "" : t->server_name,
                       t->cert == NULL ? "" : t->cert);
    b->identity = id.p;
    return e;
}

static enum err backend_fill(const struct plane *p, struct plane_backend *b,
                             struct complaints *wrong)
{
    char where[PLANE_WHERE_MAX];
    plane_where(where, p, "$.backends.%s.tls", b->config->name);
    b->servers = calloc(b->config->servers.n, sizeof(*b->servers));
    if (b->servers == NULL)
        return ERR_NO_MEMORY;
    b->nservers = b->config->servers.n;
    for (size_t i = 0; i < b->nservers; i++)
        TRY(server_fill(&b->servers[i], b->config->servers.list[i]));
    if (b->config->tls != NULL)
        TRY(tls_ctx_client(b->config->tls, b->config->protocol, where, &b->tls, wrong));
    TRY(identity_of(b));
    TRY(handshake_series(b));
    const char *const label[] = {b->config->name};
    for (enum err i = 0; i < ERR_COUNT; i++) {
        const char *const v[] = {b->config->name, err_word(i)};
        b->errors[i] = METRIC_COUNT;
        if (err_fault(i) == FAULT_BACKEND || err_fault(i) == FAULT_WEIR)
            TRY(metrics_series(METRIC_BACKEND_ERRORS, v, &b->errors[i]));
    }
    for (unsigned i = 0; i < ARRAY_LEN(b->grpc); i++) {
        char digits[20];
        digits[bytes_u64(digits, i)] = '\0';
        const char *const v[] = {b->config->name, i + 1 < ARRAY_LEN(b->grpc) ? digits : "none"};
        TRY(metrics_series(METRIC_GRPC, v, &b->grpc[i]));
    }
    TRY(metrics_series(METRIC_BACKEND_CONNECTIONS, label, &b->connections));
    TRY(metrics_series(METRIC_BACKEND_CONNECTIONS_OPEN, label, &b->connections_open));
    return metrics_series(METRIC_BACKEND_RETRIES, label, &b->retries);
}

/* --- routes --- */

static enum err side_series(struct plane_route *pr, const char *route, const char *backend,
                            enum side side)
{
    static const char *const classes[STATUS_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const char *const where[] = {route, backend, side_word(side)};
    const char *const tunnel[] = {route, side_word(side)};
    TRY(metrics_series(METRIC_REQUESTS_LEAVING, tunnel, &pr->leaving[side]));
    TRY(metrics_series(METRIC_TUNNELS, tunnel, &pr->tunnels[side]));
    TRY(metrics_series(METRIC_TUNNELS_OPEN, tunnel, &pr->tunnels_open[side]));
    for (unsigned i = 0; i < STATUS_CLASSES; i++) {
        const char *const v[] = {route, backend, side_word(side), classes[i]};
        TRY(metrics_series(METRIC_REQUESTS, v, &pr->requests[side][i]));
    }
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const char *const v[] = {route, side_word(side), reason_word(i)};
        TRY(metrics_series(METRIC_DECISIONS, v, &pr->decisions[side][i]));
    }
    TRY(metrics_series(METRIC_LATENCY, where, &pr->latency[side]));
    return metrics_series(METRIC_FIRST_BYTE, where, &pr->first_byte[side]);
}

static enum err fallback_series(struct plane_route *pr, const struct config_route *rc)
{
    static const char *const reasons[NO_FALLBACKS] = {"unsafe", "budget"};
    for (unsigned i = 0; i < NO_FALLBACKS; i++) {
        const char *const v[] = {rc->name, reasons[i]};
        pr->no_fallback[i] = METRIC_COUNT;
        if (rc->on_new_error == NEW_ERROR_LEGACY)
            TRY(metrics_series(METRIC_FALLBACKS_REFUSED, v, &pr->no_fallback[i]));
    }
    return ERR_OK;
}

static enum err sandbox_fill(struct plane_route *pr, const struct config_route *rc)
{
    if (rc->shadow.percent == 0 || rc->shadow.unsafe_ == UNSAFE_SKIP)
        return ERR_OK;
    pr->sandbox = calloc(2, sizeof(*pr->sandbox));
    if (pr->sandbox == NULL)
        return ERR_NO_MEMORY;
    TRY(sandbox_begin(&pr->sandbox[SIDE_LEGACY], rc->name, rc->legacy, SIDE_LEGACY));
    return sandbox_begin(&pr->sandbox[SIDE_NEW], rc->name, rc->new_, SIDE_NEW);
}

static enum err route_fill(struct plane_route *pr, const struct route *r,
                           const struct config *config, struct complaints *wrong)
{
    const struct config_route *rc = r->config;
    for (enum side s = SIDE_LEGACY; s <= SIDE_NEW; s++)
        TRY(side_series(pr, rc->name, config->backends[r->backends[s]].name, s));
    const char *const label[] = {rc->name};
    TRY(metrics_series(METRIC_SHADOW_COPIES, label, &pr->copies));
    TRY(metrics_series(METRIC_REQUESTS_HELD, label, &pr->held));
    TRY(fallback_series(pr, rc));
    TRY(sandbox_fill(pr, rc));
    return rc->shadow.percent == 0 ? ERR_OK : shadow_rules_new(rc, config, &pr->rules, wrong);
}

/* --- the whole --- */

static enum err check_name_servers(const struct plane *p, struct complaints *wrong)
{
    const struct config_names *names = &p->config->resolver.name_servers;
    for (size_t i = 0; i < names->n; i++) {
        struct span host;
        unsigned port;
        struct addrinfo *list = NULL;
        char where[PLANE_WHERE_MAX];
        if (config_host_port(span_str(names->list[i]), &host, &port) != ERR_OK ||
            resolve(host, port, AI_NUMERICHOST, &list) != 0) {
            complain(wrong, plane_where(where, p, "$.resolver.name_servers[%zu]", i),
                     "must be ADDRESS:PORT", "\"%s\" is not an address", names->list[i]);
            return ERR_CONFIG;
        }
        freeaddrinfo(list);
    }
    return ERR_OK;
}

static enum err fill_listeners(struct plane *p, struct complaints *wrong)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < p->config->nlisteners; i++) {
        p->listeners[i].config = &p->config->listeners[i];
        enum err one = listener_fill(p, i, wrong);
        if (one != ERR_OK)
            e = one; /* the others' faults are worth knowing too */
        for (size_t k = 0; k < i; k++)
            if (address_same(&p->listeners[k].address, &p->listeners[i].address))
                p->listeners[i].address.twin++;
    }
    return e;
}

/* What e says of the series at this path. They stay when a reload takes away what they count. */
static enum err told(const struct plane *p, enum err e, const char *path, struct complaints *wrong)
{
    char where[PLANE_WHERE_MAX];
    if (e != ERR_TOO_LARGE)
        return e;
    complain(wrong, plane_where(where, p, "%s", path),
             "have fewer routes and backends; a restart forgets those of names that are gone",
             "would need more series of metrics than the %d that a process may have",
             METRICS_SERIES_MAX);
    return ERR_CONFIG;
}

static enum err fill_backends(struct plane *p, struct complaints *wrong)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < p->config->nbackends; i++) {
        p->backends[i].config = &p->config->backends[i];
        enum err one = backend_fill(p, &p->backends[i], wrong);
        if (one != ERR_OK)
            e = one;
    }
    return told(p, e, "$.backends", wrong);
}

static enum err fill_routes(struct plane *p, const struct route_table *t, struct complaints *wrong)
{
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < p->config->nroutes; i++)
        e = route_fill(&p->routes[i], &t->routes[i], p->config, wrong);
    return told(p, e, "$.routes", wrong);
}

static enum err fill(struct plane *p, const struct route_table *t, struct complaints *wrong)
{
    const struct config *c = p->config;
    p->backends = calloc(c->nbackends, sizeof(*p->backends));
    p->listeners = calloc(c->nlisteners, sizeof(*p->listeners));
    p->routes = calloc(c->nroutes, sizeof(*p->routes));
    if (p->backends == NULL || p->listeners == NULL || p->routes == NULL)
        return ERR_NO_MEMORY;
    TRY(networks_fill(&p->trusted, &c->trusted_proxies));
    enum err e = fill_listeners(p, wrong);
    if (e == ERR_OK)
        e = check_name_servers(p, wrong);
    enum err backends = fill_backends(p, wrong);
    if (backends != ERR_OK)
        e = backends;
    return e != ERR_OK ? e : fill_routes(p, t, wrong);
}

static struct codec_options codec_options_of(const struct config_limits *l)
{
    return (struct codec_options){
        .limits = {l->header_bytes, l->header_fields, l->target_bytes},
        .buffer = l->buffer,
        .h2_streams = l->h2_streams,
        .h2_stream_window = (unsigned)l->h2_stream_window,
        .h2_connection_window = (unsigned)l->h2_connection_window,
        .h2_backend_streams = l->backend_streams,
    };
}

enum err plane_new(struct route_table *table, struct complaints *wrong)
{
    static atomic_uint_fast64_t made;
    struct plane *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->number = atomic_fetch_add(&made, 1) + 1;
    p->config = table->config;
    p->codec = codec_options_of(&table->config->limits);
    enum err e = fill(p, table, wrong);
    if (e != ERR_OK) {
        plane_free(p);
        return e;
    }
    table->attachment = p;
    table->attachment_free = plane_free;
    return ERR_OK;
}

enum err proxy_prepare(struct route_table *table, struct complaints *wrong)
{
    return plane_new(table, wrong);
}

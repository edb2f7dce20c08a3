/* Listeners and backends: where connections come from and go to; see check.h. */
#include "config/check.h"

/* --- addresses --- */

/* One text for all spellings of an address. Any address of a family counts as "*": two listeners on
 * one port would share it silently (SO_REUSEPORT). */
static enum err add_address(struct loader *l, struct entries *to, const char *address, size_t index)
{
    struct span host;
    unsigned port;
    struct buf text = BUF_INIT(0);
    if (address == NULL || address == config_broken)
        return ERR_OK;
    if (config_unix_path(address) != NULL) {
        entries_add(to, address, index);
        return ERR_OK;
    }
    BUG_IF(address_split(span_str(address), &host, &port) != NULL);
    if (port == 0)
        return ERR_OK; /* each gets another one */
    if (span_eq(host, SPAN("0.0.0.0")) || span_eq(host, SPAN("::")))
        host = SPAN("*");
    TRY(buf_printf(&text, SPAN_FMT " %u", SPAN_ARG(host), port));
    const char *copy = arena_copy(l->arena, buf_span(&text));
    buf_free(&text);
    entries_add(to, copy, index);
    return copy == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void same_address(struct loader *l, const void *arg, size_t index, size_t first)
{
    UNUSED(arg);
    const struct place admin = {.up = &at_root, .key = "admin"};
    struct place here = {.up = &at_listeners, .index = index};
    if (index == l->tree->nlisteners) /* the admin API was added last */
        here = admin;
    struct place place = {.up = &here, .key = "address"};
    loader_complain(l, &place, "use another port or address",
                    "is the address of $.listeners[%zu] too", first);
}

static void check_modes(struct loader *l)
{
    for (size_t i = 0; i < l->tree->nlisteners; i++) {
        const struct config_listener *c = &l->tree->listeners[i];
        struct place here = {.up = &at_listeners, .index = i};
        struct place place = {.up = &here, .key = "mode"};
        if (c->mode != NULL && c->address != NULL && c->address != config_broken &&
            config_unix_path(c->address) == NULL)
            loader_complain(l, &place, "only a Unix socket (unix:/PATH) is a file",
                            "has nothing to do with \"%s\"", c->address);
    }
}

static void check_proxy_protocol(struct loader *l)
{
    const struct config *c = l->tree;
    for (size_t i = 0; i < c->nlisteners && c->trusted_proxies.n == 0; i++) {
        struct place here = {.up = &at_listeners, .index = i};
        struct place place = {.up = &here, .key = "proxy_protocol"};
        if (c->listeners[i].proxy_protocol)
            loader_complain(l, &place, "say in \"trusted_proxies\" who may send PROXY headers",
                            "would refuse every connection");
    }
}

/* cert or self_signed is the scope's own rule; a key belongs to a cert. */
static void check_certificate(struct loader *l, size_t listener, size_t index)
{
    const struct config_listener_tls *tls = l->tree->listeners[listener].tls;
    const struct config_certificate *c = &tls->certificates[index];
    struct place here = {.up = &at_listeners, .index = listener};
    struct place section = {.up = &here, .key = "tls"};
    struct place list = {.up = &section, .key = "certificates"};
    struct place place = {.up = &list, .index = index};
    struct place key = {.up = &place, .key = "key"};
    struct place ocsp = {.up = &place, .key = "ocsp"};
    if (c->cert == NULL && c->self_signed.n > 0 && c->ocsp != NULL)
        loader_complain(l, &ocsp, "leave it out: nobody answers for a self-signed certificate",
                        "has no cert to belong to");
    if (c->cert != NULL && c->key == NULL)
        loader_complain(l, &place, "name the file of the certificate's private key",
                        "has a cert but no key");
    if (c->cert == NULL && c->self_signed.n > 0 && c->key != NULL)
        loader_complain(l, &key, "leave it out: a self-signed certificate brings its own",
                        "has no cert to belong to");
}

static void check_client_ca(struct loader *l, size_t listener)
{
    const struct config_listener_tls *tls = l->tree->listeners[listener].tls;
    struct place here = {.up = &at_listeners, .index = listener};
    struct place section = {.up = &here, .key = "tls"};
    struct place ca = {.up = &section, .key = "client_ca"};
    if (tls->client_verify != CLIENT_VERIFY_OFF && tls->client_ca == NULL)
        loader_complain(l, &section, "name the file of the CA that signs client certificates",
                        "has \"client_verify\" but no \"client_ca\"");
    if (tls->client_verify == CLIENT_VERIFY_OFF && tls->client_ca != NULL)
        loader_complain(l, &ca, "add \"client_verify\": \"required\" or \"optional\"",
                        "is of no use: clients are not asked for certificates");
}

static void check_listener_tls(struct loader *l)
{
    const struct config *c = l->tree;
    for (size_t i = 0; i < c->nlisteners; i++) {
        const struct config_listener_tls *tls = c->listeners[i].tls;
        if (tls == NULL)
            continue;
        for (size_t k = 0; k < tls->ncertificates; k++)
            check_certificate(l, i, k);
        check_client_ca(l, i);
    }
}

static void check_backend_tls(struct loader *l, const struct config_backend *b)
{
    const struct config_backend_tls *tls = b->tls;
    struct place here = {.up = &at_backends, .key = b->name};
    struct place section = {.up = &here, .key = "tls"};
    if (tls != NULL && (tls->cert == NULL) != (tls->key == NULL))
        loader_complain(l, &section, "a client certificate needs both", "has a %s but no %s",
                        tls->cert != NULL ? "cert" : "key", tls->cert != NULL ? "key" : "cert");
}

static enum err check_listeners(struct loader *l)
{
    struct config *c = l->tree;
    struct entries addresses;
    TRY(entries_new(l, c->nlisteners + 1, &addresses));
    for (size_t i = 0; i < c->nlisteners; i++)
        TRY(add_address(l, &addresses, c->listeners[i].address, i));
    TRY(add_address(l, &addresses, c->admin.address, c->nlisteners));
    entries_unique(l, &addresses, same_address, NULL);
    return ERR_OK;
}

static void same_server(struct loader *l, const void *arg, size_t index, size_t first)
{
    const struct config_backend *b = arg;
    struct place here = {.up = &at_backends, .key = b->name};
    struct place list = {.up = &here, .key = "servers"};
    struct place place = {.up = &list, .index = index};
    UNUSED(first);
    loader_complain(l, &place, "name each server once", "\"%s\" is there twice",
                    b->servers.list[index]);
}

/* A path is no name that a certificate could have. */
static void check_server_name(struct loader *l, const struct config_backend *b)
{
    struct place here = {.up = &at_backends, .key = b->name};
    struct place place = {.up = &here, .key = "tls"};
    if (b->tls == NULL || !b->tls->verify || b->tls->server_name != NULL)
        return;
    for (size_t i = 0; i < b->servers.n; i++) {
        const char *s = b->servers.list[i];
        if (s != config_broken && config_unix_path(s) != NULL) {
            loader_complain(l, &place, "say whose certificate it must be",
                            "needs a \"server_name\" for \"%s\"", s);
            return;
        }
    }
}

static enum err check_servers(struct loader *l, const struct config_backend *b)
{
    struct entries servers;
    TRY(entries_new(l, b->servers.n, &servers));
    for (size_t i = 0; i < b->servers.n; i++)
        entries_add(&servers, b->servers.list[i], i);
    entries_unique(l, &servers, same_server, b);
    return ERR_OK;
}

static void check_protocol(struct loader *l, const struct config_backend *b)
{
    struct place here = {.up = &at_backends, .key = b->name};
    struct place place = {.up = &here, .key = "protocol"};
    if (b->protocol == BACKEND_AUTO && b->tls == NULL)
        loader_complain(l, &place, "add \"tls\", or say \"h2\" or \"http1\"",
                        "\"auto\" is chosen in the TLS handshake, and there is no \"tls\"");
    if (b->protocol != BACKEND_HTTP1 && b->proxy_protocol)
        loader_complain(l, &place, "say \"http1\", or remove \"proxy_protocol\"",
                        "HTTP/2 connections are shared, and a PROXY header tells of one client");
}

enum err check_ends(struct loader *l)
{
    struct config *c = l->tree;
    TRY(check_listeners(l));
    check_modes(l);
    check_proxy_protocol(l);
    check_listener_tls(l);
    for (size_t i = 0; i < c->nbackends; i++) {
        TRY(check_servers(l, &c->backends[i]));
        check_backend_tls(l, &c->backends[i]);
        check_protocol(l, &c->backends[i]);
        check_server_name(l, &c->backends[i]);
    }
    return ERR_OK;
}

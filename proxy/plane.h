/* What the data plane prepared for one route table: everything that needs a file, a name server or
 * a lock, done before a worker sees the table. Constant once published. Private to proxy/. */
#ifndef PROXY_PLANE_H
#define PROXY_PLANE_H

#include "base/metrics.h"
#include "http/codec.h"
#include "proxy/networks.h"
#include "proxy/tls.h"
#include "router/router.h"
#include "shadow/shadow.h"

#include <sys/socket.h>

struct address {
    struct sockaddr_storage sa;
    socklen_t len;
    unsigned twin; /* tells listeners apart that all ask for any port of the same host */
};

enum { ADDRESSES_MAX = 8 }; /* of one server, used in turn when one does not answer */

struct plane_server {
    char *name; /* host:port as configured */
    char *host;
    unsigned port;
    bool is_name; /* host is no address */
    struct address addresses[ADDRESSES_MAX];
    size_t naddresses; /* 0: the name has no address */
};

struct plane_backend {
    const struct config_backend *config;
    struct plane_server *servers;
    size_t nservers;
    struct tls_ctx *tls; /* NULL: plaintext */
    char *identity;      /* equal for backends whose connections may be shared across reloads */
    metric_slot connections;
    metric_slot connections_open;
    metric_slot handshakes[2]; /* full, resumed */
    metric_slot retries;
    metric_slot grpc[18];          /* by grpc-status, GRPC_STATUSES of them */
    metric_slot errors[ERR_COUNT]; /* those that may be a backend's; the others count for nothing */
};

struct plane_listener {
    const struct config_listener *config;
    struct address address;
    unsigned mode; /* of a Unix socket */
    struct tls_ctx *tls;
};

enum { STATUS_CLASSES = 6 }; /* none, 1xx .. 5xx */

struct sandbox;

enum no_fallback { NO_FALLBACK_UNSAFE, NO_FALLBACK_BUDGET, NO_FALLBACKS };

struct plane_route {
    struct shadow_rules *rules; /* NULL: not mirrored */
    struct sandbox *sandbox;    /* two, by the side that gets the copy; NULL: only safe requests */
    metric_slot requests[2][STATUS_CLASSES];
    metric_slot latency[2];
    metric_slot first_byte[2];
    metric_slot decisions[2][REASON_COUNT];
    metric_slot no_fallback[NO_FALLBACKS];
    metric_slot copies;
    metric_slot leaving[2];
    metric_slot held;
    metric_slot tunnels[2];
    metric_slot tunnels_open[2];
};

struct plane {
    uint64_t number; /* no two planes of a process have the same */
    const struct config *config;
    struct plane_backend *backends;
    struct plane_listener *listeners;
    struct plane_route *routes;
    struct codec_options codec;
    struct networks trusted;
};

enum err plane_new(struct route_table *table, struct complaints *wrong) MUST_USE;
/* Makes the plane and attaches it to the table. */

enum { PLANE_WHERE_MAX = 4096 + 320 };

const char *plane_where(char out[PLANE_WHERE_MAX], const struct plane *p, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* "weir.json: $.listeners[0].address", for complaints. Returns out. */

static inline const struct plane *plane_of(const struct snapshot *s)
{
    return s->table->attachment;
}

bool address_same(const struct address *a, const struct address *b);

size_t address_text(const struct address *a, char *out, size_t max);
/* "192.0.2.1:80", "[2001:db8::1]:80", "unix:/path"; returns the length. */

#endif

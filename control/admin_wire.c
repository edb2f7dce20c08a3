/* libwebsockets, in a thread of its own. It parses HTTP and times connections out; sockets, checks
 * and answers are ours.
 *
 * The special difficulty is who owns a request: the connection may go while the control thread
 * works on it, and the answer may come when nobody waits any more. So a connection and its request
 * only point at each other, on this thread, and whichever goes first clears the other's pointer.
 *
 * One request per connection: the answer says `Connection: close`. That spares us everything that
 * can go wrong between two requests, such as a body that was refused and is still on its way. */
#include "control/admin_wire.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- reading a request --- */

static void copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t cap)
{
    out[0] = '\0';
    if (lws_hdr_total_length(wsi, token) > 0 && lws_hdr_copy(wsi, out, (int)cap, token) < 0)
        out[0] = '\0';
}

static void copy_custom(struct lws *wsi, const char *name, char *out, size_t cap)
{
    int n = (int)strlen(name);
    int length = lws_hdr_custom_length(wsi, name, n);
    out[0] = '\0';
    if (length > 0 &&
        ((size_t)length >= cap || lws_hdr_custom_copy(wsi, out, (int)cap, name, n) < 0))
        (void)snprintf(out, cap, "?"); /* too long to be anything we know */
}

static void read_query(struct lws *wsi, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; n + 2 < cap; i++) {
        int got =
            lws_hdr_copy_fragment(wsi, out + n, (int)(cap - n - 1), WSI_TOKEN_HTTP_URI_ARGS, i);
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n++] = '&';
        out[n] = '\0';
    }
}

static void read_length(struct lws *wsi, struct admin_head *h)
{
    char text[32];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0)
        return;
    copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text));
    if (!span_u64(span_str(text), &h->length))
        h->length = UINT64_MAX;
}

static void read_head(struct lws *wsi, bool tcp, struct admin_head *h)
{
    char *uri = NULL;
    int n = 0;
    *h = (struct admin_head){.method = ADMIN_OTHER, .tcp = tcp};
    int method = lws_http_get_uri_and_method(wsi, &uri, &n);
    if (method == LWSHUMETH_GET)
        h->method = ADMIN_GET;
    else if (method == LWSHUMETH_HEAD)
        h->method = ADMIN_HEAD;
    else if (method == LWSHUMETH_POST)
        h->method = ADMIN_POST;
    if (method >= 0 && uri != NULL && n > 0 && (size_t)n < sizeof(h->path))
        memcpy(h->path, uri, (size_t)n);
    read_query(wsi, h->query, sizeof(h->query));
    copy_header(wsi, WSI_TOKEN_HOST, h->host, sizeof(h->host));
    copy_header(wsi, WSI_TOKEN_ORIGIN, h->origin, sizeof(h->origin));
    copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, h->authorization, sizeof(h->authorization));
    copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, h->content_type, sizeof(h->content_type));
    copy_custom(wsi, "sec-fetch-site:", h->sec_fetch_site, sizeof(h->sec_fetch_site));
    h->chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
    read_length(wsi, h);
}

static void hand_over(struct session *s)
{
    struct admin_request *r = s->request;
    s->step = WAITING;
    lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
    lws_set_timer_usecs(s->wsi, (lws_usec_t)api_patience_ms(r) * LWS_US_PER_MS);
    api_run(r);
}

static int on_request(struct lws *wsi, struct session *s)
{
    struct admin_head head;
    struct conn *c = lws_get_opaque_user_data(wsi);
    if (c == NULL || s == NULL || s->request != NULL)
        return -1;
    OBJ_CHECK(c, CONN_MAGIC);
    s->wsi = wsi;
    s->step = READING;
    s->request = admin_request_new(c->listener->admin, s, c);
    if (s->request == NULL)
        return -1;
    read_head(wsi, c->listener->tcp, &head);
    if (!api_open(&head, s->request)) {
        s->step = WAITING;
        admin_return(s->request);
    } else if (head.method != ADMIN_POST || head.length == 0) {
        hand_over(s);
    } else {
        lws_set_timer_usecs(wsi, BODY_TIMEOUT_MS * LWS_US_PER_MS);
    }
    return 0;
}

static int on_body(struct session *s, const char *bytes, size_t n)
{
    if (s == NULL || s->request == NULL || s->step != READING)
        return 0; /* refused already; what still comes is thrown away */
    return buf_append(&s->request->body, span_of(bytes, n)) == ERR_OK ? 0 : -1;
}

static int on_body_end(struct session *s)
{
    if (s != NULL && s->request != NULL && s->step == READING)
        hand_over(s);
    return 0;
}

/* --- sending the answer --- */

static int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **p,
                      unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), p, end);
}

static int compose_head(struct session *s, unsigned char **p, unsigned char *end)
{
    const struct admin_request *r = s->request;
    struct lws *wsi = s->wsi;
    if (lws_add_http_header_status(wsi, (unsigned)r->status, p, end) ||
        add_header(wsi, "content-type:", r->type, p, end) ||
        lws_add_http_header_content_length(wsi, r->answer.n, p, end) ||
        add_header(wsi, "cache-control:", "no-store", p, end) ||
        add_header(wsi, "x-content-type-options:", "nosniff", p, end) ||
        add_header(wsi, "connection:", "close", p, end))
        return -1;
    if (r->allow != NULL && add_header(wsi, "allow:", r->allow, p, end))
        return -1;
    if (r->challenge && add_header(wsi, "www-authenticate:", "Bearer realm=\"weir\"", p, end))
        return -1;
    return lws_finalize_http_header(wsi, p, end);
}

static int send_head(struct session *s)
{
    unsigned char buf[LWS_PRE + 2048];
    unsigned char *start = buf + LWS_PRE;
    unsigned char *p = start;
    if (compose_head(s, &p, buf + sizeof(buf)))
        return -1;
    s->head_sent = true;
    return lws_write(s->wsi, start, (size_t)(p - start), LWS_WRITE_HTTP_HEADERS) < 0 ? -1 : 0;
}

static int send_piece(struct session *s)
{
    unsigned char buf[LWS_PRE + WRITE_STEP];
    const struct buf *answer = &s->request->answer;
    size_t n = min_size(answer->n - s->sent, WRITE_STEP);
    bool last = s->sent + n == answer->n;
    memcpy(buf + LWS_PRE, answer->p + s->sent, n);
    s->sent += n;
    return lws_write(s->wsi, buf + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0
               ? -1
               : 0;
}

/* -1 ends the connection; libwebsockets first sends what it still holds. */
static int on_writeable(struct session *s)
{
    if (s == NULL || s->request == NULL || s->step != SENDING)
        return 0;
    lws_set_timeout(s->wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_TIMEOUT_S);
    if (!s->head_sent) {
        if (send_head(s) != 0)
            return -1;
        if (s->request->head_only)
            s->sent = s->request->answer.n;
    } else if (send_piece(s) != 0) {
        return -1;
    }
    if (s->sent == s->request->answer.n)
        return -1;
    lws_callback_on_writable(s->wsi);
    return 0;
}

void admin_wire_returned(void *arg)
{
    struct admin_request *r;
    OBJ_CAST(r, arg, ADMIN_REQUEST_MAGIC);
    struct session *s = r->session;
    if (s == NULL) {
        admin_request_free(r);
        return;
    }
    api_finish(r);
    s->step = SENDING;
    lws_set_timer_usecs(s->wsi, SEND_MAX_MS * LWS_US_PER_MS);
    lws_callback_on_writable(s->wsi);
}

/* --- time and ends --- */

static void detach(struct session *s)
{
    struct admin_request *r = s->request;
    s->request = NULL;
    if (r == NULL)
        return;
    r->session = NULL;
    if (s->step != WAITING) /* else it comes back, and goes then */
        admin_request_free(r);
}

/* The control thread did not answer: the request is left to it, and the client hears so. */
static int give_up_waiting(struct session *s)
{
    struct conn *c = lws_get_opaque_user_data(s->wsi);
    struct admin *a = c->listener->admin;
    struct admin_look look = s->request->look;
    detach(s);
    s->request = admin_request_new(a, s, c);
    if (s->request == NULL)
        return -1;
    s->request->look = look;
    api_refuse(s->request, 504, "timeout", "weir did not carry this out in time; see GET /status",
               NULL);
    admin_return(s->request);
    return 0;
}

static int on_timer(struct session *s)
{
    if (s == NULL || s->request == NULL)
        return -1;
    return s->step == WAITING ? give_up_waiting(s) : -1;
}

static void conn_free(struct conn *c)
{
    struct listener *l = c->listener;
    l->open--;
    if (l->adopting == c)
        l->adopting = NULL;
    c->magic = 0;
    free(c);
}

static void on_destroyed(struct lws *wsi)
{
    struct conn *c = lws_get_opaque_user_data(wsi);
    if (c == NULL || c->magic == LISTENER_MAGIC)
        return;
    OBJ_CHECK(c, CONN_MAGIC);
    lws_set_opaque_user_data(wsi, NULL);
    conn_free(c);
}

/* Another process accepts from it. */
static void close_tcp(struct admin *a)
{
    struct listener *l = &a->listeners[1];
    if (!atomic_load(&a->left) || l->wsi == NULL)
        return;
    lws_set_timeout(l->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    l->wsi = NULL;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t n)
{
    struct session *s = user;
    switch ((int)why) {
    case LWS_CALLBACK_HTTP:
        return on_request(wsi, s);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(s, in, n);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(s);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writeable(s);
    case LWS_CALLBACK_TIMER:
        return on_timer(s);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        if (s != NULL)
            detach(s);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        on_destroyed(wsi);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return -1; /* nothing is served over WebSocket yet */
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED: {
        struct admin *a;
        OBJ_CAST(a, lws_context_user(lws_get_context(wsi)), ADMIN_MAGIC);
        mailbox_drain(&a->returned);
        close_tcp(a);
        return 0;
    }
    default:
        return 0;
    }
}

/* --- accepting --- */

static void turn_away(int fd)
{
    static const char busy[] =
        "HTTP/1.1 503 Service Unavailable\r\n"
        "content-type: application/json\r\ncontent-length: 63\r\n"
        "connection: close\r\n\r\n"
        "{\"error\": \"busy\", \"message\": \"too many connections, try again\"}";
    (void)!write(fd, busy, sizeof(busy) - 1);
    (void)close(fd);
}

static void welcome(struct listener *l, int fd, const char *user)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    OBJ_INIT(c, CONN_MAGIC);
    c->listener = l;
    (void)snprintf(c->user, sizeof(c->user), "%s", user);
    lws_adopt_desc_t d = {.vh = l->admin->vhost,
                          .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
                          .fd = {.sockfd = fd},
                          .opaque = c};
    l->open++;
    l->adopting = c;
    bool taken = lws_adopt_descriptor_vhost_via_info(&d) != NULL;
    if (!taken && l->adopting == c) /* nobody was told that it is gone */
        conn_free(c);
    l->adopting = NULL;
}

static int on_listener(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                       size_t n)
{
    char name[ADMIN_USER_MAX];
    UNUSED(user);
    UNUSED(in);
    UNUSED(n);
    if (why != LWS_CALLBACK_RAW_RX_FILE)
        return 0;
    struct listener *l = lws_get_opaque_user_data(wsi);
    int fd = admin_accept((int)lws_get_socket_fd(wsi), !l->tcp, name);
    if (fd < 0)
        return 0;
    if (l->open >= CONNECTIONS_MAX)
        turn_away(fd);
    else
        welcome(l, fd, name);
    return 0;
}

const struct lws_protocols admin_protocols[] = {
    {"http", on_event, sizeof(struct session), 0, 0, NULL, 0},
    {"listener", on_listener, 0, 0, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

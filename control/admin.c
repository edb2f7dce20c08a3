/* The admin API's thread: requests, the token, sockets, beginning and end. What happens on a
 * connection is admin_wire.c, what a request means admin_api.c. */
#include "control/admin_wire.h"
#include "control/disk.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- requests --- */

struct admin_request *admin_request_new(struct admin *a, struct session *s, const struct conn *c)
{
    if (a->nrequests == REQUESTS_MAX)
        return NULL;
    struct admin_request *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    OBJ_INIT(r, ADMIN_REQUEST_MAGIC);
    r->admin = a;
    r->control = a->control;
    r->session = s;
    r->body = BUF_INIT(ADMIN_BODY_MAX);
    r->answer = BUF_INIT(0);
    (void)snprintf(r->user, sizeof(r->user), "%s", c->user);
    r->next = a->requests;
    a->requests = r;
    a->nrequests++;
    return r;
}

void admin_request_free(struct admin_request *r)
{
    struct admin_request **at = &r->admin->requests;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->admin->nrequests--;
    status_facts_free(r->control, &r->facts);
    buf_free(&r->body);
    buf_free(&r->answer);
    r->magic = 0;
    free(r);
}

void admin_return(struct admin_request *r)
{
    OBJ_CHECK(r, ADMIN_REQUEST_MAGIC);
    /* There is room for every request there can be. */
    BUG_IF(!mailbox_post(&r->admin->returned, admin_wire_returned, r));
}

static void wake(void *arg)
{
    struct admin *a = arg;
    lws_cancel_service(a->context);
}

/* --- the token --- */

void admin_token(struct admin *a, const char *token)
{
    char *copy = token == NULL ? NULL : strdup(token);
    pthread_mutex_lock(&a->lock);
    char *old = a->token;
    a->token = copy;
    pthread_mutex_unlock(&a->lock);
    if (old != NULL)
        explicit_bzero(old, strlen(old));
    free(old);
}

/* Hashes are compared, so that the time says nothing about the length either. */
bool admin_token_is(struct admin *a, struct span token)
{
    unsigned char given[DIGEST_BYTES];
    unsigned char right[DIGEST_BYTES];
    bool hashed = digest_of(token, given) == ERR_OK;
    pthread_mutex_lock(&a->lock);
    bool any = a->token != NULL && a->token[0] != '\0';
    hashed = any && digest_of(span_str(a->token), right) == ERR_OK && hashed;
    pthread_mutex_unlock(&a->lock);
    return hashed && digest_same(span_of(given, sizeof(given)), span_of(right, sizeof(right)));
}

const char *admin_tcp_address(const struct admin *a)
{
    return a->tcp_address;
}

/* --- the thread --- */

static void on_lws_log(int level, const char *line)
{
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == '\n')
        n--;
    UNUSED(level);
    log_debug("lws", SPAN_FMT, (int)n, line);
}

static bool is_sending(const struct admin *a)
{
    for (const struct admin_request *r = a->requests; r != NULL; r = r->next)
        if (r->session != NULL && r->session->step == SENDING)
            return true;
    return false;
}

/* Who reads slowly must not keep a process alive that has nothing else to do. */
static void hurry(struct admin *a)
{
    for (struct admin_request *r = a->requests; r != NULL; r = r->next)
        if (r->session != NULL && r->session->step == SENDING)
            lws_set_timer_usecs(r->session->wsi, LEAVE_MS * LWS_US_PER_MS);
}

static void *admin_main(void *arg)
{
    struct admin *a;
    OBJ_CAST(a, arg, ADMIN_MAGIC);
    metrics_thread_begin("admin");
    while (!atomic_load(&a->stop) && lws_service(a->context, 0) >= 0)
        ;
    mailbox_drain(&a->returned);
    hurry(a);
    while (atomic_load(&a->left) && is_sending(a) && lws_service(a->context, 0) >= 0)
        ; /* who asked for the upgrade that ends this process is still told */
    arena_thread_end();
    chunkq_thread_end();
    metrics_thread_end();
    return NULL;
}

static enum err make_context(struct admin *a)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = admin_protocols,
        .user = a,
        .gid = -1,
        .uid = -1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .fd_limit_per_thread = FDS_MAX,
        .max_http_header_pool = 2 * CONNECTIONS_MAX,
        .max_http_header_data = 8192,
        .timeout_secs = HEAD_TIMEOUT_S,
        .vhost_name = "weir",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    a->context = lws_create_context(&info);
    if (a->context == NULL)
        return ERR_NO_MEMORY;
    a->vhost = lws_create_vhost(a->context, &info);
    return a->vhost == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err adopt(struct admin *a, struct listener *l)
{
    if (l->fd < 0)
        return ERR_OK;
    lws_adopt_desc_t d = {.vh = a->vhost,
                          .type = LWS_ADOPT_RAW_FILE_DESC,
                          .fd = {.filefd = l->fd},
                          .vh_prot_name = "listener",
                          .opaque = l};
    l->fd = -1; /* libwebsockets', also on failure */
    l->wsi = lws_adopt_descriptor_vhost_via_info(&d);
    return l->wsi == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err open_sockets(struct admin *a, const char *address, struct complaints *wrong)
{
    struct listener *l = a->listeners;
    const struct handed_over *handed = a->control->hooks.handed;
    char beside[PATH_MAX];
    if (handed != NULL)
        TRY(disk_path(beside, sizeof(beside), a->control->state_dir, "admin.new"));
    const char *path = handed == NULL ? a->socket_path : beside;
    TRY(admin_listen_unix(path, &l[0].fd, wrong));
    (void)stat(path, &a->socket_stat);
    if (address == NULL)
        return ERR_OK;
    if (handed != NULL && handed->admin >= 0 && strcmp(handed->admin_address, address) == 0)
        l[1].fd = fcntl(handed->admin, F_DUPFD_CLOEXEC, 0);
    else
        TRY(admin_listen_tcp(address, &l[1].fd, wrong));
    a->tcp_fd = fcntl(l[1].fd, F_DUPFD_CLOEXEC, 0);
    return a->tcp_fd < 0 ? ERR_SYSTEM : ERR_OK;
}

void admin_take_name(struct admin *a)
{
    char beside[PATH_MAX];
    if (disk_path(beside, sizeof(beside), a->control->state_dir, "admin.new") != ERR_OK ||
        rename(beside, a->socket_path) != 0)
        log_error("admin", "%s cannot be made of admin.new: %s", a->socket_path, strerror(errno));
}

enum err admin_hand_over(struct admin *a, int channel)
{
    char text[300];
    if (a->tcp_fd < 0)
        return ERR_OK;
    int n = snprintf(text, sizeof(text), "admin %s", a->tcp_address);
    return n < (int)sizeof(text) ? handover_send(channel, span_of(text, (size_t)n), a->tcp_fd)
                                 : ERR_OK;
}

void admin_leave(struct admin *a)
{
    a->socket_stat.st_ino = 0; /* the name is another's */
    atomic_store(&a->left, true);
    if (a->tcp_fd >= 0)
        (void)close(a->tcp_fd);
    a->tcp_fd = -1;
    lws_cancel_service(a->context);
}

static enum err begin(struct admin *a, const struct config_admin *config, struct complaints *wrong)
{
    TRY(open_sockets(a, config->address, wrong));
    TRY(mailbox_begin(&a->returned, REQUESTS_MAX + 1, wake, a));
    TRY(make_context(a));
    TRY(adopt(a, &a->listeners[0]));
    TRY(adopt(a, &a->listeners[1]));
    admin_token(a, config->token);
    if (pthread_create(&a->thread, NULL, admin_main, a) != 0)
        return ERR_SYSTEM;
    a->running = true;
    return ERR_OK;
}

enum err admin_start(struct admin **out, struct control *c, const char *state_dir,
                     const struct config_admin *config, struct complaints *wrong)
{
    *out = NULL;
    struct admin *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ERR_NO_MEMORY;
    OBJ_INIT(a, ADMIN_MAGIC);
    a->control = c;
    pthread_mutex_init(&a->lock, NULL);
    for (int i = 0; i < 2; i++)
        a->listeners[i] = (struct listener){LISTENER_MAGIC, a, -1, i == 1, 0, NULL, NULL};
    a->tcp_fd = -1;
    enum err e = (size_t)snprintf(a->socket_path, PATH_MAX, "%s/admin.sock", state_dir) < PATH_MAX
                     ? ERR_OK
                     : ERR_TOO_LARGE;
    if (e == ERR_OK && config->address != NULL &&
        (a->tcp_address = strdup(config->address)) == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        e = begin(a, config, wrong);
    if (e != ERR_OK) {
        admin_stop(&a);
        return e;
    }
    *out = a;
    return ERR_OK;
}

/* Only a socket that is still ours: another weir may have taken the directory over. */
static void remove_socket(const struct admin *a)
{
    struct stat st;
    if (a->socket_stat.st_ino != 0 && stat(a->socket_path, &st) == 0 &&
        st.st_ino == a->socket_stat.st_ino && st.st_dev == a->socket_stat.st_dev)
        (void)unlink(a->socket_path);
}

void admin_stop(struct admin **ap)
{
    struct admin *a;
    if (*ap == NULL)
        return;
    OBJ_TAKE(a, ap, ADMIN_MAGIC);
    atomic_store(&a->stop, true);
    if (a->running) {
        lws_cancel_service(a->context);
        pthread_join(a->thread, NULL);
    }
    if (a->context != NULL)
        lws_context_destroy(a->context);
    remove_socket(a);
    for (int i = 0; i < 2; i++)
        if (a->listeners[i].fd >= 0)
            (void)close(a->listeners[i].fd);
    if (a->tcp_fd >= 0)
        (void)close(a->tcp_fd);
    while (a->requests != NULL)
        admin_request_free(a->requests);
    mailbox_end(&a->returned);
    admin_token(a, NULL);
    pthread_mutex_destroy(&a->lock);
    free(a->tcp_address);
    a->magic = 0;
    free(a);
}

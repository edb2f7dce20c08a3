/* The new process's side of base/handover.h, up to the moment its loop runs; the rest is
 * control/upgrade.c. Nothing runs yet, so it waits for each message. */
#include "cli/heir.h"

#include "proxy/proxy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum err gone(struct complaints *wrong)
{
    complain(wrong, "upgrade", NULL, "the process that started this one has ended or given it up");
    return ERR_CONFIG;
}

static enum err say(const struct handed_over *h, const char *text, struct complaints *wrong)
{
    return handover_send(h->channel, span_str(text), -1) == ERR_OK ? ERR_OK : gone(wrong);
}

/* Takes m->fd. */
static enum err take(struct handed_over *h, struct sockets *s, struct handover_message *m)
{
    int fd = m->fd;
    m->fd = -1;
    if (span_eq(m->word, SPAN("listener")) && fd >= 0)
        return sockets_give(s, m->rest, fd);
    if (span_eq(m->word, SPAN("admin")) && fd >= 0 && h->admin < 0) {
        h->admin = fd;
        (void)snprintf(h->admin_address, sizeof(h->admin_address), SPAN_FMT, SPAN_ARG(m->rest));
        return ERR_OK;
    }
    if (span_eq(m->word, SPAN("state")) && fd >= 0 && h->lock < 0) {
        h->lock = fd;
        return ERR_OK;
    }
    if (span_eq(m->word, SPAN("tickets")))
        proxy_take_keys(m->rest);
    if (fd >= 0)
        (void)close(fd);
    return ERR_OK;
}

static enum err take_until(struct handed_over *h, struct sockets *s, struct span last,
                           struct complaints *wrong)
{
    static struct handover_message m;
    do {
        if (handover_receive(h->channel, true, &m) != HANDOVER_MESSAGE)
            return gone(wrong);
        TRY(take(h, s, &m));
    } while (!span_eq(m.word, last));
    return ERR_OK;
}

enum err heir_begin(struct handed_over *h, struct sockets *s, struct complaints *wrong)
{
    *h = (struct handed_over){.channel = handover_inherited(), .lock = -1, .admin = -1};
    if (h->channel < 0)
        return sockets_from_manager(s, wrong);
    h->from = getppid();
    TRY(say(h, "hello " WEIR_VERSION, wrong));
    return take_until(h, s, SPAN("given"), wrong);
}

enum err heir_ready(struct handed_over *h, struct complaints *wrong)
{
    if (h->channel < 0)
        return ERR_OK;
    TRY(say(h, "ready", wrong));
    TRY(take_until(h, NULL, SPAN("state"), wrong));
    return h->lock >= 0 ? ERR_OK : gone(wrong);
}

void heir_failed(const struct handed_over *h, const struct complaints *wrong)
{
    struct buf text = BUF_INIT(HANDOVER_MAX);
    if (h->channel < 0)
        return;
    if (buf_append(&text, SPAN("failed ")) == ERR_OK && complaints_render(wrong, &text) == ERR_OK) {
        while (text.n > 0 && text.p[text.n - 1] == '\n')
            text.n--;
        for (size_t i = 0; i < text.n; i++) /* a line of the log, and of the audit trail */
            text.p[i] = text.p[i] == '\n' ? ' ' : text.p[i];
        (void)!handover_send(h->channel, buf_span(&text), -1);
    }
    buf_free(&text);
}

void heir_end(struct handed_over *h)
{
    if (h->admin >= 0)
        (void)close(h->admin);
    h->admin = -1;
}

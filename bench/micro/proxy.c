/* What an exchange costs besides codecs, decision and I/O: the heads of a browser's request and of
 * its answer edited on their way through, and the line of the access log. */
#include "bench/micro/heads.h"
#include "proxy/exchange.h"

#include "base/clock.h"

#include <stdio.h>

static unsigned rounds =
    100000; /* few in a test; as many lines as the scribe's queue has room for */

static const char config_text[] =
    "{\"listeners\":[{\"address\":\"*:80\"}],\"state_dir\":\"/tmp\",\"backends\":"
    "{\"old\":{\"servers\":[\"a:1\"]},\"new\":{\"servers\":[\"b:1\"]}},"
    "\"defaults\":{\"legacy\":\"old\",\"new\":\"new\"},"
    "\"routes\":[{\"name\":\"all\",\"match\":{\"prefix\":\"/\"},\"new_percent\":10}]}";

static struct worker worker;
static struct front front;
static struct exchange exchange;
static struct snapshot_hold hold;
static struct snapshot *snapshot;

static void say(const char *what, uint64_t us)
{
    printf("  %-44s %8.0f ns\n", what, 1000.0 * (double)us / rounds);
}

static void decide(void)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    struct route_table *t;
    BUG_IF(config_parse(span_str(config_text), "bench", &c, &wrong) != ERR_OK);
    BUG_IF(route_table_new(c, &t, &wrong) != ERR_OK);
    BUG_IF(snapshot_new(t, 1, &snapshot) != ERR_OK);
    hold.snapshot = snapshot;
    const struct route_query q = {.host = exchange.request->authority,
                                  .path = exchange.path,
                                  .head = exchange.request,
                                  .client_ip = front_client_ip(&front)};
    BUG_IF(route_decide(hold.snapshot, &q, &exchange.decision) != ERR_OK);
    worker.http = c->http;
}

static void parse(struct http_head *h, struct span raw, bool response)
{
    http_head_begin(h, &exchange.arena, response);
    BUG_IF((response ? h1_response_parse : h1_request_parse)(raw, &limits, h) != ERR_OK);
}

/* An exchange that was admitted and decided, as relay.c would find it. */
static void prepare(struct http_head *head)
{
    static const struct networks nobody;
    const unsigned char ip[4] = {192, 0, 2, 1};
    arena_begin(&exchange.arena, 64 * 1024);
    front.peer = endpoint_make(ip, sizeof(ip), 4711);
    worker.trusted = &nobody;
    BUG_IF(loop_new(&worker.loop, 8) != ERR_OK);
    exchange.worker = &worker;
    exchange.front = &front;
    exchange.hold = &hold;
    parse(head, span_str(browser), false);
    exchange.request = head;
    BUG_IF(request_admit(&exchange) != ERR_OK);
    decide();
    exchange.decided = exchange.answered = true;
    exchange.status = 200;
    exchange.start_us = loop_now_us(worker.loop);
    exchange.bytes_out = 1843;
}

/* Both as a request does it: the head it was given is not changed, what is added goes into its
 * arena. */
static void measure_edits(void)
{
    struct http_head out = {0};
    struct arena kept = exchange.arena;
    uint64_t start = clock_us();
    for (unsigned i = 0; i < rounds; i++) {
        arena_begin(&exchange.arena, 64 * 1024);
        exchange.request->arena = &exchange.arena;
        BUG_IF(request_edit(&exchange, SIDE_LEGACY, &out) != ERR_OK);
        arena_end(&exchange.arena);
    }
    say("head of a browser edited for a server", clock_us() - start);
    start = clock_us();
    for (unsigned i = 0; i < rounds; i++) {
        arena_begin(&exchange.arena, 64 * 1024);
        parse(&out, span_str(answer), true);
        BUG_IF(answer_edit(&exchange, &out) != ERR_OK);
        arena_end(&exchange.arena);
    }
    say("head of an answer read, and edited", clock_us() - start);
    exchange.arena = kept;
}

static void measure_access(struct scribe_file *file, enum access_format format, const char *what)
{
    const struct config_log log = {.access = "/dev/null", .access_format = format};
    BUG_IF(access_open(&worker, file, &log) != ERR_OK);
    uint64_t start = clock_us();
    for (unsigned i = 0; i < rounds; i++)
        access_write(&exchange);
    say(what, clock_us() - start);
    access_close(&worker);
}

int main(int argc, char **argv)
{
    struct http_head head;
    struct scribe *scribe;
    struct scribe_file *file;
    (void)argv;
    if (argc > 1)
        rounds = 100;
    prepare(&head);
    measure_edits();
    BUG_IF(scribe_start(&scribe, 64 * 1024 * 1024) != ERR_OK);
    BUG_IF(scribe_open(scribe, "/dev/null", 0, &file) != ERR_OK);
    measure_access(file, ACCESS_JSON, "line of the access log, JSON");
    measure_access(file, ACCESS_COMBINED, "line of the access log, combined");
    scribe_stop(&scribe);
    snapshot_free(&snapshot);
    loop_free(&worker.loop);
    arena_end(&exchange.arena);
    return 0;
}

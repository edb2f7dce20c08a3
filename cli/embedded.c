/* A configuration as text, so that one loader checks it and `weir check` could print it. */
#include "cli/embedded.h"

#include "cli/cli.h"

#include <string.h>

/* --- pieces --- */

static enum err member(struct buf *out, const char *key, const char *value)
{
    return cli_json_string(out, key, value);
}

/* A member of the whole, on a line of its own: the file of a demo is there to be edited. */
static enum err begin(struct buf *out, const char *key)
{
    return buf_printf(out, "%s\n  \"%s\": ", out->p[out->n - 1] == '{' ? "" : ",", key);
}

static bool split_url(struct span url, bool *tls, struct span *host)
{
    *tls = span_has_prefix(url, SPAN("https://"));
    if (!*tls && !span_has_prefix(url, SPAN("http://")))
        return false;
    *host = span_from(url, *tls ? 8 : 7);
    if (span_has_suffix(*host, SPAN("/")))
        host->n--;
    return host->n > 0 && strcspn(host->p, "/@?#\"\\ ") >= host->n;
}

/* "::1" in brackets counts its colons inside. */
static bool has_port(struct span host)
{
    size_t from = host.p[0] == '[' ? span_find(host, ']') : 0;
    return from < host.n && span_find(span_from(host, from), ':') < host.n - from;
}

static enum err backend(struct buf *out, const char *name, const char *url,
                        struct complaints *wrong)
{
    char where[16] = "--";
    bool tls;
    struct span host;
    memcpy(where + 2, name, strlen(name) + 1);
    if (!split_url(span_str(url), &tls, &host)) {
        complain(wrong, where, "must be http://HOST[:PORT] or https://HOST[:PORT]",
                 "\"%s\" is not the address of a backend", url);
        return ERR_CONFIG;
    }
    const char *port = has_port(host) ? "" : tls ? ":443" : ":80";
    return buf_printf(out, "%s\"%s\": {\"servers\": [\"" SPAN_FMT "%s\"]%s}",
                      out->p[out->n - 1] == '{' ? "" : ", ", name, SPAN_ARG(host), port,
                      tls ? ", \"tls\": {}" : "");
}

static enum err certificate(struct buf *out, const struct embedded *o)
{
    TRY(buf_append(out, SPAN(", \"tls\": {\"certificates\": [{")));
    if (o->cert == NULL)
        TRY(buf_append(out, SPAN("\"self_signed\": [\"localhost\", \"127.0.0.1\", \"[::1]\"]")));
    else
        TRY(member(out, "cert", o->cert));
    TRY(member(out, "key", o->key));
    return buf_append(out, SPAN("}]}"));
}

static enum err listener(struct buf *out, const struct embedded *o, const char *url)
{
    struct span s = span_str(url);
    bool tls = span_has_prefix(s, SPAN("https://"));
    if (tls || span_has_prefix(s, SPAN("http://")))
        url += tls ? 8 : 7;
    TRY(buf_append(out, out->p[out->n - 1] == '[' ? SPAN("{") : SPAN(", {")));
    TRY(member(out, "address", url));
    if (tls || o->cert != NULL)
        TRY(certificate(out, o));
    return buf_append(out, SPAN("}"));
}

static enum err sticky(struct buf *out, const char *list)
{
    struct span rest = span_str(list), item;
    TRY(buf_append(out, SPAN(", \"sticky\": [")));
    for (unsigned i = 0; rest.n > 0 && span_cut(&rest, ',', &item); i++)
        TRY(buf_printf(out, "%s\"" SPAN_FMT "\"", i > 0 ? ", " : "", SPAN_ARG(span_trim(item))));
    return buf_append(out, SPAN("]"));
}

static enum err route(struct buf *out, const struct embedded *o)
{
    TRY(begin(out, "routes"));
    TRY(buf_append(out, SPAN("[{\"name\": \"default\", \"match\": {\"prefix\": \"/\"}")));
    TRY(buf_printf(out, ", \"new_percent\": %s", o->new_percent == NULL ? "0" : o->new_percent));
    if (o->sticky != NULL)
        TRY(sticky(out, o->sticky));
    if (o->drain != NULL)
        TRY(buf_printf(out, ", \"on_flip\": \"drain\", \"on_flip_time\": \"%s\"", o->drain));
    if (o->shadow_percent != NULL)
        TRY(buf_printf(out, ", \"shadow\": {\"percent\": %s%s}", o->shadow_percent,
                       o->once ? ", \"probe\": 0" : ""));
    return buf_append(out, SPAN("}]"));
}

static enum err section(struct buf *out, const char *name, const char *key1, const char *value1,
                        const char *key2, const char *value2)
{
    if (value1 == NULL && value2 == NULL)
        return ERR_OK;
    TRY(begin(out, name));
    TRY(buf_append(out, SPAN("{")));
    TRY(member(out, key1, value1));
    TRY(member(out, key2, value2));
    return buf_append(out, SPAN("}"));
}

static enum err shadow(struct buf *out, const struct embedded *o)
{
    TRY(begin(out, "shadow"));
    TRY(buf_printf(out, "{%s", o->once ? "\"rechecks\": 0" : ""));
    TRY(member(out, "records", o->records));
    TRY(member(out, "rules", o->rules));
    return buf_append(out, SPAN("}"));
}

static enum err state(struct buf *out, const struct embedded *o)
{
    if (o->state_dir != NULL) {
        TRY(begin(out, "state_dir"));
        TRY(buf_append(out, SPAN("\"")));
        TRY(cli_json_escaped(out, o->state_dir));
        TRY(buf_append(out, SPAN("\"")));
    }
    if (o->workers == NULL)
        return ERR_OK;
    TRY(begin(out, "workers"));
    return buf_append(out, span_str(o->workers));
}

/* --- what must be a number before it may stand in the text as one --- */

static enum err check_number(const char *option, const char *text, bool percent,
                             struct complaints *wrong)
{
    unsigned points;
    uint64_t n;
    if (text == NULL || (percent ? config_percent(span_str(text), &points) == ERR_OK
                                 : span_u64(span_str(text), &n)))
        return ERR_OK;
    complain(wrong, option,
             percent ? "must be a number from 0 to 100, with at most two decimals"
                     : "must be a whole number",
             percent ? "\"%s\" is no percentage" : "\"%s\" is not a number", text);
    return ERR_CONFIG;
}

enum err embedded_text(const struct embedded *o, struct buf *out, struct complaints *wrong)
{
    TRY(check_number("--new-percent", o->new_percent, true, wrong));
    TRY(check_number("--shadow-percent", o->shadow_percent, true, wrong));
    TRY(check_number("--workers", o->workers, false, wrong));
    TRY(buf_append(out, SPAN("{")));
    TRY(begin(out, "listeners"));
    TRY(buf_append(out, SPAN("[")));
    for (size_t i = 0; i < ARRAY_LEN(o->listen) && o->listen[i] != NULL; i++)
        TRY(listener(out, o, o->listen[i]));
    TRY(buf_append(out, SPAN("]")));
    TRY(begin(out, "backends"));
    TRY(buf_append(out, SPAN("{")));
    TRY(backend(out, "legacy", o->legacy, wrong));
    TRY(backend(out, "new", o->new_, wrong));
    TRY(buf_append(out, SPAN("}")));
    TRY(section(out, "defaults", "legacy", "legacy", "new", "new"));
    TRY(route(out, o));
    TRY(state(out, o));
    TRY(section(out, "control", "redis", o->redis, "key", NULL));
    TRY(shadow(out, o));
    TRY(section(out, "log", "access", o->access_log, "level", o->log_level));
    return buf_append(out, SPAN("\n}\n"));
}

/* Forms and streams of events written as JSON: whatever comes out is JSON, the same body comes to
 * the same text on both sides, and what has no place in JSON is refused. The first byte says which.
 */
#include "tests/fuzz/fuzz.h"

#include "shadow/jdoc.h"
#include "shadow/recast.h"

static void must_be_json(const struct buf *b)
{
    struct jdoc d = JDOC_INIT;
    enum err e = jdoc_parse(&d, buf_span(b));
    BUG_IF(e != ERR_OK && e != ERR_SHADOW_TOO_DEEP && e != ERR_TOO_LARGE);
    jdoc_free(&d);
}

static void form(struct span body)
{
    struct span bodies[2] = {body, body};
    struct buf out[2] = {BUF_INIT(0), BUF_INIT(0)};
    enum err e = recast_form(bodies, out);
    BUG_IF(e != ERR_OK && e != ERR_INVALID);
    if (e == ERR_OK) {
        BUG_IF(!span_eq(buf_span(&out[0]), buf_span(&out[1])));
        must_be_json(&out[0]);
        out[0].n = out[1].n = 0;
        bodies[1] = span_until(body, body.n / 2); /* an end in the middle of anything */
        if (recast_form(bodies, out) == ERR_OK) {
            must_be_json(&out[0]);
            must_be_json(&out[1]);
        }
    }
    buf_free(&out[0]);
    buf_free(&out[1]);
}

static void events(struct span body)
{
    struct buf out = BUF_INIT(0);
    enum err e = recast_events(body, &out);
    BUG_IF(e != ERR_OK && e != ERR_INVALID);
    if (e == ERR_OK)
        must_be_json(&out);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of(data, size);
    if (size == 0)
        return 0;
    if (data[0] == 'f')
        form(span_from(body, 1));
    else
        events(span_from(body, 1));
    return 0;
}

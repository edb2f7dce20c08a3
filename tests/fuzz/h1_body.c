/* A body gives the same bytes and ends at the same place however it is cut. First byte: '0'
 * chunked, '1' until close, others a length; second: how it is cut. */
#include "tests/fuzz/fuzz.h"

#include "http/h1_body.h"

enum { BODY_MAX = 16 * 1024 };

struct outcome {
    enum err e;
    enum h1_body_state state;
    size_t taken, n;
    char body[BODY_MAX];
};

static void feed(const struct http_body_plan *plan, struct span in, size_t piece,
                 struct outcome *out)
{
    struct h1_body b;
    out->e = ERR_OK;
    out->taken = out->n = 0;
    h1_body_begin(&b, plan);
    while (out->taken < in.n && out->e == ERR_OK && b.state != H1_BODY_TRAILERS &&
           b.state != H1_BODY_DONE) {
        size_t used, n = in.n - out->taken;
        struct span data;
        if (piece > 0)
            n = min_size(n, 1 + out->taken * 7 % piece);
        out->e = h1_body_feed(&b, span_of(in.p + out->taken, n), &used, &data);
        if (out->e != ERR_OK)
            break;
        BUG_IF(used == 0 || used > n || out->n + data.n > BODY_MAX);
        if (data.n > 0)
            memcpy(out->body + out->n, data.p, data.n);
        out->n += data.n;
        out->taken += used;
    }
    out->state = b.state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, cut;
    struct http_body_plan plan = {HTTP_BODY_CHUNKED, 0};
    if (size < 2 || size > BODY_MAX)
        return 0;
    if (data[0] == '1')
        plan.kind = HTTP_BODY_UNTIL_CLOSE;
    else if (data[0] != '0')
        plan = (struct http_body_plan){HTTP_BODY_LENGTH, data[0]};
    struct span in = span_of(data + 2, size - 2);
    feed(&plan, in, 0, &whole);
    feed(&plan, in, 1 + data[1] % 32, &cut);
    BUG_IF(whole.e != cut.e || whole.n != cut.n);
    BUG_IF(whole.n > 0 && memcmp(whole.body, cut.body, whole.n) != 0);
    BUG_IF(whole.e == ERR_OK && (whole.state != cut.state || whole.taken != cut.taken));
    return 0;
}

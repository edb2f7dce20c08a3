/* Any bytes under any coding: decoded within the limit or refused. The first byte chooses the
 * coding. */
#include "tests/fuzz/fuzz.h"

#include "shadow/decode.h"

enum { MAX = 256 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codings[] = {"gzip",     "deflate",  "br",   "deflate, gzip",
                                          "gzip, br", "identity", "zstd", ""};
    struct decoder d = {{BUF_INIT(0), BUF_INIT(0)}};
    struct span out;
    if (size == 0)
        return 0;
    enum err e =
        decode_body(&d, span_str(codings[data[0] % 8]), span_of(data + 1, size - 1), MAX, &out);
    BUG_IF(e == ERR_OK && out.n > MAX && out.n > size);
    BUG_IF(e != ERR_OK && e != ERR_SHADOW_UNDECODABLE && e != ERR_TOO_LARGE);
    decode_free(&d);
    return 0;
}

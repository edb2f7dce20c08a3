/* A PROXY header means the same however many bytes are behind it, and nothing until it is whole. */
#include "tests/fuzz/fuzz.h"

#include "proxy/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct endpoints who, again;
    size_t used, used_again;
    char out[PROXY_WRITE_MAX];
    struct span in = span_of(data, size);
    enum err e = proxy_header_read(in, &who, &used);
    BUG_IF(used > size || used > PROXY_READ_MAX || (e != ERR_OK && used > 0));
    BUG_IF(size >= PROXY_READ_MAX && e == ERR_OK && used == 0);
    if (used == 0)
        return 0;
    BUG_IF(proxy_header_read(span_until(in, used), &again, &used_again) != ERR_OK);
    BUG_IF(used_again != used || memcmp(&who, &again, sizeof(who)) != 0);
    for (size_t n = 0; n < used; n++)
        BUG_IF(proxy_header_read(span_until(in, n), &again, &used_again) != ERR_OK ||
               used_again != 0);
    if (who.client.n == 0)
        return 0;
    size_t n = proxy_header_write(&who, out);
    BUG_IF(proxy_header_read(span_of(out, n), &again, &used_again) != ERR_OK || used_again != n);
    BUG_IF(memcmp(&who, &again, sizeof(who)) != 0);
    return 0;
}

/* Any text is refused with complaints, or makes a tree that is printed, read again and printed the
 * same. */
#include "tests/fuzz/fuzz.h"

#include "config/room.h"

static void refused(const struct complaints *wrong, enum err e)
{
    struct buf text = BUF_INIT(0);
    BUG_IF(e == ERR_CONFIG && wrong->n == 0);
    BUG_IF(complaints_render(wrong, &text) != ERR_OK);
    buf_free(&text);
}

static void accepted(const struct config *c)
{
    struct complaints wrong = {.n = 0};
    struct buf first = BUF_INIT(0);
    struct buf second = BUF_INIT(0);
    struct config *again;
    BUG_IF(config_write(c, true, &first) != ERR_OK);
    BUG_IF(config_parse(buf_span(&first), "printed", &again, &wrong) != ERR_OK);
    BUG_IF(config_write(again, true, &second) != ERR_OK);
    BUG_IF(!span_eq(buf_span(&first), buf_span(&second)));
    config_free(&again);
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct complaints wrong = {.n = 0};
    struct config *c;
    enum err e = config_parse(span_of(data, size), "fuzz", &c, &wrong);
    if (e == ERR_OK)
        accepted(c);
    else
        refused(&wrong, e);
    config_free(&c);
    complaints_free(&wrong);
    return 0;
}

/* Any text under the control key: refused with complaints, or a document that is rendered, read
 * again and says the same; also the orders of the admin API, and the file the state lies in. The
 * first byte chooses. */
#include "tests/fuzz/fuzz.h"

#include "control/room.h"
#include "control/state.h"

static void same_again(const struct document *d)
{
    struct complaints wrong = {.n = 0};
    struct buf text = BUF_INIT(0);
    struct document *again = NULL;
    BUG_IF(document_render(d, &text) != ERR_OK);
    if (!d->word && text.n <= DOCUMENT_MAX) {
        BUG_IF(document_parse(buf_span(&text), "again", &again, &wrong) != ERR_OK);
        BUG_IF(!document_same(d, again) || d->epoch != again->epoch || d->undoes != again->undoes);
    }
    document_free(&again);
    buf_free(&text);
}

static void try_document(struct span text)
{
    struct complaints wrong = {.n = 0};
    struct document *d = NULL;
    enum err e = document_parse(text, "fuzz", &d, &wrong);
    BUG_IF((e == ERR_OK) != (d != NULL));
    BUG_IF(e != ERR_OK && wrong.n == 0);
    BUG_IF(e == ERR_OK && (d->epoch > DOCUMENT_EPOCH_MAX || (d->epoch == 0) != d->word));
    if (e == ERR_OK)
        same_again(d);
    document_free(&d);
    complaints_free(&wrong);
}

static void try_order(struct span text, bool change)
{
    struct complaints wrong = {.n = 0};
    struct order_text order;
    struct document *d = NULL;
    enum err e = order_read(text, change, &order, &wrong);
    BUG_IF(e != ERR_OK && wrong.n == 0);
    if (e == ERR_OK && change) {
        BUG_IF(document_change(NULL, &order.change, 1, 0, &d) != ERR_OK);
        BUG_IF(d->nroutes > 1);
    }
    document_free(&d);
    if (e == ERR_OK)
        order_text_free(&order);
    complaints_free(&wrong);
}

static void try_state(struct span text)
{
    struct complaints wrong = {.n = 0};
    struct state s;
    enum err e = state_parse(text, "fuzz", &s, &wrong);
    BUG_IF(e != ERR_OK && (wrong.n == 0 || s.document != NULL || s.nundo != 0));
    state_free(&s);
    complaints_free(&wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span text = span_of(data + 1, size - 1);
    switch (data[0]) {
    case 'o':
        try_order(text, true);
        break;
    case 'u':
        try_order(text, false);
        break;
    case 's':
        try_state(text);
        break;
    default:
        try_document(span_of(data, size));
    }
    return 0;
}

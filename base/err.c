/* Look-ups into err.def. */
#include "base/err.h"

static const struct {
    const char *word;
    const char *sentence;
    enum err_fault fault;
    int status;
    enum err_retry retry;
} rows[ERR_COUNT] = {
    [ERR_OK] = {"-", "nothing is wrong", FAULT_WEIR, 200, RETRY_NEVER},
#define ERR(name, word_, sentence_, fault_, status_, retry_) \
    [ERR_##name] = {word_, sentence_, FAULT_##fault_, status_, RETRY_##retry_},
#include "base/err.def"
#undef ERR
};

const char *err_word(enum err e)
{
    BUG_IF(e >= ERR_COUNT);
    return rows[e].word;
}

const char *err_sentence(enum err e)
{
    BUG_IF(e >= ERR_COUNT);
    return rows[e].sentence;
}

enum err_fault err_fault(enum err e)
{
    BUG_IF(e >= ERR_COUNT);
    return rows[e].fault;
}

int err_status(enum err e)
{
    BUG_IF(e >= ERR_COUNT);
    return rows[e].status;
}

enum err_retry err_retry(enum err e)
{
    BUG_IF(e >= ERR_COUNT);
    return rows[e].retry;
}

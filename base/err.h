/* The one error scheme of the program. ERR_OK is 0; everything else is a row of err.def, which says
 * in which words it is logged, whose fault it is, how it is answered and whether the request may be
 * sent again. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

enum err {
    ERR_OK = 0,
#define ERR(name, word, sentence, fault, status, retry) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

enum err_fault { FAULT_CLIENT, FAULT_BACKEND, FAULT_WEIR, FAULT_OPERATOR };
enum err_retry { RETRY_NEVER, RETRY_IDEMPOTENT, RETRY_UNSENT, RETRY_REFUSED };

const char *err_word(enum err e);
/* The word used in logs, metrics and error answers; "-" for ERR_OK. Static. */

const char *err_sentence(enum err e);
/* The same for a person, without a full stop. Static. */

enum err_fault err_fault(enum err e);
int err_status(enum err e);
/* HTTP status to answer with; 0 where no answer can be given any more. */

enum err_retry err_retry(enum err e);

/* Passes a failure on to the caller. */
#define TRY(expr)                         \
    do {                                  \
        enum err try_err_ = (expr);       \
        if (UNLIKELY(try_err_ != ERR_OK)) \
            return try_err_;              \
    } while (0)

#endif

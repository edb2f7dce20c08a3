/* Words for people: a safe quotation of what somebody else wrote. */
#ifndef CONTROL_WORDS_H
#define CONTROL_WORDS_H

#include "base/bytes.h"

enum { WORDS_QUOTE_MAX = 64 };

void words_quote(char out[WORDS_QUOTE_MAX], struct span raw);
/* "text" in quotation marks, cut to fit, everything but printable ASCII shown as '?'. */

struct span words_strip(struct span s);
/* Without white space (also line ends) around it. */

#endif

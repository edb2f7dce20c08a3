#include "shadow/reach.h"

enum reach reach_needed(struct span path)
{
    if (span_eq(path, SPAN("status")))
        return REACH_STATUS;
    return span_eq(path, SPAN("media")) || span_has_prefix(path, SPAN("header:")) ? REACH_HEADERS
                                                                                  : REACH_BODY;
}

enum reach reach_of(uint64_t a, uint64_t b, struct span body)
{
    static const char *const unseen[] = {"not_compared", "truncated", "undecodable", "too_deep",
                                         "too_costly"};
    if (a / 100 != b / 100)
        return REACH_STATUS;
    for (size_t i = 0; i < ARRAY_LEN(unseen); i++)
        if (span_eq(body, span_str(unseen[i])))
            return REACH_HEADERS;
    return REACH_BODY;
}

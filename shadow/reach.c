#include "shadow/reach.h"

enum reach reach_needed(struct span path)
{
    if (span_eq(path, SPAN("status")))
        return REACH_STATUS;
    if (span_eq(path, SPAN("grpc-status")))
        return REACH_CALL;
    bool field = span_has_prefix(path, SPAN("header:")) || span_has_prefix(path, SPAN("trailer:"));
    return field || span_eq(path, SPAN("media")) ? REACH_HEADERS : REACH_BODY;
}

enum reach reach_of(struct span body)
{
    static const struct {
        const char *word;
        enum reach reach;
    } stops[] = {
        {"not_compared", REACH_STATUS}, {"other_call", REACH_CALL},
        {"other_media", REACH_HEADERS}, {"truncated", REACH_HEADERS},
        {"undecodable", REACH_HEADERS}, {"too_deep", REACH_HEADERS},
        {"too_costly", REACH_HEADERS},
    };
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (span_eq(body, span_str(stops[i].word)))
            return stops[i].reach;
    return REACH_BODY;
}

/* What the codecs share. Private to http/. */
#ifndef HTTP_CODEC_INTERNAL_H
#define HTTP_CODEC_INTERNAL_H

#include "http/codec.h"

struct codec_vt {
    void (*free)(struct codec *c);
    enum err (*feed)(struct codec *c, struct span in, size_t *used);
    void (*closed)(struct codec *c, enum err why);
    bool (*drain)(struct codec *c);
    void (*flushed)(struct codec *c);
    struct http_stream *(*open)(struct codec *c, enum http_method method, struct arena *arena,
                                const struct http_stream_events *on, void *owner);
    void (*shutdown)(struct codec *c, bool now);
    bool (*is_idle)(const struct codec *c);
    bool (*is_blank)(const struct codec *c); /* NULL: never */
    bool (*is_done)(const struct codec *c);
    bool (*is_cut)(const struct codec *c);
    bool (*is_reading)(const struct codec *c);
    bool (*expects)(const struct codec *c);
    bool (*is_reusable)(const struct codec *c);
    unsigned (*streams_max)(const struct codec *c);
    bool (*ping)(struct codec *c);                   /* NULL: HTTP/1 */
    struct http_stream *(*passing)(struct codec *c); /* NULL: HTTP/2 */
    bool is_shared;
};

enum {
    CODEC_MAGIC = 0x434f4443,
    HTTP_INTERIM_MAX = 16, /* 1xx answers to one request */
};

struct codec {
    unsigned magic;
    const struct codec_vt *vt;
    const struct codec_options *opts;
    const struct codec_host *host;
    void *host_arg;
    struct chunkq *out;
};

#endif

/* The door: each call goes to the codec it is for. */
#include "http/codec_internal.h"

void codec_free(struct codec **cp)
{
    struct codec *c;
    OBJ_TAKE(c, cp, CODEC_MAGIC);
    c->magic = 0;
    c->vt->free(c);
}

enum err codec_feed(struct codec *c, struct span in, size_t *used)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    return c->vt->feed(c, in, used);
}

void codec_closed(struct codec *c, enum err why)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    c->vt->closed(c, why);
}

bool codec_drain(struct codec *c)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    return c->vt->drain(c);
}

void codec_flushed(struct codec *c)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    c->vt->flushed(c);
}

struct http_stream *codec_open(struct codec *c, enum http_method method, struct arena *arena,
                               const struct http_stream_events *on, void *owner)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    return c->vt->open == NULL ? NULL : c->vt->open(c, method, arena, on, owner);
}

void codec_shutdown(struct codec *c, bool now)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    c->vt->shutdown(c, now);
}

bool codec_is_idle(const struct codec *c)
{
    return c->vt->is_idle(c);
}

bool codec_is_blank(const struct codec *c)
{
    return c->vt->is_blank != NULL && c->vt->is_blank(c);
}

bool codec_is_done(const struct codec *c)
{
    return c->vt->is_done(c);
}

bool codec_is_cut(const struct codec *c)
{
    return c->vt->is_cut(c);
}

bool codec_is_reading(const struct codec *c)
{
    return c->vt->is_reading(c);
}

bool codec_expects(const struct codec *c)
{
    return c->vt->expects(c);
}

bool codec_is_reusable(const struct codec *c)
{
    return c->vt->is_reusable(c);
}

unsigned codec_streams_max(const struct codec *c)
{
    return c->vt->streams_max(c);
}

bool codec_is_shared(const struct codec *c)
{
    return c->vt->is_shared;
}

struct http_stream *codec_passing(struct codec *c)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    return c->vt->passing == NULL ? NULL : c->vt->passing(c);
}

bool codec_ping(struct codec *c)
{
    OBJ_CHECK(c, CODEC_MAGIC);
    return c->vt->ping == NULL || c->vt->ping(c);
}

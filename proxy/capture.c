/* Bodies of answers, bounded by what is kept and by how far they are followed. */
#include "proxy/capture.h"

#include "base/digest.h"

enum {
    FOLLOW_FACTOR = 16, /* an answer longer than this many times shadow.compare_body is not followed
                           to its end */
};

enum err capture_keep(struct shadow_pair *p, struct buf *to, struct span data)
{
    size_t before = to->cap;
    TRY(buf_append(to, data));
    size_t grown = to->cap - before;
    if (grown > 0 && !shadow_memory_take(p->lane, grown))
        return ERR_NO_MEMORY;
    p->memory += grown;
    return ERR_OK;
}

/* From the first byte that is not kept on, the whole body is hashed, the kept part included. */
static enum err hash(struct capture *c, struct span data)
{
    if (c->digest == NULL) {
        TRY(digest_begin(&c->digest));
        if (c->answer->body.n > 0)
            digest_add(c->digest, buf_span(&c->answer->body));
    }
    digest_add(c->digest, data);
    return ERR_OK;
}

enum err capture_body(struct shadow_pair *p, struct capture *c, struct span data, uint64_t keep)
{
    struct shadow_answer *a = c->answer;
    a->body_length += data.n;
    if (a->body_length > keep * FOLLOW_FACTOR)
        return ERR_TOO_LARGE;
    if (c->digest == NULL && a->body_length <= keep)
        return capture_keep(p, &a->body, data);
    return hash(c, data);
}

void capture_end(struct capture *c, enum err outcome, uint64_t took_us)
{
    struct shadow_answer *a = c->answer;
    a->outcome = outcome;
    a->total_us = took_us;
    if (c->digest != NULL) {
        digest_end(&c->digest, a->body_sha256);
        a->body_hashed = true;
    }
    c->done = true;
}

void capture_free(struct capture *c)
{
    digest_end(&c->digest, NULL);
}

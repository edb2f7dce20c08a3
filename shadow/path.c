/* Segments and their text. */
#include "shadow/path.h"

#include "shadow/mix.h"

#include <stdio.h>

void path_begin(struct path *p, struct span root)
{
    p->n = 0;
    p->root = root;
    p->hashes[0] = root.n == 0 ? mix_secret() : mix_bytes(mix_secret(), root);
}

static uint64_t hash_with(uint64_t h, const struct seg *s)
{
    struct span name = s->kind == SEG_MEMBER || s->kind == SEG_KEYED ? s->name : SPAN_NULL;
    return mix_bytes(h + (uint64_t)s->kind, name);
}

void path_push(struct path *p, struct seg s)
{
    BUG_IF(p->n == JDOC_DEPTH_MAX);
    p->hashes[p->n + 1] = hash_with(p->hashes[p->n], &s);
    p->segs[p->n++] = s;
}

void path_pop(struct path *p)
{
    BUG_IF(p->n == 0);
    p->n--;
}

uint64_t path_hash(const struct path *p, const struct seg *leaf)
{
    return leaf == NULL ? p->hashes[p->n] : hash_with(p->hashes[p->n], leaf);
}

/* --- text --- */

struct text {
    char *p;
    size_t n;
    bool cut;
};

enum { MARK_ROOM = 16 }; /* for what says that a path was cut */

static void put(struct text *t, struct span s)
{
    if (t->cut || s.n > PATH_TEXT_MAX - MARK_ROOM - t->n) {
        t->cut = true;
        return;
    }
    if (s.n > 0)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

static bool is_plain(struct span key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = byte_lower(key.p[i]);
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        bool inner = (c >= '0' && c <= '9') || c == '-';
        if (!letter && (i == 0 || !inner))
            return false;
    }
    return key.n > 0;
}

/* The same escapes as in JSON, so that a path can be pasted into a rule. */
static void put_quoted(struct text *t, struct span key)
{
    char e[(PATH_KEY_MAX + 16) * 6 + 8];
    size_t n = 0;
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];
        if (c == '"' || c == '\\')
            e[n++] = '\\';
        if (c < 0x20)
            n += (size_t)snprintf(e + n, sizeof(e) - n, "\\u%04x", c);
        else
            e[n++] = (char)c;
    }
    char whole[sizeof(e) + 8];
    put(t, span_of(whole, (size_t)snprintf(whole, sizeof(whole), "[\"%.*s\"]", (int)n, e)));
}

/* At most PATH_KEY_MAX bytes, on a character boundary, and a part of the hash in place of the rest.
 */
static void put_key(struct text *t, struct span key)
{
    char shown[PATH_KEY_MAX + 16];
    if (key.n > PATH_KEY_MAX) {
        size_t n = PATH_KEY_MAX - 16;
        while (n > 0 && ((unsigned char)key.p[n] & 0xc0) == 0x80)
            n--;
        int more = snprintf(shown + n, sizeof(shown) - n, "~%06x",
                            (unsigned)(mix_bytes(0, key) & 0xffffff));
        memcpy(shown, key.p, n);
        key = span_of(shown, n + (size_t)more);
    }
    if (!is_plain(key)) {
        put_quoted(t, key);
        return;
    }
    put(t, SPAN("."));
    put(t, key);
}

static void put_seg(struct text *t, const struct seg *s)
{
    switch (s->kind) {
    case SEG_MEMBER:
        put_key(t, s->name);
        return;
    case SEG_ENTRY:
        put(t, SPAN("{}"));
        return;
    case SEG_ELEMENT:
        put(t, SPAN("[]"));
        return;
    case SEG_KEYED:
        put(t, SPAN("["));
        put(t, s->name);
        put(t, SPAN("]"));
        return;
    }
}

size_t path_render(const struct path *p, const struct seg *leaf, char out[PATH_TEXT_MAX])
{
    struct text t = {.p = out};
    put(&t, SPAN("$"));
    put(&t, p->root);
    for (size_t i = 0; i < p->n; i++)
        put_seg(&t, &p->segs[i]);
    if (leaf != NULL)
        put_seg(&t, leaf);
    if (!t.cut)
        return t.n;
    uint64_t h = 0; /* not the keyed hash: the text must be the same in every process */
    for (size_t i = 0; i < p->n; i++)
        h = hash_with(h, &p->segs[i]);
    if (leaf != NULL)
        h = hash_with(h, leaf);
    return t.n + (size_t)snprintf(out + t.n, MARK_ROOM, "...~%06x", (unsigned)(h & 0xffffff));
}

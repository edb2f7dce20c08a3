/* Following frames. The special difficulty is that a header of 2 to 14 bytes may arrive in pieces,
 * and that nothing is kept: so it is read byte by byte, the payload by counting. */
#include "http/ws.h"

#include "base/rand.h"

enum { HEAD_MIN = 2, MASK_LEN = 4, CONTROL = 8, CLOSE = 8, PING = 9, PONG = 10, DATA_LAST = 2 };

void ws_begin(struct ws *w, bool masked)
{
    *w = (struct ws){.masked = masked, .need = HEAD_MIN};
}

static bool is_known(uint8_t opcode)
{
    return opcode <= DATA_LAST || (opcode >= CLOSE && opcode <= PONG);
}

/* The reserved bits belong to extensions, which move no boundary (5.8). */
static void first_byte(struct ws *w, unsigned char b)
{
    w->fin = (b & 0x80) != 0;
    w->opcode = b & 0x0f;
    w->lost = !is_known(w->opcode) || (w->opcode >= CONTROL && !w->fin);
}

static void length_byte(struct ws *w, unsigned char b)
{
    unsigned n = b & 0x7f;
    bool mask = (b & 0x80) != 0;
    w->extra = n == 126 ? 2 : n == 127 ? 8 : 0;
    w->left = w->extra > 0 ? 0 : n;
    w->need = (uint8_t)(HEAD_MIN + w->extra + (mask ? MASK_LEN : 0));
    w->lost = mask != w->masked || (w->opcode >= CONTROL && w->extra > 0);
}

static void head_byte(struct ws *w, unsigned char b)
{
    unsigned at = w->got++;
    if (at == 0)
        first_byte(w, b);
    else if (at == 1)
        length_byte(w, b);
    else if (at < HEAD_MIN + (unsigned)w->extra)
        w->left = w->left << 8 | b;
    if (w->extra == 8 && w->left >> 63 != 0)
        w->lost = true;
}

static void frame_end(struct ws *w)
{
    w->said_close |= w->opcode == CLOSE;
    w->got = w->extra = 0;
    w->need = HEAD_MIN;
}

size_t ws_follow(struct ws *w, struct span data)
{
    size_t at = 0;
    while (at < data.n && w->got < w->need && !w->lost)
        head_byte(w, (unsigned char)data.p[at++]);
    if (w->lost)
        return data.n;
    if (w->got < w->need)
        return at;
    size_t n = data.n - at;
    if (n > w->left)
        n = (size_t)w->left;
    w->left -= n;
    if (w->left == 0)
        frame_end(w);
    return at + n;
}

bool ws_is_between(const struct ws *w)
{
    return w->got == 0 && !w->lost;
}

size_t ws_close(char out[WS_CLOSE_MAX], unsigned code, bool masked)
{
    char payload[2] = {(char)(code >> 8), (char)(code & 0xff)};
    size_t n = 0;
    out[n++] = (char)(0x80 | CLOSE);
    out[n++] = (char)(sizeof(payload) | (masked ? 0x80 : 0));
    uint64_t key = rand_u64();
    for (size_t i = 0; masked && i < MASK_LEN; i++)
        out[n++] = (char)(key >> 8 * i);
    for (size_t i = 0; i < sizeof(payload); i++)
        out[n++] = (char)(payload[i] ^ (masked ? (char)(key >> 8 * i) : 0));
    return n;
}

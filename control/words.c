/* Quoting and stripping. */
#include "control/words.h"

void words_quote(char out[WORDS_QUOTE_MAX], struct span raw)
{
    static const char dots[] = "...\"";
    bool cut = raw.n > WORDS_QUOTE_MAX - sizeof(dots) - 1;
    size_t n = cut ? WORDS_QUOTE_MAX - sizeof(dots) - 1 : raw.n;
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < n; i++)
        out[at++] = raw.p[i] >= 0x20 && raw.p[i] < 0x7f ? raw.p[i] : '?';
    const char *end = cut ? dots : dots + 3;
    memcpy(out + at, end, strlen(end) + 1);
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct span words_strip(struct span s)
{
    while (s.n > 0 && is_white(s.p[0]))
        s = span_from(s, 1);
    while (s.n > 0 && is_white(s.p[s.n - 1]))
        s.n--;
    return s;
}

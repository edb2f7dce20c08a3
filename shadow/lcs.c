/* Myers' greedy algorithm (An O(ND) Difference Algorithm, 1986): the furthest point on each
 * diagonal for a growing number of edits, kept for each number so that the way back can be found.
 * With at most D edits that is (D+1)^2 numbers. */
#include "shadow/lcs.h"

/* The common ends; what is left lies in [*from, na - *tail) and [*from, nb - *tail). */
static void trim(struct lcs *x, uint32_t *from, uint32_t *tail)
{
    uint32_t least = x->na < x->nb ? x->na : x->nb, i = 0, k = 0;
    while (i < least && x->a[i] == x->b[i]) {
        x->to[i] = i + 1;
        i++;
    }
    while (k < least - i && x->a[x->na - 1 - k] == x->b[x->nb - 1 - k]) {
        x->to[x->na - 1 - k] = x->nb - k;
        k++;
    }
    x->work += i + k + 1;
    *from = i;
    *tail = k;
}

struct middle {
    const uint64_t *a, *b;
    int n, m;
    int *rows; /* row d begins at d*d and has 2d+1 entries: the x reached on diagonals -d..d */
};

static int *row(const struct middle *w, int d)
{
    return w->rows + (ptrdiff_t)d * d + d; /* index it with -d..d */
}

/* Where diagonal k begins in round d, one edit after the best of its neighbours in round d - 1. */
static int first_x(const struct middle *w, int d, int k, bool *down)
{
    if (d == 0) {
        *down = true;
        return 0;
    }
    const int *before = row(w, d - 1);
    *down = k == -d || (k != d && before[k - 1] < before[k + 1]);
    return *down ? before[k + 1] : before[k - 1] + 1;
}

static int slide(const struct middle *w, int x, int y)
{
    while (x < w->n && y < w->m && w->a[x] == w->b[y]) {
        x++;
        y++;
    }
    return x;
}

/* The number of edits, or -1. */
static int forward(const struct middle *w, int distance, uint64_t *work)
{
    for (int d = 0; d <= distance; d++) {
        int *now = row(w, d);
        for (int k = -d; k <= d; k += 2) {
            bool down;
            int x = first_x(w, d, k, &down);
            int y = x - k;
            if (x <= w->n && y <= w->m)
                now[k] = slide(w, x, y);
            else
                now[k] = x;
            *work += (uint64_t)(now[k] - x) + 1;
            if (k == w->n - w->m && now[k] >= w->n)
                return d;
        }
    }
    return -1;
}

static void backward(const struct middle *w, int d, uint32_t from, uint32_t *to)
{
    int k = w->n - w->m;
    for (; d >= 0; d--) {
        bool down;
        int x = row(w, d)[k], start = first_x(w, d, k, &down);
        for (; x > start; x--)
            to[from + (uint32_t)x - 1] = from + (uint32_t)(x - k);
        k += down ? 1 : -1;
    }
}

enum err lcs_align(struct lcs *x, struct scratch *s)
{
    uint32_t from, tail;
    for (uint32_t i = 0; i < x->na; i++)
        x->to[i] = 0;
    trim(x, &from, &tail);
    uint32_t n = x->na - from - tail, m = x->nb - from - tail;
    x->found = n == 0 || m == 0;
    if (x->found || n > x->max || m > x->max)
        return ERR_OK;
    struct scratch_mark back = scratch_mark(s);
    size_t rows = (size_t)(x->distance + 1) * (x->distance + 1);
    struct middle w = {x->a + from, x->b + from, (int)n, (int)m,
                       scratch_take(s, rows, sizeof(int))};
    if (w.rows == NULL)
        return ERR_NO_MEMORY;
    int d = forward(&w, (int)x->distance, &x->work);
    x->found = d >= 0;
    if (x->found)
        backward(&w, d, from, x->to);
    scratch_back(s, back);
    return ERR_OK;
}

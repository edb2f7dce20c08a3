/* The chunk queue against a model: a plain array of the bytes that should be in it. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "base/bytes.h"
#include "base/memory.h"

enum { MODEL_MAX = 512 * 1024, BORROWED = 64 * 1024 };

struct model {
    struct chunkq q;
    char *bytes;
    size_t n;
};

static char pool[BORROWED]; /* what is appended and borrowed comes from here */

static void fill_pool(struct seeded *r)
{
    for (size_t i = 0; i < sizeof(pool); i++)
        pool[i] = (char)seeded_u64(r);
}

static void model_begin(struct model *m)
{
    *m = (struct model){.bytes = test_malloc(MODEL_MAX)};
}

static void model_end(struct model *m)
{
    chunkq_free(&m->q);
    assert_null(m->q.head);
    assert_null(m->q.tail);
    assert_int_equal(m->q.n, 0);
    test_free(m->bytes);
}

static bool same(const struct model *m)
{
    struct iovec iov[512];
    size_t at = 0;
    if (m->q.n != m->n || (m->n == 0 && m->q.head != NULL))
        return false;
    int n = chunkq_iov(&m->q, iov, 512);
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len == 0 || at + iov[i].iov_len > m->n ||
            memcmp(m->bytes + at, iov[i].iov_base, iov[i].iov_len) != 0)
            return false;
        at += iov[i].iov_len;
    }
    return n == 512 || at == m->n;
}

static bool same_copy(const struct model *m, size_t max)
{
    char *out = test_malloc(max + 1);
    size_t n = chunkq_copy(&m->q, out, max);
    bool ok = n == min_size(max, m->n) && memcmp(out, m->bytes, n) == 0;
    test_free(out);
    return ok;
}

static void model_add(struct model *m, struct span s)
{
    memcpy(m->bytes + m->n, s.p, s.n);
    m->n += s.n;
}

static void model_drop(struct model *m, size_t n)
{
    memmove(m->bytes, m->bytes + n, m->n - n);
    m->n -= n;
}

static void op_put(struct model *m, struct seeded *r, struct span s)
{
    char *room;
    if (m->n + s.n > MODEL_MAX)
        return;
    switch (seeded_below(r, 3)) {
    case 0:
        assert_int_equal(chunkq_append(&m->q, s), ERR_OK);
        break;
    case 1:
        assert_int_equal(chunkq_borrow(&m->q, s), ERR_OK);
        break;
    default:
        s.n = min_size(s.n, 16 * 1024);
        if (s.n == 0)
            return;
        room = chunkq_room(&m->q, s.n);
        assert_non_null(room);
        s.n = seeded_below(r, 4) == 0 ? 1 + seeded_below(r, s.n) : s.n;
        memcpy(room, s.p, s.n);
        chunkq_commit(&m->q, s.n);
        break;
    }
    model_add(m, s);
}

static void op_move(struct model *to, struct model *from, struct seeded *r)
{
    size_t n = from->n == 0 ? 0 : seeded_below(r, from->n + 1);
    n = seeded_below(r, 3) == 0 ? from->n : n;
    if (to->n + n > MODEL_MAX)
        return;
    assert_int_equal(chunkq_move(&to->q, &from->q, n), ERR_OK);
    model_add(to, span_of(from->bytes, n));
    model_drop(from, n);
}

static struct span random_span(struct seeded *r)
{
    static const size_t sizes[] = {1, 100, 2048, 2049, 5000, 16 * 1024, 16 * 1024 + 1, 40 * 1024};
    size_t max = sizes[seeded_below(r, ARRAY_LEN(sizes))];
    size_t n = seeded_below(r, 2) == 0 ? max : seeded_below(r, max + 1);
    return span_of(pool + seeded_below(r, sizeof(pool) - n), n);
}

static void step(struct model m[2], struct seeded *r)
{
    struct model *a = &m[seeded_below(r, 2)];
    struct model *b = a == &m[0] ? &m[1] : &m[0];
    size_t n;
    switch (seeded_below(r, 8)) {
    case 0:
    case 1:
    case 2:
        op_put(a, r, random_span(r));
        break;
    case 3:
        assert_int_equal(chunkq_own(&a->q), ERR_OK);
        assert_false(a->q.borrowing);
        break;
    case 4:
        op_move(a, b, r);
        break;
    case 5:
        SEEDED_ASSERT(r, same_copy(a, seeded_below(r, 30000)));
        break;
    default:
        n = seeded_below(r, 4) == 0 ? a->n : seeded_below(r, a->n + 1);
        chunkq_consume(&a->q, n);
        model_drop(a, n);
        break;
    }
}

static void test_against_model(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct seeded r = seeded_begin(seed);
        struct model m[2];
        fill_pool(&r);
        model_begin(&m[0]);
        model_begin(&m[1]);
        for (int i = 0; i < 400; i++) {
            step(m, &r);
            SEEDED_ASSERT(&r, same(&m[0]));
            SEEDED_ASSERT(&r, same(&m[1]));
        }
        model_end(&m[0]);
        model_end(&m[1]);
    }
    chunkq_thread_end();
}

/* After own() the borrowed bytes may change; a move keeps them borrowed, so own() on the other
 * queue must still know. */
static void test_own_takes_a_copy(void **state)
{
    UNUSED(state);
    struct chunkq a = {0}, b = {0};
    char bytes[601], out[601]; /* less would be copied at once */
    memset(bytes, 'b', sizeof(bytes));
    assert_int_equal(chunkq_append(&a, SPAN("<")), ERR_OK);
    assert_int_equal(chunkq_borrow(&a, span_of(bytes, 600)), ERR_OK);
    assert_true(a.borrowing);
    assert_int_equal(chunkq_move(&b, &a, a.n), ERR_OK);
    assert_true(b.borrowing);
    assert_false(a.borrowing);
    assert_int_equal(chunkq_own(&b), ERR_OK);
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(chunkq_copy(&b, out, sizeof(out)), 601);
    assert_memory_equal(out, "<b", 2);
    memset(bytes, 'b', sizeof(bytes));
    assert_memory_equal(out + 1, bytes, 600);
    chunkq_free(&b);

    assert_int_equal(chunkq_borrow(&a, SPAN("abc")), ERR_OK);
    chunkq_consume(&a, 3);
    assert_false(a.borrowing);
    assert_null(a.head);
}

/* A body in chunks of one byte, as HTTP/1 writes it: what it holds is of the order of what it is.
 */
static void test_small_pieces_stay_small(void **state)
{
    UNUSED(state);
    struct chunkq q = {0};
    size_t before = memory_in_buffers();
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(chunkq_append(&q, SPAN("1\r\n")), ERR_OK);
        assert_int_equal(chunkq_borrow(&q, span_of(pool, 1)), ERR_OK);
        assert_int_equal(chunkq_append(&q, SPAN("\r\n")), ERR_OK);
    }
    assert_in_range(memory_in_buffers() - before, q.n - 65536, 2 * q.n);
    chunkq_free(&q);
    for (unsigned i = 0; i < 2000; i++) { /* too large to be copied at once */
        assert_int_equal(chunkq_append(&q, SPAN("258\r\n")), ERR_OK);
        assert_int_equal(chunkq_borrow(&q, span_of(pool, 600)), ERR_OK);
    }
    assert_int_equal(chunkq_own(&q), ERR_OK);
    assert_in_range(memory_in_buffers() - before, q.n - 65536, 2 * q.n);
    chunkq_free(&q);
    chunkq_thread_end();
}

static void test_nothing_is_nothing(void **state)
{
    UNUSED(state);
    struct chunkq q = {0}, other = {0};
    assert_int_equal(chunkq_append(&q, SPAN_NULL), ERR_OK);
    assert_int_equal(chunkq_borrow(&q, SPAN_NULL), ERR_OK);
    assert_int_equal(chunkq_move(&q, &other, 0), ERR_OK);
    assert_int_equal(chunkq_own(&q), ERR_OK);
    chunkq_consume(&q, 0);
    assert_null(q.head);
    assert_int_equal(chunkq_iov(&q, NULL, 0), 0);
}

static enum err append_or_nothing(void *arg)
{
    struct chunkq *q = arg;
    size_t before = q->n;
    chunkq_thread_end(); /* or the cache hides the failure */
    enum err e = chunkq_append(q, span_of(pool, 50000));
    assert_int_equal(q->n, e == ERR_OK ? before + 50000 : before);
    return e;
}

static void test_append_without_memory(void **state)
{
    UNUSED(state);
    struct chunkq q = {0};
    struct seeded r = seeded_begin(3);
    fill_pool(&r);
    assert_int_equal(chunkq_append(&q, SPAN("before")), ERR_OK);
    alloc_walk(append_or_nothing, &q);
    char *out = test_malloc(50006);
    assert_int_equal(chunkq_copy(&q, out, 50006), 50006);
    assert_memory_equal(out, "before", 6);
    assert_memory_equal(out + 6, pool, 50000);
    test_free(out);
    chunkq_free(&q);
    chunkq_thread_end();
}

/* Whatever fails, the queues stay usable and nothing leaks. */
static enum err exercise(void *arg)
{
    struct chunkq a = {0}, b = {0};
    enum err e = chunkq_borrow(&a, span_of(pool, 3000));
    UNUSED(arg);
    if (e == ERR_OK)
        e = chunkq_append(&a, span_of(pool, 20000));
    if (e == ERR_OK)
        e = chunkq_move(&b, &a, 2000);
    if (e == ERR_OK)
        e = chunkq_move(&b, &a, 5000);
    if (e == ERR_OK && chunkq_room(&b, 16 * 1024) == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        chunkq_commit(&b, 10);
    if (e == ERR_OK)
        e = chunkq_own(&b);
    if (e == ERR_OK)
        assert_int_equal(a.n + b.n, 23010);
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        struct iovec iov[16];
        int k = chunkq_iov(i == 0 ? &a : &b, iov, 16);
        while (k > 0)
            n += iov[--k].iov_len;
    }
    assert_int_equal(n, a.n + b.n);
    chunkq_free(&a);
    chunkq_free(&b);
    chunkq_thread_end();
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    chunkq_thread_end();
    alloc_walk(exercise, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),           cmocka_unit_test(test_own_takes_a_copy),
        cmocka_unit_test(test_small_pieces_stay_small), cmocka_unit_test(test_nothing_is_nothing),
        cmocka_unit_test(test_append_without_memory),   cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

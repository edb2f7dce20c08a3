/* Exchange memory: ceilings, alignment, no two pieces overlap. */
#include "tests/unit/base/seeded.h"
#include "tests/unit/fail_alloc.h"

#include "base/arena.h"

#include <stdalign.h>

static void test_ceiling(void **state)
{
    UNUSED(state);
    struct arena a;
    arena_begin(&a, 64);
    assert_non_null(arena_alloc(&a, 40)); /* rounded up to 48 */
    assert_null(arena_alloc(&a, 17));
    assert_non_null(arena_alloc(&a, 16));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, 0));
    arena_end(&a);
    assert_non_null(arena_alloc(&a, 64)); /* usable again, with the same ceiling */
    assert_null(arena_alloc(&a, 1));
    arena_end(&a);
    arena_thread_end();
}

static void test_absurd_sizes(void **state)
{
    UNUSED(state);
    struct arena a;
    arena_begin(&a, SIZE_MAX);
    for (size_t less = 0; less < 64; less++)
        assert_null(arena_alloc(&a, SIZE_MAX - less));
    assert_non_null(arena_alloc(&a, 10));
    for (size_t less = 0; less < 64; less++)
        assert_null(arena_alloc(&a, SIZE_MAX - less));
    arena_end(&a);
    arena_thread_end();
}

static void test_nothing_has_an_address(void **state)
{
    UNUSED(state);
    struct arena a;
    arena_begin(&a, 1000);
    void *p = arena_alloc(&a, 0);
    assert_non_null(p); /* NULL would mean failure */
    assert_ptr_not_equal(p, arena_alloc(&a, 0));
    assert_string_equal(arena_copy(&a, SPAN_NULL), "");
    assert_string_equal(arena_copy(&a, SPAN("abc")), "abc");
    arena_end(&a);
    arena_thread_end();
}

enum { PIECES = 400 };

struct piece {
    unsigned char *p;
    size_t n;
};

static void test_pieces_do_not_overlap(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct seeded r = seeded_begin(seed);
        struct piece pieces[PIECES];
        struct arena a;
        arena_begin(&a, 64 * 1024 * 1024);
        for (size_t i = 0; i < PIECES; i++) {
            struct piece *p = &pieces[i];
            p->n = seeded_below(&r, seeded_below(&r, 10) == 0 ? 20000 : 300);
            p->p = seeded_below(&r, 2) == 0 ? arena_alloc(&a, p->n) : arena_zalloc(&a, p->n);
            SEEDED_ASSERT(&r, p->p != NULL && (uintptr_t)p->p % alignof(max_align_t) == 0);
            memset(p->p, (int)(i & 0xff), p->n);
        }
        for (size_t i = 0; i < PIECES; i++)
            for (size_t k = 0; k < pieces[i].n; k++)
                SEEDED_ASSERT(&r, pieces[i].p[k] == (unsigned char)i);
        arena_end(&a);
    }
    arena_thread_end();
}

static void test_zalloc_clears_reused_blocks(void **state)
{
    UNUSED(state);
    struct arena a;
    arena_begin(&a, 100000);
    void *p = arena_alloc(&a, 4000);
    assert_non_null(p);
    memset(p, 0xff, 4000);
    arena_end(&a);
    const char *z = arena_zalloc(&a, 4000);
    assert_non_null(z);
    for (int i = 0; i < 4000; i++)
        assert_int_equal(z[i], 0);
    arena_end(&a);
    arena_thread_end();
}

static void test_grow(void **state)
{
    UNUSED(state);
    struct arena a;
    uint32_t *list = NULL;
    size_t cap = 0;
    arena_begin(&a, 1024 * 1024);
    for (uint32_t i = 0; i < 5000; i++) {
        if (i == cap) {
            void *p = list;
            assert_true(arena_grow(&a, &p, &cap, sizeof(*list)));
            list = p;
        }
        list[i] = i;
    }
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(list[i], i);
    void *same = list;
    size_t before = cap;
    while (arena_grow(&a, &same, &cap, sizeof(*list)))
        before = cap;
    assert_int_equal(cap, before); /* a failure changes nothing */
    size_t huge = SIZE_MAX / 4;
    assert_false(arena_grow(&a, &same, &huge, 8));
    arena_end(&a);
    arena_thread_end();
}

static enum err some(void *arg)
{
    struct arena a;
    UNUSED(arg);
    arena_begin(&a, 1024 * 1024);
    bool ok = arena_alloc(&a, 100) != NULL && arena_alloc(&a, 10000) != NULL &&
              arena_copy(&a, SPAN("x")) != NULL && arena_zalloc(&a, 4000) != NULL;
    arena_end(&a);
    arena_thread_end();
    return ok ? ERR_OK : ERR_NO_MEMORY;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(some, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_absurd_sizes),
        cmocka_unit_test(test_nothing_has_an_address),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_zalloc_clears_reused_blocks),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Counts of connections: limits, keys, many keys, many threads. */
#include "tests/unit/fail_alloc.h"

#include "proxy/tally.h"

#include <pthread.h>
#include <time.h>

static struct tally_key key_of(unsigned i)
{
    unsigned char ip[4] = {10, (unsigned char)(i >> 16), (unsigned char)(i >> 8), (unsigned char)i};
    struct endpoint e = endpoint_make(ip, 4, 1);
    return tally_client(&e);
}

static void limits(void **state)
{
    struct tally *t = NULL;
    struct tally_key a = key_of(1), b = key_of(2);
    UNUSED(state);
    assert_int_equal(tally_new(&t), ERR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tally_take(t, &a, 3), ERR_OK);
    assert_int_equal(tally_take(t, &a, 3), ERR_QUEUE_FULL);
    assert_int_equal(tally_take(t, &b, 1), ERR_OK);
    tally_give(t, &a);
    assert_int_equal(tally_take(t, &a, 3), ERR_OK);
    assert_int_equal(tally_take(t, &a, 2), ERR_QUEUE_FULL); /* a reload lowered it */
    for (int i = 0; i < 3; i++)
        tally_give(t, &a);
    tally_give(t, &b);
    assert_int_equal(tally_take(t, &a, 1), ERR_OK);
    tally_give(t, &a);
    tally_free(&t);
    assert_null(t);
}

static void keys(void **state)
{
    static const unsigned char one[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1};
    static const unsigned char same64[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0xff};
    static const unsigned char other[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, 1};
    struct endpoint e[3] = {endpoint_make(one, 16, 1), endpoint_make(same64, 16, 2),
                            endpoint_make(other, 16, 1)};
    UNUSED(state);
    struct tally_key k[3] = {tally_client(&e[0]), tally_client(&e[1]), tally_client(&e[2])};
    assert_memory_equal(&k[0], &k[1], sizeof(k[0]));
    assert_memory_not_equal(&k[0], &k[2], sizeof(k[0]));
}

enum { THREADS = 4, ROUNDS = 20000, KEYS = 97, MANY = 100000 };

static void *take_and_give(void *arg)
{
    struct tally *t = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct tally_key k = key_of(i % KEYS);
        if (tally_take(t, &k, THREADS) != ERR_OK)
            return t;
        tally_give(t, &k);
    }
    return NULL;
}

static void threads(void **state)
{
    struct tally *t = NULL;
    pthread_t id[THREADS];
    UNUSED(state);
    assert_int_equal(tally_new(&t), ERR_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&id[i], NULL, take_and_give, t), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(id[i], &failed);
        assert_null(failed);
    }
    for (unsigned i = 0; i < KEYS; i++) { /* nothing is left */
        struct tally_key k = key_of(i);
        assert_int_equal(tally_take(t, &k, 1), ERR_OK);
        tally_give(t, &k);
    }
    tally_free(&t);
}

/* Clients of one network are spread: where they share a few lists, this takes 7 s of processor time
 * instead of 0.03. */
static void many(void **state)
{
    struct tally *t = NULL;
    UNUSED(state);
    assert_int_equal(tally_new(&t), ERR_OK);
    clock_t begun = clock();
    for (unsigned i = 0; i < MANY; i++) {
        struct tally_key k = key_of(i);
        assert_int_equal(tally_take(t, &k, 1), ERR_OK);
    }
    for (unsigned i = 0; i < MANY; i++) {
        struct tally_key k = key_of(i);
        assert_int_equal(tally_take(t, &k, 1), ERR_QUEUE_FULL);
        tally_give(t, &k);
    }
    assert_in_range(clock() - begun, 0, 2 * CLOCKS_PER_SEC);
    tally_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(keys),
        cmocka_unit_test(threads),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

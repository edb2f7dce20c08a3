/* Buckets: known answers, even shares, and the promise that weights only add or only remove users.
 */
#include "tests/unit/router/routes.h"

#include <math.h>

enum { KEYS = 200000 };

static struct span user(unsigned i, char out[32])
{
    return span_of(out, (size_t)snprintf(out, 32, "user-%u", i));
}

/* --- known answers --- */

/* From the reference implementation's vectors.h; 15 bytes are the example of the paper. */
static void siphash_vectors(void **state)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31u},  {1, 0x74f839c593dc67fdu},  {7, 0xab0200f58b01d137u},
        {8, 0x93f5f5799a932462u},  {15, 0xa129ca6149be45e5u}, {16, 0x3f2acc7f57c29bdbu},
        {63, 0x958a324ceb064572u},
    };
    unsigned char bytes[64];
    UNUSED(state);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    for (size_t v = 0; v < ARRAY_LEN(vectors); v++)
        for (size_t cut = 0; cut <= vectors[v].n; cut++) /* in two parts, at every place */
            assert_int_equal(
                split_hash(bytes, span_of(bytes, cut), span_of(bytes + cut, vectors[v].n - cut)),
                vectors[v].hash);
}

/* Computed by another implementation, in another language. When this test fails, users change
 * sides. */
static void buckets_stay(void **state)
{
    static const struct {
        const char *salt;
        const char *key;
        unsigned assigned, shadowed;
    } known[] = {
        {"weir", "", 9456, 9182},     {"weir", "alice", 1724, 5563},
        {"weir", "bob", 5985, 7523},  {"weir", "u-1234567890", 6669, 1470},
        {"other", "", 7960, 4225},    {"other", "alice", 7997, 5755},
        {"other", "bob", 2117, 9404}, {"other", "u-1234567890", 2, 1046},
    };
    unsigned char key[2][16];
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        assert_int_equal(split_keys(known[i].salt, key), ERR_OK);
        assert_int_equal(route_bucket(key[0], span_str(known[i].key)), known[i].assigned);
        assert_int_equal(route_bucket(key[1], span_str(known[i].key)), known[i].shadowed);
    }
}

/* --- even shares --- */

static void fill_counts(const unsigned char key[16], unsigned counts[WEIGHT_ALL])
{
    char text[32];
    memset(counts, 0, WEIGHT_ALL * sizeof(counts[0]));
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned b = route_bucket(key, user(i, text));
        assert_true(b < WEIGHT_ALL);
        counts[b]++;
    }
}

/* The keys are always the same, so this passes always or never; five standard deviations leave room
 * for another salt. */
static void buckets_are_even(void **state)
{
    static unsigned counts[WEIGHT_ALL];
    unsigned char key[2][16];
    UNUSED(state);
    assert_int_equal(split_keys("weir", key), ERR_OK);
    for (int which = 0; which < 2; which++) {
        double expected = (double)KEYS / WEIGHT_ALL;
        double chi = 0;
        unsigned below = 0;
        fill_counts(key[which], counts);
        for (unsigned b = 0; b < WEIGHT_ALL; b++) {
            double d = counts[b] - expected;
            chi += d * d / expected;
            assert_true(counts[b] > 0);
        }
        assert_true(fabs(chi - (WEIGHT_ALL - 1)) < 5 * sqrt(2.0 * (WEIGHT_ALL - 1)));
        for (unsigned w = 0; w < WEIGHT_ALL; w++) { /* the share below every weight */
            double p = (double)w / WEIGHT_ALL;
            assert_true(fabs(below - KEYS * p) <= 5 * sqrt(KEYS * p * (1 - p)));
            below += counts[w];
        }
    }
}

/* Half of those in one half must be in either half of the other. */
static void assert_independent(const unsigned char a[16], const unsigned char b[16])
{
    char text[32];
    unsigned both = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        struct span k = user(i, text);
        both += route_bucket(a, k) < WEIGHT_ALL / 2 && route_bucket(b, k) < WEIGHT_ALL / 2;
    }
    assert_true(fabs(both - KEYS / 4.0) < 5 * sqrt(KEYS * 3.0 / 16));
}

static void salts_are_independent(void **state)
{
    unsigned char one[2][16];
    unsigned char two[2][16];
    UNUSED(state);
    assert_int_equal(split_keys("weir", one), ERR_OK);
    assert_int_equal(split_keys("weis", two), ERR_OK);
    assert_independent(one[0], two[0]);
    assert_independent(one[0], one[1]); /* who goes to new, and who is mirrored */
    assert_independent(one[1], two[1]);
}

/* --- weights --- */

static const char route[] =
    "{\"name\": \"r\", \"match\": {\"prefix\": \"/\"}, \"sticky\": [\"header:x-user\"]}";

struct decider {
    struct snapshot *s;
    struct arena arena;
    struct http_head head;
};

static void decider_begin(struct decider *d, const char *extra)
{
    assert_int_equal(snapshot_new(table_with(route, extra), 1, &d->s), ERR_OK);
    arena_begin(&d->arena, 4096);
    http_head_begin(&d->head, &d->arena, false);
    assert_int_equal(http_head_add(&d->head, SPAN("X-User"), SPAN_NULL), ERR_OK);
}

static struct decision decide(struct decider *d, unsigned i, unsigned weight)
{
    char text[32];
    struct decision out;
    d->head.fields[0].value = user(i, text);
    d->s->states[0].weight = (uint16_t)weight;
    const struct route_query q = {.path = SPAN("/"), .head = &d->head};
    assert_int_equal(route_decide(d->s, &q, &out), ERR_OK);
    return out;
}

static void decider_end(struct decider *d)
{
    snapshot_free(&d->s);
    arena_end(&d->arena);
}

/* From a to b, those and only those in [a, b) change, and all of them to new. */
static void weights_move_their_buckets_only(void **state)
{
    struct decider d;
    uint64_t seed = 42;
    UNUSED(state);
    decider_begin(&d, "");
    for (unsigned round = 0; round < 300; round++) {
        unsigned a = (unsigned)(next_random(&seed) % (WEIGHT_ALL + 1));
        unsigned b = a + (unsigned)(next_random(&seed) % (WEIGHT_ALL + 1 - a));
        if (round < 4) { /* the ends first */
            a = (const unsigned[]){0, 0, WEIGHT_ALL - 1, 0}[round];
            b = (const unsigned[]){1, WEIGHT_ALL, WEIGHT_ALL, 0}[round];
        }
        for (unsigned i = 0; i < 1000; i++) {
            unsigned who = (unsigned)(next_random(&seed) % KEYS);
            struct decision before = decide(&d, who, a);
            struct decision after = decide(&d, who, b);
            bool moves = after.bucket >= a && after.bucket < b;
            assert_int_equal(before.bucket, after.bucket);
            if ((before.side != after.side) != moves || (moves && after.side != SIDE_NEW))
                fail_msg("bucket %u, %u to %u", after.bucket, a, b);
        }
    }
    decider_end(&d);
}

static void nothing_and_all_are_exact(void **state)
{
    struct decider d;
    bool first = false;
    bool last = false;
    UNUSED(state);
    decider_begin(&d, "");
    for (unsigned i = 0; i < KEYS; i++) {
        struct decision none = decide(&d, i, 0);
        struct decision all = decide(&d, i, WEIGHT_ALL);
        assert_int_equal(none.side, SIDE_LEGACY);
        assert_int_equal(all.side, SIDE_NEW);
        first |= none.bucket == 0;
        last |= none.bucket == WEIGHT_ALL - 1;
    }
    assert_true(first && last); /* both ends were really tried */
    decider_end(&d);
}

static void replicas_agree(void **state)
{
    struct decider one;
    struct decider two;
    unsigned differ = 0;
    UNUSED(state);
    decider_begin(&one, "");
    decider_begin(&two,
                  "\"limits\": {\"h2_streams\": 5},"); /* made on its own, with other options */
    for (unsigned i = 0; i < 10000; i++) {
        struct decision a = decide(&one, i, 5000);
        struct decision b = decide(&two, i, 5000);
        assert_int_equal(a.bucket, b.bucket);
        assert_int_equal(a.side, b.side);
    }
    decider_end(&two);
    decider_begin(&two, "\"salt\": \"another\",");
    for (unsigned i = 0; i < 10000; i++)
        differ += decide(&one, i, 5000).side != decide(&two, i, 5000).side;
    assert_true(differ > 4500 && differ < 5500);
    decider_end(&two);
    decider_end(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_vectors),
        cmocka_unit_test(buckets_stay),
        cmocka_unit_test(buckets_are_even),
        cmocka_unit_test(salts_are_independent),
        cmocka_unit_test(weights_move_their_buckets_only),
        cmocka_unit_test(nothing_and_all_are_exact),
        cmocka_unit_test(replicas_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

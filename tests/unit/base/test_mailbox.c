/* Messages: none lost, none twice, in order; the owner is woken exactly when it must be. */
#include "tests/unit/fail_alloc.h"

#include "base/mailbox.h"

#include <stdatomic.h>
#include <unistd.h>

struct box {
    struct mailbox m;
    unsigned woken;
    char order[64];
    size_t n;
    unsigned posts_left; /* on_chatty */
};

static void wake(void *arg)
{
    struct box *b = arg;
    b->woken++;
}

static void box_begin(struct box *b, size_t cap)
{
    *b = (struct box){.n = 0};
    assert_int_equal(mailbox_begin(&b->m, cap, wake, b), ERR_OK);
}

static struct box *current;

static void on_letter(void *arg)
{
    const char *letter = arg;
    current->order[current->n++] = *letter;
}

static bool post(struct box *b, const char *letter)
{
    current = b;
    return mailbox_post(&b->m, on_letter, (void *)(uintptr_t)letter);
}

static void test_order_and_wakes(void **state)
{
    struct box b;
    UNUSED(state);
    box_begin(&b, 4);
    assert_true(post(&b, "a"));
    assert_true(post(&b, "b"));
    assert_int_equal(b.woken, 1); /* only when it was empty */
    mailbox_drain(&b.m);
    assert_string_equal(b.order, "ab");
    assert_int_equal(b.woken, 1);
    assert_true(post(&b, "c"));
    assert_int_equal(b.woken, 2);
    mailbox_drain(&b.m);
    mailbox_drain(&b.m);
    assert_string_equal(b.order, "abc");
    mailbox_end(&b.m);
}

static void test_full_and_closed(void **state)
{
    struct box b;
    UNUSED(state);
    box_begin(&b, 3);
    for (int round = 0; round < 5; round++) { /* the ring goes round */
        assert_true(post(&b, "x"));
        assert_true(post(&b, "y"));
        assert_true(post(&b, "z"));
        assert_false(post(&b, "!"));
        mailbox_drain(&b.m);
    }
    assert_string_equal(b.order, "xyzxyzxyzxyzxyz");
    assert_true(post(&b, "l"));
    mailbox_close(&b.m);
    assert_false(post(&b, "!"));
    mailbox_drain(&b.m);
    assert_string_equal(b.order, "xyzxyzxyzxyzxyzl");
    mailbox_end(&b.m);
}

static void on_chatty(void *arg)
{
    struct box *b = arg;
    b->n++;
    if (b->posts_left > 0) {
        b->posts_left--;
        assert_true(mailbox_post(&b->m, on_chatty, b));
    }
}

/* A message that sends itself again must not hold the thread for ever, nor be forgotten. */
static void test_chatty(void **state)
{
    struct box b;
    UNUSED(state);
    box_begin(&b, 4);
    b.posts_left = 10;
    assert_true(mailbox_post(&b.m, on_chatty, &b));
    for (unsigned i = 1; i <= 11; i++) {
        unsigned woken = b.woken;
        assert_true(woken > 0);
        b.woken = 0;
        mailbox_drain(&b.m);
        assert_int_equal(b.n, i);
    }
    assert_int_equal(b.woken, 0);
    mailbox_end(&b.m);
}

enum { POSTERS = 4, EACH = 20000 };

struct busy {
    struct mailbox m;
    int pipe[2];
    atomic_uint refused;
    unsigned next[POSTERS]; /* the owner's */
};

struct letter {
    struct busy *busy;
    unsigned from, number;
};

static void wake_pipe(void *arg)
{
    struct busy *b = arg;
    assert_int_equal(write(b->pipe[1], "", 1), 1);
}

static void on_number(void *arg)
{
    struct letter *l = arg;
    assert_int_equal(l->number, l->busy->next[l->from]); /* in order, none missing */
    l->busy->next[l->from]++;
}

static struct letter letters[POSTERS][EACH];

static void *poster(void *arg)
{
    struct letter *mine = arg;
    for (unsigned i = 0; i < EACH; i++)
        while (!mailbox_post(&mine[i].busy->m, on_number, &mine[i]))
            atomic_fetch_add(&mine[i].busy->refused, 1);
    return NULL;
}

/* The owner sleeps on the pipe: a wake that is missing makes this hang, a message that is lost or
 * doubled breaks the order. */
static void test_many_threads(void **state)
{
    static struct busy b;
    pthread_t threads[POSTERS];
    UNUSED(state);
    assert_int_equal(pipe(b.pipe), 0);
    assert_int_equal(mailbox_begin(&b.m, 16, wake_pipe, &b), ERR_OK);
    for (unsigned p = 0; p < POSTERS; p++) {
        for (unsigned i = 0; i < EACH; i++)
            letters[p][i] = (struct letter){&b, p, i};
        assert_int_equal(pthread_create(&threads[p], NULL, poster, letters[p]), 0);
    }
    for (unsigned done = 0; done < POSTERS * EACH;) {
        char byte;
        assert_int_equal(read(b.pipe[0], &byte, 1), 1);
        mailbox_drain(&b.m);
        done = b.next[0] + b.next[1] + b.next[2] + b.next[3];
    }
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    mailbox_end(&b.m);
    close(b.pipe[0]);
    close(b.pipe[1]);
}

static enum err build(void *arg)
{
    struct mailbox m;
    UNUSED(arg);
    enum err e = mailbox_begin(&m, 4, wake, NULL);
    mailbox_end(&m);
    return e;
}

static void test_without_memory(void **state)
{
    UNUSED(state);
    alloc_walk(build, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_wakes), cmocka_unit_test(test_full_and_closed),
        cmocka_unit_test(test_chatty),          cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* handled_test.c - the count of handled stanzas never jumps over an open one, in whatever order they end. */
#include "stanzabus/handled.h"

#include <stdlib.h>

#include "stage.h"

static void test_in_order(void **state)
{
    (void)state;
    struct handled handled = { 0 };
    for (uint64_t i = 1; i <= 5000; i++) {
        assert_int_equal(handled_begin(&handled), i);
        assert_true(handled_end(&handled, i));
        assert_int_equal(handled.done, i);
    }
    assert_null(handled.ahead); /* order costs no memory */
    handled_fini(&handled);
}

static void test_waits_for_the_first(void **state)
{
    (void)state;
    struct handled handled = { 0 };
    for (int i = 0; i < 4; i++)
        handled_begin(&handled);
    assert_false(handled_end(&handled, 2));
    assert_false(handled_end(&handled, 4));
    assert_int_equal(handled.done, 0);
    assert_true(handled_end(&handled, 1));
    assert_int_equal(handled.done, 2);
    assert_false(handled_end(&handled, 2)); /* again */
    assert_false(handled_end(&handled, 9)); /* never came */
    assert_true(handled_end(&handled, 3));
    assert_int_equal(handled.done, 4);
    handled_fini(&handled);
}

static void test_is_bounded(void **state)
{
    (void)state;
    struct handled handled = { .received = 41, .done = 41 };
    for (int i = 0; i < HANDLED_OPEN_MAX; i++) {
        assert_false(handled_is_full(&handled));
        handled_begin(&handled);
    }
    assert_true(handled_is_full(&handled));
    for (uint64_t number = 41 + HANDLED_OPEN_MAX; number > 42; number--)
        assert_false(handled_end(&handled, number));
    assert_true(handled_end(&handled, 42));
    assert_int_equal(handled.done, 41 + HANDLED_OPEN_MAX);
    assert_false(handled_is_full(&handled));
    handled_fini(&handled);
}

/* Against a table of what is open. */
static void test_any_order(void **state)
{
    (void)state;
    enum { ALL = 20000 };
    static bool is_open[ALL + 2];
    struct handled handled = { 0 };
    uint64_t lowest = 1, rises = 0;
    srand(1);
    while (lowest <= ALL) {
        for (int come = rand() % 4; come > 0 && handled.received < ALL && !handled_is_full(&handled); come--)
            is_open[handled_begin(&handled)] = true;
        if (handled.received == handled.done)
            continue;
        uint64_t span = handled.received - handled.done;
        uint64_t number = handled.done + 1 + (uint64_t)rand() % (span < 300 ? span : 300);
        is_open[number] = false;
        uint64_t before = handled.done;
        bool rose = handled_end(&handled, number);
        while (lowest <= handled.received && !is_open[lowest])
            lowest++;
        assert_int_equal(handled.done, lowest - 1);
        assert_int_equal(rose, handled.done > before);
        rises += rose;
    }
    assert_true(rises > 10 && rises < ALL / 2); /* both ways were taken */
    handled_fini(&handled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_waits_for_the_first),
        cmocka_unit_test(test_is_bounded),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

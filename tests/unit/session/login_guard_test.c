/* login_guard_test.c - failures counted in a window, by address and by account; addresses of clients without port. */
#include "gateway/session/login_guard.h"
#include "stage.h"

static void test_delays_grow(void **state)
{
    (void)state;
    struct login_guard *guard = login_guard_new(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(login_guard_failed(guard, "192.0.2.1", TEXT("a@b"), 1000), 0);
    assert_int_equal(login_guard_failed(guard, "192.0.2.1", TEXT("a@b"), 1000), LOGIN_GUARD_STEP_MS);
    assert_int_equal(login_guard_failed(guard, "192.0.2.1", TEXT("a@b"), 1000), 2 * LOGIN_GUARD_STEP_MS);
    for (int i = 0; i < 100; i++)
        login_guard_failed(guard, "192.0.2.1", TEXT("a@b"), 1000);
    assert_int_equal(login_guard_failed(guard, "192.0.2.1", TEXT("a@b"), 1000), LOGIN_GUARD_MAX_MS);
    login_guard_free(&guard);
    assert_null(guard);
}

static void test_two_counts(void **state)
{
    (void)state;
    struct login_guard *guard = login_guard_new(2);
    char address[32], account[32];
    for (int i = 0; i < 10; i++) { /* one account from many addresses */
        snprintf(address, sizeof address, "192.0.2.%d", i);
        int64_t delay = login_guard_failed(guard, address, TEXT("romeo@example.com"), 0);
        assert_int_equal(delay > 0, i >= 2);
    }
    for (int i = 0; i < 10; i++) { /* many accounts from one address */
        snprintf(account, sizeof account, "user%d@example.com", i);
        int64_t delay = login_guard_failed(guard, "198.51.100.1", text_of(account), 0);
        assert_int_equal(delay > 0, i >= 2);
    }
    assert_int_equal(login_guard_failed(guard, "203.0.113.1", TEXT("juliet@example.com"), 0), 0); /* nobody else */
    for (int i = 0; i < 3; i++) /* no account: only the address counts */
        assert_int_equal(login_guard_failed(guard, "203.0.113.2", TEXT(""), 0) > 0, i >= 2);
    assert_int_equal(login_guard_failed(guard, "203.0.113.3", TEXT(""), 0), 0);
    login_guard_free(&guard);
}

static void test_window(void **state)
{
    (void)state;
    struct login_guard *guard = login_guard_new(1);
    assert_int_equal(login_guard_failed(guard, "a", TEXT(""), 5), 0);
    assert_true(login_guard_failed(guard, "a", TEXT(""), 5 + LOGIN_GUARD_WINDOW_MS - 1) > 0);
    assert_int_equal(login_guard_failed(guard, "a", TEXT(""), 5 + LOGIN_GUARD_WINDOW_MS), 0);
    login_guard_free(&guard);
}

/* The table is full: the one that was longest quiet goes, those that go on do not. */
static void test_bounded(void **state)
{
    (void)state;
    struct login_guard *guard = login_guard_new(1);
    char address[32];
    login_guard_failed(guard, "quiet", TEXT(""), 0);
    login_guard_failed(guard, "busy", TEXT(""), 0);
    for (int i = 0; i < LOGIN_GUARD_ENTRIES; i++) {
        snprintf(address, sizeof address, "n%d", i);
        login_guard_failed(guard, address, TEXT(""), 0);
        if (i % 10000 == 0)
            login_guard_failed(guard, "busy", TEXT(""), 0);
    }
    assert_true(login_guard_failed(guard, "busy", TEXT(""), 0) > 0);
    assert_int_equal(login_guard_failed(guard, "quiet", TEXT(""), 0), 0);
    login_guard_free(&guard);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *address;
    } rows[] = {
        { "192.0.2.1:4711", "192.0.2.1" },
        { "192.0.2.1", "192.0.2.1" },
        { "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64" },
        { "[2001:DB8:0001:2:ffff::1]:4711", "2001:db8:1:2::/64" },
        { "2001:db8:1:2::1", "2001:db8:1:2::/64" },
        { "[2001:db8::1]:4711", "2001:db8:0:0::/64" },
        { "[::1]:4711", "0:0:0:0::/64" },
        { "[1::2:3:4:5:6:7]:1", "1:0:2:3::/64" },
        { "[fe80::]:1", "fe80:0:0:0::/64" },
        { "[::ffff:192.0.2.1]:4711", "192.0.2.1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "unix", "unix" },
        { "", "" },
        { "[", "" },
        { "[:::::::::::]:1", "0:0:0:0::/64" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        login_guard_address(out, rows[i].peer);
        assert_string_equal(out, rows[i].address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays_grow), cmocka_unit_test(test_two_counts), cmocka_unit_test(test_window),
        cmocka_unit_test(test_bounded),     cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

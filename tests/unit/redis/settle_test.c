/* settle_test.c - what waits in the log and is routed again, in its order, on a real Redis. */
#include <stdio.h>

#include "log_stage.h"
#include "stanzabus/memory.h"

/* 250 wait; one becomes available, and while they come, others do: all in order, each once. */
static void test_settle_order(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    char expected[128];
    struct settled from = { 0 };
    (void)state;
    make_account();
    for (unsigned i = 1; i <= 250; i++)
        assert_int_equal(deliver_numbered(what, i), DELIVER_STORED);
    assert_string_equal(flags_of(), "q");
    listen_on("xmpp:to:{juliet@example.com}");
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    from = settle_page(from, "");
    assert_int_equal(from.moved, LOG_PAGE);
    assert_int_equal(deliver_numbered(what, 251), DELIVER_BACKLOG);
    assert_int_equal(deliver_numbered(what, 252), DELIVER_BACKLOG);
    assert_int_equal(settle(""), 152);
    assert_string_equal(flags_of(), "(nil)");
    assert_int_equal(deliver_numbered(what, 253), 1);
    for (unsigned i = 1, n = 251; i <= 253; i++, n++) {
        if (i == 101) {
            hears("log 351");
            hears("log 352");
            n += 2;
        }
        snprintf(expected, sizeof expected, "{\"edge\":\"0 %u - %s\\nn1/a\",\"m\":%u}", n, i == 253 ? "-" : "d", i);
        hears(expected);
    }
    hears_nothing();
}

/* A resource is bound again and not available yet: what waits for it comes before what comes now. */
static void test_settle_named(void **state)
{
    session_op *remove = node.store->ops->session_remove;
    struct deliver named = message(ROUTE_RESOURCE_OR_NON_NEGATIVE, "a", KEEP_LOG);
    struct session_row again = held_row("a", "n1", 2, false, 0);
    (void)state;
    make_account();
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    deliver_numbered(named, 1);
    assert_int_equal(write_session(remove, held_row("a", "n1", 1, true, 0)), 2);
    assert_int_equal(deliver_numbered(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), 2), DELIVER_STORED);
    assert_int_equal(settle(""), 0);
    again.uid = TEXT("n1.2");
    bind_row(again, BIND_REFUSE, 9);
    listen_on("xmpp:to:{juliet@example.com}");
    named.waiting = 1;
    assert_int_equal(deliver_numbered(named, 3), DELIVER_BACKLOG); /* whatever waits beside */
    hears("log 3");
    assert_int_equal(settle(""), 2);
    hears("{\"edge\":\"0 4 - d\\nn1/a\",\"m\":1}");
    hears("{\"edge\":\"0 5 - d\\nn1/a\",\"m\":3}");
    hears_nothing(); /* 2 is for nobody who is there */
    assert_string_equal(flags_of(), "q");
    assert_int_equal(deliver_numbered(named, 4), 1);
}

/* What ended sessions held goes to those who are there; what one of them was done with goes. */
static void test_settle_ended(void **state)
{
    session_op *remove = node.store->ops->session_remove;
    const uint64_t second[] = { 2 | LOG_SHARED };
    (void)state;
    make_account();
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    bind_row(held_row("b", "n1", 2, true, 0), BIND_REFUSE, 9);
    deliver_numbered(message(ROUTE_RESOURCE, "a", KEEP_LOG), 1);
    deliver_numbered(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), 2);
    deliver_numbered(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), 3);
    done("a", second, 1);
    listen_on("xmpp:to:{juliet@example.com}");
    assert_int_equal(write_session(remove, held_row("a", "n1", 1, true, 0)), 2);
    assert_int_equal(write_session(remove, held_row("a", "n1", 1, true, 0)), 2); /* asked again: the same answer */
    assert_int_equal(settle(""), 1); /* 1, of which a was the only holder: to b */
    hears("{\"edge\":\"0 4 - d\\nn1/b\",\"m\":1}");
    assert_int_equal(write_session(remove, held_row("b", "n1", 2, true, 0)), 2);
    assert_string_equal(flags_of(), "qr");
    assert_int_equal(settle(""), 0);
    assert_string_equal(flags_of(), "q");
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "2"); /* a was done with 2 */
    bind_row(held_row("c", "n1", 3, true, 0), BIND_REFUSE, 9);
    assert_int_equal(settle(""), 2);
    hears("{\"edge\":\"0 5 - d\\nn1/c\",\"m\":3}");
    hears("{\"edge\":\"0 6 - d\\nn1/c\",\"m\":1}");
    assert_string_equal(server_ask(&server, "EXISTS xmpp:{juliet@example.com}:acked"), "0");
}

/* A session ends while a page behind what it held is settled. */
static void test_settle_ended_meanwhile(void **state)
{
    session_op *remove = node.store->ops->session_remove;
    struct settled from = { 0 };
    (void)state;
    make_account();
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    bind_row(held_row("b", "n1", 2, false, 0), BIND_REFUSE, 9);
    for (unsigned i = 1; i <= LOG_PAGE; i++)
        assert_int_equal(deliver_numbered(message(ROUTE_RESOURCE, "a", KEEP_LOG), i), 1);
    assert_int_equal(deliver_numbered(message(ROUTE_RESOURCE, "b", KEEP_LOG), LOG_PAGE + 1), 1);
    from = settle_page(from, "");
    assert_int_equal(from.moved, 0);
    assert_int_equal(from.next, LOG_PAGE + 1);
    assert_int_equal(write_session(remove, held_row("a", "n1", 1, true, 0)), 2);
    from = settle_page(from, "");
    assert_int_equal(from.next, 0);
    assert_string_equal(flags_of(), "qr");
}

/* What was read in the archive already does not come again. */
static void test_settle_read(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG | KEEP_ARCHIVE);
    char id[64];
    (void)state;
    make_account();
    deliver_numbered(what, 1);
    deliver_numbered(what, 2);
    snprintf(id, sizeof id, "%s", server_ask(&server, "XREVRANGE xmpp:{juliet@example.com}:archive + - COUNT 1"));
    *strchr(id, '\n') = '\0';
    deliver_numbered(what, 3);
    what.keep = KEEP_LOG;
    deliver_numbered(what, 4);
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    assert_int_equal(settle(id), 2);
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_stage_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_settle_order),
        TEST(test_settle_named),
        TEST(test_settle_ended),
        TEST(test_settle_ended_meanwhile),
        TEST(test_settle_read),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

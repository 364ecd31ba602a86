/* peers_test.c - what waits for other servers and components, on a real Redis. */
#include "suite.h"
#include "stanzabus/store_log.h"
#include "stanzabus/store_peers.h"

#define KEY "one.example>two.example"
#define LOG "xmpp:{" KEY "}:log"

static struct peers_put put_of(const char *event, const char *stream, uint64_t number)
{
    return (struct peers_put){ .key = TEXT(KEY),
                               .event = text_of(event),
                               .stream = text_of(stream),
                               .number = number,
                               .bound = 4,
                               .bound_bytes = 1024 * 1024,
                               .node = TEXT("n1") };
}

/* All of one turn: one call of the script. */
static void put_all(const struct peers_put *puts, const int64_t *expected, size_t count)
{
    struct answer answers[8] = { 0 };
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        node.store->peers->put(node.store, &puts[i], on_done, &answers[i]);
    for (size_t i = 0; i < count; i++) {
        WAIT_ANSWER(&node, &answers[i]);
        assert_int_equal(answers[i].status, BUS_OK);
        assert_int_equal(answers[i].result, expected[i]);
    }
}

static void hold(const char *holder)
{
    struct answer answer = { 0 };
    node.store->ops->lease_take(node.store, TEXT(KEY), text_of(holder), 60000, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.result, 1);
}

static void assert_waiting(const char *count)
{
    assert_string_equal(server_ask(&server, "XLEN " LOG), count);
}

static void test_the_holder_gets_numbers(void **state)
{
    const struct peers_put puts[] = { put_of("{\"a\":1}", "s1", 1), put_of("{\"a\":2}", "s1", 2), put_of("{\"a\":3}", "s2", 7) };
    const int64_t waiting[] = { PEERS_QUEUED, PEERS_QUEUED }, own[] = { PEERS_OWN + 3 };
    (void)state;
    put_all(puts, waiting, 2);
    hold("n1");
    put_all(puts + 2, own, 1);
    assert_waiting("3");
}

/* The answer of the first call was lost: what it stored is not stored again, also when there would be no room for it now, or
 * nobody to hold it; what it refused is refused again. */
static void test_a_repeated_call(void **state)
{
    struct peers_put puts[] = { put_of("{}", "s1", 1), put_of("{}", "s1", 2), put_of("{}", "s2", 1),
                                put_of("{}", "s1", 3), put_of("{}", "s1", 4), put_of("{}", "s2", 2) };
    const int64_t first[] = { 0, 0, 0, 0, PEERS_FULL, PEERS_FULL };
    const int64_t again[] = { PEERS_DOUBLE, PEERS_DOUBLE, PEERS_DOUBLE, PEERS_DOUBLE, PEERS_FULL, PEERS_FULL };
    (void)state;
    put_all(puts, first, 6);
    put_all(puts, again, 6);
    assert_waiting("4");
    for (size_t i = 0; i < 6; i++)
        puts[i].needs_holder = true;
    const int64_t held[] = { PEERS_DOUBLE, PEERS_DOUBLE, PEERS_DOUBLE, PEERS_DOUBLE, PEERS_NOBODY, PEERS_NOBODY };
    put_all(puts, held, 6);
    assert_waiting("4");
}

static void test_bounds(void **state)
{
    static char big[400 * 1024] = "{";
    struct peers_put puts[] = { put_of(big, "s1", 1), put_of(big, "s1", 2), put_of(big, "s1", 3), put_of("{}", "s1", 4) };
    const int64_t expected[] = { 0, 0, PEERS_FULL, 0 };
    (void)state;
    memset(big + 1, ' ', sizeof big - 3);
    big[sizeof big - 2] = '}';
    for (size_t i = 0; i < 3; i++)
        puts[i].event = text_of(big);
    put_all(puts, expected, 4);
    /* Asked again: the third was refused, though a later one of its stream was taken. */
    const int64_t again[] = { PEERS_DOUBLE, PEERS_DOUBLE, PEERS_FULL, PEERS_DOUBLE };
    put_all(puts, again, 4);
}

static bool has_heard(void *ctx)
{
    (void)ctx;
    return node.messages > 0;
}

static void test_another_node_is_told(void **state)
{
    const struct peers_put puts[] = { put_of("{\"a\":1}", "", 0), put_of("{\"a\":2}", "", 0) };
    const int64_t nobody_hears[] = { PEERS_QUEUED }, heard[] = { PEERS_PUSHED };
    struct answer subscribed = { 0 };
    (void)state;
    hold("n2");
    put_all(puts, nobody_hears, 1);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:node:{n2}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    node.keeps_messages = true;
    put_all(puts + 1, heard, 1);
    assert_true(run_until(loop, has_heard, NULL, 5));
    assert_string_equal(node.payload[0], "queued\n" KEY "\n2\n{\"a\":2}");
}

static int64_t tell(const char *teller)
{
    struct answer answer = { 0 };
    node.store->peers->tell_holder(node.store, TEXT(KEY), text_of(teller), TEXT("share\n" KEY "\n1"), on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static void test_the_holder_is_told(void **state)
{
    struct answer subscribed = { 0 };
    (void)state;
    assert_int_equal(tell("n1"), PEERS_NOT_TOLD); /* there is none */
    hold("n2");
    assert_int_equal(tell("n1"), PEERS_NOT_TOLD); /* it does not listen */
    assert_int_equal(tell("n2"), PEERS_IS_HOLDER);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:node:{n2}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    node.keeps_messages = true;
    assert_int_equal(tell("n1"), PEERS_TOLD);
    assert_true(run_until(loop, has_heard, NULL, 5));
    assert_string_equal(node.payload[0], "share\n" KEY "\n1");
}

static void test_a_lease_is_handed_over(void **state)
{
    (void)state;
    hold("n1");
    node.store->peers->hand_over(node.store, TEXT(KEY), TEXT("n2"), TEXT("n3"), 60000); /* it is not n2's */
    assert_int_equal(tell("n1"), PEERS_IS_HOLDER);
    node.store->peers->hand_over(node.store, TEXT(KEY), TEXT("n1"), TEXT("n3"), 60000);
    assert_int_equal(tell("n3"), PEERS_IS_HOLDER);
    assert_true(atoi(server_ask(&server, "TTL xmpp:{" KEY "}:lease")) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_holder_gets_numbers, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_a_repeated_call, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_bounds, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_another_node_is_told, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_the_holder_is_told, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_a_lease_is_handed_over, suite_open, suite_close),
    };
    return cmocka_run_group_tests_name("peers", tests, suite_start, suite_stop);
}

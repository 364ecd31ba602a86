/* federation_test.c - the proofs between servers and of components, against the examples of their specifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/federation/share.h"

/* XEP-0185 3, example. */
static void test_dialback_key(void **state)
{
    char key[65];
    (void)state;
    dialback_key(TEXT("s3cr3tf0rd14lb4ck"), TEXT("xmpp.example.com"), TEXT("example.org"), TEXT("D60000229F"), key);
    assert_string_equal(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
    dialback_key(TEXT("s3cr3tf0rd14lb4ck"), TEXT("example.org"), TEXT("xmpp.example.com"), TEXT("D60000229F"), key);
    assert_string_not_equal(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
}

/* XEP-0114 3, examples 1 to 3. */
static void test_component_hash(void **state)
{
    char hash[41];
    (void)state;
    component_hash(TEXT("3BF96D32"), TEXT("test"), hash);
    assert_string_equal(hash, "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e");
}

static void test_pairs(void **state)
{
    struct peer peer = { .pairs = NULL };
    char name[32];
    (void)state;
    assert_false(peer_has_pair(&peer, TEXT("montague.test"), TEXT("capulet.test")));
    assert_true(peer_add_pair(&peer, TEXT("montague.test"), TEXT("capulet.test")));
    assert_true(peer_add_pair(&peer, TEXT("montague.test"), TEXT("capulet.test"))); /* twice is once */
    assert_true(peer_has_pair(&peer, TEXT("montague.test"), TEXT("capulet.test")));
    assert_false(peer_has_pair(&peer, TEXT("capulet.test"), TEXT("montague.test")));
    assert_false(peer_has_pair(&peer, TEXT("montague.test"), TEXT("verona.test")));
    for (int i = 1; i < PEER_PAIRS_MAX; i++) {
        snprintf(name, sizeof name, "d%d.test", i);
        assert_true(peer_add_pair(&peer, text_of(name), TEXT("capulet.test")));
    }
    assert_false(peer_add_pair(&peer, TEXT("one.too.many.test"), TEXT("capulet.test")));
    peer_free_pairs(&peer);
}

static void test_link_key(void **state)
{
    struct buffer key = { 0 };
    (void)state;
    link_key(&key, TEXT("capulet.test"), TEXT("montague.test"));
    assert_true(text_is(buffer_text(&key), "capulet.test>montague.test"));
    key.size = 0;
    link_key(&key, (struct text){ 0 }, TEXT("irc.test"));
    assert_true(text_is(buffer_text(&key), "irc.test"));
    key.size = 0;
    link_key(&key, TEXT("orders.test"), (struct text){ 0 });
    assert_true(text_is(buffer_text(&key), "orders.test>"));
    buffer_fini(&key);
}

/* Two links on one stream: each acknowledged stanza is found to be the one of them, also when the ring has grown. */
static void test_flights(void **state)
{
    struct flights flights = { 0 };
    struct link even = { 0 }, odd = { 0 };
    (void)state;
    for (uint64_t number = 0; number < 1000; number++) {
        flights_add(&flights, number % 2 ? &odd : &even, number + 1);
        if (number % 10 == 9) { /* the ring goes round */
            struct flight oldest = flights_take(&flights);
            assert_ptr_equal(oldest.link, (oldest.number - 1) % 2 ? &odd : &even);
            assert_int_equal(oldest.number, (number + 1) / 10);
        }
    }
    assert_int_equal(flights.count, 900);
    assert_int_equal(even.flying_count + odd.flying_count, 900);
    flights_leave(&flights, &odd);
    assert_int_equal(odd.flying_count, 0);
    flights_lose(&flights, &even);
    for (uint64_t number = 100; number < 1000; number++) {
        struct flight oldest = flights_take(&flights);
        assert_ptr_equal(oldest.link, number % 2 ? NULL : &even);
        assert_int_equal(oldest.number, number % 2 ? number + 1 : 0);
    }
    assert_int_equal(flights.count, 0);
    assert_int_equal(even.flying_count, 0);
    free(flights.ring);
}

static unsigned best_of(uint64_t sender, unsigned count)
{
    unsigned best = 0;
    const uint64_t nodes[] = { component_hash_of(TEXT("n1")), component_hash_of(TEXT("n2")) };
    for (unsigned i = 1; i < count; i++)
        if (component_score(sender, nodes[i % 2], i / 2) > component_score(sender, nodes[best % 2], best / 2))
            best = i;
    return best;
}

/* Each connection gets its part, and one more takes from all and moves nobody between the others. */
static void test_who_gets_whom(void **state)
{
    enum { SENDERS = 4000, CONNECTIONS = 4 };
    unsigned counts[CONNECTIONS] = { 0 };
    (void)state;
    for (unsigned i = 0; i < SENDERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%u@a.example", i);
        uint64_t sender = component_hash_of(text_of(name));
        unsigned before = best_of(sender, CONNECTIONS - 1), after = best_of(sender, CONNECTIONS);
        assert_true(after == before || after == CONNECTIONS - 1);
        counts[after]++;
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        assert_in_range(counts[i], SENDERS / CONNECTIONS * 8 / 10, SENDERS / CONNECTIONS * 12 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialback_key),
        cmocka_unit_test(test_component_hash),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_link_key),
        cmocka_unit_test(test_who_gets_whom),
        cmocka_unit_test(test_flights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

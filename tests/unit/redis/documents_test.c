/* documents_test.c - what an account keeps, on a real Redis: documents within their bounds, and all of it gone with the
 * account. */
#include <stdio.h>

#include "suite.h"
#include "stanzabus/store_documents.h"

static const struct document_limits limits = { 2, 40 };

static int open_node(void **state)
{
    suite_open(state);
    server_ask(&server, "HSET xmpp:{juliet@example.com}:account disabled 0");
    return 0;
}

static struct document document(const char *field)
{
    return (struct document){ TEXT("juliet@example.com"), "private", text_of(field) };
}

static int64_t put(const char *field, const char *value)
{
    struct document d = document(field);
    struct answer answer = { 0 };
    node.store->documents->put(node.store, &d, text_of(value), &limits, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static const char *get(const char *field)
{
    static struct answer answer;
    struct document d = document(field);
    answer = (struct answer){ 0 };
    node.store->documents->get(node.store, &d, on_secret, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.text;
}

static void test_there_and_back(void **state)
{
    struct document d = document("urn:a");
    struct answer first = { 0 }, second = { 0 };
    (void)state;
    assert_string_equal(get("urn:a"), "");
    assert_int_equal(put("urn:a", "<a/>"), DOCUMENT_STORED);
    assert_int_equal(put("urn:b", "<b/>"), DOCUMENT_STORED);
    assert_string_equal(get("urn:a"), "<a/>");
    assert_int_equal(put("urn:a", "<a>1</a>"), DOCUMENT_STORED);
    assert_string_equal(get("urn:a"), "<a>1</a>");
    node.store->documents->remove(node.store, &d, on_done, &first);
    node.store->documents->remove(node.store, &d, on_done, &second);
    WAIT_ANSWER(&node, &second);
    assert_int_equal(first.result, 1);
    assert_int_equal(second.result, 0);
    assert_string_equal(get("urn:a"), "");
    assert_string_equal(get("urn:b"), "<b/>");
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(put("urn:a", "12345"), DOCUMENT_STORED);
    assert_int_equal(put("urn:b", "12345"), DOCUMENT_STORED);
    assert_int_equal(put("urn:c", "1"), DOCUMENT_TOO_MANY);
    assert_string_equal(get("urn:c"), "");
    /* 10 for the other, 5 for the name, 25 left of 40: */
    assert_int_equal(put("urn:b", "1234567890123456789012345"), DOCUMENT_STORED);
    assert_int_equal(put("urn:b", "12345678901234567890123456"), DOCUMENT_TOO_BIG);
    assert_string_equal(get("urn:b"), "1234567890123456789012345");
}

static void test_no_account(void **state)
{
    (void)state;
    server_ask(&server, "DEL xmpp:{juliet@example.com}:account");
    assert_int_equal(put("urn:a", "<a/>"), DOCUMENT_NO_ACCOUNT);
    assert_string_equal(server_ask(&server, "EXISTS xmpp:{juliet@example.com}:private"), "0");
}

/* Every key goes, of single names and of families; a neighbour whose name looks alike keeps its own. */
static void test_all_of_it_goes(void **state)
{
    static const char *const names[] = { "sessions", "log",     "archive", "presence", "directed",       "roster",        "requests",
                                         "vcard",    "private", "blocked", "prefs",  "with:romeo@a.b", "seen:n1.1",     "sm:n1.1" };
    struct answer answer = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        server_ask(&server, "SET xmpp:{j%%2A@example.com}:%s 1", names[i]);
        server_ask(&server, "SET xmpp:{juliet@example.com}:%s 1", names[i]);
    }
    server_ask(&server, "SET xmpp:{j%%2A@example.com}:account 1");
    node.store->ops->account_delete(node.store, TEXT("j*@example.com"), on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.result, 1);
    run_for(loop, 0.1);
    assert_string_equal(server_ask(&server, "KEYS xmpp:{j%%2A*"), "xmpp:{j%2A@example.com}:deleted"); /* for a day */
    assert_string_equal(server_ask(&server, "DBSIZE"), "16");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_node, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_bounds),
        TEST(test_no_account),
        TEST(test_all_of_it_goes),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

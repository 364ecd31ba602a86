/* sessions_test.c - session rows on a real Redis, and the routes that are decided by them. */
#include <stdio.h>
#include <stdlib.h>

#include "store_stage.h"
#include "stanzabus/memory.h"

/* -- session rows -- */

static void test_bind(void **state)
{
    struct answer answer;
    (void)state;
    assert_int_equal(bind_row(row("balcony", "n1", 7, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    assert_int_equal(bind_row(row("balcony", "n1", 7, false, 0), BIND_REFUSE, 3).result, BIND_DONE); /* asked twice */
    assert_int_equal(bind_row(row("balcony", "n1", 8, false, 0), BIND_REFUSE, 3).result, BIND_CONFLICT);
    assert_int_equal(bind_row(row("balcony", "n11", 7, false, 0), BIND_REFUSE, 3).result, BIND_CONFLICT);
    answer = bind_row(row("balcony", "n2", 18446744073709551615u, false, 0), BIND_REPLACE, 3);
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.text, "n1");
    assert_int_equal(answer.session, 7);
    answer = bind_row(row("balcony", "n2", 18446744073709551615u, false, 0), BIND_REPLACE,
                      3); /* the first answer was lost */
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.text, "n1");
    assert_int_equal(answer.session, 7);
    answer = bind_row(row("balcony", "n3", 1, false, 0), BIND_REPLACE, 3);
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.text, "n2");
    assert_true(answer.session == 18446744073709551615u);

    assert_int_equal(bind_row(row("second", "n1", 9, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    assert_int_equal(bind_row(row("third", "n1", 10, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    assert_int_equal(bind_row(row("fourth", "n1", 11, false, 0), BIND_REPLACE, 3).result, BIND_TOO_MANY);
    assert_int_equal(bind_row(row("third", "n1", 12, false, 0), BIND_REPLACE, 3).result, BIND_REPLACED);

    /* What was refused has left the index of its node again. */
    assert_string_equal(server_ask(&server, "SISMEMBER xmpp:node:{n1}:sessions %s", "8 juliet@example.com/balcony"),
                        "0");
    assert_string_equal(server_ask(&server, "SISMEMBER xmpp:node:{n1}:sessions %s", "11 juliet@example.com/fourth"),
                        "0");
    assert_string_equal(server_ask(&server, "SISMEMBER xmpp:node:{n1}:sessions %s", "12 juliet@example.com/third"),
                        "1");
}

static void test_fencing(void **state)
{
    session_op *update = node.store->ops->session_update, *remove = node.store->ops->session_remove;
    (void)state;
    assert_int_equal(write_session(update, row("balcony", "n1", 7, true, 0)), 0);
    assert_int_equal(bind_row(row("balcony", "n1", 7, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    static const struct {
        const char *name, *node;
        uint64_t session;
        int64_t expected;
    } rows[] = {
        { "another node", "n2", 7, 0 },          { "another session", "n1", 8, 0 },  { "a longer name", "n11", 7, 0 },
        { "a shorter name", "n", 7, 0 },         { "a longer number", "n1", 77, 0 }, { "no name", "", 7, 0 },
        { "a pattern's character", ".1", 7, 0 }, { "its own", "n1", 7, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = write_session(update, row("balcony", rows[i].node, rows[i].session, true, 5));
        if (result != rows[i].expected)
            fail_msg("%s: %lld", rows[i].name, (long long)result);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = write_session(remove, row("balcony", rows[i].node, rows[i].session, true, 5));
        if (result != rows[i].expected)
            fail_msg("remove by %s: %lld", rows[i].name, (long long)result);
    }
    assert_int_equal(write_session(remove, row("balcony", "n1", 7, true, 5)), 0);
    assert_string_equal(server_ask(&server, "KEYS *"), ""); /* the index too */
}

/* -- routes -- */

static int64_t route(enum route_audience audience, const char *resource, unsigned hops, const char *event)
{
    struct answer answer = { 0 };
    struct route r = { .bare = TEXT("juliet@example.com"),
                       .resource = text_of(resource),
                       .audience = audience,
                       .hops = hops,
                       .event = text_of(event) };
    node.store->ops->route(node.store, &r, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static void bind_family(void)
{
    bind_row(row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    bind_row(row("high", "n2", 2, true, 127), BIND_REFUSE, 9);
    bind_row(row("low", "n1", 3, true, -1), BIND_REFUSE, 9);
    bind_row(row("silent", "n3", 4, false, 0), BIND_REFUSE, 9);
}

/* The resources in the edge of the message, sorted, as "node/resource node/resource". */
static void read_edge(const char *payload, char *out, size_t size)
{
    char copy[1024], *lines[16];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", strstr(payload, "\\n") + 2);
    *strchr(copy, '"') = '\0';
    for (char *line = copy; line && count < 16; line = strstr(line, "\\n")) {
        if (line != copy) {
            *line = '\0';
            line += 2;
        }
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "", lines[i]);
}

static void test_audiences(void **state)
{
    static const struct {
        enum route_audience audience;
        const char *resource, *expected; /* "": nobody */
    } rows[] = {
        { ROUTE_RESOURCE, "up", "n1/up" },
        { ROUTE_RESOURCE, "low", "n1/low" },
        { ROUTE_RESOURCE, "silent", "n3/silent" },
        { ROUTE_RESOURCE, "gone", "" },
        { ROUTE_RESOURCE, "Up", "" },
        { ROUTE_NON_NEGATIVE, "", "n1/up n2/high" },
        { ROUTE_AVAILABLE, "", "n1/low n1/up n2/high" },
        { ROUTE_RESOURCE_OR_NON_NEGATIVE, "silent", "n3/silent" },
        { ROUTE_RESOURCE_OR_NON_NEGATIVE, "low", "n1/low" },
        { ROUTE_RESOURCE_OR_NON_NEGATIVE, "gone", "n1/up n2/high" },
    };
    struct answer subscribed = { 0 };
    char edge[256];
    size_t expected_messages = 0;
    (void)state;
    bind_family();
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = route(rows[i].audience, rows[i].resource, 0, "{\"id\":\"1\"}");
        int64_t wanted = rows[i].expected[0] ? 1 : 0;
        for (const char *c = rows[i].expected; *c; c++)
            wanted += *c == ' ';
        if (result != wanted)
            fail_msg("row %zu: %lld resources", i, (long long)result);
        if (!wanted)
            continue;
        expected_messages++;
        assert_true(run_until(loop, has_message, &expected_messages, 5));
        read_edge(node.payload[expected_messages - 1], edge, sizeof edge);
        if (strcmp(edge, rows[i].expected) != 0)
            fail_msg("row %zu: %s", i, node.payload[expected_messages - 1]);
    }
    run_for(loop, 0.05);
    assert_int_equal(node.messages, expected_messages); /* for nobody means: not published */
}

/* Presence that changes moves a session from one audience to another. */
static void test_presence(void **state)
{
    session_op *update = node.store->ops->session_update;
    (void)state;
    bind_row(row("r", "n1", 1, false, 0), BIND_REFUSE, 9);
    assert_int_equal(route(ROUTE_AVAILABLE, "", 0, "{\"id\":1}"), 0);
    write_session(update, row("r", "n1", 1, true, -5));
    assert_int_equal(route(ROUTE_AVAILABLE, "", 0, "{\"id\":1}"), 1);
    assert_int_equal(route(ROUTE_NON_NEGATIVE, "", 0, "{\"id\":1}"), 0);
    write_session(update, row("r", "n1", 1, true, 1));
    assert_int_equal(route(ROUTE_NON_NEGATIVE, "", 0, "{\"id\":1}"), 1);
    write_session(update, row("r", "n1", 1, false, 1));
    assert_int_equal(route(ROUTE_NON_NEGATIVE, "", 0, "{\"id\":1}"), 0);
    assert_int_equal(route(ROUTE_RESOURCE, "r", 0, "{\"id\":1}"), 1);
}

static void test_edge_text(void **state)
{
    static const struct {
        const char *resource;
        unsigned hops;
        const char *expected;
    } rows[] = {
        { "balcony", 0, "{\"edge\":\"0\\nn1/balcony\",\"id\":\"x\"}" },
        { "say \"hi\" \\ {x} / *?[]%", 1, "{\"edge\":\"1\\nn1/say \\\"hi\\\" \\\\ {x} / *?[]%\",\"id\":\"x\"}" },
        { "\xe2\x98\x83 \xf0\x9f\x9a\x80", 12, "{\"edge\":\"12\\nn1/\xe2\x98\x83 \xf0\x9f\x9a\x80\",\"id\":\"x\"}" },
        { "a/b", 0, "{\"edge\":\"0\\nn1/a/b\",\"id\":\"x\"}" },
        { "%1 %n1", 0, "{\"edge\":\"0\\nn1/%1 %n1\",\"id\":\"x\"}" },
        { "control \x01", 0, "{\"edge\":\"0\\nn1/control \\u0001\",\"id\":\"x\"}" },
    };
    struct answer subscribed = { 0 };
    (void)state;
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t wanted = i + 1;
        assert_int_equal(bind_row(row(rows[i].resource, "n1", 7 + i, true, 0), BIND_REFUSE, 99).result, BIND_DONE);
        assert_int_equal(route(ROUTE_RESOURCE, rows[i].resource, rows[i].hops, "{\"id\":\"x\"}"), 1);
        assert_true(run_until(loop, has_message, &wanted, 5));
        assert_string_equal(node.payload[i], rows[i].expected);
        assert_int_equal(bind_row(row(rows[i].resource, "n2", 1, true, 0), BIND_REPLACE, 99).session, 7 + i);
        assert_int_equal(write_session(node.store->ops->session_remove, row(rows[i].resource, "n2", 1, true, 0)), 1);
    }
}

/* An address with characters that Redis's patterns and hash tags know. */
static void test_odd_address(void **state)
{
    struct answer subscribed = { 0 }, routed = { 0 };
    struct session_row r = row("r", "n1", 1, true, 0);
    struct route to = { .bare = TEXT("a}b*%@example.com"),
                        .resource = TEXT("r"),
                        .audience = ROUTE_RESOURCE,
                        .event = TEXT("{\"id\":1}") };
    size_t one = 1;
    (void)state;
    r.bare = to.bare;
    bind_row(r, BIND_REFUSE, 9);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{a%7Db%2A%25@example.com}"), on_subscribed, &subscribed);
    node.store->ops->route(node.store, &to, on_done, &routed);
    WAIT_ANSWER(&node, &routed);
    WAIT_ANSWER(&node, &subscribed);
    routed.count = 0;
    node.store->ops->route(node.store, &to, on_done, &routed);
    WAIT_ANSWER(&node, &routed);
    assert_true(run_until(loop, has_message, &one, 5));
}

/* What is asked through bus and store reaches Redis in the order of the calls. */
static void test_one_order(void **state)
{
    struct answer last = { 0 }, subscribed = { 0 };
    char payload[64];
    size_t all = 200;
    (void)state;
    bind_row(row("r", "n1", 1, true, 0), BIND_REFUSE, 9);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (int i = 0; i < 100; i++) {
        struct route r = { .bare = TEXT("juliet@example.com"), .resource = TEXT("r"), .audience = ROUTE_RESOURCE };
        snprintf(payload, sizeof payload, "{\"id\":%d}", i * 2);
        r.event = text_of(payload);
        node.store->ops->route(node.store, &r, on_done, &last);
        snprintf(payload, sizeof payload, "%d", i * 2 + 1);
        node.bus->ops->publish(node.bus, TEXT("xmpp:to:{juliet@example.com}"), (struct text){ 0 }, text_of(payload),
                               NULL, NULL);
    }
    assert_true(run_until(loop, has_message, &all, 5));
    for (int i = 0; i < 200; i++) {
        const char *id = strstr(node.payload[i], "\"id\":");
        assert_int_equal(atoi(id ? id + 5 : node.payload[i]), i);
    }
    assert_int_equal(last.count, 100);
}

static void test_script_flush(void **state)
{
    struct answer answers[50] = { 0 };
    (void)state;
    bind_family();
    server_ask(&server, "SCRIPT FLUSH");
    for (int i = 0; i < 50; i++) {
        struct route r = { .bare = TEXT("juliet@example.com"),
                           .resource = TEXT("up"),
                           .audience = ROUTE_RESOURCE,
                           .event = TEXT("{\"id\":1}") };
        node.store->ops->route(node.store, &r, on_done, &answers[i]);
    }
    WAIT_ANSWER(&node, &answers[49]);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].result, 1);
    }
    assert_int_equal(node.metrics.value[METRIC_BUS_COMMANDS_FAILED], 0);
    assert_int_equal(bind_row(row("new", "n1", 9, false, 0), BIND_REFUSE, 9).result, BIND_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bind),
        TEST(test_fencing),
        TEST(test_audiences),
        TEST(test_presence),
        TEST(test_edge_text),
        TEST(test_odd_address),
        TEST(test_one_order),
        TEST(test_script_flush),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

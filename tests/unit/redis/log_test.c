/* log_test.c - session rows as the log needs them, and the log itself, on a real Redis. */
#include <stdio.h>

#include "fixture.h"
#include "stanzabus/memory.h"
#include "stanzabus/store_log.h"

static struct server server;
static struct ev_loop *loop;
static struct node node;
static size_t heard; /* messages that were looked at */

static int open_node(void **state)
{
    (void)state;
    server_ask(&server, "FLUSHALL");
    node_open(&node, &server, loop, NULL, NULL);
    redis_start(node.redis);
    node_wait_up(&node);
    node.keeps_messages = true;
    heard = 0;
    return 0;
}

static int close_node(void **state)
{
    (void)state;
    node_close(&node);
    return 0;
}

static void listen_on(const char *channel)
{
    struct answer answer = { 0 };
    node.bus->ops->subscribe(node.bus, text_of(channel), on_subscribed, &answer);
    WAIT_ANSWER(&node, &answer);
}

static bool has_more(void *ctx)
{
    (void)ctx;
    return (size_t)node.messages > heard;
}

/* The next payload on what is listened to. */
static const char *next_heard(void)
{
    assert_true(run_until(loop, has_more, NULL, 5));
    return node.payload[heard++];
}

static void hears(const char *payload)
{
    assert_string_equal(next_heard(), payload);
}

static void hears_nothing(void)
{
    run_for(loop, 0.03);
    assert_false(has_more(NULL));
}

/* -- rows -- */

static struct session_row row(const char *resource, const char *node_id, uint64_t session, bool is_available, int priority)
{
    return (struct session_row){ .bare = TEXT("juliet@example.com"),
                                 .resource = text_of(resource),
                                 .node = text_of(node_id),
                                 .session = session,
                                 .uid = text_of(resource), /* any name will do */
                                 .is_available = is_available,
                                 .priority = (int8_t)priority };
}

static struct answer bind_row(struct session_row r, enum bind_conflict conflict, unsigned max)
{
    struct answer answer = { 0 };
    node.store->ops->session_bind(node.store, &r, conflict, max, on_bound, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

typedef void session_op(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);

static int64_t write_session(session_op *op, struct session_row r)
{
    struct answer answer = { 0 };
    op(node.store, &r, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

/* What a row says of its session, and what is told of the account. */
static void test_row_letters(void **state)
{
    session_op *update = node.store->ops->session_update, *remove = node.store->ops->session_remove;
    struct session_row r = row("balcony", "n1", 7, true, -3);
    struct answer answer;
    (void)state;
    r.uid = TEXT("n0.5");
    listen_on("xmpp:to:{juliet@example.com}");
    bind_row(r, BIND_REFUSE, 1);
    assert_string_equal(server_ask(&server, "HGET xmpp:{juliet@example.com}:sessions balcony"), "m---7\nn1/balcony\nn0.5\n-3");
    r.has_carbons = r.is_resumable = r.is_interested = true;
    assert_int_equal(write_session(update, r), 1);
    assert_string_equal(server_ask(&server, "HGET xmpp:{juliet@example.com}:sessions balcony"), "mcsi7\nn1/balcony\nn0.5\n-3");
    hears("account 1 -");
    assert_int_equal(write_session(update, r), 1); /* no news */

    /* The flags are no row: they count for nothing. */
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions %s bN", "");
    answer = bind_row(row("balcony", "n2", 8, true, 0), BIND_REPLACE, 1);
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.flags, "bN");
    assert_int_equal(answer.carbons, 0);
    hears("account 0 bN");
    hears_nothing();
    assert_int_equal(bind_row(row("garden", "n2", 9, true, 0), BIND_REPLACE, 1).result, BIND_TOO_MANY);

    /* What an ended session may have held waits for somebody. */
    server_ask(&server, "XADD xmpp:{juliet@example.com}:log 0-* e {} t n2.8");
    assert_int_equal(write_session(remove, row("balcony", "n2", 8, true, 0)), 2);
    assert_string_equal(server_ask(&server, "HVALS xmpp:{juliet@example.com}:sessions"), "bNq");
}

static int start(void **state)
{
    (void)state;
    server_make(&server);
    server_start(&server);
    loop = ev_loop_new(0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ev_loop_destroy(loop);
    server_remove(&server);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_node, close_node)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_row_letters),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

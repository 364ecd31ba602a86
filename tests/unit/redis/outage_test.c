/* outage_test.c - Redis goes away and comes back: what waits, what is answered, what is made again, what people
 * read. */
#include <signal.h>
#include <stdio.h>

#include "fixture.h"
#include "stanzabus/memory.h"

static struct server server;
static struct ev_loop *loop;
static struct node node;

static int start(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    server_make(&server);
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

static void open_up(const struct redis_settings *settings)
{
    server_start(&server);
    node_open(&node, &server, loop, NULL, settings);
    redis_start(node.redis);
    node_wait_up(&node);
}

static void publish(const char *channel, const char *payload, struct answer *answer)
{
    node.bus->ops->publish(node.bus, text_of(channel), (struct text){ 0 }, text_of(payload),
                           answer ? on_published : NULL, answer);
}

static void subscribe(const char *channel, struct answer *answer)
{
    node.bus->ops->subscribe(node.bus, text_of(channel), on_subscribed, answer);
    WAIT_ANSWER(&node, answer);
}

static struct session_row a_row(void)
{
    return (struct session_row){
        .bare = TEXT("a@b"), .resource = TEXT("r"), .node = TEXT("n"), .session = 1, .is_available = true
    };
}

static bool is_back(void *ctx)
{
    (void)ctx;
    return node.back > 0;
}

static bool is_away(void *ctx)
{
    (void)ctx;
    return node.away > 0;
}

static bool is_down(void *ctx)
{
    (void)ctx;
    return !node_is_up(&node);
}

/* -- the connection is cut -- */

/* Killed, and started again at once: what was not sent waits; subscriptions are made again, and the gap is told. */
static void test_restart(void **state)
{
    struct answer subscribed = { 0 }, waiting[3] = { 0 };
    (void)state;
    open_up(NULL);
    subscribe("one", &subscribed);
    subscribed.count = 0;
    subscribe("two", &subscribed);
    server_kill(&server);
    assert_true(run_until(loop, is_down, NULL, 5));
    for (int i = 0; i < 3; i++)
        publish("one", i == 0 ? "first" : i == 1 ? "second" : "third", &waiting[i]);
    subscribed.count = 0;
    node.bus->ops->subscribe(node.bus, TEXT("three"), on_subscribed, &subscribed);
    node.bus->ops->unsubscribe(node.bus, TEXT("two"));
    run_for(loop, 0.2);
    assert_int_equal(waiting[0].count, 0);
    server_start(&server);
    assert_true(run_until(loop, is_back, NULL, 5));
    assert_int_equal(node.away, 0); /* it was short */
    assert_true(node.lost_at_back);
    for (int i = 0; i < 3; i++) {
        WAIT_ANSWER(&node, &waiting[i]);
        assert_int_equal(waiting[i].status, BUS_OK);
    }
    assert_int_equal(subscribed.count, 1);
    assert_int_equal(subscribed.status, BUS_OK);
    assert_string_equal(server_ask(&server, "PUBSUB NUMSUB one two three"), "one\n1\ntwo\n0\nthree\n1");
    assert_int_equal(node.metrics.value[METRIC_BUS_GAPS], 1);
    assert_int_equal(node.metrics.value[METRIC_BUS_RECONNECTS], 2);
    node_close(&node);
}

/* Away, answered, back: with the times of redis.wait. */
static void test_away_and_back(void **state)
{
    struct answer queued = { 0 }, bound = { 0 }, subscribing = { 0 }, at_once = { 0 }, sub_at_once = { 0 },
                  later = { 0 };
    struct session_row r = a_row();
    (void)state;
    open_up(NULL);
    server_kill(&server);
    double killed_at = clock_now();
    assert_true(run_until(loop, is_down, NULL, 5));
    assert_false(node.bus->is_away);
    publish("one", "x", &queued);
    node.store->ops->session_bind(node.store, &r, BIND_REFUSE, 9, on_bound, &bound);
    node.bus->ops->subscribe(node.bus, TEXT("two"), on_subscribed, &subscribing);
    assert_true(run_until(loop, is_away, NULL, 5));
    assert_true(node.away_at - killed_at > 0.4 &&
                node.away_at - killed_at < 1.5); /* the last sign of life was up to 0.5 s before */
    assert_true(node.bus->is_away);
    assert_int_equal(queued.count, 1);
    assert_int_equal(queued.status, BUS_AWAY);
    assert_int_equal(bound.status, BUS_AWAY);
    assert_int_equal(subscribing.count, 1);
    assert_int_equal(subscribing.status, BUS_AWAY);
    assert_int_equal(node.drained, 1);
    assert_int_equal(node.failures, 0); /* not the first start */

    publish("one", "x", &at_once);
    node.bus->ops->subscribe(node.bus, TEXT("three"), on_subscribed, &sub_at_once);
    assert_int_equal(at_once.count, 0);
    double asked_at = clock_now();
    WAIT_ANSWER(&node, &at_once);
    WAIT_ANSWER(&node, &sub_at_once);
    assert_true(clock_now() - asked_at < 0.1);
    assert_int_equal(at_once.status, BUS_AWAY);
    assert_int_equal(sub_at_once.status, BUS_AWAY);

    server_start(&server);
    assert_true(run_until(loop, is_back, NULL, 5));
    assert_true(node.lost_at_back);
    assert_false(node.bus->is_away);
    assert_int_equal(node.away, 1);
    publish("two", "x", &later); /* what was subscribed meanwhile is there, whatever its answer was */
    WAIT_ANSWER(&node, &later);
    assert_int_equal(later.result, 1);
    assert_string_equal(server_ask(&server, "PUBSUB NUMSUB two three"), "two\n1\nthree\n1");
    node.bus->ops->unsubscribe(node.bus, TEXT("two"));
    node_close(&node);
}

/* Who asks again inside of the answer gets an answer each time, and the loop does other things in between. */
static int asked_again;
static void ask_again(void *ctx, enum bus_status status, int64_t receivers)
{
    (void)receivers;
    asked_again++;
    if (status == BUS_AWAY)
        node.bus->ops->publish(node.bus, TEXT("x"), TEXT("y"), (struct text){ 0 }, ask_again, ctx);
}

static void test_asking_again(void **state)
{
    (void)state;
    open_up(NULL);
    server_kill(&server);
    assert_true(run_until(loop, is_away, NULL, 5));
    node.bus->ops->publish(node.bus, TEXT("x"), TEXT("y"), (struct text){ 0 }, ask_again, NULL);
    run_for(loop, 0.5);
    assert_in_range(asked_again, 20, 200);
    server_start(&server);
    assert_true(run_until(loop, is_back, NULL, 5));
    node_close(&node);
}

/* What was sent and not answered has an unknown end: BUS_AWAY, but for what may be done twice. */
static void test_unanswered(void **state)
{
    struct answer published = { 0 }, bound = { 0 }, got = { 0 }, routed = { 0 };
    struct session_row r = a_row();
    struct route to = {
        .bare = r.bare, .resource = r.resource, .audience = ROUTE_RESOURCE, .event = TEXT("{\"id\":1}")
    };
    (void)state;
    open_up(&(struct redis_settings){ .wait_ms = 5000, .queue_bytes = 1 << 20 });
    kill(server.pid, SIGSTOP);
    publish("x", "y", &published);
    node.store->ops->session_bind(node.store, &r, BIND_REFUSE, 9, on_bound, &bound);
    node.store->ops->account_get(node.store, TEXT("a@b"), on_account, &got);
    node.store->ops->route(node.store, &to, on_done, &routed);
    run_for(loop, 0.1);
    assert_int_equal(published.count, 0);
    server_kill(&server);
    assert_true(run_until(loop, is_down, NULL, 5));
    assert_int_equal(published.status, BUS_AWAY);
    assert_int_equal(published.count, 1);
    assert_int_equal(routed.status, BUS_AWAY);
    assert_int_equal(routed.count, 1);
    assert_int_equal(bound.count + got.count, 0);
    server_start(&server);
    WAIT_ANSWER(&node, &bound);
    WAIT_ANSWER(&node, &got);
    assert_int_equal(bound.status, BUS_OK);
    assert_int_equal(bound.result, BIND_DONE);
    assert_int_equal(got.status, BUS_OK);
    assert_int_equal(node.away, 0);
    node_close(&node);
}

/* Stopped, not dead: nothing is closed, and nothing comes. */
static void test_stall(void **state)
{
    struct answer subscribed = { 0 }, published = { 0 }, later = { 0 };
    (void)state;
    open_up(&(struct redis_settings){ .wait_ms = 6000, .queue_bytes = 1 << 20 });
    subscribe("one", &subscribed);
    kill(server.pid, SIGSTOP);
    double stopped_at = clock_now();
    publish("one", "x", &published);
    assert_true(run_until(loop, is_down, NULL, 10));
    assert_true(clock_now() - stopped_at > 2.4 && clock_now() - stopped_at < 4.6);
    assert_int_equal(published.status, BUS_AWAY);
    publish("one", "y", &later);
    assert_true(run_until(loop, is_away, NULL, 10));
    assert_true(node.away_at - stopped_at > 5.4 && node.away_at - stopped_at < 7);
    assert_int_equal(later.status, BUS_AWAY);
    kill(server.pid, SIGCONT);
    assert_true(run_until(loop, is_back, NULL, 10));
    later.count = 0;
    publish("one", "z", &later);
    WAIT_ANSWER(&node, &later);
    assert_int_equal(later.result, 1);
    node_close(&node);
}

/* One connection is cut, and only that one is made again. */
static void test_one_link(void **state)
{
    struct answer subscribed = { 0 };
    (void)state;
    open_up(NULL);
    subscribe("one", &subscribed);
    server_ask(&server, "CLIENT KILL TYPE pubsub");
    assert_true(run_until(loop, is_back, NULL, 5));
    assert_true(node.lost_at_back);
    assert_int_equal(node.metrics.value[METRIC_BUS_RECONNECTS], 1);
    assert_string_equal(server_ask(&server, "PUBSUB NUMSUB one"), "one\n1");

    node.back = 0;
    server_ask(&server, "CLIENT KILL TYPE normal");
    assert_true(run_until(loop, is_down, NULL, 5));
    node_wait_up(&node);
    assert_int_equal(node.back, 0); /* no message can have been lost, and nobody was told that it was away */
    assert_int_equal(node.metrics.value[METRIC_BUS_RECONNECTS], 2);
    assert_int_equal(node.metrics.value[METRIC_BUS_GAPS], 1);
    node_close(&node);
}

/* -- the queue -- */

static void test_bounds(void **state)
{
    enum { COUNT = 40 };
    static struct answer answers[COUNT];
    char *payload = calloc(1, 10001);
    int away = 0;
    (void)state;
    memset(answers, 0, sizeof answers);
    memset(payload, 'x', 10000);
    open_up(&(struct redis_settings){ .wait_ms = 8000, .queue_bytes = 100000 });
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < 9; i++)
        publish("one", payload, &answers[i]);
    run_for(loop, 0.05);
    assert_int_equal(node.full, 0);
    publish("one", payload, &answers[9]);
    assert_int_equal(node.full, 0);
    publish("one", payload, &answers[10]);
    assert_int_equal(node.full, 1); /* at once: the same loop turn may bring as much again */
    for (int i = 11; i < COUNT; i++)
        publish("one", payload, &answers[i]);
    run_for(loop, 0.05);
    for (int i = 0; i < COUNT; i++)
        away += answers[i].count && answers[i].status == BUS_AWAY;
    assert_int_equal(away, COUNT - 20); /* refused at twice the bound */
    assert_int_equal(node.metrics.value[METRIC_BUS_COMMANDS_FAILED], COUNT - 20);
    assert_int_equal(node.drained, 0);
    kill(server.pid, SIGCONT);
    WAIT_ANSWER(&node, &answers[19]);
    run_for(loop, 0.05);
    assert_int_equal(node.drained, 1);
    assert_int_equal(node.full, 1);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(answers[i].count, 1);
    assert_int_equal(node.metrics.value[METRIC_REDIS_QUEUE_BYTES], 0);
    free(payload);
    node_close(&node);
}

/* While the connection is down the queue fills, on_full says so, and at redis.wait everything is answered. */
static void test_full_then_away(void **state)
{
    enum { COUNT = 15 };
    struct answer answers[COUNT] = { 0 };
    char *payload = calloc(1, 10001);
    (void)state;
    memset(payload, 'x', 10000);
    open_up(&(struct redis_settings){ .wait_ms = 1000, .queue_bytes = 100000 });
    server_kill(&server);
    assert_true(run_until(loop, is_down, NULL, 5));
    for (int i = 0; i < COUNT; i++)
        publish("one", payload, &answers[i]);
    run_for(loop, 0.05);
    assert_int_equal(node.full, 1);
    assert_true(node.metrics.value[METRIC_REDIS_QUEUE_BYTES] > COUNT * 10000);
    assert_true(run_until(loop, is_away, NULL, 5));
    assert_int_equal(node.drained, 1);
    for (int i = 0; i < COUNT; i++)
        assert_true(answers[i].count == 1 && answers[i].status == BUS_AWAY);
    run_for(loop, 0.05);
    assert_int_equal(node.metrics.value[METRIC_REDIS_QUEUE_BYTES], 0);
    free(payload);
    node_close(&node);
}

/* -- the first start, and a Redis that will not do -- */

static void test_first_failure(void **state)
{
    struct answer queued = { 0 };
    char url[64], expected[160];
    (void)state;
    snprintf(url, sizeof url, "redis://user:pass%%2Fword@127.0.0.1:%d", server.port);
    node_open(&node, &server, loop, url, NULL);
    publish("x", "y", &queued); /* before redis_start: waits like the rest */
    redis_start(node.redis);
    assert_true(run_until(loop, is_away, NULL, 5));
    assert_int_equal(node.failures, 1);
    snprintf(expected, sizeof expected,
             "cannot reach redis://127.0.0.1:%d (Connection refused): is it running? set redis.url", server.port);
    assert_string_equal(node.failure, expected);
    assert_int_equal(queued.status, BUS_AWAY);
    run_for(loop, 1.5);
    assert_int_equal(node.failures, 1);
    node_close(&node);

    node_open(&node, &server, loop, NULL, NULL);
    redis_start(node.redis);
    assert_true(run_until(loop, is_away, NULL, 5));
    assert_non_null(strstr(
        node.failure, "socket (No such file or directory): there is no such socket: is it running? set redis.url"));
    node_close(&node);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name, *user, *options[12], *part;
    } rows[] = {
        { "wrong password", "default:wrong@", { "--requirepass", "right" }, "(WRONGPASS" },
        { "no password", "", { "--requirepass", "right" }, "(NOAUTH" },
        { "eviction",
          "",
          { "--maxmemory-policy", "allkeys-lru" },
          "(its maxmemory-policy is allkeys-lru): it would throw accounts and sessions away: set maxmemory-policy "
          "noeviction in Redis" },
        { "eviction, and CONFIG not permitted",
          "u:p@",
          { "--maxmemory-policy", "volatile-ttl", "--user", "u", "on", ">p", "~*", "&*", "+@all", "-config" },
          "(its maxmemory-policy is volatile-ttl)" },
        { "no rights", "u:p@", { "--user", "u", "on", ">p", "~*", "&*", "+ping" }, "(NOPERM" },
        { "no channel", "u:p@", { "--user", "u", "on", ">p", "~*", "+@all" }, "(NOPERM" },
        { "a replica", "", { "--replicaof", "127.0.0.1 1" }, "(it is a replica): set redis.url to the master" },
        { "too many clients", "", { "--maxclients", "1" }, "max number of clients" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct server own = { 0 };
        char url[256];
        struct redisContext *holder = NULL;
        server_make(&own);
        memcpy(own.options, rows[i].options, sizeof rows[i].options);
        server_start(&own);
        if (strcmp(rows[i].name, "too many clients") == 0)
            holder = server_admin(&own, NULL, NULL);
        snprintf(url, sizeof url, "redis://%s127.0.0.1:%d", rows[i].user, own.port);
        node_open(&node, &own, loop, url, NULL);
        redis_start(node.redis);
        if (!run_until(loop, is_away, NULL, 4))
            fail_msg("%s: not refused", rows[i].name);
        if (!strstr(node.failure, rows[i].part) || strstr(node.failure, "wrong@"))
            fail_msg("%s: %s", rows[i].name, node.failure);
        node_close(&node);
        if (holder)
            fixture_disconnect(holder);
        server_remove(&own);
    }
}

/* Refused at first, and taken as soon as it is put right. */
static void test_put_right(void **state)
{
    (void)state;
    server.options[0] = "--maxmemory-policy";
    server.options[1] = "allkeys-lru";
    server_start(&server);
    node_open(&node, &server, loop, NULL, NULL);
    redis_start(node.redis);
    assert_true(run_until(loop, is_away, NULL, 4));
    server_ask(&server, "CONFIG SET maxmemory-policy noeviction");
    assert_true(run_until(loop, is_back, NULL, 6));
    assert_false(node.lost_at_back); /* there was nothing to lose */
    node_close(&node);
}

/* The rights of the channels come later, while the gateway waits. */
static void test_rights_come(void **state)
{
    char url[64];
    (void)state;
    server_start(&server);
    server_ask(&server, "ACL SETUSER u on >p ~* +@all");
    snprintf(url, sizeof url, "redis://u:p@127.0.0.1:%d", server.port);
    node_open(&node, &server, loop, url, NULL);
    redis_start(node.redis);
    assert_true(run_until(loop, is_away, NULL, 4));
    server_ask(&server, "ACL SETUSER u &xmpp:*");
    assert_true(run_until(loop, is_back, NULL, 10));
    node_close(&node);
}

/* By name, looked up on a thread; and a name that does not exist. */
static void test_names(void **state)
{
    char url[128];
    (void)state;
    server_start(&server);
    snprintf(url, sizeof url, "redis://localhost:%d/2", server.port);
    node_open(&node, &server, loop, url, NULL);
    redis_start(node.redis);
    node_wait_up(&node);
    assert_non_null(strstr(server_ask(&server, "CLIENT LIST"), "db=2"));
    node_close(&node);

    node_open(&node, &server, loop, "redis://no-such-name.invalid:1", NULL);
    redis_start(node.redis);
    assert_true(run_until(loop, is_away, NULL, 5));
    assert_non_null(strstr(node.failure, "cannot reach redis://no-such-name.invalid:1"));
    node_close(&node);

    node_open(&node, &server, loop, "redis://no-such-name.invalid:1", NULL); /* freed while the thread looks */
    redis_start(node.redis);
    node_close(&node);
}

/* What is open at the end is answered, once, though Redis never will. */
static void test_end(void **state)
{
    struct answer published = { 0 }, subscribed = { 0 }, bound = { 0 }, swept = { 0 }, listed = { 0 };
    struct session_row r = a_row();
    (void)state;
    open_up(NULL);
    kill(server.pid, SIGSTOP);
    publish("x", "y", &published);
    node.bus->ops->subscribe(node.bus, TEXT("x"), on_subscribed, &subscribed);
    node.store->ops->session_bind(node.store, &r, BIND_REFUSE, 9, on_bound, &bound);
    node.store->ops->node_sweep(node.store, on_gone, on_done, &swept);
    node.store->ops->account_list(node.store, TEXT("b"), on_each, on_done, &listed);
    run_for(loop, 0.05);
    assert_false(redis_is_idle(node.redis));
    publish("x", "unsent", NULL);
    node_close(&node);
    assert_true(published.count == 1 && published.status == BUS_AWAY);
    assert_true(subscribed.count == 1 && subscribed.status == BUS_AWAY);
    assert_true(bound.count == 1 && bound.status == BUS_AWAY);
    assert_true(listed.count == 1 && listed.status == BUS_AWAY);
    assert_int_equal(swept.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_restart),       TEST(test_away_and_back), TEST(test_asking_again), TEST(test_unanswered),
        TEST(test_stall),         TEST(test_one_link),      TEST(test_bounds),       TEST(test_full_then_away),
        TEST(test_first_failure), TEST(test_refusals),      TEST(test_put_right),    TEST(test_rights_come),
        TEST(test_names),         TEST(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

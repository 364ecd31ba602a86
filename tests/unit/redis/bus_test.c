/* bus_test.c - channels over a real Redis: order, counts, subscriptions that come and go, big messages. */
#include <hiredis/hiredis.h>
#include <stdio.h>

#include "fixture.h"
#include "stanzabus/memory.h"

static struct server server;
static struct ev_loop *loop;
static struct node node;

static int open_node(void **state)
{
    (void)state;
    node_open(&node, &server, loop, NULL, NULL);
    redis_start(node.redis);
    node_wait_up(&node);
    return 0;
}

static int close_node(void **state)
{
    (void)state;
    node_close(&node);
    return 0;
}

static void publish(const char *channel, const char *head, const char *tail, struct answer *answer)
{
    node.bus->ops->publish(node.bus, text_of(channel), text_of(head), text_of(tail), answer ? on_published : NULL,
                           answer);
}

static void subscribe(const char *channel, struct answer *answer)
{
    node.bus->ops->subscribe(node.bus, text_of(channel), answer ? on_subscribed : NULL, answer);
}

static void unsubscribe(const char *channel)
{
    node.bus->ops->unsubscribe(node.bus, text_of(channel));
}

static int subscribers(const char *channel)
{
    const char *reply = server_ask(&server, "PUBSUB NUMSUB %s", channel);
    return atoi(strchr(reply, '\n') + 1);
}

/* Waits until Redis counts so many on the channel. */
static void wait_subscribers(const char *channel, int count)
{
    for (int i = 0; i < 200 && subscribers(channel) != count; i++)
        run_for(loop, 0.02);
    assert_int_equal(subscribers(channel), count);
}

static bool has_message(void *ctx)
{
    return node.messages >= *(size_t *)ctx;
}

static void wait_messages(size_t count)
{
    assert_true(run_until(loop, has_message, &count, 10));
    assert_int_equal(node.messages, count);
}

static void test_publish(void **state)
{
    struct answer nobody = { 0 }, somebody = { 0 }, subscribed = { 0 };
    (void)state;
    publish("xmpp:to:{a@b}", "", "x", &nobody);
    assert_int_equal(nobody.count, 0); /* never from inside */
    WAIT_ANSWER(&node, &nobody);
    subscribe("xmpp:to:{a@b}", &subscribed);
    assert_int_equal(subscribed.count, 0);
    WAIT_ANSWER(&node, &subscribed);
    assert_int_equal(subscribed.status, BUS_OK);
    publish("xmpp:to:{a@b}", "{\"replyto\":\"r\",", "\"a\":1}\r\n", &somebody);
    WAIT_ANSWER(&node, &somebody);
    wait_messages(1);
    assert_int_equal(nobody.status, BUS_OK);
    assert_int_equal(nobody.result, 0);
    assert_int_equal(somebody.result, 1);
    assert_string_equal(node.channel[0], "xmpp:to:{a@b}");
    assert_string_equal(node.payload[0], "{\"replyto\":\"r\",\"a\":1}\r\n");
    assert_int_equal(node.metrics.value[METRIC_BUS_RECEIVED], 1);
    assert_true(node.metrics.value[METRIC_BUS_PUBLISHED] == 2);
}

/* Far more than a loop turn writes or reads at once. */
static void test_order(void **state)
{
    enum { COUNT = 20000 };
    char payload[64];
    struct answer last = { 0 };
    (void)state;
    subscribe("one", NULL);
    subscribe("two", &last);
    WAIT_ANSWER(&node, &last);
    for (int i = 0; i < COUNT; i++) {
        snprintf(payload, sizeof payload, "%d", i);
        publish(i % 2 ? "one" : "two", "", payload, NULL);
        if (i % 1000 == 999)
            run_for(loop, 0.005);
    }
    wait_messages(COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_string_equal(node.channel[i], i % 2 ? "one" : "two");
        assert_int_equal(atoi(node.payload[i]), i);
    }
    assert_int_equal(node.metrics.value[METRIC_BUS_RECEIVED], COUNT);
}

static void test_counted(void **state)
{
    struct answer first = { 0 }, second = { 0 };
    (void)state;
    subscribe("counted", &first);
    subscribe("counted", NULL);
    WAIT_ANSWER(&node, &first);
    subscribe("counted", &second);
    assert_int_equal(second.count, 0); /* confirmed already, but never from inside */
    WAIT_ANSWER(&node, &second);
    assert_int_equal(second.status, BUS_OK);
    unsubscribe("counted");
    unsubscribe("counted");
    run_for(loop, 0.05);
    assert_int_equal(subscribers("counted"), 1);
    unsubscribe("counted");
    wait_subscribers("counted", 0);
}

/* Comings and goings within one turn, with the answers still under way. */
static void test_flutter(void **state)
{
    struct answer answers[4] = { 0 };
    (void)state;
    subscribe("flutter", &answers[0]);
    unsubscribe("flutter");
    subscribe("flutter", &answers[1]);
    unsubscribe("flutter");
    subscribe("flutter", &answers[2]);
    WAIT_ANSWER(&node, &answers[2]);
    assert_int_equal(answers[0].count, 1);
    assert_int_equal(answers[1].count, 1);
    assert_int_equal(subscribers("flutter"), 1);
    unsubscribe("flutter");
    subscribe("flutter", &answers[3]);
    unsubscribe("flutter");
    WAIT_ANSWER(&node, &answers[3]);
    wait_subscribers("flutter", 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(answers[i].count, 1);
}

static void test_many_channels(void **state)
{
    enum { COUNT = 3000 };
    static struct answer answers[COUNT];
    char name[64];
    (void)state;
    memset(answers, 0, sizeof answers);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "many:{%d}", i);
        subscribe(name, &answers[i]);
    }
    WAIT_ANSWER(&node, &answers[COUNT - 1]);
    for (int i = 0; i < COUNT; i += 2) {
        snprintf(name, sizeof name, "many:{%d}", i);
        unsubscribe(name);
    }
    wait_subscribers("many:{2998}", 0); /* on another connection than what is published */
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(answers[i].count, 1);
        snprintf(name, sizeof name, "many:{%d}", i);
        publish(name, "", "x", NULL);
    }
    wait_messages(COUNT / 2);
    for (int i = 1; i < COUNT; i += 2) {
        snprintf(name, sizeof name, "many:{%d}", i);
        assert_string_equal(node.channel[i / 2], name);
        unsubscribe(name);
    }
    wait_subscribers("many:{2999}", 0); /* the last that was dropped */
    assert_string_equal(server_ask(&server, "PUBSUB CHANNELS many:*"), "");
}

static void test_big(void **state)
{
    enum { SIZE = 8 << 20 };
    char *payload = malloc(SIZE + 1);
    struct answer subscribed = { 0 };
    (void)state;
    memset(payload, 'b', SIZE);
    payload[SIZE] = '\0';
    subscribe("big", &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    redisContext *other = server_admin(&server, NULL, NULL);
    freeReplyObject(redisCommand(other, "PUBLISH big %b", payload, (size_t)SIZE));
    freeReplyObject(redisCommand(other, "PUBLISH big small"));
    wait_messages(2);
    assert_string_equal(node.payload[0], payload);
    assert_string_equal(node.payload[1], "small");
    redisFree(other);
    free(payload);
}

/* Beyond the bound the connection ends, and is made again with its subscriptions. */
static void test_too_big(void **state)
{
    enum { SIZE = 40 << 20 };
    char *payload = calloc(1, SIZE);
    struct answer subscribed = { 0 };
    (void)state;
    server_ask(&server, "CONFIG SET client-output-buffer-limit %s", "pubsub 0 0 0");
    subscribe("big", &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    redisContext *other = server_admin(&server, NULL, NULL);
    freeReplyObject(redisCommand(other, "PUBLISH big %b", payload, (size_t)SIZE));
    redisFree(other);
    free(payload);
    for (int i = 0; i < 100 && node.back == 0; i++)
        run_for(loop, 0.1);
    assert_int_equal(node.back, 1);
    assert_true(node.lost_at_back);
    assert_int_equal(node.messages, 0);
    assert_int_equal(subscribers("big"), 1);
}

/* A publish from inside of on_message and of the answer. */
static struct answer echo_answer;
static void publish_again(void *ctx, enum bus_status status, int64_t receivers)
{
    on_published(ctx, status, receivers);
    if (echo_answer.count < 1000)
        node.bus->ops->publish(node.bus, TEXT("echo"), TEXT("e"), TEXT("cho"), publish_again, ctx);
}

static bool has_thousand(void *ctx)
{
    (void)ctx;
    return echo_answer.count == 1000;
}

static void test_from_callbacks(void **state)
{
    struct answer subscribed = { 0 };
    (void)state;
    subscribe("echo", &subscribed);
    WAIT_ANSWER(&node, &subscribed); /* another connection's: what is published before it may not be heard */
    node.bus->ops->publish(node.bus, TEXT("echo"), TEXT("e"), TEXT("cho"), publish_again, &echo_answer);
    assert_true(run_until(loop, has_thousand, NULL, 10));
    wait_messages(1000);
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
        TEST(test_publish),       TEST(test_order), TEST(test_counted), TEST(test_flutter),
        TEST(test_many_channels), TEST(test_big),   TEST(test_too_big), TEST(test_from_callbacks),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

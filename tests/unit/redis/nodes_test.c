/* nodes_test.c - what nodes share on a real Redis: a secret, leases, beats and sweeps. */
#include <signal.h>
#include <stdio.h>

#include "store_stage.h"
#include "stanzabus/memory.h"

static void test_secret(void **state)
{
    struct answer first = { 0 }, second = { 0 }, other = { 0 };
    struct node node2;
    (void)state;
    node_open(&node2, &server, loop, NULL, NULL);
    redis_start(node2.redis);
    node.store->ops->secret_get(node.store, TEXT("server"), on_secret, &first);
    node2.store->ops->secret_get(node2.store, TEXT("server"), on_secret, &second);
    node.store->ops->secret_get(node.store, TEXT("other"), on_secret, &other);
    WAIT_ANSWER(&node, &first);
    WAIT_ANSWER(&node, &second);
    WAIT_ANSWER(&node, &other);
    assert_int_equal(first.result, 32);
    assert_memory_equal(first.text, second.text, 32);
    assert_memory_not_equal(first.text, other.text, 32);
    node_close(&node2);
}

/* -- leases -- */

static int64_t lease(const char *owner, int64_t ttl_ms)
{
    struct answer answer = { 0 };
    node.store->ops->lease_take(node.store, TEXT("echo.localhost"), text_of(owner), ttl_ms, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static void test_leases(void **state)
{
    (void)state;
    assert_int_equal(lease("n1", 300), 1);
    assert_int_equal(lease("n2", 300), 0);
    run_for(loop, 0.2);
    assert_int_equal(lease("n1", 300), 1); /* renewed */
    run_for(loop, 0.2);
    assert_int_equal(lease("n2", 300), 0);
    run_for(loop, 0.35);
    assert_int_equal(lease("n2", 5000), 1); /* its time was over */
    assert_int_equal(lease("n1", 300), 0);
    node.store->ops->lease_release(node.store, TEXT("echo.localhost"), TEXT("n1")); /* not its own */
    assert_int_equal(lease("n1", 300), 0);
    node.store->ops->lease_release(node.store, TEXT("echo.localhost"), TEXT("n2"));
    assert_int_equal(lease("n1", 300), 1);
    assert_string_equal(server_ask(&server, "KEYS *"), "xmpp:{echo.localhost}:lease");
}

/* -- beats and sweeps -- */

enum { TTL_MS = 1500 };

static struct answer beat(struct node *n, const char *id)
{
    struct answer answer = { 0 };
    n->store->ops->node_beat(n->store, text_of(id), TTL_MS, on_done, &answer);
    WAIT_ANSWER(n, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

static struct answer sweep(struct node *n)
{
    struct answer answer = { 0 };
    n->store->ops->node_sweep(n->store, on_gone, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(n, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

/* Beats for a while, a third of the life apart. */
static void beat_for(const char *id, double seconds)
{
    for (double end = clock_now() + seconds; clock_now() < end;) {
        beat(&node, id);
        run_for(loop, TTL_MS / 3000.0);
    }
    beat(&node, id);
}

static void test_beats(void **state)
{
    struct answer gone = { 0 };
    (void)state;
    assert_int_equal(beat(&node, "n1").result, 1); /* the first */
    assert_int_equal(beat(&node, "n1").result, 1);
    server_ask(&server, "DEL xmpp:nodes");
    assert_int_equal(beat(&node, "n1").result, 0);
    assert_int_equal(beat(&node, "n1").result, 1);
    server_ask(&server, "SADD xmpp:node:{n1}:sessions x");
    node.store->ops->node_gone(node.store, TEXT("n1"), on_done, &gone);
    WAIT_ANSWER(&node, &gone);
    assert_string_equal(server_ask(&server, "KEYS *"), "");
}

static void test_sweep(void **state)
{
    struct node other;
    char resource[32];
    (void)state;
    node_open(&other, &server, loop, NULL, NULL);
    redis_start(other.redis);
    node_wait_up(&other);
    beat(&other, "dead");
    for (int i = 0; i < 150; i++) { /* more than one batch */
        snprintf(resource, sizeof resource, "r%d", i);
        bind_row(row(resource, "dead", (uint64_t)i, true, 0), BIND_REFUSE, 1000);
    }
    bind_row(row("say \"hi\" \\/", "dead", 900, true, 0), BIND_REFUSE, 1000);
    bind_row(row("r3", "me", 5, true, 0), BIND_REPLACE, 1000); /* taken over: not the dead node's any more */
    server_ask(&server, "SADD xmpp:node:{dead}:sessions %s", "of another form");
    node_close(&other);

    beat_for("me", TTL_MS / 1000.0 * 0.6);
    assert_int_equal(sweep(&node).result, 0); /* not dead yet, nor may this one sweep yet */
    beat_for("me", TTL_MS / 1000.0 * 0.5);
    struct answer swept = sweep(&node);
    assert_int_equal(swept.result, 150);
    assert_non_null(strstr(swept.text, "juliet@example.com/r0\n"));
    assert_non_null(strstr(swept.text, "juliet@example.com/say \"hi\" \\/\n"));
    assert_null(strstr(swept.text, "juliet@example.com/r3\n"));
    assert_string_equal(server_ask(&server, "HKEYS xmpp:{juliet@example.com}:sessions"), "r3");
    assert_string_equal(server_ask(&server, "HKEYS xmpp:nodes"), "me");
    assert_string_equal(server_ask(&server, "EXISTS xmpp:node:{dead}:sessions"), "0");
    assert_int_equal(sweep(&node).result, 0);
    assert_string_equal(server_ask(&server, "ZCARD xmpp:detached"), "151"); /* until all is told of each; r3's was said to be replaced */
    node.store->ops->session_told(node.store, TEXT("dead\n0\njuliet@example.com/r0"));
    run_for(loop, 0.05);
    assert_string_equal(server_ask(&server, "ZCARD xmpp:detached"), "150");
    assert_string_equal(server_ask(&server, "HLEN xmpp:{juliet@example.com}:ended"), "149");
}

/* Two sweepers at once: each dead node is one's. */
static void test_two_sweepers(void **state)
{
    struct node other;
    struct answer one = { 0 }, two = { 0 };
    (void)state;
    node_open(&other, &server, loop, NULL, NULL);
    redis_start(other.redis);
    node_wait_up(&other);
    for (int i = 0; i < 5; i++) {
        beat(&node, "me");
        beat(&other, "too");
        run_for(loop, TTL_MS / 3000.0);
    }
    server_ask(&server, "HSET xmpp:nodes dead %s", "1 1");
    bind_row(row("r", "dead", 1, true, 0), BIND_REFUSE, 9);
    beat(&node, "me");
    beat(&other, "too");
    node.store->ops->node_sweep(node.store, on_gone, on_done, &one);
    other.store->ops->node_sweep(other.store, on_gone, on_done, &two);
    WAIT_ANSWER(&node, &one);
    WAIT_ANSWER(&other, &two);
    assert_int_equal(one.result + two.result, 1);
    assert_string_equal(server_ask(&server, "HEXISTS xmpp:nodes dead"), "0");
    node_close(&other);
}

/* A sweeper died in the middle: its claim ends, and the next goes on. */
static void test_claim_ends(void **state)
{
    (void)state;
    beat_for("me", TTL_MS / 1000.0 * 1.1);
    bind_row(row("r", "dead", 1, true, 0), BIND_REFUSE, 9);
    server_ask(&server, "HSET xmpp:nodes dead %s", "99999999999999 by other");
    assert_int_equal(sweep(&node).result, 0);
    server_ask(&server, "HSET xmpp:nodes dead %s", "1000 by other");
    assert_int_equal(sweep(&node).result, 1);
}

/* Redis did not run for longer than a life: all look dead, and nobody is swept before everybody could beat again. */
static void test_no_sweep_after_pause(void **state)
{
    struct node other;
    struct answer beaten = { 0 }, swept = { 0 };
    (void)state;
    node_open(&other, &server, loop, NULL, NULL);
    redis_start(other.redis);
    node_wait_up(&other);
    bind_row(row("r", "other", 1, true, 0), BIND_REFUSE, 9);
    for (int i = 0; i < 5; i++) {
        beat(&node, "me");
        beat(&other, "other");
        run_for(loop, TTL_MS / 3000.0);
    }
    /* Asked before the pause, done after it, with the beat just before the sweep: the worst order there is. */
    kill(server.pid, SIGSTOP);
    node.store->ops->node_beat(node.store, TEXT("me"), TTL_MS, on_done, &beaten);
    node.store->ops->node_sweep(node.store, on_gone, on_done, &swept);
    run_for(loop, TTL_MS / 1000.0 + 0.3);
    kill(server.pid, SIGCONT);
    WAIT_ANSWER(&node, &swept);
    assert_int_equal(swept.status, BUS_OK);
    assert_int_equal(swept.result, 0);
    assert_int_equal(sweep(&node).result, 0);
    assert_int_equal(beat(&other, "other").result, 1);
    node_close(&other);
}

static void test_no_sweep_after_reconnect(void **state)
{
    (void)state;
    beat_for("me", TTL_MS / 1000.0 * 1.1);
    bind_row(row("r", "dead", 1, true, 0), BIND_REFUSE, 9);
    server_ask(&server, "CLIENT KILL TYPE normal");
    run_for(loop, 0.1);
    node_wait_up(&node);
    server_ask(&server, "HSET xmpp:nodes dead %s", "1 1");
    beat(&node, "me");
    assert_int_equal(sweep(&node).result, 0);
    beat_for("me", TTL_MS / 1000.0 * 1.1);
    assert_int_equal(sweep(&node).result, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_secret),
        TEST(test_leases),
        TEST(test_beats),
        TEST(test_sweep),
        TEST(test_two_sweepers),
        TEST(test_claim_ends),
        TEST(test_no_sweep_after_pause),
        TEST(test_no_sweep_after_reconnect),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

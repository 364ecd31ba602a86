/* acl_test.c - deploy/redis.acl on a real Redis: the gateway can do all that it does, a service its two things, an
 * observer one, and nobody else anything. */
#include <hiredis/hiredis.h>
#include <stdio.h>

#include "fixture.h"
#include "stanzabus/store_archive.h"
#include "stanzabus/memory.h"

static struct server server = { .options = { "--aclfile", SOURCE_DIR "/deploy/redis.acl" } };
static struct ev_loop *loop;

/* Yes or no, for each command of each user on a connection of its own. */
static void test_users(void **state)
{
    static const struct {
        const char *user, *command;
        bool is_permitted;
    } rows[] = {
        { NULL, "PUBLISH xmpp:from:{echo.localhost} x", false },
        { NULL, "SUBSCRIBE xmpp:session", false },
        { "echo", "PING", true },
        { "echo", "HELLO 2", true },
        { "echo", "CLIENT SETNAME echo", true },
        { "echo", "SUBSCRIBE xmpp:to:{echo.localhost}", true },
        { "echo", "PUBLISH xmpp:from:{echo.localhost} x", true },
        { "echo", "PUBLISH xmpp:from:{echo.localhost}:node-1-abc x", true },
        { "echo", "PUBLISH xmpp:to:{echo.localhost} x", false },
        { "echo", "PUBLISH xmpp:to:{juliet@localhost} x", false },
        { "echo", "PUBLISH xmpp:from:{other.localhost} x", false },
        { "echo", "PUBLISH xmpp:node:{n1} x", false },
        { "echo", "PUBLISH xmpp:dead x", false },
        { "echo", "SPUBLISH xmpp:from:{echo.localhost} x", false },
        { "echo", "SUBSCRIBE xmpp:to:{juliet@localhost}", false },
        { "echo", "SUBSCRIBE xmpp:from:{echo.localhost}", false },
        { "echo", "SUBSCRIBE xmpp:to:{echo.localhost} xmpp:to:{juliet@localhost}", false },
        { "echo", "SUBSCRIBE xmpp:stanza:message", false },
        { "echo", "PSUBSCRIBE xmpp:to:{echo.localhost}", false },
        { "echo", "PSUBSCRIBE xmpp:*", false },
        { "echo", "PUBSUB CHANNELS *", false },
        { "echo", "GET xmpp:secret:server", false },
        { "echo", "HGETALL xmpp:{juliet@localhost}:account", false },
        { "echo", "SCAN 0", false },
        { "echo", "EVAL return 0", false },
        { "echo", "CONFIG GET *", false },
        { "echo", "CLIENT LIST", false },
        { "echo", "MONITOR", false },
        { "observer", "SUBSCRIBE xmpp:stanza:message xmpp:stanza:presence xmpp:stanza:iq xmpp:session xmpp:dead",
          true },
        { "observer", "SUBSCRIBE xmpp:to:{juliet@localhost}", false },
        { "observer", "PSUBSCRIBE xmpp:stanza:*", false },
        { "observer", "PUBLISH xmpp:session x", false },
        { "observer", "PUBLISH xmpp:from:{echo.localhost} x", false },
        { "observer", "GET xmpp:secret:server", false },
        { "stanzabus", "PUBLISH xmpp:to:{juliet@localhost} x", true },
        { "stanzabus", "SUBSCRIBE xmpp:from:{echo.localhost}", true },
        { "stanzabus", "GET xmpp:secret:server", true },
        { "stanzabus", "PUBLISH other x", false },
        { "stanzabus", "GET other", false },
        { "stanzabus", "FLUSHALL", false },
        { "stanzabus", "CONFIG SET save 1", false },
        { "stanzabus", "KEYS *", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char password[64];
        snprintf(password, sizeof password, "%s-secret", rows[i].user ? rows[i].user : "");
        struct redisContext *context = server_admin(&server, rows[i].user, password);
        redisReply *reply = redisCommand(context, rows[i].command);
        assert_non_null(reply);
        bool is_permitted = reply->type != REDIS_REPLY_ERROR;
        if (is_permitted != rows[i].is_permitted)
            fail_msg("%s: %s: %s", rows[i].user ? rows[i].user : "(nobody)", rows[i].command,
                     is_permitted ? "permitted" : reply->str);
        if (!is_permitted && !strstr(reply->str, rows[i].user ? "NOPERM" : "NOAUTH"))
            fail_msg("%s: %s", rows[i].command, reply->str);
        freeReplyObject(reply);
        redisFree(context);
    }
}

/* Everything that the bus and the store ever ask, as the user of the gateway. */
static void test_gateway(void **state)
{
    struct node node;
    struct answer answers[19] = { 0 };
    struct account account = { .sha256 = { .iterations = 10000, .salt_size = 16 } };
    struct session_row row = {
        .bare = TEXT("a@b"), .resource = TEXT("r"), .node = TEXT("n1"), .session = 1, .is_available = true
    };
    struct route route = { .bare = row.bare,
                           .resource = row.resource,
                           .audience = ROUTE_RESOURCE_OR_NON_NEGATIVE,
                           .event = TEXT("{\"id\":1}") };
    char url[128];
    (void)state;
    snprintf(url, sizeof url, "redis://stanzabus:stanzabus-secret@127.0.0.1:%d", server.port);
    node_open(&node, &server, loop, url, NULL);
    redis_start(node.redis);
    node_wait_up(&node);
    struct bus *bus = node.bus;
    struct store *store = node.store;
    const struct store_ops *ops = store->ops;

    bus->ops->subscribe(bus, TEXT("xmpp:to:{a@b}"), on_subscribed, &answers[0]);
    bus->ops->publish(bus, TEXT("xmpp:to:{a@b}"), TEXT("x"), TEXT("y"), on_published, &answers[1]);
    ops->account_put(store, row.bare, &account, ACCOUNT_CREATE, on_done, &answers[2]);
    ops->account_get(store, row.bare, on_account, &answers[3]);
    ops->account_list(store, TEXT("b"), on_each, on_done, &answers[4]);
    ops->secret_get(store, TEXT("server"), on_secret, &answers[5]);
    ops->session_bind(store, &row, BIND_REPLACE, 9, on_bound, &answers[6]);
    ops->session_update(store, &row, on_done, &answers[7]);
    ops->route(store, &route, on_done, &answers[8]);
    route.resource = TEXT("gone");
    ops->route(store, &route, on_done, &answers[9]);
    ops->session_remove(store, &row, on_done, &answers[10]);
    ops->account_delete(store, row.bare, on_done, &answers[11]);
    ops->lease_take(store, TEXT("echo.localhost"), row.node, 1000, on_done, &answers[12]);
    ops->lease_take(store, TEXT("echo.localhost"), row.node, 1000, on_done, &answers[18]);
    ops->lease_release(store, TEXT("echo.localhost"), row.node);
    ops->node_beat(store, TEXT("dead"), 300, on_done, &answers[13]);
    row.node = TEXT("dead");
    ops->session_bind(store, &row, BIND_REPLACE, 9, on_bound, &answers[14]);
    run_for(loop, 0.1);
    for (int i = 0; i < 6; i++) {
        memset(&answers[15], 0, sizeof answers[15]);
        ops->node_beat(store, TEXT("n1"), 300, on_done, &answers[15]);
        run_for(loop, 0.1);
    }
    ops->node_sweep(store, on_gone, on_done, &answers[16]);
    WAIT_ANSWER(&node, &answers[16]);
    ops->node_gone(store, TEXT("n1"), on_done, &answers[17]);
    WAIT_ANSWER(&node, &answers[17]);
    for (int i = 0; i < 19; i++)
        if (answers[i].count != 1 || answers[i].status != BUS_OK)
            fail_msg("step %d: %d answers, status %d", i, answers[i].count, answers[i].status);
    assert_int_equal(answers[16].result, 1);
    assert_int_equal(node.metrics.value[METRIC_BUS_COMMANDS_FAILED], 0);
    node_close(&node);
}

static void on_page(void *ctx, enum bus_status status, const struct archive_page_end *end)
{
    on_done(ctx, status, end->total);
}

static void on_archived(void *ctx, struct text id, struct text event)
{
    (void)ctx;
    (void)id;
    (void)event;
}

static void on_preferences(void *ctx, enum bus_status status, const struct archive_preferences *preferences)
{
    on_done(ctx, status, preferences ? (int64_t)preferences->never_count : -1);
}

static void on_retained(void *ctx, enum bus_status status, struct text next, int64_t removed)
{
    (void)next;
    on_done(ctx, status, removed);
}

/* The same of the archive: written, read, trimmed by each of its bounds. */
static void test_archive(void **state)
{
    struct node node;
    struct answer answers[6] = { 0 };
    const struct account account = { .sha256 = { .iterations = 10000, .salt_size = 16 } };
    const struct archive_settings settings = { 'A', 1000, 1, 1 };
    const struct archive_settings lasting = { 'A', 60000, 10, 1000000 }; /* what is written may be trimmed at once */
    struct text never = TEXT("c@d");
    const struct archive_preferences preferences = { .keeps = 'R', .never = &never, .never_count = 1 };
    const struct deliver sent = { .bare = TEXT("a@b"), .resource = TEXT("r"), .keep = KEEP_ARCHIVE, .from = TEXT("c@d/e"),
                                  .archive = &lasting, .stream = TEXT("n1"), .number = 1, .stream_seconds = 60, .event = TEXT("{\"id\":1}") };
    const struct archive_page page = { .bare = sent.bare, .partner = TEXT("c@d"), .lower = TEXT("-"), .upper = TEXT("+"),
                                       .max = 1, .bytes = 100, .keep_ms = 60000 };
    char url[128];
    (void)state;
    snprintf(url, sizeof url, "redis://stanzabus:stanzabus-secret@127.0.0.1:%d", server.port);
    node_open(&node, &server, loop, url, NULL);
    redis_start(node.redis);
    node_wait_up(&node);
    struct store *store = node.store;
    store->ops->account_put(store, sent.bare, &account, ACCOUNT_CREATE, on_done, &answers[0]);
    store->log->sent(store, &sent, on_done, &answers[1]);
    WAIT_ANSWER(&node, &answers[1]); /* it may go later in its turn than what is asked behind it */
    store->archive->page(store, &page, on_archived, on_page, &answers[2]);
    store->archive->preferences_set(store, sent.bare, &preferences, on_done, &answers[3]);
    store->archive->preferences_get(store, sent.bare, on_preferences, &answers[4]);
    store->archive->retain(store, TEXT("0"), &settings, on_retained, &answers[5]);
    WAIT_ANSWER(&node, &answers[5]);
    for (int i = 0; i < 5; i++)
        if (answers[i].count != 1 || answers[i].status != BUS_OK || answers[i].result != 1)
            fail_msg("step %d: %d answers, status %d, result %lld %s", i, answers[i].count, answers[i].status, (long long)answers[i].result, node.failure);
    assert_int_equal(answers[5].status, BUS_OK);
    assert_int_equal(node.metrics.value[METRIC_BUS_COMMANDS_FAILED], 0);
    node_close(&node);
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_users), cmocka_unit_test(test_gateway), cmocka_unit_test(test_archive) };
    return cmocka_run_group_tests(tests, start, stop);
}

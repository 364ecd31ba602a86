/* log_stage.c - what log_stage.h says. */
#include <stdio.h>

#include "log_stage.h"
#include "stanzabus/memory.h"

static size_t heard; /* messages that were looked at */

int log_stage_open(void **state)
{
    suite_open(state);
    node.keeps_messages = true;
    heard = 0;
    return 0;
}

void listen_on(const char *channel)
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
const char *next_heard(void)
{
    assert_true(run_until(loop, has_more, NULL, 5));
    return node.payload[heard++];
}

void hears(const char *payload)
{
    assert_string_equal(next_heard(), payload);
}

void hears_nothing(void)
{
    run_for(loop, 0.03);
    assert_false(has_more(NULL));
}

static const struct archive_settings always = { .preference = 'A' };

struct deliver message(enum route_audience audience, const char *resource, unsigned keep)
{
    return (struct deliver){ .bare = TEXT("juliet@example.com"),
                             .resource = text_of(resource),
                             .audience = audience,
                             .keep = keep,
                             .from = TEXT("romeo@example.net/orchard"),
                             .stream_seconds = 60,
                             .waiting = 10000,
                             .waiting_bytes = 1000000,
                             .archive = &always,
                             .event = TEXT("{\"id\":\"1\"}") };
}

int64_t deliver(struct deliver what)
{
    struct answer answer = { 0 };
    node.store->log->deliver(node.store, &what, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

/* The same with its number as the event, so that order shows. */
int64_t deliver_numbered(struct deliver what, unsigned number)
{
    char event[32];
    snprintf(event, sizeof event, "{\"m\":%u}", number);
    what.event = text_of(event);
    return deliver(what);
}

const char *log_of(void)
{
    return server_ask(&server, "XRANGE xmpp:{juliet@example.com}:log - +");
}

const char *flags_of(void)
{
    return server_ask(&server, "HGET xmpp:{juliet@example.com}:sessions %s", "");
}

void make_account(void)
{
    server_ask(&server, "HSET xmpp:{juliet@example.com}:account sha1 x");
}

int64_t done(const char *uid, const uint64_t *numbers, size_t count)
{
    struct answer answer = { 0 };
    node.store->log->done(node.store, TEXT("juliet@example.com"), text_of(uid), numbers, count, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static struct settled settled_now;

static void on_settled(void *ctx, enum bus_status status, const struct settled *settled)
{
    assert_int_equal(status, BUS_OK);
    settled_now = *settled;
    on_done(ctx, status, settled->moved);
}

struct settled settle_page(struct settled from, const char *archive_read)
{
    struct answer answer = { 0 };
    node.store->log->settle(node.store, TEXT("juliet@example.com"), &from, text_of(archive_read), on_settled, &answer);
    WAIT_ANSWER(&node, &answer);
    return settled_now;
}

unsigned settle(const char *archive_read)
{
    struct settled page = { 0 };
    unsigned moved = 0;
    do {
        page = settle_page(page, archive_read);
        moved += page.moved;
    } while (page.next);
    return moved;
}

struct session_row held_row(const char *resource, const char *node_id, uint64_t session, bool is_available, int priority)
{
    struct session_row out = row(resource, node_id, session, is_available, priority);
    out.uid = out.resource; /* any name will do */
    return out;
}

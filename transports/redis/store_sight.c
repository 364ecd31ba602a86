/* store_sight.c - what somebody may see of an account, in one call of scripts/sight.lua. */
#include <stdlib.h>

#include "stanzabus/store_sight.h"
#include "store_parts.h"

static void answer_sight(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_sight_fn *fn = (store_sight_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    struct sight sight = { 0 };
    (void)redis;
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    if (status != BUS_OK) {
        fn(pending->ctx, status, NULL);
        return;
    }
    struct text *resources = NULL;
    if (count >= 4) {
        resources = xcalloc(count - 4 + 1, sizeof *resources);
        for (size_t i = 4; i < count; i++)
            resources[i - 4] = reply[i].text;
        sight = (struct sight){ .may_see = reply[1].integer == 1,
                                .is_connected = reply[2].integer > 0,
                                .resources = resources,
                                .count = count - 4,
                                .gone = reply[3].text };
    }
    fn(pending->ctx, BUS_OK, &sight);
    free(resources);
}

static void sight_look(struct store *store, struct text bare, struct text address, store_sight_fn *fn, void *ctx)
{
    static const char *const keys[] = { "sessions", "presence", "roster", "blocked", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_sight, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_SIGHT, bare, keys, 3);
    sender_parts(queue, bare, address);
    script_end(queue, SCRIPT_SIGHT,
               (struct pending){ .answer = answer_sight, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

const struct sight_ops redis_sight_ops = { .look = sight_look };

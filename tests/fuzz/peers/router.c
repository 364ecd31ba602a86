/* router.c - the router: handles what came in when the script says so. */
#include <string.h>

#include "tests/fuzz/peers/world.h"

static void on_stanza(void *ctx, struct stanza *stanza, uint64_t peer, uint64_t number)
{
    (void)ctx;
    stanza_free(&stanza);
    if (world.open_count == OPEN_MAX) {
        peers_handled(world.peers, world.open[0].peer, world.open[0].number);
        memmove(world.open, world.open + 1, --world.open_count * sizeof world.open[0]);
    }
    world.open[world.open_count].peer = peer;
    world.open[world.open_count++].number = number;
}

static void on_undelivered(void *ctx, struct stanza *stanza, enum stanza_condition condition, const char *text)
{
    (void)ctx;
    (void)condition;
    (void)text;
    stanza_free(&stanza);
}

const struct peers_callbacks router_callbacks = { on_stanza, on_undelivered };

void router_handle_one(void)
{
    if (world.open_count == 0)
        return;
    unsigned chosen = script_next(world.open_count);
    peers_handled(world.peers, world.open[chosen].peer, world.open[chosen].number);
    world.open[chosen] = world.open[--world.open_count];
}

/* world.c - a world for each input: as main.c begins and ends a node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/peers/world.h"

struct world world;

static struct dialer dialer = { &dialer_ops };

struct text event_text = { "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"xmpp:a@one.example/x\",\"type\":\"xmpp.message\",\"data\":{\"kind\":\"message\","
                           "\"from\":\"a@one.example/x\",\"to\":\"b@other.example\",\"body\":\"hi\"}}", 0 };

static const char *const domains[] = { "one.example", "two.example", "other.example", "third.example", "irc.example", "bridge.example", "evil example" };
enum { DOMAIN_COUNT = sizeof domains / sizeof domains[0] };

const char *world_next_domain(void)
{
    return domains[script_next(DOMAIN_COUNT)];
}

static int64_t no_time(void *ctx)
{
    (void)ctx;
    return 0;
}

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

void world_begin(void)
{
    static const char *const sets[] = { "domain=one.example",          "services.domains=two.example,bridge.example", "s2s.services=on",
                                        "s2s.dialback=on",             "s2s.tls=off",           "s2s.queue=10",
                                        "limits.peers=10",       "components.accept=irc.example:secret",
                                        "components.share=on",         "components.connect=bridge.example:secret@127.0.0.1:5347",
                                        "limits.client_queue=1M" };
    if (!world.config) {
        world.config = config_load(NULL, NULL, sets, sizeof sets / sizeof sets[0], complain, NULL);
        if (!world.config)
            abort();
        world.config->listen_s2s.is_on = true; /* with a certificate, which would have to be a file */
        event_text.size = strlen(event_text.data);
    }
    struct config *config = world.config;
    world = (struct world){ .config = config, .now_ms = 1000, .log = { LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, NULL, NULL } };
    world.bus = (struct bus){ .ops = &bus_ops };
    world.store = (struct store){ .ops = &store_ops, .log = &log_ops, .peers = &peers_ops };
    world.parts = (struct parts){ .config = config,
                                  .bus = &world.bus,
                                  .store = &world.store,
                                  .timers = timers_new(world.now_ms),
                                  .streams = stream_pool_new(),
                                  .metrics = &world.metrics,
                                  .log = &world.log,
                                  .node = TEXT("n1"),
                                  .wall_ms = no_time };
    world.peers = peers_new(&world.parts, &dialer, &router_callbacks, NULL);
}

void world_end(void)
{
    peers_stop(world.peers);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (world.lines[i].is_used)
            line_end(&world.lines[i]);
    while (world.answer_count)
        answer_one(BUS_AWAY);
    peers_free(&world.peers);
    for (int i = 0; i < DIALS_MAX; i++)
        if (world.dials[i] || world.proofs[i])
            abort(); /* they would call back into what is gone */
    stream_pool_free(&world.parts.streams);
    timers_free(&world.parts.timers);
}

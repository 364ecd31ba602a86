/* world.c - the nodes of a dialogue, put together as main.c puts them together, but around memory. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

enum { WIRES_MAX = 64, SETTLE_MAX = 1000000 };

struct world_node {
    struct parts parts;
    struct metrics metrics;
    struct log log;
    char id[32];
    struct router *router;
    struct sessions *sessions;
};

struct world {
    struct config *config;
    struct exchange *exchange;
    struct tables *tables;
    struct world_node nodes[WORLD_NODES_MAX];
    unsigned node_count;
    struct wire *wires[WIRES_MAX];
    size_t wire_count;
    int64_t now_ms; /* monotonic; wall time is an hour of 2026 plus this */
};

static int64_t wall_ms(void *ctx)
{
    return 1795358400000 + ((struct world *)ctx)->now_ms;
}

static void ignore_wake(void *ctx)
{
    (void)ctx;
}

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

static void node_open(struct world *world, unsigned index)
{
    struct world_node *node = &world->nodes[index];
    struct bus *bus = exchange_bus(world->exchange);

    snprintf(node->id, sizeof node->id, "test-%u-%u", index, index);
    node->log = (struct log){ LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, stderr, node->id };
    if (getenv("FLOW_LOG"))
        node->log.level = LOG_LEVEL_DEBUG;
    node->parts = (struct parts){ .config = world->config,
                                  .bus = bus,
                                  .store = tables_store(world->tables, bus),
                                  .timers = timers_new(world->now_ms),
                                  .work = work_pool_new(1, 100, ignore_wake, NULL),
                                  .streams = stream_pool_new(),
                                  .metrics = &node->metrics,
                                  .log = &node->log,
                                  .node = text_of(node->id),
                                  .wall_ms = wall_ms,
                                  .wall_ctx = world };
    node->router = router_new(&node->parts);
    node->sessions = sessions_new(&node->parts, &router_session_callbacks, node->router);
    router_set_sessions(node->router, node->sessions);
    bus->callbacks = &router_bus_callbacks;
    bus->ctx = node->router;
    router_start(node->router, ignore_wake, NULL);
}

struct world *world_new(unsigned nodes, const char *const *sets, size_t set_count)
{
    struct world *world = xcalloc(1, sizeof *world);
    char *no_environment[] = { NULL };

    world->now_ms = 1000;
    world->config = config_load(NULL, no_environment, sets, set_count, complain, NULL);
    if (!world->config)
        exit(1);
    world->exchange = exchange_new();
    world->tables = tables_new(world->exchange, world->config->bus_prefix);
    world->node_count = nodes;
    for (unsigned i = 0; i < nodes; i++)
        node_open(world, i);
    world_settle(world);
    return world;
}

/* Password hashing runs on a thread; a dialogue waits for it. */
static bool collect_work(struct world *world)
{
    bool any = false;
    for (unsigned i = 0; i < world->node_count; i++) {
        struct work_pool *work = world->nodes[i].parts.work;
        for (int tries = 0; work_open(work) > 0 && tries < 5000; tries++) {
            poll(NULL, 0, 1);
            work_collect(work);
            any = true;
        }
        work_collect(work);
    }
    return any;
}

void world_settle(struct world *world)
{
    bool moved = true;
    for (int i = 0; moved && i < SETTLE_MAX; i++) {
        moved = exchange_step(world->exchange);
        for (size_t w = 0; w < world->wire_count; w++)
            wire_step(world->wires[w]);
        if (!moved)
            moved = collect_work(world) || exchange_step(world->exchange);
    }
}

void world_pass(struct world *world, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += TIMER_TICK_MS) {
        world->now_ms += TIMER_TICK_MS;
        for (unsigned i = 0; i < world->node_count; i++)
            timers_advance(world->nodes[i].parts.timers, world->now_ms);
        world_settle(world);
    }
}

struct exchange *world_exchange(struct world *world)
{
    return world->exchange;
}

struct tables *world_tables(struct world *world)
{
    return world->tables;
}

const struct metrics *world_metrics(const struct world *world, unsigned node)
{
    return &world->nodes[node].metrics;
}

const struct config *world_config(const struct world *world)
{
    return world->config;
}

struct wire *world_connect(struct world *world, unsigned node, enum stream_framing framing)
{
    if (world->wire_count == WIRES_MAX) {
        fprintf(stderr, "a dialogue has at most %d connections\n", WIRES_MAX);
        exit(1);
    }
    struct wire *wire = wire_open(&sessions_connection_callbacks, world->nodes[node % world->node_count].sessions, framing);
    world->wires[world->wire_count++] = wire;
    return wire;
}

void world_free(struct world **pointer)
{
    struct world *world = *pointer;
    if (!world)
        return;
    for (size_t i = 0; i < world->wire_count; i++)
        wire_free(&world->wires[i]);
    world->wire_count = 0;
    world_settle(world);
    for (unsigned i = 0; i < world->node_count; i++) {
        struct world_node *node = &world->nodes[i];
        work_pool_free(&node->parts.work);
        sessions_free(&node->sessions);
        router_free(&node->router);
        stream_pool_free(&node->parts.streams);
        timers_free(&node->parts.timers);
    }
    tables_free(&world->tables);
    exchange_free(&world->exchange);
    config_free(&world->config);
    free(world);
    *pointer = NULL;
}

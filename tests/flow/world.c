/* world.c - the nodes of a dialogue, put together as main.c puts them together, on one loop.
 *
 *   wires ──> sessions ──┬─> router ──> bus and store ──> redis-server <── the outsider: a bus of its own, for services
 *        └──> peers ─────┘   (components: nobody is called)
 */
#include <stdio.h>
#include <stdlib.h>

#include "redis_server.h"
#include "world_inside.h"

static struct world *the_world; /* a node's callbacks know its router only */

static int64_t wall_ms(void *ctx)
{
    return 1795358400000 + ((struct world *)ctx)->now_ms;
}

/* -- what the nodes hear, and the outsider -- */

static void on_node_message(void *ctx, struct text channel, struct text payload)
{
    if (world_take_barrier(the_world, channel, payload))
        return;
    the_world->moves++;
    router_bus_callbacks.on_message(ctx, channel, payload);
}

static void on_outsider_message(void *ctx, struct text channel, struct text payload)
{
    struct outsider *outsider = ctx;
    if (world_take_barrier(the_world, channel, payload))
        return;
    the_world->moves++;
    outsider->heard(outsider->ctx, channel, payload);
}

static void ignore(void *ctx)
{
    (void)ctx;
}

static void ignore_back(void *ctx, bool subscriptions_lost)
{
    (void)ctx;
    (void)subscriptions_lost;
}

static const struct bus_callbacks outsider_callbacks = { .on_message = on_outsider_message,
                                                         .on_away = ignore,
                                                         .on_back = ignore_back,
                                                         .on_full = ignore,
                                                         .on_drained = ignore };

/* -- asking Redis beside the nodes -- */

static bool is_answered(struct world *world)
{
    return world->is_answered;
}

static void on_answer(void *ctx, enum bus_status status, int64_t result)
{
    struct world *world = ctx;
    world->is_answered = true;
    world->answer = status == BUS_OK ? result : -1;
}

static void on_subscribed(void *ctx, enum bus_status status)
{
    on_answer(ctx, status, 0);
}

static void wait_answer(struct world *world)
{
    world_run_until(world, is_answered, "Redis does not answer");
    world->is_answered = false;
}

static void subscribe(struct world *world, struct bus *bus, struct text channel)
{
    bus->ops->subscribe(bus, channel, on_subscribed, world);
    wait_answer(world);
}

void world_listen(struct world *world, struct text channel)
{
    subscribe(world, redis_bus(world->outsider.redis), channel);
}

int64_t world_say(struct world *world, struct text channel, struct text payload)
{
    struct bus *bus = redis_bus(world->outsider.redis);
    bus->ops->publish(bus, channel, (struct text){ 0 }, payload, on_answer, world);
    wait_answer(world);
    return world->answer;
}

void world_add_account(struct world *world, struct text bare, const struct account *account)
{
    struct store *store = redis_store(world->outsider.redis);
    store->ops->account_put(store, bare, account, ACCOUNT_CREATE, on_answer, world);
    wait_answer(world);
    if (world->answer != 1)
        world_die("the account was not written");
}

/* -- life -- */

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

static struct redis *open_redis(struct world *world, struct log *log, struct metrics *metrics)
{
    struct redis_settings settings = { .url = text_of(redis_server_url()),
                                       .prefix = world->config->bus_prefix,
                                       .wait_ms = world->config->redis_wait_ms,
                                       .queue_bytes = world->config->limits_redis_queue,
                                       .log = log,
                                       .metrics = metrics };
    struct redis *redis = redis_new(world->loop, &settings);
    if (!redis)
        world_die("no Redis");
    return redis;
}

static void outsider_open(struct world *world)
{
    struct outsider *outsider = &world->outsider;
    outsider->log = (struct log){ LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, stderr, "outsider" };
    outsider->redis = open_redis(world, &outsider->log, &outsider->metrics);
    redis_bus(outsider->redis)->callbacks = &outsider_callbacks;
    redis_bus(outsider->redis)->ctx = outsider;
    redis_start(outsider->redis);
    subscribe(world, redis_bus(outsider->redis), TEXT(WORLD_BARRIER));
}

static void on_ready(void *ctx)
{
    struct world_node *node = ctx;
    node->is_ready = true;
    peers_start(node->peers);
}

static bool are_ready(struct world *world)
{
    for (unsigned i = 0; i < world->node_count; i++)
        if (!world->nodes[i].is_ready)
            return false;
    return true;
}

static void node_open(struct world *world, unsigned index)
{
    static struct bus_callbacks callbacks;
    struct world_node *node = &world->nodes[index];

    callbacks = router_bus_callbacks;
    callbacks.on_message = on_node_message;
    snprintf(node->id, sizeof node->id, "test-%u-%u", index, index);
    node->log = (struct log){ LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, stderr, node->id };
    if (getenv("FLOW_LOG"))
        node->log.level = LOG_LEVEL_DEBUG;
    node->redis = open_redis(world, &node->log, &node->metrics);
    node->parts = (struct parts){ .config = world->config,
                                  .bus = redis_bus(node->redis),
                                  .store = redis_store(node->redis),
                                  .timers = timers_new(world->now_ms),
                                  .work = work_pool_new(1, 100, world_wake, world),
                                  .streams = stream_pool_new(),
                                  .metrics = &node->metrics,
                                  .log = &node->log,
                                  .node = text_of(node->id),
                                  .wall_ms = wall_ms,
                                  .wall_ctx = world };
    node->router = router_new(&node->parts);
    node->sessions = sessions_new(&node->parts, &router_session_callbacks, node->router);
    router_set_sessions(node->router, node->sessions);
    node->peers = peers_new(&node->parts, NULL, &router_peers_callbacks, node->router);
    router_set_peers(node->router, node->peers);
    node->parts.bus->callbacks = &callbacks;
    node->parts.bus->ctx = node->router;
    redis_start(node->redis);
    subscribe(world, node->parts.bus, TEXT(WORLD_BARRIER));
    router_start(node->router, on_ready, node);
}

struct world *world_new(unsigned nodes, const char *const *sets, size_t set_count, world_heard_fn *heard, void *ctx)
{
    struct world *world = the_world = xcalloc(1, sizeof *world);
    char *no_environment[] = { NULL };

    redis_server_clear();
    world->now_ms = 1000;
    world->config = config_load(NULL, no_environment, sets, set_count, complain, NULL);
    if (!world->config)
        exit(1);
    world->loop = ev_loop_new(EVFLAG_AUTO);
    world_watch(world);
    world->outsider.heard = heard;
    world->outsider.ctx = ctx;
    outsider_open(world);
    for (; world->node_count < nodes; world->node_count++)
        node_open(world, world->node_count);
    world_run_until(world, are_ready, "the nodes do not get ready");
    world_settle(world);
    return world;
}

const struct config *world_config(const struct world *world)
{
    return world->config;
}

struct wire *world_connect(struct world *world, unsigned node, enum stream_framing framing)
{
    if (world->wire_count == WIRES_MAX)
        world_die("too many connections for one dialogue");
    struct wire *wire = wire_open(&sessions_connection_callbacks, world->nodes[node % world->node_count].sessions, framing);
    world->wires[world->wire_count++] = wire;
    return wire;
}

struct wire *world_connect_component(struct world *world, unsigned node)
{
    if (world->wire_count == WIRES_MAX)
        world_die("too many connections for one dialogue");
    struct wire *wire = wire_open(&peers_component_callbacks, world->nodes[node % world->node_count].peers, FRAMING_TCP);
    world->wires[world->wire_count++] = wire;
    return wire;
}

static bool all_are_away(struct world *world)
{
    bool away = redis_bus(world->outsider.redis)->is_away;
    for (unsigned i = 0; i < world->node_count; i++)
        away = away && world->nodes[i].parts.bus->is_away;
    return away;
}

void world_lose_redis(struct world *world)
{
    redis_server_kill();
    world_run_until(world, all_are_away, "a node does not notice that Redis is away");
    world_settle(world);
}

static bool all_are_up(struct world *world)
{
    bool up = world->outsider.metrics.value[METRIC_REDIS_UP] && !world_is_away(world);
    for (unsigned i = 0; i < world->node_count; i++)
        up = up && world->nodes[i].metrics.value[METRIC_REDIS_UP];
    return up;
}

void world_regain_redis(struct world *world)
{
    redis_server_start();
    world_run_until(world, all_are_up, "a node does not find Redis again");
    world_settle(world);
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
        peers_stop(world->nodes[i].peers);
        router_stop(world->nodes[i].router);
    }
    world_settle(world);
    for (unsigned i = 0; i < world->node_count; i++) {
        struct world_node *node = &world->nodes[i];
        work_pool_free(&node->parts.work);
        redis_free(&node->redis);
        sessions_free(&node->sessions);
        peers_free(&node->peers);
        router_free(&node->router);
        stream_pool_free(&node->parts.streams);
        timers_free(&node->parts.timers);
    }
    redis_free(&world->outsider.redis);
    world_unwatch(world);
    ev_loop_destroy(world->loop);
    config_free(&world->config);
    free(world);
    *pointer = the_world = NULL;
}

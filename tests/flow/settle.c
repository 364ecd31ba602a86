/* settle.c - the loop of a world, and when nothing moves on it: when nobody waits for Redis, no thread works, and a message
 * that was published after that has come back on every subscriber (the barrier: what was published before it came in before
 * it), without anything else having happened. */
#include <stdio.h>
#include <stdlib.h>

#include "world_inside.h"

static const double SETTLED_WITHIN = 20.0;

void world_die(const char *text)
{
    fprintf(stderr, "%s\n", text);
    exit(1);
}

/* -- what moves -- */

static bool nodes_wait_for_redis(const struct world *world)
{
    for (unsigned i = 0; i < world->node_count; i++)
        if (!redis_is_idle(world->nodes[i].redis))
            return true;
    return false;
}

static bool is_still(struct world *world)
{
    for (unsigned i = 0; i < world->node_count; i++)
        if (work_open(world->nodes[i].parts.work) > 0)
            return false;
    return !nodes_wait_for_redis(world) && redis_is_idle(world->outsider.redis);
}

/* Runs between what a turn asks and the answers that it takes. */
static void on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
    struct world *world = check->data;
    (void)loop;
    (void)events;
    if (nodes_wait_for_redis(world))
        world->moves++;
}

static void on_work_done(struct ev_loop *loop, struct ev_async *async, int events)
{
    struct world *world = async->data;
    (void)loop;
    (void)events;
    world->moves++;
    for (unsigned i = 0; i < world->node_count; i++)
        work_collect(world->nodes[i].parts.work);
}

void world_wake(void *ctx)
{
    struct world *world = ctx;
    ev_async_send(world->loop, &world->work_done);
}

static void on_alarm(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

static void turn(struct world *world, int flags)
{
    ev_run(world->loop, flags);
    for (size_t i = 0; i < world->wire_count; i++)
        if (wire_step(world->wires[i]))
            world->moves++;
}

void world_run_until(struct world *world, bool (*is_met)(struct world *world), const char *otherwise)
{
    double end = ev_time() + SETTLED_WITHIN;
    ev_now_update(world->loop);
    ev_timer_set(&world->alarm, SETTLED_WITHIN, 0.);
    ev_timer_start(world->loop, &world->alarm);
    while (!is_met(world)) {
        if (ev_time() >= end)
            world_die(otherwise);
        turn(world, EVRUN_ONCE);
    }
    ev_timer_stop(world->loop, &world->alarm);
}

/* -- the barrier -- */

static bool came_back(struct world *world)
{
    return world->came_back == world->node_count + 1;
}

bool world_take_barrier(struct world *world, struct text channel, struct text payload)
{
    char number[16];
    if (!text_is(channel, WORLD_BARRIER))
        return false;
    snprintf(number, sizeof number, "%u", world->barrier);
    if (text_is(payload, number))
        world->came_back++;
    return true;
}

static void pass_barrier(struct world *world)
{
    char number[16];
    struct bus *bus = redis_bus(world->outsider.redis);
    snprintf(number, sizeof number, "%u", ++world->barrier);
    world->came_back = 0;
    bus->ops->publish(bus, TEXT(WORLD_BARRIER), text_of(number), (struct text){ 0 }, NULL, NULL);
    world_run_until(world, came_back, "a message does not come back from Redis");
}

bool world_is_away(const struct world *world)
{
    bool away = redis_bus(world->outsider.redis)->is_away;
    for (unsigned i = 0; i < world->node_count; i++)
        away = away || world->nodes[i].parts.bus->is_away;
    return away;
}

void world_settle(struct world *world)
{
    size_t before;
    do {
        world_run_until(world, is_still, "nothing comes to rest");
        before = world->moves;
        if (world_is_away(world))
            turn(world, EVRUN_NOWAIT);
        else
            pass_barrier(world);
    } while (world->moves != before || !is_still(world));
}

/* Most ticks move nothing. */
void world_pass(struct world *world, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += TIMER_TICK_MS) {
        size_t before = world->moves;
        world->now_ms += TIMER_TICK_MS;
        for (unsigned i = 0; i < world->node_count; i++)
            timers_advance(world->nodes[i].parts.timers, world->now_ms);
        turn(world, EVRUN_NOWAIT);
        if (world->moves != before || !is_still(world))
            world_settle(world);
    }
}

/* -- the watchers -- */

void world_watch(struct world *world)
{
    ev_check_init(&world->check, on_check);
    ev_set_priority(&world->check, EV_MAXPRI);
    ev_async_init(&world->work_done, on_work_done);
    ev_timer_init(&world->alarm, on_alarm, 0., 0.);
    world->check.data = world->work_done.data = world;
    ev_check_start(world->loop, &world->check);
    ev_async_start(world->loop, &world->work_done);
}

void world_unwatch(struct world *world)
{
    ev_check_stop(world->loop, &world->check);
    ev_async_stop(world->loop, &world->work_done);
}

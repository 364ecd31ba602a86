/* world_inside.h - what world.c and settle.c share. */
#ifndef TESTS_FLOW_WORLD_INSIDE_H
#define TESTS_FLOW_WORLD_INSIDE_H

#include <ev.h>

#include "stanzabus/peers.h"
#include "transports/redis/redis.h"
#include "world.h"

enum { WIRES_MAX = 128 };
#define WORLD_BARRIER "flow:barrier"

struct world_node {
    struct world *world;
    struct redis *redis;
    struct parts parts;
    struct metrics metrics;
    struct log log;
    char id[32];
    struct router *router;
    struct sessions *sessions;
    struct peers *peers;
    bool is_ready;
};

struct outsider {
    struct redis *redis;
    struct metrics metrics;
    struct log log;
    world_heard_fn *heard;
    void *ctx;
};

struct world {
    struct ev_loop *loop;
    struct ev_check check;
    struct ev_async work_done;
    struct ev_timer alarm;
    struct config *config;
    struct outsider outsider;
    struct world_node nodes[WORLD_NODES_MAX];
    unsigned node_count;
    struct wire *wires[WIRES_MAX];
    size_t wire_count;
    int64_t now_ms; /* monotonic; wall time is an hour of 2026 plus this */
    size_t moves;   /* counts whatever happened */
    unsigned barrier, came_back;
    bool is_subscribed, is_answered;
    int64_t answer;
};

void world_die(const char *text) __attribute__((noreturn));

/* -- settle.c -- */
void world_watch(struct world *world); /* the loop is there: watches what moves on it */
void world_unwatch(struct world *world);
void world_wake(void *world); /* a thread has done its work */
/* Dies with the other text when the condition is not met within some seconds. */
void world_run_until(struct world *world, bool (*is_met)(struct world *world), const char *otherwise);
bool world_is_away(const struct world *world); /* a node, or the outsider, has given Redis up */
bool world_take_barrier(struct world *world, struct text channel, struct text payload); /* true: it was one */

#endif

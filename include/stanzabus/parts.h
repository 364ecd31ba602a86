/* parts.h - what every stage of the core may use, made in one place (main.c, or a test) and borrowed by all. */
#ifndef STANZABUS_PARTS_H
#define STANZABUS_PARTS_H

#include "stanzabus/config.h"
#include "stanzabus/jwt.h"
#include "stanzabus/metrics.h"
#include "stanzabus/store.h"
#include "stanzabus/timer.h"
#include "stanzabus/work.h"

struct parts {
    const struct config *config;
    struct bus *bus;
    struct store *store;
    struct timers *timers;
    struct work_pool *work;
    struct stream_pool *streams;
    struct metrics *metrics;
    const struct log *log;
    struct text node; /* this node's id: name-worker-random, no '/' and no control characters */
    int64_t (*wall_ms)(void *ctx); /* Unix time in milliseconds */
    void *wall_ctx;
    const struct jwt_keys *jwt_keys; /* NULL: no JSON Web Tokens are taken; changes at a reload */
    unsigned char secret[32]; /* shared by all nodes; set at start, before anything is accepted */
};

#endif

/* redis.h - the bus and the store over one Redis: a connection for commands, and one for what is subscribed.
 *
 *   bus.h, store.h ──> command_queue ──> commands   ──┐
 *                                                     ├── Redis 7
 *   bus_callbacks  <── subscriptions <── subscriber ──┘
 *                health: heartbeat through both, away and back
 *
 * redis.c start and end; bus.c and store_*.c the contracts, with subscriptions.c, command_queue.c, and scripts.c +
 * scripts/ (Lua); link.c + greeting.c + reply.c + resolver.c + url.c a connection; health.c whether Redis is there. */
#ifndef STANZABUS_TRANSPORTS_REDIS_H
#define STANZABUS_TRANSPORTS_REDIS_H

#include "stanzabus/log.h"
#include "stanzabus/metrics.h"
#include "stanzabus/store.h"

struct ev_loop;
struct redis;

struct redis_settings {
    struct text
        url; /* redis://[user:password@]host:port[/db], unix://[user:password@]/path[?db=N]; percent-encoded; copied */
    struct text prefix; /* of all channels and keys, "xmpp:"; copied */
    int64_t wait_ms;    /* how long what is asked waits for Redis to come back, before it is answered with BUS_AWAY */
    bool is_errand;     /* for one command in the shell: a user who may do only that one thing will do (no heartbeat of
                           our own then, and no scripts) */
    size_t queue_bytes; /* waiting for Redis or for its answer: on_full here, on_drained at half, refused at twice */
    const struct log *log;   /* borrowed */
    struct metrics *metrics; /* borrowed */
    /* Redis was not reached within wait_ms of redis_start.  text says why and what to do.  May be NULL; trying goes
     * on. */
    void (*on_first_failure)(void *ctx, const char *text);
    void *ctx;
};

/* False, and a sentence in why, when the text is not such a URL. */
bool redis_url_is_valid(struct text url, char *why, size_t why_size);

/* Opens nothing yet; what is asked before redis_start waits.  NULL after logging why when the URL cannot be read. */
struct redis *redis_new(struct ev_loop *loop, const struct redis_settings *settings);
struct bus *redis_bus(struct redis *redis);
struct store *redis_store(struct redis *redis);
void redis_start(struct redis *redis);
/* Nothing is queued or unanswered: after the last sessions were removed, this is when a node may exit. */
bool redis_is_idle(const struct redis *redis);
/* Answers what is open with BUS_AWAY first.  Not from inside a callback of this bus or store. */
void redis_free(struct redis **redis);

#endif

/* bus.h - channels: publish, subscribe.  Implemented by transports/redis.
 * Names of channels are made by channel.h.  Order is kept: what is published or stored through one bus and its store
 * reaches Redis in the order of the calls. */
#ifndef STANZABUS_BUS_H
#define STANZABUS_BUS_H

#include "stanzabus/memory.h"

struct bus;

enum bus_status {
    BUS_OK,
    BUS_AWAY,  /* Redis cannot be reached, has not answered within redis.wait, or the queue is full: nothing is known to have happened */
    BUS_FAILED /* Redis answered with an error; logged by the transport */
};

/* receivers: subscribers that Redis counted (only with BUS_OK). */
typedef void bus_published_fn(void *ctx, enum bus_status status, int64_t receivers);
typedef void bus_subscribed_fn(void *ctx, enum bus_status status);

struct bus_ops {
    /* head and tail are one payload, joined on the way (the tail may be shared by several publishes); both are copied.
     * fn may be NULL.  It is never called from inside. */
    void (*publish)(struct bus *bus, struct text channel, struct text head, struct text tail, bus_published_fn *fn, void *ctx);
    /* The same for a copy that nobody's order hangs on: it goes at the end of the turn, behind all that is asked in it. */
    void (*publish_copy)(struct bus *bus, struct text channel, struct text payload, bus_published_fn *fn, void *ctx);
    /* Counted: the n-th subscribe of a name answers at once if it is confirmed.  fn (may be NULL) comes after Redis
     * confirmed; never from inside.  The count is taken whatever the status: with BUS_AWAY the channel stays wanted, and
     * is subscribed when Redis is back; one unsubscribe undoes one subscribe. */
    void (*subscribe)(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx);
    void (*unsubscribe)(struct bus *bus, struct text channel);
};

struct bus_callbacks {
    void (*on_message)(void *ctx, struct text channel, struct text payload); /* borrowed until return */
    void (*on_away)(void *ctx);  /* Redis has been away for redis.wait: what needs it is answered with an error now */
    /* Redis answers, and all subscriptions are confirmed again.  After on_away, and also after a loss so short that on_away
     * did not come, when subscriptions_lost: what was published meanwhile was not received. */
    void (*on_back)(void *ctx, bool subscriptions_lost);
    /* The queue toward Redis reached limits.redis_queue, or Redis went away: stop reading from clients.  May come from
     * inside of what the bus or its store is asked. */
    void (*on_full)(void *ctx);
    /* Once a loop turn, before what was queued in it is written: the place for what is asked in batches.  May be NULL. */
    void (*on_turn)(void *ctx);
    void (*on_drained)(void *ctx); /* ... or it is half empty again: go on.  Also called at on_away: reading goes on, to be answered with errors */
};

struct bus {
    const struct bus_ops *ops;
    const struct bus_callbacks *callbacks; /* set by the node before anything is asked */
    void *ctx;
    bool is_away; /* between on_away and on_back */
};

#endif

/* subscriptions.h - which channels are wanted, how often, and who waits for Redis to confirm.  What is wanted
 * outlives the connection: it is asked for again on the next one. */
#ifndef STANZABUS_TRANSPORTS_REDIS_SUBSCRIPTIONS_H
#define STANZABUS_TRANSPORTS_REDIS_SUBSCRIPTIONS_H

#include "command_queue.h"
#include "stanzabus/bus.h"

struct subscription;
struct subscriptions {           /* a hash table with open addressing */
    struct subscription **slots; /* owned */
    size_t capacity, count;      /* capacity: a power of two, or 0 */
    uint64_t seed;               /* of the hashes: names come from clients */
};

void subscriptions_init(struct subscriptions *table);
void subscriptions_fini(struct subscriptions *table); /* nobody may wait */

void subscription_add(struct redis *redis, struct text channel, bus_subscribed_fn *fn, void *ctx);
void subscription_drop(struct redis *redis, struct text channel);

void subscriptions_renew(struct redis *redis);   /* the subscriber is ready: asks for all that is wanted */
void subscriptions_lost(struct redis *redis);    /* its connection is gone */
void subscriptions_give_up(struct redis *redis); /* who waits is answered BUS_AWAY; what is wanted stays wanted */

#endif

/* subscriptions.c - the wanted channels.  Redis answers SUBSCRIBE and UNSUBSCRIBE in the order they were sent, so
 * each subscription only counts how many of both are still open: it is confirmed when no SUBSCRIBE is open and it
 * is wanted. */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "redis_inside.h"

struct waiter {
    struct waiter *next;
    bus_subscribed_fn *fn;
    void *ctx;
};

struct subscription {
    uint64_t hash;
    uint32_t wanted;          /* subscribes less unsubscribes */
    uint32_t asked, dropping; /* SUBSCRIBE and UNSUBSCRIBE without an answer yet */
    bool is_confirmed;
    struct waiter *waiters;
    uint32_t size;
    char name[];
};

/* -- the table -- */

void subscriptions_init(struct subscriptions *table)
{
    *table = (struct subscriptions){ 0 };
    if (getrandom(&table->seed, sizeof table->seed, 0) < 0)
        table->seed = (uint64_t)(uintptr_t)table;
}

void subscriptions_fini(struct subscriptions *table)
{
    for (size_t i = 0; i < table->capacity; i++) {
        assert(!table->slots[i] || !table->slots[i]->waiters);
        free(table->slots[i]);
    }
    free(table->slots);
    *table = (struct subscriptions){ 0 };
}

/* FNV-1a from a seeded start, mixed once more so that the low bits depend on all. */
static uint64_t hash_of(const struct subscriptions *table, struct text name)
{
    uint64_t hash = table->seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= table->seed | 1;
    return hash ^ hash >> 29;
}

/* Where the name is, or the free slot where it would be. */
static size_t slot_of(const struct subscriptions *table, struct text name, uint64_t hash)
{
    size_t slot = hash & (table->capacity - 1);
    for (const struct subscription *s; (s = table->slots[slot]); slot = (slot + 1) & (table->capacity - 1))
        if (s->hash == hash && s->size == name.size && memcmp(s->name, name.data, name.size) == 0)
            break;
    return slot;
}

static void place(struct subscriptions *table, struct subscription *subscription)
{
    table->slots[slot_of(table, (struct text){ subscription->name, subscription->size }, subscription->hash)] =
        subscription;
}

static void resize(struct subscriptions *table, size_t capacity)
{
    struct subscription **old = table->slots;
    size_t old_capacity = table->capacity;
    table->slots = xcalloc(capacity, sizeof *table->slots);
    table->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i])
            place(table, old[i]);
    free(old);
}

static struct subscription *find(const struct subscriptions *table, struct text name)
{
    return table->capacity ? table->slots[slot_of(table, name, hash_of(table, name))] : NULL;
}

static struct subscription *find_or_add(struct subscriptions *table, struct text name)
{
    struct subscription *subscription = find(table, name);
    if (subscription)
        return subscription;
    if (table->count * 4 >= table->capacity * 3)
        resize(table, table->capacity ? table->capacity * 2 : 64);
    subscription = xcalloc(1, sizeof *subscription + name.size);
    subscription->hash = hash_of(table, name);
    subscription->size = (uint32_t)name.size;
    memcpy(subscription->name, name.data, name.size);
    place(table, subscription);
    table->count++;
    return subscription;
}

/* Frees it, and moves back those behind it that would not be found over the hole. */
static void remove_one(struct subscriptions *table, struct subscription *subscription)
{
    size_t mask = table->capacity - 1;
    size_t hole = slot_of(table, (struct text){ subscription->name, subscription->size }, subscription->hash);
    for (size_t next = (hole + 1) & mask; table->slots[next]; next = (next + 1) & mask) {
        size_t home = table->slots[next]->hash & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            table->slots[hole] = table->slots[next];
            hole = next;
        }
    }
    table->slots[hole] = NULL;
    table->count--;
    free(subscription);
}

/* -- who waits -- */

static void move_waiters(struct waiter **from, struct waiter ***end)
{
    **end = *from;
    *from = NULL;
    while (**end)
        *end = &(**end)->next;
}

/* The list is the callee's; the table may change in the callbacks. */
static void answer_waiters(struct waiter *waiters, enum bus_status status)
{
    for (struct waiter *next; waiters; waiters = next) {
        next = waiters->next;
        waiters->fn(waiters->ctx, status);
        free(waiters);
    }
}

static void add_waiter(struct subscription *subscription, bus_subscribed_fn *fn, void *ctx)
{
    struct waiter *waiter = xmalloc(sizeof *waiter), **end = &subscription->waiters;
    *waiter = (struct waiter){ NULL, fn, ctx };
    while (*end)
        end = &(*end)->next;
    *end = waiter;
}

static void answer_confirmed(struct redis *redis, const struct pending *pending, const struct reply *reply,
                             size_t count)
{
    (void)redis;
    (void)reply;
    (void)count;
    ((bus_subscribed_fn *)pending->fn)(pending->ctx, BUS_OK);
}

static void answer_away(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    (void)reply;
    (void)count;
    ((bus_subscribed_fn *)pending->fn)(pending->ctx, BUS_AWAY);
}

/* -- asking Redis -- */

static void answer_asked(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct subscription *subscription = pending->ctx;
    enum bus_status status = reply_status(reply);
    struct waiter *waiters = NULL;
    (void)count;

    subscription->asked--;
    if (subscription->asked == 0) {
        subscription->is_confirmed = subscription->wanted && status == BUS_OK;
        waiters = subscription->waiters;
        subscription->waiters = NULL;
    }
    if (!subscription->wanted && !subscription->asked && !subscription->dropping)
        remove_one(&redis->subscriptions, subscription);
    answer_waiters(waiters, status);
}

static void answer_dropped(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct subscription *subscription = pending->ctx;
    (void)reply;
    (void)count;
    subscription->dropping--;
    if (!subscription->wanted && !subscription->asked && !subscription->dropping)
        remove_one(&redis->subscriptions, subscription);
}

static void ask(struct redis *redis, struct subscription *subscription, const char *verb, answer_fn *answer)
{
    struct command_queue *queue = &redis->subscriber.queue;
    command_begin(queue, 2);
    command_word(queue, verb);
    command_text(queue, (struct text){ subscription->name, subscription->size });
    command_end(queue, (struct pending){ .answer = answer, .ctx = subscription });
}

void subscription_add(struct redis *redis, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    struct subscription *subscription = find_or_add(&redis->subscriptions, channel);
    bool was_wanted = subscription->wanted++ > 0;
    bool has_failed = !subscription->is_confirmed && !subscription->asked;
    if ((!was_wanted || has_failed) && redis->subscriber.state == LINK_READY) {
        subscription->asked++;
        ask(redis, subscription, "SUBSCRIBE", answer_asked);
    }
    if (!fn)
        return;
    if (subscription->is_confirmed)
        redis_answer_later(redis, answer_confirmed, (any_fn *)fn, ctx, false);
    else if (redis->bus.is_away)
        redis_answer_later(redis, answer_away, (any_fn *)fn, ctx, true);
    else
        add_waiter(subscription, fn, ctx);
}

static void give_up_waiters(struct redis *redis, struct waiter *waiters)
{
    for (struct waiter *next; waiters; waiters = next) {
        next = waiters->next;
        redis_answer_later(redis, answer_away, (any_fn *)waiters->fn, waiters->ctx, true);
        free(waiters);
    }
}

void subscription_drop(struct redis *redis, struct text channel)
{
    struct subscription *subscription = find(&redis->subscriptions, channel);
    assert(subscription && subscription->wanted);
    if (!subscription || !subscription->wanted || --subscription->wanted > 0)
        return;
    subscription->is_confirmed = false;
    if (redis->subscriber.state == LINK_READY) {
        subscription->dropping++;
        ask(redis, subscription, "UNSUBSCRIBE", answer_dropped);
    } else {
        give_up_waiters(redis, subscription->waiters);
        subscription->waiters = NULL;
        remove_one(&redis->subscriptions, subscription);
    }
}

/* -- the connection comes and goes -- */

void subscriptions_renew(struct redis *redis)
{
    struct subscriptions *table = &redis->subscriptions;
    for (size_t i = 0; i < table->capacity; i++) {
        struct subscription *subscription = table->slots[i];
        if (!subscription)
            continue;
        subscription->asked = 1;
        ask(redis, subscription, "SUBSCRIBE", answer_asked);
    }
}

void subscriptions_lost(struct redis *redis)
{
    struct subscriptions *table = &redis->subscriptions;
    struct pending_ring nobodys = { 0 };
    while (redis->subscriber.queue.ring.count)
        pending_pop(&redis->subscriber.queue.ring);
    command_queue_lose(&redis->subscriber.queue, &nobodys);
    for (size_t i = 0; i < table->capacity; i++) {
        struct subscription *subscription = table->slots[i];
        if (!subscription)
            continue;
        subscription->asked = subscription->dropping = 0;
        subscription->is_confirmed = false;
        if (!subscription->wanted) {
            give_up_waiters(redis, subscription->waiters);
            free(subscription);
            table->slots[i] = NULL;
            table->count--;
        }
    }
    if (table->capacity)
        resize(table, table->capacity); /* closes the holes */
}

void subscriptions_give_up(struct redis *redis)
{
    struct subscriptions *table = &redis->subscriptions;
    struct waiter *all = NULL, **end = &all;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i])
            move_waiters(&table->slots[i]->waiters, &end);
    answer_waiters(all, BUS_AWAY);
}

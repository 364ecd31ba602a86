/* memory_bus.c - channels in memory, with Redis's order: what is asked is done one after another, answers come later. */
#include <stdlib.h>

#include "world.h"

struct listener {
    struct listener *next;
    char *channel;
    unsigned count; /* nodes: how often it was asked for */
    struct memory_bus *bus; /* NULL: outside of the nodes */
    void (*on_message)(void *ctx, struct text channel, struct text payload);
    void *ctx;
};

struct thing { /* waits to be carried */
    struct thing *next;
    void (*run)(struct thing *thing);
    struct memory_bus *bus;
    struct listener *listener;
    char *channel, *payload;
    size_t payload_size;
    bus_published_fn *published;
    bus_subscribed_fn *subscribed;
    void (*deferred)(void *ctx);
    void *ctx;
};

struct memory_bus {
    struct bus bus;
    struct exchange *exchange;
    struct memory_bus *next;
};

struct exchange {
    struct listener *listeners;
    struct memory_bus *buses;
    struct thing *first, **last;
    bool is_away;
};

static struct thing *wait_thing(struct exchange *exchange, void (*run)(struct thing *thing))
{
    struct thing *thing = xcalloc(1, sizeof *thing);
    thing->run = run;
    *exchange->last = thing;
    exchange->last = &thing->next;
    return thing;
}

static void thing_free(struct thing *thing)
{
    free(thing->channel);
    free(thing->payload);
    free(thing);
}

static void keep(struct thing *thing, struct text channel, struct text head, struct text tail)
{
    thing->channel = text_dup(channel);
    thing->payload_size = head.size + tail.size;
    thing->payload = xmalloc(thing->payload_size + 1);
    if (head.size)
        memcpy(thing->payload, head.data, head.size);
    if (tail.size)
        memcpy(thing->payload + head.size, tail.data, tail.size);
}

static void run_delivery(struct thing *thing)
{
    struct listener *listener = thing->listener;
    struct text channel = text_of(thing->channel), payload = { thing->payload, thing->payload_size };
    if (listener->bus && listener->count)
        listener->bus->bus.callbacks->on_message(listener->bus->bus.ctx, channel, payload);
    else if (!listener->bus)
        listener->on_message(listener->ctx, channel, payload);
}

int exchange_publish(struct exchange *exchange, struct text channel, struct text payload)
{
    int receivers = 0;
    for (struct listener *l = exchange->listeners; l; l = l->next) {
        if (!text_is(channel, l->channel) || (l->bus && !l->count))
            continue;
        struct thing *delivery = wait_thing(exchange, run_delivery);
        keep(delivery, channel, (struct text){ 0 }, payload);
        delivery->listener = l;
        receivers++;
    }
    return receivers;
}

static void run_publish(struct thing *thing)
{
    struct exchange *exchange = thing->bus->exchange;
    int receivers = 0;
    if (!exchange->is_away)
        receivers = exchange_publish(exchange, text_of(thing->channel), (struct text){ thing->payload, thing->payload_size });
    if (thing->published)
        thing->published(thing->ctx, exchange->is_away ? BUS_AWAY : BUS_OK, receivers);
}

static void publish(struct bus *bus, struct text channel, struct text head, struct text tail, bus_published_fn *fn, void *ctx)
{
    struct memory_bus *memory = (struct memory_bus *)bus;
    struct thing *thing = wait_thing(memory->exchange, run_publish);
    keep(thing, channel, head, tail);
    thing->bus = memory;
    thing->published = fn;
    thing->ctx = ctx;
}

static struct listener *find_listener(struct exchange *exchange, const struct memory_bus *bus, const char *channel)
{
    for (struct listener *l = exchange->listeners; l; l = l->next)
        if (l->bus == bus && strcmp(l->channel, channel) == 0)
            return l;
    return NULL;
}

static struct listener *add_listener(struct exchange *exchange, struct text channel)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->channel = text_dup(channel);
    listener->next = exchange->listeners;
    exchange->listeners = listener;
    return listener;
}

static void run_subscribe(struct thing *thing)
{
    struct exchange *exchange = thing->bus->exchange;
    struct listener *listener = find_listener(exchange, thing->bus, thing->channel);
    if (!listener) {
        listener = add_listener(exchange, text_of(thing->channel));
        listener->bus = thing->bus;
    }
    listener->count++;
    if (thing->subscribed)
        thing->subscribed(thing->ctx, exchange->is_away ? BUS_AWAY : BUS_OK);
}

static void subscribe(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    struct memory_bus *memory = (struct memory_bus *)bus;
    struct thing *thing = wait_thing(memory->exchange, run_subscribe);
    thing->channel = text_dup(channel);
    thing->bus = memory;
    thing->subscribed = fn;
    thing->ctx = ctx;
}

static void run_unsubscribe(struct thing *thing)
{
    struct listener *listener = find_listener(thing->bus->exchange, thing->bus, thing->channel);
    if (listener && listener->count)
        listener->count--;
}

static void unsubscribe(struct bus *bus, struct text channel)
{
    struct memory_bus *memory = (struct memory_bus *)bus;
    struct thing *thing = wait_thing(memory->exchange, run_unsubscribe);
    thing->channel = text_dup(channel);
    thing->bus = memory;
}

static const struct bus_ops memory_bus_ops = { publish, subscribe, unsubscribe };

struct bus *exchange_bus(struct exchange *exchange)
{
    struct memory_bus *memory = xcalloc(1, sizeof *memory);
    memory->bus.ops = &memory_bus_ops;
    memory->exchange = exchange;
    memory->next = exchange->buses;
    exchange->buses = memory;
    return &memory->bus;
}

void exchange_listen(struct exchange *exchange, struct text channel,
                     void (*on_message)(void *ctx, struct text channel, struct text payload), void *ctx)
{
    struct listener *listener = add_listener(exchange, channel);
    listener->on_message = on_message;
    listener->ctx = ctx;
}

static void run_deferred(struct thing *thing)
{
    thing->deferred(thing->ctx);
}

void exchange_defer(struct exchange *exchange, struct bus *bus, void (*run)(void *ctx), void *ctx)
{
    struct thing *thing = wait_thing(exchange, run_deferred);
    thing->bus = (struct memory_bus *)bus;
    thing->deferred = run;
    thing->ctx = ctx;
}

bool exchange_step(struct exchange *exchange)
{
    struct thing *thing = exchange->first;
    if (!thing)
        return false;
    exchange->first = thing->next;
    if (!exchange->first)
        exchange->last = &exchange->first;
    thing->run(thing);
    thing_free(thing);
    return true;
}

bool exchange_is_away(const struct exchange *exchange)
{
    return exchange->is_away;
}

void exchange_set_away(struct exchange *exchange, bool away)
{
    exchange->is_away = away;
    for (struct memory_bus *memory = exchange->buses; memory; memory = memory->next) {
        memory->bus.is_away = away;
        if (away)
            memory->bus.callbacks->on_away(memory->bus.ctx);
        else
            memory->bus.callbacks->on_back(memory->bus.ctx, true);
    }
}

struct exchange *exchange_new(void)
{
    struct exchange *exchange = xcalloc(1, sizeof *exchange);
    exchange->last = &exchange->first;
    return exchange;
}

void exchange_free(struct exchange **pointer)
{
    struct exchange *exchange = *pointer;
    if (!exchange)
        return;
    for (struct thing *thing = exchange->first, *next; thing; thing = next) {
        next = thing->next;
        thing_free(thing);
    }
    for (struct listener *l = exchange->listeners, *next; l; l = next) {
        next = l->next;
        free(l->channel);
        free(l);
    }
    for (struct memory_bus *memory = exchange->buses, *next; memory; memory = next) {
        next = memory->next;
        free(memory);
    }
    free(exchange);
    *pointer = NULL;
}

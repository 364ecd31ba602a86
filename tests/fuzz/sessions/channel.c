/* channel.c - the bus: who subscribes to what. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/sessions/world.h"

static int *find_channel(struct text name)
{
    for (int i = 0; i < CHANNELS_MAX; i++)
        if (text_is(name, world.channels[i].name))
            return &world.channels[i].count;
    for (int i = 0; i < CHANNELS_MAX; i++)
        if (world.channels[i].count == 0) {
            copy_text(world.channels[i].name, sizeof world.channels[i].name, name);
            return &world.channels[i].count;
        }
    abort(); /* more than there are connections and what they left */
}

static void subscribe(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    (void)bus;
    answer_owe(ANSWER_SUBSCRIBED, ctx)->subscribed_fn = fn;
    ++*find_channel(channel);
}

static void unsubscribe(struct bus *bus, struct text channel)
{
    (void)bus;
    int *count = find_channel(channel);
    assert(*count > 0);
    --*count;
}

const struct bus_ops bus_ops = { .subscribe = subscribe, .unsubscribe = unsubscribe };

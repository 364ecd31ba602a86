/* store.c - the store and the bus: leases, queues and words to other nodes, in memory. */
#include <stdio.h>

#include "tests/fuzz/peers/world.h"

static void lease_take(struct store *store, struct text address, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)address;
    (void)node;
    (void)ttl_ms;
    answer_owe(fn, ctx, !world.is_held_elsewhere);
}

static void lease_release(struct store *store, struct text address, struct text node)
{
    (void)store;
    (void)address;
    (void)node;
}

static void note(struct store *store, struct text key)
{
    (void)store;
    (void)key;
}

static void find_orphans(struct store *store, peers_each_fn *each, store_done_fn *fn, void *ctx)
{
    (void)store;
    for (unsigned i = script_next(4); i > 0; i--)
        each(ctx, text_of("one.example>other.example"));
    answer_owe(fn, ctx, 0);
}

static void copy_key(char out[KEY_MAX], struct text key)
{
    snprintf(out, KEY_MAX, "%.*s", TEXT_ARGS(key));
}

static void put(struct store *store, const struct peers_put *put, store_done_fn *fn, void *ctx)
{
    static const int64_t results[] = { PEERS_OWN, PEERS_OWN, PEERS_OWN, PEERS_PUSHED, PEERS_QUEUED, PEERS_NOBODY, PEERS_FULL, PEERS_DOUBLE };
    int64_t result = results[script_next(sizeof results / sizeof results[0])];
    (void)store;
    if (result >= 0 && world.entry_count < ENTRIES_MAX) {
        struct entry *entry = &world.entries[world.entry_count++];
        entry->number = ++world.last_number;
        copy_key(entry->key, put->key);
        if (result == PEERS_OWN)
            result += (int64_t)entry->number;
    }
    answer_owe(fn, ctx, result);
}

static void done(struct store *store, struct text bare, struct text uid, const uint64_t *numbers, size_t count, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)uid;
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < world.entry_count; j++)
            if (world.entries[j].number == numbers[i] && text_is(bare, world.entries[j].key))
                world.entries[j--] = world.entries[--world.entry_count];
    if (fn)
        answer_owe(fn, ctx, 1);
}

static void read_log(struct store *store, struct text bare, uint64_t first, uint64_t last, store_entry_fn *each, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)last;
    struct answer *answer = answer_owe(fn, ctx, 0);
    answer->each = each;
    answer->first = first;
    copy_key(answer->key, bare);
}

static void reach(struct store *store, struct text bare, uint64_t number, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)bare;
    (void)number;
    answer_owe(fn, ctx, script_next(2));
}

static void tell_holder(struct store *store, struct text key, struct text node, struct text what, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)key;
    (void)node;
    (void)what;
    answer_owe(fn, ctx, script_next(3));
}

static void hand_over(struct store *store, struct text key, struct text node, struct text heir, int64_t ttl_ms)
{
    (void)store;
    (void)key;
    (void)node;
    (void)heir;
    (void)ttl_ms;
}

static void publish(struct bus *bus, struct text channel, struct text head, struct text tail, bus_published_fn *fn, void *ctx)
{
    (void)bus;
    (void)channel;
    (void)head;
    (void)tail;
    if (fn)
        answer_owe(fn, ctx, script_next(2));
}

const struct bus_ops bus_ops = { .publish = publish };
const struct store_ops store_ops = { .lease_take = lease_take, .lease_release = lease_release };
const struct peers_ops peers_ops = { .note = note, .forget = note, .orphans = find_orphans, .put = put, .tell_holder = tell_holder, .hand_over = hand_over };
const struct log_ops log_ops = { .done = done, .read = read_log, .reach = reach };

/* store_leaving.c - accounts that are deleted, until their contacts have been told: a set {prefix}leaving of their names, and
 * a hash {prefix}{bare}:leaving of what each contact has to hear (scripts/roster_leave.lua).  Whoever deletes needs no router;
 * the nodes find the names at their beats. */
#include <stdlib.h>

#include "store_parts.h"

static struct text names_key(struct redis *redis)
{
    redis->key.size = 0;
    buffer_printf(&redis->key, "%sleaving", redis->prefix);
    return buffer_text(&redis->key);
}

static void write_name(struct redis *redis, struct command_queue *queue, const char *verb, struct text bare)
{
    command_begin(queue, 3);
    command_word(queue, verb);
    command_text(queue, names_key(redis));
    command_text(queue, bare);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

static void answer_left(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    char *bare = pending->ctx;
    (void)count;
    if (reply && (reply->type != REPLY_INTEGER || reply->integer == 0)) /* nobody is to be told */
        write_name(redis, &redis->commands.queue, "SREM", text_of(bare));
    free(bare);
}

/* The name comes first: what is kept is never without it. */
void leaving_write(struct redis *redis, struct command_queue *queue, struct text bare)
{
    static const char *const keys[] = { "roster", "sessions", "requests", "presence", "leaving", NULL };
    write_name(redis, queue, "SADD", bare);
    redis_script_begin(redis, SCRIPT_ROSTER_LEAVE, bare, keys, 0);
    script_end(queue, SCRIPT_ROSTER_LEAVE, (struct pending){ .answer = answer_left, .ctx = text_dup(bare) });
}

static void answer_name(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_each_fn *fn = (store_each_fn *)pending->fn;
    (void)redis;
    (void)count;
    fn(pending->ctx, reply_status(reply) == BUS_OK && reply->type == REPLY_STRING ? reply->text : (struct text){ 0 });
}

void leaving_next(struct store *store, store_each_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_name, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "SRANDMEMBER");
    command_text(queue, names_key(redis));
    command_end(queue, (struct pending){ .answer = answer_name, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

static struct contact_leaving read_contact(struct text contact, struct text letters)
{
    struct contact_leaving read = { .contact = contact };
    if (letters.size < 3)
        return read;
    read.state = subscription_of_letter(letters.data[0]) | (letters.data[1] == 's' ? SUBSCRIPTION_OUT : 0) |
                 (letters.data[letters.size - 1] == 'i' ? SUBSCRIPTION_IN : 0);
    return read;
}

static void answer_leaving(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_leaving_fn *fn = (store_leaving_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    struct text resources = { 0 };
    size_t contacts = 0;
    (void)redis;
    struct contact_leaving *list = xcalloc(count / 2 + 1, sizeof *list);
    for (size_t i = 1; status == BUS_OK && i + 1 < count; i += 2) {
        if (reply[i].text.size)
            list[contacts++] = read_contact(reply[i].text, reply[i + 1].text);
        else
            resources = reply[i + 1].text;
    }
    fn(pending->ctx, status, list, contacts, resources);
    free(list);
}

void leaving_read(struct store *store, struct text bare, store_leaving_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_leaving, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "HGETALL");
    command_text(queue, redis_key(redis, bare, "leaving"));
    command_end(queue, (struct pending){ .answer = answer_leaving, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* What is told goes first, so that the name without it means that all is done. */
void leaving_done(struct store *store, struct text bare)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "DEL");
    command_text(queue, redis_key(redis, bare, "leaving"));
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    write_name(redis, queue, "SREM", bare);
}

/* store_roster.c - rosters and subscription requests: hashes {prefix}{bare}:roster and :requests, whose form is told in
 * scripts/parts/items.lua. */
#include <stdlib.h>

#include "store_parts.h"

enum { REMOVED_KEPT = 64 }; /* removed items that are remembered for clients that were away */

/* -- reading -- */

static struct text take_part(struct text *rest)
{
    const char *end = rest->size ? memchr(rest->data, ROSTER_SEPARATOR, rest->size) : NULL;
    struct text part = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
    rest->data += part.size + (end ? 1 : 0);
    rest->size -= part.size + (end ? 1 : 0);
    return part;
}

static uint64_t read_number(struct text digits)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    return number;
}

unsigned subscription_of_letter(char letter)
{
    return letter == 'b'   ? SUBSCRIPTION_TO | SUBSCRIPTION_FROM
           : letter == 't' ? SUBSCRIPTION_TO
           : letter == 'f' ? SUBSCRIPTION_FROM
                           : 0;
}

struct roster_item roster_item_read(struct text contact, struct text value)
{
    struct roster_item item = { .contact = contact, .number = read_number(take_part(&value)) };
    struct text letters = take_part(&value), name = { value.data, 0 };
    const char *end = value.size ? memchr(value.data, ROSTER_SEPARATOR, value.size) : NULL;
    name.size = end ? (size_t)(end - value.data) : value.size;
    item.name = name;
    item.groups = (struct text){ value.data + name.size, value.size - name.size };
    if (letters.size < 3)
        return item;
    item.is_removed = letters.data[0] == 'x';
    item.state = subscription_of_letter(letters.data[0]) | (letters.data[1] == 's' ? SUBSCRIPTION_OUT : 0) |
                 (letters.data[2] == 'a' ? SUBSCRIPTION_APPROVED : 0);
    return item;
}

/* -- get -- */

static void answer_roster(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_roster_fn *fn = (store_roster_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 4))
        status = BUS_FAILED;
    if (status != BUS_OK) {
        fn(pending->ctx, status, NULL);
        return;
    }
    size_t items = (count - 4) / 2;
    struct roster_item *list = items ? xmalloc(items * sizeof *list) : NULL;
    for (size_t i = 0; i < items; i++)
        list[i] = roster_item_read(reply[4 + 2 * i].text, reply[5 + 2 * i].text);
    struct roster roster = { .answer = (enum roster_answer)reply[3].integer,
                             .epoch = reply[1].text,
                             .number = (uint64_t)reply[2].integer,
                             .items = list,
                             .count = items };
    fn(pending->ctx, BUS_OK, &roster);
    free(list);
}

static void roster_get(struct store *store, const struct roster_request *request, store_roster_fn *fn, void *ctx)
{
    static const char *const keys[] = { "roster", "sessions", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_roster, (any_fn *)fn, ctx);
    struct text row = { 0 }, owner = { 0 };
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_ROSTER_GET, request->bare, keys, 4);
    if (request->asker)
        row = row_write(redis, request->asker, &owner);
    command_text(queue, request->asker ? request->asker->resource : TEXT(""));
    command_text(queue, owner);
    command_text(queue, row);
    command_text(queue, request->version);
    script_end(queue, SCRIPT_ROSTER_GET,
               (struct pending){ .answer = answer_roster, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- put -- */

/* The event without its closing braces: what the scripts hang the push on. */
static struct text push_head(struct text push)
{
    return (struct text){ push.data + 1, push.size - 3 };
}

static void roster_put(struct store *store, const struct roster_put *put, store_done_fn *fn, void *ctx)
{
    static const char *const keys[] = { "roster", "sessions", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_ROSTER_SET, put->bare, keys, 6);
    command_text(queue, mailbox_of(redis, put->bare));
    command_text(queue, push_head(put->push));
    command_text(queue, put->contact);
    command_joined(queue, put->name, put->groups);
    command_integer(queue, put->max_items);
    command_integer(queue, REMOVED_KEPT);
    script_end(queue, SCRIPT_ROSTER_SET, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}

/* -- remove, subscription -- */

/* {1, before [, now, actions], presence ...}: extra is 0 or 2. */
static void give_subscription(const struct pending *pending, const struct reply *reply, size_t count, size_t extra)
{
    store_subscription_fn *fn = (store_subscription_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    struct subscription_answer answer = { 0 };
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    if (status == BUS_OK)
        answer.result = (int)reply[1].integer;
    if (answer.result != 1 || count < 3 + extra) {
        fn(pending->ctx, status, status == BUS_OK ? &answer : NULL);
        return;
    }
    answer.before = (unsigned)reply[2].integer;
    if (extra) {
        answer.now = (unsigned)reply[3].integer;
        answer.actions = (unsigned)reply[4].integer;
    }
    answer.count = count - 3 - extra;
    struct text *presences = answer.count ? xmalloc(answer.count * sizeof *presences) : NULL;
    for (size_t i = 0; i < answer.count; i++)
        presences[i] = reply[3 + extra + i].text;
    answer.presences = presences;
    fn(pending->ctx, BUS_OK, &answer);
    free(presences);
}

static void answer_removed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    give_subscription(pending, reply, count, 0);
}

static void roster_remove(struct store *store, struct text bare, struct text contact, struct text push,
                          store_subscription_fn *fn, void *ctx)
{
    static const char *const keys[] = { "roster", "sessions", "requests", "presence", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_removed, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_ROSTER_REMOVE, bare, keys, 4);
    command_text(queue, mailbox_of(redis, bare));
    command_text(queue, push_head(push));
    command_text(queue, contact);
    command_integer(queue, REMOVED_KEPT);
    script_end(queue, SCRIPT_ROSTER_REMOVE, (struct pending){ .answer = answer_removed, .fn = (any_fn *)fn, .ctx = ctx });
}

static void answer_step(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    give_subscription(pending, reply, count, 2);
}

static void roster_subscription(struct store *store, const struct subscription_request *request, store_subscription_fn *fn,
                                void *ctx)
{
    static const char *const keys[] = { "roster", "sessions", "requests", "presence", "account", "blocked", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_step, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_SUBSCRIPTION, request->bare, keys, 10);
    command_text(queue, request->table);
    command_text(queue, request->contact);
    command_word(queue, request->is_inbound ? "i" : "o");
    command_text(queue, mailbox_of(redis, request->bare));
    command_text(queue, push_head(request->push));
    command_text(queue, (struct text){ request->event.data + 1, request->event.size - 1 });
    command_word(queue, request->is_subscribe ? "s" : "-");
    command_integer(queue, request->max_items);
    command_integer(queue, request->max_requests);
    command_integer(queue, REMOVED_KEPT);
    script_end(queue, SCRIPT_SUBSCRIPTION, (struct pending){ .answer = answer_step, .fn = (any_fn *)fn, .ctx = ctx });
}

const struct roster_ops redis_roster_ops = {
    .get = roster_get,
    .put = roster_put,
    .remove = roster_remove,
    .subscription = roster_subscription,
    .leaving_next = leaving_next,
    .leaving_read = leaving_read,
    .leaving_done = leaving_done,
};

/* store_presence.c - presence: hashes {prefix}{bare}:presence (a field a resource: a or u, then the event) and :directed. */
#include <stdlib.h>

#include "store_parts.h"
#include "stanzabus/store_presence.h"

static struct text inside(struct text event)
{
    return (struct text){ event.data + 1, event.size - 1 };
}

/* -- set, end -- */

/* The array at *at, whose members are texts: moves *at behind it. */
static size_t take_array(const struct reply *reply, size_t count, size_t *at)
{
    if (*at >= count || reply[*at].type != REPLY_ARRAY)
        return 0;
    size_t members = (size_t)reply[*at].integer;
    *at += 1 + members;
    return *at <= count ? members : 0;
}

static struct contact *read_contacts(const struct reply *reply, size_t members)
{
    struct contact *contacts = members ? xmalloc(members / 2 * sizeof *contacts) : NULL;
    for (size_t i = 0; i < members / 2; i++) {
        struct text letters = reply[2 * i + 1].text;
        contacts[i] = (struct contact){ reply[2 * i].text,
                                        subscription_of_letter(letters.data[0]) | (letters.size > 1 ? SUBSCRIPTION_OUT : 0) };
    }
    return contacts;
}

static struct text *read_texts(const struct reply *reply, size_t members)
{
    struct text *texts = members ? xmalloc(members * sizeof *texts) : NULL;
    for (size_t i = 0; i < members; i++)
        texts[i] = reply[i].text;
    return texts;
}

static enum bus_status status_of_answer(const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    return status;
}

/* {is own, was available, contacts, requests, own, directed} */
static void answer_set(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_presence_fn *fn = (store_presence_fn *)pending->fn;
    enum bus_status status = status_of_answer(reply, count);
    struct presence_answer answer = { 0 };
    (void)redis;
    if (status != BUS_OK || reply[1].integer == 0) {
        fn(pending->ctx, status, status == BUS_OK ? &answer : NULL);
        return;
    }
    size_t at = 3, start = at + 1;
    answer.is_own = true;
    answer.was_available = reply[2].integer == 1;
    size_t members = take_array(reply, count, &at);
    struct contact *contacts = read_contacts(reply + start, members);
    answer.contacts = contacts;
    answer.contact_count = members / 2;
    start = at + 1;
    answer.request_count = take_array(reply, count, &at);
    struct text *requests = read_texts(reply + start, answer.request_count);
    answer.requests = requests;
    start = at + 1;
    answer.own_count = take_array(reply, count, &at);
    struct text *own = read_texts(reply + start, answer.own_count);
    answer.own = own;
    start = at + 1;
    if (take_array(reply, count, &at) > 0)
        answer.directed = reply[start].text;
    fn(pending->ctx, BUS_OK, &answer);
    free(contacts);
    free(requests);
    free(own);
}

static void presence_set(struct store *store, const struct presence_put *put, store_presence_fn *fn, void *ctx)
{
    static const char *const keys[] = { "sessions", "presence", "roster", "requests", "directed", "account", NULL };
    static const char *const how[] = { [PRESENCE_SET] = "s", [PRESENCE_AGAIN] = "r", [PRESENCE_ANEW] = "n" };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_set, (any_fn *)fn, ctx);
    struct text row, owner;
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_PRESENCE_SET, put->row->bare, keys, 8);
    row = row_write(redis, put->row, &owner);
    command_text(queue, put->row->resource);
    command_text(queue, owner);
    command_text(queue, row);
    command_text(queue, mailbox_of(redis, put->row->bare));
    command_text(queue, inside(put->event));
    command_word(queue, put->row->is_available ? "a" : "u");
    command_text(queue, put->forget_before);
    command_word(queue, how[put->how]);
    script_end(queue, SCRIPT_PRESENCE_SET, (struct pending){ .answer = answer_set, .fn = (any_fn *)fn, .ctx = ctx });
}

/* {is own, contacts, directed} */
static void answer_end(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_presence_fn *fn = (store_presence_fn *)pending->fn;
    enum bus_status status = status_of_answer(reply, count);
    struct presence_answer answer = { 0 };
    (void)redis;
    if (status != BUS_OK || reply[1].integer == 0) {
        fn(pending->ctx, status, status == BUS_OK ? &answer : NULL);
        return;
    }
    size_t at = 2;
    answer.must_wait = reply[1].integer == 2;
    answer.is_own = answer.was_available = !answer.must_wait;
    size_t members = take_array(reply, count, &at);
    struct contact *contacts = read_contacts(reply + 3, members);
    answer.contacts = contacts;
    answer.contact_count = members / 2;
    size_t start = at + 1;
    if (take_array(reply, count, &at) > 0)
        answer.directed = reply[start].text;
    fn(pending->ctx, BUS_OK, &answer);
    free(contacts);
}

static void presence_end(struct store *store, const struct presence_end *end, store_presence_fn *fn, void *ctx)
{
    static const char *const keys[] = { "sessions", "presence", "roster", "directed", "account", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_end, (any_fn *)fn, ctx);
    struct text owner = { 0 };
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_PRESENCE_END, end->row->bare, keys, 5);
    if (!end->is_swept)
        row_write(redis, end->row, &owner);
    command_text(queue, end->row->resource);
    command_text(queue, owner);
    command_text(queue, mailbox_of(redis, end->row->bare));
    command_text(queue, inside(end->event));
    command_text(queue, end->may_wait ? end->row->node : TEXT(""));
    script_end(queue, SCRIPT_PRESENCE_END, (struct pending){ .answer = answer_end, .fn = (any_fn *)fn, .ctx = ctx });
}

/* -- meet, directed -- */

static void answer_met(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_meet_fn *fn = (store_meet_fn *)pending->fn;
    enum bus_status status = status_of_answer(reply, count);
    if (status != BUS_OK) {
        fn(pending->ctx, status, 0, NULL, 0);
        return;
    }
    if (reply[1].integer > 0)
        metric_add(redis->settings.metrics, METRIC_BUS_PUBLISHED, 1);
    struct text *presences = read_texts(reply + 2, count - 2);
    fn(pending->ctx, BUS_OK, (int)reply[1].integer, presences, count - 2);
    free(presences);
}

static void presence_meet(struct store *store, const struct presence_meet *meet, store_meet_fn *fn, void *ctx)
{
    static const char *const keys[] = { "sessions", "presence", "roster", "blocked", NULL };
    static const char *const what[] = { "", "s", "p", "sp", "l", "sl", "pl", "spl" };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_met, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_PRESENCE_MEET, meet->bare, keys, 7);
    command_text(queue, mailbox_of(redis, meet->bare));
    command_word(queue, what[meet->what]);
    command_text(queue, meet->from);
    command_text(queue, meet->from_full);
    command_text(queue, meet->from_domain);
    command_text(queue, meet->event.size ? inside(meet->event) : TEXT(""));
    command_text(queue, meet->since);
    script_end(queue, SCRIPT_PRESENCE_MEET,
               (struct pending){ .answer = answer_met, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

static void presence_directed(struct store *store, struct text bare, struct text resource, struct text addresses)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    command_begin(queue, addresses.size ? 4 : 3);
    command_word(queue, addresses.size ? "HSET" : "HDEL");
    command_text(queue, redis_key(redis, bare, "directed"));
    command_text(queue, resource);
    if (addresses.size)
        command_text(queue, addresses);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

/* -- recall -- */

static void answer_recalled(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_recall_fn *fn = (store_recall_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 4))
        status = BUS_FAILED;
    if (status == BUS_OK)
        fn(pending->ctx, BUS_OK, reply[1].integer == 1, reply[2].text, reply[3].text);
    else
        fn(pending->ctx, status, false, (struct text){ 0 }, (struct text){ 0 });
}

static void presence_recall(struct store *store, struct text bare, struct text resource, store_recall_fn *fn, void *ctx)
{
    static const char *const keys[] = { "sessions", "presence", "directed", NULL };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_recalled, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis_script_begin(redis, SCRIPT_PRESENCE_RECALL, bare, keys, 1);
    command_text(queue, resource);
    script_end(queue, SCRIPT_PRESENCE_RECALL,
               (struct pending){ .answer = answer_recalled, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

const struct presence_ops redis_presence_ops = {
    .set = presence_set,
    .end = presence_end,
    .meet = presence_meet,
    .directed = presence_directed,
    .recall = presence_recall,
};

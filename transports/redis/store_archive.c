/* store_archive.c - pages of an archive, and what its owner wants kept. */
#include <stdlib.h>

#include "stanzabus/channel.h"
#include "store_parts.h"

/* -- pages -- */

struct page_asked {
    store_archived_fn *each;
    store_archive_page_fn *fn;
    void *ctx;
};

/* Kept without its first brace: what is put in front of an event then needs no copy of it in the scripts that write. */
static struct text whole_event(struct buffer *scratch, struct text event)
{
    if (!event.size || event.data[0] == '{')
        return event;
    scratch->size = 0;
    buffer_append_char(scratch, '{');
    buffer_append_text(scratch, event);
    return buffer_text(scratch);
}

static void answer_page(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct page_asked *asked = pending->ctx;
    enum bus_status status = reply_status(reply);
    struct archive_page_end end = { .total = -1 };
    struct buffer event = { 0 };
    (void)redis;
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    if (status == BUS_OK && count == 2) {
        end.is_unknown = true;
    } else if (status == BUS_OK) {
        end.total = reply[1].integer;
        end.next = reply[2].text;
        for (size_t i = 3; i + 1 < count; i += 2)
            asked->each(asked->ctx, reply[i].text, whole_event(&event, reply[i + 1].text));
    }
    buffer_fini(&event);
    asked->fn(asked->ctx, status, &end);
    free(asked);
}

static void write_ids(struct command_queue *queue, const struct text *ids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        command_text(queue, ids[i]);
}

static void archive_page(struct store *store, const struct archive_page *page, store_archived_fn *each,
                         store_archive_page_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct page_asked *asked = xmalloc(sizeof *asked);
    *asked = (struct page_asked){ each, fn, ctx };
    struct command_queue *queue = redis_take(redis, answer_page, NULL, asked);
    unsigned listed = page->ids ? page->id_count : 1;
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_ARCHIVE_PAGE, redis_key(redis, page->bare, "archive"),
                 9 + page->known_count + listed);
    command_text(queue, page->partner);
    command_text(queue, page->resource);
    command_text(queue, page->lower);
    command_text(queue, page->upper);
    command_word(queue, page->is_backwards ? "1" : "0");
    command_integer(queue, page->max);
    command_integer(queue, (int64_t)page->bytes);
    command_integer(queue, page->keep_ms);
    command_integer(queue, page->known_count);
    write_ids(queue, page->known, page->known_count);
    if (page->ids)
        write_ids(queue, page->ids, page->id_count);
    else
        command_word(queue, "-");
    script_end(queue, SCRIPT_ARCHIVE_PAGE,
               (struct pending){ .answer = answer_page, .ctx = asked, .flags = PENDING_REPEATABLE });
}

/* -- preferences -- */

/* [flags, [address, a or n, ...]] of the two commands: the flags are kept until the second answer. */
struct preferences_asked {
    store_preferences_fn *fn;
    void *ctx;
    char keeps;
};

static void answer_flags(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct preferences_asked *asked = pending->ctx;
    (void)redis;
    (void)count;
    if (reply_status(reply) == BUS_OK && reply->type == REPLY_STRING)
        for (size_t i = 0; i < reply->text.size; i++)
            if (strchr("ANR", reply->text.data[i]))
                asked->keeps = reply->text.data[i];
}

static void answer_exceptions(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct preferences_asked *asked = pending->ctx;
    enum bus_status status = reply_status(reply);
    struct archive_preferences preferences = { .keeps = asked->keeps };
    (void)redis;
    if (status == BUS_OK) {
        preferences.always = xcalloc(count + 1, sizeof *preferences.always);
        preferences.never = xcalloc(count + 1, sizeof *preferences.never);
        for (size_t i = 1; i + 1 < count; i += 2) {
            if (text_is(reply[i + 1].text, "a"))
                preferences.always[preferences.always_count++] = reply[i].text;
            else
                preferences.never[preferences.never_count++] = reply[i].text;
        }
    }
    asked->fn(asked->ctx, status, status == BUS_OK ? &preferences : NULL);
    free(preferences.always);
    free(preferences.never);
    free(asked);
}

static void preferences_get(struct store *store, struct text bare, store_preferences_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct preferences_asked *asked = xmalloc(sizeof *asked);
    *asked = (struct preferences_asked){ fn, ctx, 0 };
    struct command_queue *queue = redis_take(redis, answer_exceptions, NULL, asked);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_word(queue, "HGET");
    command_text(queue, redis_key(redis, bare, "sessions"));
    command_text(queue, (struct text){ 0 });
    command_end(queue, (struct pending){ .answer = answer_flags, .ctx = asked, .flags = PENDING_REPEATABLE });
    command_begin(queue, 2);
    command_word(queue, "HGETALL");
    command_text(queue, redis_key(redis, bare, "prefs"));
    command_end(queue, (struct pending){ .answer = answer_exceptions, .ctx = asked, .flags = PENDING_REPEATABLE });
}

static void write_exceptions(struct command_queue *queue, const struct text *addresses, unsigned count, const char *kind)
{
    for (unsigned i = 0; i < count; i++) {
        command_text(queue, addresses[i]);
        command_word(queue, kind);
    }
}

static void preferences_set(struct store *store, struct text bare, const struct archive_preferences *preferences,
                            store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    char keeps = preferences->keeps ? preferences->keeps : '-';
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_ARCHIVE_PREFERENCES, redis_key(redis, bare, "prefs"),
                 2 + 2 * (preferences->always_count + preferences->never_count));
    redis->row.size = 0;
    channel_to(&redis->row, redis->settings.prefix, bare);
    command_text(queue, buffer_text(&redis->row));
    command_text(queue, (struct text){ &keeps, 1 });
    write_exceptions(queue, preferences->always, preferences->always_count, "a");
    write_exceptions(queue, preferences->never, preferences->never_count, "n");
    script_end(queue, SCRIPT_ARCHIVE_PREFERENCES,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

const struct archive_ops redis_archive_ops = {
    .page = archive_page,
    .preferences_get = preferences_get,
    .preferences_set = preferences_set,
    .retain = store_archive_retain,
};

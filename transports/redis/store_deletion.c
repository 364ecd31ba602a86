/* store_deletion.c - an account goes, and every key with it.  Whoever keeps something under an account's name adds the name
 * here: names[] are single keys, families[] begin the names of keys that are found by looking (SCAN). */
#include <stdlib.h>

#include "store_parts.h"

static const char *const names[] = {
    "sessions", /* first: nothing is routed to them any more, and their next write ends them */
    "log",      "acked",     "seen",     "archive",   "presence", "directed", "roster", "requests", "vcard",
    "private",  "blocked",  "tokens",
    "prefs",    "ended",     "asked",
};
static const char *const families[] = { "with:", "seen:", "sm:", "pep" };

enum { NAME_COUNT = sizeof names / sizeof *names, FAMILY_COUNT = sizeof families / sizeof *families, LOOK_COUNT = 1000, DELETED_SECONDS = 24 * 60 * 60 };

struct deletion {
    struct text pattern; /* behind the struct: every key of the account */
    size_t family;       /* bytes of a key up to the end of "}:" */
    store_done_fn *fn;
    void *ctx;
    int64_t result;
};

/* In a pattern of SCAN stand for themselves only what is escaped; the braces already do. */
void pattern_literal(struct buffer *out, struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (memchr("*?[]\\", text.data[i], 5))
            buffer_append_char(out, '\\');
        buffer_append_char(out, text.data[i]);
    }
}

static struct deletion *deletion_new(struct redis *redis, struct text bare)
{
    struct buffer pattern = { 0 };
    struct text key = redis_key(redis, bare, "");
    pattern_literal(&pattern, key);
    buffer_append_char(&pattern, '*');
    struct deletion *deletion = xcalloc(1, sizeof *deletion + pattern.size);
    memcpy(deletion + 1, pattern.data, pattern.size);
    deletion->pattern = (struct text){ (const char *)(deletion + 1), pattern.size };
    deletion->family = key.size;
    buffer_fini(&pattern);
    return deletion;
}

static void finish(struct deletion *deletion, enum bus_status status)
{
    if (deletion->fn)
        deletion->fn(deletion->ctx, status, deletion->result);
    free(deletion);
}

/* -- the families -- */

static void answer_looked(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count);

static void look_from(struct redis *redis, struct deletion *deletion, struct text cursor)
{
    struct command_queue *queue = redis_take(redis, answer_looked, NULL, deletion);
    if (!queue)
        return;
    command_begin(queue, 6);
    command_word(queue, "SCAN");
    command_text(queue, cursor);
    command_word(queue, "MATCH");
    command_text(queue, deletion->pattern);
    command_word(queue, "COUNT");
    command_integer(queue, LOOK_COUNT);
    command_end(queue, (struct pending){ .answer = answer_looked, .ctx = deletion });
}

static bool is_of_family(const struct deletion *deletion, struct text key)
{
    struct text name = { key.data + deletion->family, key.size - deletion->family };
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        if (text_starts_with(name, text_of(families[i])))
            return true;
    return false;
}

static void delete_key(struct redis *redis, struct text key)
{
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "UNLINK");
    command_text(queue, key);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

static void answer_looked(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct deletion *deletion = pending->ctx;
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 3))
        status = BUS_FAILED;
    for (size_t i = 3; status == BUS_OK && i < count; i++)
        if (is_of_family(deletion, reply[i].text))
            delete_key(redis, reply[i].text);
    if (status == BUS_OK && !text_is(reply[1].text, "0"))
        look_from(redis, deletion, reply[1].text);
    else
        finish(deletion, status);
}

/* -- the names -- */

static void answer_deleted(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct deletion *deletion = pending->ctx;
    (void)count;
    if (reply_status(reply) != BUS_OK) {
        finish(deletion, reply_status(reply));
        return;
    }
    deletion->result = reply->integer;
    look_from(redis, deletion, TEXT("0"));
}

void store_account_delete(struct store *store, struct text bare, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct deletion *deletion = deletion_new(redis, bare);
    deletion->fn = fn;
    deletion->ctx = ctx;
    struct command_queue *queue = redis_take(redis, answer_deleted, NULL, deletion);
    if (!queue)
        return;
    account_change_begin(redis, queue, bare, "deleted", NULL, 0);
    script_end(queue, SCRIPT_ACCOUNT_CHANGE, (struct pending){ .answer = answer_nobody });
    leaving_write(redis, queue, bare);
    command_begin(queue, 1 + NAME_COUNT);
    command_word(queue, "DEL");
    for (size_t i = 0; i < NAME_COUNT; i++)
        command_text(queue, redis_key(redis, bare, names[i]));
    command_end(queue, (struct pending){ .answer = answer_nobody });
    command_begin(queue, 5); /* so that no node writes a session's row again, as it does for a Redis that lost its memory */
    command_word(queue, "SET");
    command_text(queue, redis_key(redis, bare, "deleted"));
    command_word(queue, "1");
    command_word(queue, "EX");
    command_integer(queue, DELETED_SECONDS);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    command_begin(queue, 2);
    command_word(queue, "DEL");
    command_text(queue, redis_key(redis, bare, "account"));
    command_end(queue, (struct pending){ .answer = answer_deleted, .ctx = deletion });
}

/* -- guests: no account goes, but what is kept of one does by itself -- */

void store_guest_keep(struct store *store, struct text bare, int64_t keep_ms)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_GUEST_KEEP, redis_key(redis, bare, "sessions"), NAME_COUNT);
    command_integer(queue, keep_ms);
    for (size_t i = 1; i < NAME_COUNT; i++) /* but for the sessions */
        command_word(queue, names[i]);
    script_end(queue, SCRIPT_GUEST_KEEP, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

/* store_sessions.c - session rows, and routing by them.
 * The row of a resource: four letters, session, LF, node/resource as JSON writes it, LF, uid, LF, priority.  The letters:
 * u not available, m available of negative priority, a available; then c, s, i or -: has carbons, is resumable, is
 * interested.  The second line goes into events as it is.  Beside the rows the field "" holds the account's flags
 * (stanzabus/store_log.h). */
#include <assert.h>
#include <stdlib.h>

#include "stanzabus/channel.h"
#include "store_parts.h"

enum { ROW_LETTERS = 4 };

/* -- rows -- */

static void append_json_inside(struct buffer *out, struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20) {
            buffer_printf(out, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            buffer_append_char(out, '\\');
        buffer_append_char(out, (char)c);
    }
}

void session_owner(struct buffer *out, uint64_t session, struct text node)
{
    buffer_printf(out, "%llu\n", (unsigned long long)session);
    append_json_inside(out, node);
    buffer_append_char(out, '/');
}

struct text row_write(struct redis *redis, const struct session_row *row, struct text *owner)
{
    struct buffer *out = &redis->row;
    out->size = 0;
    const char letters[ROW_LETTERS] = { !row->is_available ? 'u' : row->priority < 0 ? 'm' : 'a', row->has_carbons ? 'c' : '-',
                                        row->is_resumable ? 's' : '-', row->is_interested ? 'i' : '-' };
    buffer_append(out, letters, sizeof letters);
    session_owner(out, row->session, row->node);
    size_t owner_end = out->size;
    append_json_inside(out, row->resource);
    BUFFER_LITERAL(out, "\n");
    buffer_append_text(out, row->uid);
    buffer_printf(out, "\n%d", row->priority);
    *owner = (struct text){ out->data + ROW_LETTERS, owner_end - ROW_LETTERS };
    return buffer_text(out);
}

void session_index(struct redis *redis, struct command_queue *queue, const char *verb, const struct session_row *row)
{
    struct text key = node_index_key(redis, row->node);
    command_begin(queue, 3);
    command_word(queue, verb);
    command_text(queue, key);
    redis->row.size = 0;
    buffer_printf(&redis->row, "%llu ", (unsigned long long)row->session);
    buffer_append_text(&redis->row, row->bare);
    buffer_append_char(&redis->row, '/');
    buffer_append_text(&redis->row, row->resource);
    command_text(queue, buffer_text(&redis->row));
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

/* xmpp:to:{bare} in redis->key; borrowed until the next name. */
struct text mailbox_of(struct redis *redis, struct text bare)
{
    redis->key.size = 0;
    channel_to(&redis->key, redis->settings.prefix, bare);
    return buffer_text(&redis->key);
}

/* -- bind -- */

struct bind {               /* what is asked, until the answer: a refused row must leave the index again */
    struct session_row row; /* its texts are behind the struct */
    store_bind_fn *fn;
    void *ctx;
};

static struct text keep(char **place, struct text text)
{
    struct text kept = { *place, text.size };
    if (text.size)
        memcpy(*place, text.data, text.size);
    *place += text.size;
    return kept;
}

static struct bind *bind_new(const struct session_row *row, store_bind_fn *fn, void *ctx)
{
    struct bind *bind = xmalloc(sizeof *bind + row->bare.size + row->resource.size + row->node.size + row->uid.size);
    char *place = (char *)(bind + 1);
    *bind = (struct bind){ *row, fn, ctx };
    bind->row.bare = keep(&place, row->bare);
    bind->row.resource = keep(&place, row->resource);
    bind->row.node = keep(&place, row->node);
    bind->row.uid = keep(&place, row->uid);
    return bind;
}

static void answer_bind(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct bind *bind = pending->ctx;
    enum bus_status status = reply_status(reply);
    struct bind_answer answer = { 0 };
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 6 || reply[1].type != REPLY_INTEGER))
        status = BUS_FAILED;
    if (status == BUS_OK)
        answer = (struct bind_answer){ .result = (int)reply[1].integer,
                                       .replaced_node = reply[2].text,
                                       .replaced_session = text_number(reply[3].text),
                                       .flags = reply[4].text,
                                       .carbons = (unsigned)reply[5].integer };
    if (answer.result < 0)
        session_index(redis, &redis->commands.queue, "SREM", &bind->row);
    else if (answer.result == BIND_REPLACED) /* its node may have died, with what its client did not acknowledge */
        sm_write_deadline(redis, &redis->commands.queue, answer.replaced_node, answer.replaced_session, bind->row.bare,
                          bind->row.resource, 0);
    if (bind->fn)
        bind->fn(bind->ctx, status, &answer);
    free(bind);
}

/* The index comes first: a row that is in no index would be nobody's to sweep.  An index without a row hurts nobody. */
void store_session_bind(struct store *store, const struct session_row *row, enum bind_conflict conflict,
                        unsigned max_sessions, store_bind_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct bind *bind = bind_new(row, fn, ctx);
    struct command_queue *queue = redis_take(redis, answer_bind, NULL, bind);
    struct text text, owner;
    if (!queue)
        return;
    session_index(redis, queue, "SADD", row);
    text = row_write(redis, row, &owner);
    script_begin(queue, &redis->scripts, SCRIPT_SESSION_BIND, redis_key(redis, row->bare, "sessions"), 8);
    command_text(queue, row->resource);
    command_text(queue, owner);
    command_text(queue, text);
    command_word(queue, conflict == BIND_REPLACE ? "1" : "0");
    command_integer(queue, max_sessions);
    command_integer(queue, (int64_t)row->generation);
    command_text(queue, redis_key(redis, row->bare, "log"));
    command_text(queue, mailbox_of(redis, row->bare));
    script_end(queue, SCRIPT_SESSION_BIND,
               (struct pending){ .answer = answer_bind, .ctx = bind, .flags = PENDING_REPEATABLE });
}

/* -- update, remove -- */

void store_session_update(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    struct text text, owner;
    if (!queue)
        return;
    text = row_write(redis, row, &owner);
    script_begin(queue, &redis->scripts, SCRIPT_SESSION_UPDATE, redis_key(redis, row->bare, "sessions"), 4);
    command_text(queue, row->resource);
    command_text(queue, owner);
    command_text(queue, text);
    command_text(queue, mailbox_of(redis, row->bare));
    script_end(queue, SCRIPT_SESSION_UPDATE,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

static void write_removal(struct redis *redis, struct command_queue *queue, struct text bare, struct text resource,
                          uint64_t session, struct text node)
{
    command_text(queue, resource);
    redis->row.size = 0;
    session_owner(&redis->row, session, node);
    command_text(queue, buffer_text(&redis->row));
    command_text(queue, redis_key(redis, bare, "log"));
    command_text(queue, mailbox_of(redis, bare));
}

void session_write_sweep(struct redis *redis, struct command_queue *queue, struct text bare, struct text resource,
                         uint64_t session, struct text node, int64_t how, struct pending pending)
{
    script_begin(queue, &redis->scripts, SCRIPT_SESSION_SWEEP, redis_key(redis, bare, "sessions"), 5);
    write_removal(redis, queue, bare, resource, session, node);
    command_integer(queue, how);
    script_end(queue, SCRIPT_SESSION_SWEEP, pending);
}

void store_session_remove(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_SESSION_REMOVE, redis_key(redis, row->bare, "sessions"), 4);
    write_removal(redis, queue, row->bare, row->resource, row->session, row->node);
    script_end(queue, SCRIPT_SESSION_REMOVE,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
    session_index(redis, queue, "SREM", row);
}

/* -- route -- */

static void answer_routed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    if (reply && reply->type == REPLY_INTEGER && reply->integer > 0)
        metric_add(redis->settings.metrics, METRIC_BUS_PUBLISHED, 1);
    answer_done(redis, pending, reply, count);
}

/* XEP-0191 5: what of a sender may be blocked, as three arguments: the whole address, the bare one, the domain.  All are
 * empty for the account's own resources, which are never blocked. */
void sender_parts(struct command_queue *queue, struct text bare, struct text from)
{
    const char *slash = from.size ? memchr(from.data, '/', from.size) : NULL;
    struct text from_bare = { from.data, slash ? (size_t)(slash - from.data) : from.size };
    const char *at = from_bare.size ? memchr(from_bare.data, '@', from_bare.size) : NULL;
    size_t local = at ? (size_t)(at - from_bare.data) + 1 : 0;
    if (text_equal(from_bare, bare))
        from = from_bare = (struct text){ 0 };
    command_text(queue, from);
    command_text(queue, from_bare);
    command_text(queue, from.size ? (struct text){ from_bare.data + local, from_bare.size - local } : (struct text){ 0 });
}

void store_route(struct store *store, const struct route *route, store_done_fn *fn, void *ctx)
{
    static const char *const audiences[] = { [ROUTE_RESOURCE] = "r",
                                             [ROUTE_NON_NEGATIVE] = "n",
                                             [ROUTE_AVAILABLE] = "v",
                                             [ROUTE_RESOURCE_OR_NON_NEGATIVE] = "o" };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_routed, (any_fn *)fn, ctx);
    if (!queue)
        return;
    assert(route->event.size > 2 && route->event.data[0] == '{');
    script_begin(queue, &redis->scripts, SCRIPT_ROUTE, redis_key(redis, route->bare, "sessions"), 8);
    command_text(queue, mailbox_of(redis, route->bare));
    command_integer(queue, route->hops);
    command_word(queue, audiences[route->audience]);
    command_text(queue, route->resource);
    command_text(queue, (struct text){ route->event.data + 1, route->event.size - 1 });
    sender_parts(queue, route->bare, route->from);
    script_end(queue, SCRIPT_ROUTE, (struct pending){ .answer = answer_routed, .fn = (any_fn *)fn, .ctx = ctx });
}

/* store_sm.c - the notes of resumable streams (stanzabus/store_sm.h). */
#include "stanzabus/store_sm.h"

#include <stdlib.h>
#include <time.h>

#include "store_parts.h"

int64_t sm_unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t sm_number_of(struct text digits)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size && digits.data[i] >= '0' && digits.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    return number;
}

static struct text notes_key(struct redis *redis, struct text bare, struct text uid)
{
    redis_key(redis, bare, "sm:");
    buffer_append_text(&redis->key, uid);
    return buffer_text(&redis->key);
}

static struct text owner_of(struct redis *redis, uint64_t session, struct text node)
{
    redis->row.size = 0;
    session_owner(&redis->row, session, node);
    return buffer_text(&redis->row);
}

struct text sm_detached_key(struct redis *redis)
{
    redis->key.size = 0;
    buffer_printf(&redis->key, "%sdetached", redis->prefix);
    return buffer_text(&redis->key);
}

/* -- lines -- */

static void write_line(struct command_queue *queue, const struct sm_line *line)
{
    char head[64];
    command_integer(queue, (int64_t)line->number);
    if (line->xml.size)
        snprintf(head, sizeof head, "s ");
    else
        snprintf(head, sizeof head, "e %llu %u", (unsigned long long)line->entry, line->count);
    command_joined(queue, text_of(head), line->xml);
}

static void write_lines(struct command_queue *queue, const struct sm_notes *notes)
{
    for (size_t i = 0; i < notes->line_count; i++)
        write_line(queue, &notes->lines[i]);
}

static void write_counts(struct command_queue *queue, const struct sm_notes *notes)
{
    command_integer(queue, (int64_t)notes->handled);
    command_integer(queue, (int64_t)notes->sent);
    command_integer(queue, (int64_t)notes->entry);
}

/* -- start -- */

static void sm_start(struct store *store, const struct session_row *row, uint32_t resume_ms, const struct sm_notes *notes,
                     store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_SM_START, redis_key(redis, row->bare, "sessions"),
                 (unsigned)(7 + 2 * notes->line_count));
    command_text(queue, row->resource);
    command_text(queue, owner_of(redis, row->session, row->node));
    command_text(queue, notes_key(redis, row->bare, row->uid));
    command_integer(queue, resume_ms);
    write_counts(queue, notes);
    write_lines(queue, notes);
    script_end(queue, SCRIPT_SM_START,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- note -- */

static void sm_note(struct store *store, const struct sm_notes *notes, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_SM_NOTE, notes_key(redis, notes->bare, notes->uid),
                 (unsigned)(5 + notes->gone_count + 2 * notes->line_count));
    command_text(queue, owner_of(redis, notes->session, notes->node));
    write_counts(queue, notes);
    command_integer(queue, (int64_t)notes->gone_count);
    for (size_t i = 0; i < notes->gone_count; i++)
        command_integer(queue, (int64_t)notes->gone[i]);
    write_lines(queue, notes);
    script_end(queue, SCRIPT_SM_NOTE,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- find -- */

static void answer_found(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    struct sm_found found = { 0 };
    (void)redis;
    if (status == BUS_OK && count == 2) {
        found.has_handled = true;
        found.handled = sm_number_of(reply[1].text);
    } else if (status == BUS_OK && count == 3) {
        found.is_there = found.has_handled = true;
        found.resource = reply[1].text;
        found.handled = sm_number_of(reply[2].text);
    }
    ((store_sm_found_fn *)pending->fn)(pending->ctx, status, &found);
}

static void sm_find(struct store *store, struct text bare, struct text uid, store_sm_found_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_found, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_SM_FIND, redis_key(redis, bare, "sessions"), 2);
    command_text(queue, notes_key(redis, bare, uid));
    command_text(queue, uid);
    script_end(queue, SCRIPT_SM_FIND,
               (struct pending){ .answer = answer_found, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- take -- */

static bool read_line(struct sm_line *line, struct text field, struct text value)
{
    *line = (struct sm_line){ .number = sm_number_of(field), .count = 1 };
    struct text rest = { value.data + 2, value.size - 2 };
    if (value.size < 3)
        return false;
    if (text_starts_with(value, TEXT("s "))) {
        line->xml = rest;
        return true;
    }
    line->entry = sm_number_of(rest);
    const char *blank = memchr(rest.data, ' ', rest.size);
    if (blank)
        line->count = (uint32_t)sm_number_of((struct text){ blank + 1, (size_t)(rest.data + rest.size - blank - 1) });
    return text_starts_with(value, TEXT("e ")) && blank && line->entry > 0 && line->count > 0;
}

static int by_number(const void *a, const void *b)
{
    const struct sm_line *left = a, *right = b;
    return left->number < right->number ? -1 : left->number > right->number;
}

static bool are_whole(const struct sm_taken *taken)
{
    for (size_t i = 0; i < taken->line_count; i++) {
        const struct sm_line *line = &taken->lines[i];
        uint64_t next = i + 1 < taken->line_count ? taken->lines[i + 1].number : taken->sent + 1;
        if (line->number + line->count != next)
            return false;
    }
    return true;
}

/* fields: a hash, so many texts. */
static struct sm_line *read_notes(struct sm_taken *taken, const struct reply *fields, size_t count)
{
    struct sm_line *lines = xcalloc(count / 2 + 1, sizeof *lines);
    bool is_readable = true;
    for (size_t i = 0; i + 1 < count; i += 2) {
        struct text field = fields[i].text, value = fields[i + 1].text;
        switch (field.size ? field.data[0] : 0) {
        case 'h':
            taken->handled = sm_number_of(value);
            break;
        case 's':
            taken->sent = sm_number_of(value);
            break;
        case 'e':
            taken->entry = sm_number_of(value);
            break;
        case 't':
            taken->resume_ms = (uint32_t)sm_number_of(value);
            break;
        case '1' ... '9':
            is_readable &= read_line(&lines[taken->line_count++], field, value);
            break;
        default:
            break;
        }
    }
    qsort(lines, taken->line_count, sizeof *lines, by_number);
    taken->lines = lines;
    taken->is_whole = is_readable && are_whole(taken);
    return lines;
}

static void answer_taken(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    struct sm_taken taken = { 0 };
    struct sm_line *lines = NULL;
    (void)redis;
    if (status == BUS_OK && reply->type == REPLY_ARRAY && reply->integer == 9 && count >= 10) {
        struct text letters = reply[3].text;
        taken.answer = (struct bind_answer){ .result = BIND_REPLACED,
                                             .replaced_node = reply[1].text,
                                             .replaced_session = sm_number_of(reply[2].text),
                                             .flags = reply[5].text,
                                             .carbons = (unsigned)reply[6].integer };
        taken.presence = reply[7].text;
        taken.directed = reply[8].text;
        taken.is_available = letters.data[0] != 'u';
        taken.has_carbons = letters.data[1] == 'c';
        taken.is_interested = letters.data[3] == 'i';
        taken.priority =
            (int8_t)(reply[4].text.data[0] == '-'
                         ? -(int)sm_number_of((struct text){ reply[4].text.data + 1, reply[4].text.size - 1 })
                         : (int)sm_number_of(reply[4].text));
        lines = read_notes(&taken, reply + 10, count - 10);
    }
    ((store_sm_taken_fn *)pending->fn)(pending->ctx, status, &taken);
    free(lines);
}

/* The index comes first, as with a binding. */
static void sm_take(struct store *store, const struct session_row *row, store_sm_taken_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_taken, (any_fn *)fn, ctx);
    if (!queue)
        return;
    session_index(redis, queue, "SADD", row);
    script_begin(queue, &redis->scripts, SCRIPT_SM_TAKE, redis_key(redis, row->bare, "sessions"), 5);
    command_text(queue, row->resource);
    command_text(queue, owner_of(redis, row->session, row->node));
    command_text(queue, row->uid);
    command_text(queue, notes_key(redis, row->bare, row->uid));
    command_integer(queue, (int64_t)row->generation);
    script_end(queue, SCRIPT_SM_TAKE,
               (struct pending){ .answer = answer_taken, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- detach -- */

struct detach {
    store_sm_dropped_fn *each;
    store_done_fn *fn;
    void *ctx;
    struct text bare; /* behind the struct */
};

void sm_write_deadline(struct redis *redis, struct command_queue *queue, struct text node, uint64_t session,
                       struct text bare, struct text resource, int64_t from_now_ms)
{
    command_begin(queue, 4);
    command_word(queue, "ZADD");
    command_text(queue, sm_detached_key(redis));
    command_integer(queue, sm_unix_ms() + from_now_ms);
    redis->row.size = 0;
    buffer_printf(&redis->row, "%.*s\n%llu\n%.*s/%.*s", TEXT_ARGS(node), (unsigned long long)session, TEXT_ARGS(bare),
                  TEXT_ARGS(resource));
    command_text(queue, buffer_text(&redis->row));
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

static void answer_detached(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct detach *detach = pending->ctx;
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    for (size_t i = 2; status == BUS_OK && i + 2 < count; i += 3) {
        struct sm_dropped dropped = { reply[i].text, reply[i + 1].text, sm_number_of(reply[i + 2].text) };
        sm_write_deadline(redis, &redis->commands.queue, dropped.node, dropped.session, detach->bare, dropped.resource, 0);
        if (detach->each)
            detach->each(detach->ctx, &dropped);
    }
    if (detach->fn)
        detach->fn(detach->ctx, status, status == BUS_OK ? reply[1].integer : 0);
    free(detach);
}

static void sm_detach(struct store *store, const struct session_row *row, uint32_t resume_ms, int most,
                      store_sm_dropped_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct detach *detach = xmalloc(sizeof *detach + row->bare.size);
    memcpy(detach + 1, row->bare.data, row->bare.size);
    *detach = (struct detach){ each, fn, ctx, { (const char *)(detach + 1), row->bare.size } };
    struct command_queue *queue = redis_take(redis, answer_detached, NULL, detach);
    if (!queue)
        return;
    if (row->resource.size)
        sm_write_deadline(redis, queue, row->node, row->session, row->bare, row->resource, resume_ms);
    script_begin(queue, &redis->scripts, SCRIPT_SM_DETACH, redis_key(redis, row->bare, "sessions"), 6);
    command_text(queue, row->resource);
    command_text(queue, owner_of(redis, row->session, row->node));
    command_integer(queue, sm_unix_ms());
    command_integer(queue, most);
    command_text(queue, redis_key(redis, row->bare, "log"));
    command_text(queue, notes_key(redis, row->bare, (struct text){ 0 }));
    script_end(queue, SCRIPT_SM_DETACH,
               (struct pending){ .answer = answer_detached, .ctx = detach, .flags = PENDING_REPEATABLE });
}

const struct sm_ops redis_sm_ops = {
    .start = sm_start,
    .note = sm_note,
    .find = sm_find,
    .take = sm_take,
    .detach = sm_detach,
    .expire = store_sm_expire,
};

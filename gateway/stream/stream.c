/* stream.c - the life of a stream: feeding, pausing, restarting, sleeping, and the four callbacks.  Callbacks are made
 * from here, never from inside the parser, so each may call back into its own stream: pause, restart, free. */
#include <assert.h>
#include <stdlib.h>

#include "gateway/stream/stream_state.h"

/* While paused a stream keeps what one read brings; the transport is paused with it, so more is a fault. */
enum { PENDING_READ = 64 * 1024 };

struct stream *stream_new(struct stream_pool *pool, enum stream_framing framing, const struct stream_limits *limits,
                          const struct stream_callbacks *callbacks, void *ctx)
{
    struct stream *stream = xcalloc(1, sizeof *stream);
    stream->pool = pool;
    stream->framing = (unsigned char)framing;
    stream->content = TEXT(XMLNS_CLIENT);
    stream->limits = limits;
    stream->callbacks = callbacks;
    stream->ctx = ctx;
    return stream;
}

/* Forgets the header, and the parser with all that it has read. */
static void forget(struct stream *stream)
{
    stream_drop_parser(stream);
    free(stream->start_tag);
    stream->start_tag = NULL;
    stream->open = false;
}

static void destroy(struct stream *stream)
{
    forget(stream);
    buffer_fini(&stream->pending);
    free(stream);
}

void stream_free(struct stream **stream)
{
    struct stream *freed = *stream;
    *stream = NULL;
    if (!freed)
        return;
    if (freed->running)
        freed->freed = true;
    else
        destroy(freed);
}

/* -- callbacks -- */

void stream_fail(struct stream *stream, enum stream_condition condition, const char *text)
{
    forget(stream);
    stream->done = true;
    stream->callbacks->on_error(stream->ctx, condition, text);
}

void stream_end(struct stream *stream)
{
    forget(stream);
    stream->done = true;
    stream->callbacks->on_close(stream->ctx);
}

void stream_begin(struct stream *stream, struct stanza *header, struct text content_namespace)
{
    const struct element *root = header->root;
    struct stream_header h = {
        .to = element_get(root, "to"),
        .from = element_get(root, "from"),
        .id = element_get(root, "id"),
        .version = element_get(root, "version"),
        .lang = element_lang(root),
        .xmlns = content_namespace,
    };
    stream->open = stream->was_open = true;
    stream->callbacks->on_open(stream->ctx, &h);
    stanza_free(&header);
}

/* -- input -- */

static bool may_go_on(const struct stream *stream)
{
    return !stream->paused && !stream->done && !stream->freed;
}

static void keep(struct stream *stream, const char *data, size_t size)
{
    if (stream->done || stream->overflowed)
        return;
    if (stream->pending.size + size > stream->limits->stanza_bytes + PENDING_READ) {
        stream->overflowed = true;
        return;
    }
    if (stream->framing == FRAMING_WEBSOCKET)
        buffer_append(&stream->pending, (const char *)&size, sizeof size);
    buffer_append(&stream->pending, data, size);
}

static void run_bytes(struct stream *stream)
{
    while (stream->rest.size && may_go_on(stream))
        stream_tcp_step(stream);
    if (stream->rest.size && !stream->freed)
        keep(stream, stream->rest.data, stream->rest.size);
}

/* Messages that waited, each behind its size. */
static void run_waiting_messages(struct stream *stream)
{
    while (stream->rest.size && may_go_on(stream)) {
        struct text message = { stream->rest.data + sizeof message.size, 0 };
        memcpy(&message.size, stream->rest.data, sizeof message.size);
        stream->rest.data = message.data + message.size;
        stream->rest.size -= sizeof message.size + message.size;
        stream_websocket_message(stream, message);
    }
    if (stream->rest.size && !stream->freed && !stream->done)
        buffer_append_text(&stream->pending, stream->rest);
}

/* Afterwards the stream may be gone. */
static void finish(struct stream *stream)
{
    stream->running = false;
    stream->rest = (struct text){ NULL, 0 };
    if (stream->freed)
        destroy(stream);
}

void stream_feed(struct stream *stream, const char *data, size_t size)
{
    assert(!stream->running);
    if (!may_go_on(stream)) {
        keep(stream, data, size);
        return;
    }
    stream->running = true;
    if (stream->framing == FRAMING_TCP) {
        stream->rest = (struct text){ data, size };
        run_bytes(stream);
    } else {
        stream_websocket_message(stream, (struct text){ data, size });
    }
    finish(stream);
}

void stream_pause(struct stream *stream)
{
    stream->paused = true;
}

void stream_resume(struct stream *stream)
{
    stream->paused = false;
    if (stream->running)
        return;

    struct buffer waiting = stream->pending;
    stream->pending = (struct buffer){ 0 };
    stream->rest = buffer_text(&waiting);
    stream->running = true;
    if (stream->framing == FRAMING_TCP)
        run_bytes(stream);
    else
        run_waiting_messages(stream);
    if (stream->overflowed && may_go_on(stream))
        stream_fail(stream, STREAM_ERROR_RESOURCE_CONSTRAINT, "more input than can wait");
    finish(stream);
    buffer_fini(&waiting);
}

void stream_restart(struct stream *stream)
{
    forget(stream);
}

/* Expat may hold bytes behind the last event: they go with it. */
void stream_drop_input(struct stream *stream)
{
    stream_drop_parser(stream);
    buffer_fini(&stream->pending);
    stream->rest.size = 0;
    stream->overflowed = false;
}

void stream_set_content(struct stream *stream, struct text content)
{
    stream->content = content;
}

void stream_set_limits(struct stream *stream, const struct stream_limits *limits)
{
    stream->limits = limits;
}

bool stream_sleep(struct stream *stream)
{
    if (stream->running || stream->pending.size)
        return false;
    if (stream->in && !xml_in_is_between(stream->in))
        return false;
    stream_drop_parser(stream);
    buffer_fini(&stream->pending);
    return true;
}

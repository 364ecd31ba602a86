/* memory_connection.c - a connection without a socket: what the server writes is kept for the test to read. */
#include <stdlib.h>

#include "world.h"

struct wire_message {
    struct wire_message *next;
    struct buffer bytes;
};

struct wire {
    struct connection connection; /* first: the transport contract */
    const struct connection_callbacks *callbacks;
    void *ctx;
    struct buffer received;
    struct wire_message *first, **last;
    bool wants_close, is_closed, is_paused, is_dropped, is_stuck;
    unsigned reads_left; /* with is_stuck: so many are still taken */
    struct wire_message *held, **held_last; /* what the client sent while the server did not read */
};

static struct wire *wire_of(struct connection *connection)
{
    return (struct wire *)connection;
}

static void append_message(struct wire_message ***last, const char *data, size_t size)
{
    struct wire_message *message = xcalloc(1, sizeof *message);
    buffer_append(&message->bytes, data, size);
    **last = message;
    *last = &message->next;
}

enum { VERY_MUCH = 64 * 1024 * 1024 }; /* more than any queue may hold */

static void on_write(struct connection *connection, const char *data, size_t size)
{
    struct wire *wire = wire_of(connection);
    if (wire->is_stuck && wire->reads_left > 0)
        wire->reads_left--;
    else if (wire->is_stuck)
        connection->queued = VERY_MUCH;
    if (wire->connection.framing == FRAMING_WEBSOCKET)
        append_message(&wire->last, data, size);
    else
        buffer_append(&wire->received, data, size);
}

static void on_close(struct connection *connection)
{
    wire_of(connection)->wants_close = true;
}

static void on_pause(struct connection *connection)
{
    wire_of(connection)->is_paused = true;
}

static void on_resume(struct connection *connection)
{
    wire_of(connection)->is_paused = false;
}

static int no_binding(struct connection *connection, enum channel_binding kind, unsigned char out[64])
{
    (void)connection;
    (void)kind;
    (void)out;
    return -1;
}

static int no_certificate(struct connection *connection, struct arena *arena, struct text *out, int max)
{
    (void)connection;
    (void)arena;
    (void)out;
    (void)max;
    return -1;
}

static const struct connection_ops wire_ops = {
    .write = on_write,
    .close = on_close,
    .pause = on_pause,
    .resume = on_resume,
    .channel_binding = no_binding,
    .certificate_jids = no_certificate,
};

struct wire *wire_open(const struct connection_callbacks *callbacks, void *ctx, enum stream_framing framing)
{
    struct wire *wire = xcalloc(1, sizeof *wire);
    wire->connection.ops = &wire_ops;
    wire->connection.framing = framing;
    strcpy(wire->connection.peer, "127.0.0.1:40000");
    wire->callbacks = callbacks;
    wire->ctx = ctx;
    wire->last = &wire->first;
    wire->held_last = &wire->held;
    if (!callbacks->on_accept(ctx, &wire->connection))
        wire->is_closed = true;
    return wire;
}

static void closed(struct wire *wire, const char *reason)
{
    if (wire->is_closed)
        return;
    wire->is_closed = true;
    wire->callbacks->on_closed(wire->ctx, &wire->connection, reason);
    wire->connection.session = NULL;
}

static void feed(struct wire *wire, const char *data, size_t size)
{
    if (!wire->is_closed && !wire->wants_close)
        wire->callbacks->on_bytes(wire->ctx, &wire->connection, data, size);
}

/* Reads what was held, as long as the server reads. */
static bool feed_held(struct wire *wire)
{
    bool any = false;
    while (wire->held && !wire->is_paused) {
        any = true;
        struct wire_message *message = wire->held;
        wire->held = message->next;
        if (!wire->held)
            wire->held_last = &wire->held;
        feed(wire, message->bytes.data, message->bytes.size);
        buffer_fini(&message->bytes);
        free(message);
    }
    return any;
}

void wire_send(struct wire *wire, struct text bytes, bool one_byte_at_a_time)
{
    if (wire->connection.framing == FRAMING_WEBSOCKET || !one_byte_at_a_time) {
        append_message(&wire->held_last, bytes.data, bytes.size);
    } else {
        for (size_t i = 0; i < bytes.size; i++)
            append_message(&wire->held_last, bytes.data + i, 1);
    }
    feed_held(wire);
}

void wire_stop_reading(struct wire *wire, unsigned after)
{
    wire->is_stuck = true;
    wire->reads_left = after;
}

struct buffer *wire_received(struct wire *wire)
{
    return &wire->received;
}

bool wire_take_message(struct wire *wire, struct buffer *out)
{
    struct wire_message *message = wire->first;
    if (!message)
        return false;
    wire->first = message->next;
    if (!wire->first)
        wire->last = &wire->first;
    buffer_fini(out);
    *out = message->bytes;
    free(message);
    return true;
}

bool wire_is_closed(const struct wire *wire)
{
    return wire->is_closed;
}

void wire_drop(struct wire *wire)
{
    closed(wire, "reset by peer");
}

bool wire_step(struct wire *wire)
{
    bool any = feed_held(wire) || (wire->wants_close && !wire->is_closed);
    if (wire->wants_close)
        closed(wire, "closed");
    return any;
}

static void free_messages(struct wire_message *message)
{
    while (message) {
        struct wire_message *next = message->next;
        buffer_fini(&message->bytes);
        free(message);
        message = next;
    }
}

void wire_free(struct wire **pointer)
{
    struct wire *wire = *pointer;
    if (!wire)
        return;
    closed(wire, "test ends");
    free_messages(wire->first);
    free_messages(wire->held);
    buffer_fini(&wire->received);
    free(wire);
    *pointer = NULL;
}

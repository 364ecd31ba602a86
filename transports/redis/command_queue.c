/* command_queue.c - writes RESP straight into the bytes to send, and keeps count of who waits for which answer. */
#include <assert.h>
#include <stdlib.h>

#include "command_queue.h"

enum { DIGITS_MAX = 24, KEEP_BYTES = 1024 * 1024, FORGET_BYTES = 64 * 1024 };

/* -- the ring -- */

static void ring_grow(struct pending_ring *ring)
{
    uint32_t capacity = ring->capacity ? ring->capacity * 2 : 64;
    struct pending *items = xmalloc(capacity * sizeof *items);
    for (uint32_t i = 0; i < ring->count; i++)
        items[i] = *pending_at(ring, i);
    free(ring->items);
    ring->items = items;
    ring->capacity = capacity;
    ring->first = 0;
}

struct pending *pending_at(const struct pending_ring *ring, uint32_t index)
{
    return &ring->items[(ring->first + index) & (ring->capacity - 1)];
}

void pending_push(struct pending_ring *ring, const struct pending *pending)
{
    if (ring->count == ring->capacity)
        ring_grow(ring);
    *pending_at(ring, ring->count++) = *pending;
}

struct pending pending_pop(struct pending_ring *ring)
{
    assert(ring->count > 0);
    struct pending pending = *pending_at(ring, 0);
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
    return pending;
}

void command_queue_fini(struct command_queue *queue)
{
    assert(queue->ring.count == 0);
    free(queue->ring.items);
    buffer_fini(&queue->bytes);
    *queue = (struct command_queue){ 0 };
}

/* -- writing a command -- */

/* mark, number, CR LF: the head of an array or of a bulk string. */
static void append_head(struct buffer *bytes, char mark, size_t number)
{
    char *place = buffer_reserve(bytes, DIGITS_MAX), digits[DIGITS_MAX];
    size_t size = 0, used = 0;
    do
        digits[size++] = (char)('0' + number % 10);
    while (number /= 10);
    place[used++] = mark;
    while (size)
        place[used++] = digits[--size];
    place[used++] = '\r';
    place[used++] = '\n';
    bytes->size += used;
}

void command_begin(struct command_queue *queue, unsigned texts)
{
    queue->begun = queue->bytes.size;
    append_head(&queue->bytes, '*', texts);
}

void command_joined(struct command_queue *queue, struct text head, struct text tail)
{
    append_head(&queue->bytes, '$', head.size + tail.size);
    buffer_append_text(&queue->bytes, head);
    buffer_append_text(&queue->bytes, tail);
    BUFFER_LITERAL(&queue->bytes, "\r\n");
}

void command_text(struct command_queue *queue, struct text text)
{
    command_joined(queue, text, (struct text){ 0 });
}

void command_integer(struct command_queue *queue, int64_t integer)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;
    uint64_t rest = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (integer < 0)
        digits[--at] = '-';
    command_text(queue, (struct text){ digits + at, sizeof digits - at });
}

void command_end(struct command_queue *queue, struct pending pending)
{
    pending.size = (uint32_t)(queue->bytes.size - queue->begun);
    pending_push(&queue->ring, &pending);
}

/* -- answers -- */

/* The bytes of answered commands are dropped when there is nothing else, or when moving the rest is cheap. */
static void forget(struct command_queue *queue)
{
    if (queue->answered == queue->bytes.size) {
        queue->bytes.size = queue->answered = queue->sent = 0;
        if (queue->bytes.capacity > KEEP_BYTES)
            buffer_fini(&queue->bytes);
    } else if (queue->answered > FORGET_BYTES && queue->answered > queue->bytes.size / 2) {
        buffer_consume(&queue->bytes, queue->answered);
        queue->sent -= queue->answered;
        queue->answered = 0;
    }
}

bool command_queue_expects(const struct command_queue *queue)
{
    return queue->ring.count > 0 && queue->answered + pending_at(&queue->ring, 0)->size <= queue->sent;
}

struct pending command_queue_answered(struct command_queue *queue, size_t *begin)
{
    assert(command_queue_expects(queue));
    forget(queue); /* of the answers before: this one's bytes may be asked for */
    struct pending pending = pending_pop(&queue->ring);
    *begin = queue->answered;
    queue->answered += pending.size;
    return pending;
}

void command_queue_again(struct command_queue *queue, size_t begin, struct pending pending)
{
    char *place = buffer_reserve(&queue->bytes, pending.size);
    memcpy(place, queue->bytes.data + begin, pending.size);
    queue->bytes.size += pending.size;
    pending_push(&queue->ring, &pending);
}

void command_queue_append(struct command_queue *queue, struct command_queue *more)
{
    buffer_append_text(&queue->bytes, buffer_text(&more->bytes));
    more->bytes.size = 0;
    while (more->ring.count) {
        struct pending pending = pending_pop(&more->ring);
        pending_push(&queue->ring, &pending);
    }
}

/* -- losses -- */

void command_queue_lose(struct command_queue *queue, struct pending_ring *lost)
{
    struct buffer kept = { 0 };
    size_t at = queue->answered;
    for (uint32_t left = queue->ring.count; left > 0; left--) {
        struct pending pending = pending_pop(&queue->ring);
        bool is_sent = at + pending.size <= queue->sent;
        if (is_sent && !(pending.flags & PENDING_REPEATABLE)) {
            pending_push(lost, &pending);
        } else {
            buffer_append(&kept, queue->bytes.data + at, pending.size);
            pending_push(&queue->ring, &pending);
        }
        at += pending.size;
    }
    buffer_fini(&queue->bytes);
    queue->bytes = kept;
    queue->answered = queue->sent = 0;
}

void command_queue_cut(struct command_queue *queue, struct pending_ring *lost)
{
    size_t at = queue->answered;
    uint32_t kept = 0;
    while (kept < queue->ring.count && at < queue->sent)
        at += pending_at(&queue->ring, kept++)->size;
    for (uint32_t i = kept; i < queue->ring.count; i++)
        pending_push(lost, pending_at(&queue->ring, i));
    queue->ring.count = kept;
    queue->bytes.size = at;
    forget(queue);
}

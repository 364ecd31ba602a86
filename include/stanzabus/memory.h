/* memory.h - where bytes live: an allocator that never returns NULL, a buffer that grows, an arena that goes at once.
 * Whatever a peer can size is refused by a limit long before it gets here. */
#ifndef STANZABUS_MEMORY_H
#define STANZABUS_MEMORY_H

#include <stdint.h>

#include "stanzabus/text.h"

/* Abort with a line on stderr when memory is out; never return NULL.  Release with free(). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *string);
char *text_dup(struct text t); /* NUL-terminated copy; owned by the caller */

/* buffer - bytes that are appended at the end and consumed at the front. */
struct buffer {
    char *data;      /* owned */
    size_t size;     /* bytes in use, counted from data */
    size_t capacity;
};

void buffer_fini(struct buffer *b); /* frees the bytes and clears the struct; a zeroed struct is a valid empty buffer */
char *buffer_reserve(struct buffer *b, size_t more); /* room for more bytes at data+size; returns that place */
void buffer_grow(struct buffer *b, size_t more);     /* the slow half of buffer_reserve */
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_consume(struct buffer *b, size_t front); /* drops bytes at the front */

static inline void buffer_append(struct buffer *b, const char *data, size_t size)
{
    if (size == 0)
        return;
    if (b->capacity - b->size < size)
        buffer_grow(b, size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void buffer_append_text(struct buffer *b, struct text t)
{
    buffer_append(b, t.data, t.size);
}

#define BUFFER_LITERAL(b, literal) buffer_append((b), "" literal, sizeof(literal) - 1)

static inline void buffer_append_char(struct buffer *b, char c)
{
    if (b->capacity == b->size)
        buffer_grow(b, 1);
    b->data[b->size++] = c;
}

static inline struct text buffer_text(const struct buffer *b)
{
    return (struct text){ b->data, b->size };
}

/* arena - many small pieces that are freed together.  A zeroed struct is a valid empty arena. */
struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first; owned */
    char *next;                 /* free room in the newest chunk */
    size_t room;
    size_t total; /* bytes taken from the heap so far */
};

void *arena_grow(struct arena *a, size_t size);
void arena_fini(struct arena *a);

/* Aligned to 8 bytes, not cleared. */
static inline void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (a->room < size)
        return arena_grow(a, size);
    void *place = a->next;
    a->next += size;
    a->room -= size;
    return place;
}

struct text arena_text(struct arena *a, struct text t); /* a copy of t in the arena, NUL-terminated behind its end */
struct text arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

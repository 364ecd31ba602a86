/* arena.c - chunks of memory that are handed out in small pieces and freed together. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/memory.h"

struct arena_chunk {
    struct arena_chunk *older;
};

/* The first chunk holds an ordinary chat message; malloc serves this size from its per-thread cache. */
enum { CHUNK_FIRST = 1024, CHUNK_MAX = 64 * 1024 };

void *arena_grow(struct arena *a, size_t size)
{
    size_t wanted = a->total ? a->total : CHUNK_FIRST;
    if (wanted > CHUNK_MAX)
        wanted = CHUNK_MAX;
    if (wanted < size + sizeof(struct arena_chunk))
        wanted = size + sizeof(struct arena_chunk);

    struct arena_chunk *chunk = xmalloc(wanted);
    chunk->older = a->chunks;
    a->chunks = chunk;
    a->total += wanted;

    char *place = (char *)(chunk + 1);
    a->next = place + size;
    a->room = wanted - sizeof(struct arena_chunk) - size;
    return place;
}

void arena_fini(struct arena *a)
{
    for (struct arena_chunk *chunk = a->chunks, *older; chunk; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    *a = (struct arena){ 0 };
}

struct text arena_text(struct arena *a, struct text t)
{
    char *copy = arena_alloc(a, t.size + 1);
    if (t.size)
        memcpy(copy, t.data, t.size);
    copy[t.size] = '\0';
    return (struct text){ copy, t.size };
}

struct text arena_printf(struct arena *a, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int size = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (size < 0)
        size = 0;
    char *place = arena_alloc(a, (size_t)size + 1);
    va_start(list, format);
    vsnprintf(place, (size_t)size + 1, format, list);
    va_end(list);
    return (struct text){ place, (size_t)size };
}

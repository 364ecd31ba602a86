/* xmalloc.c - an allocator that never returns NULL. */
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/memory.h"

static void *or_abort(void *place, size_t size)
{
    if (!place && size) {
        fprintf(stderr, "stanzabus: out of memory (%zu bytes wanted)\n", size);
        abort();
    }
    return place;
}

void *xmalloc(size_t size)
{
    return or_abort(malloc(size), size);
}

void *xcalloc(size_t count, size_t size)
{
    return or_abort(calloc(count, size), count * size);
}

void *xrealloc(void *old, size_t size)
{
    return or_abort(realloc(old, size), size);
}

char *xstrdup(const char *string)
{
    return text_dup(text_of(string));
}

char *text_dup(struct text t)
{
    char *copy = xmalloc(t.size + 1);
    if (t.size)
        memcpy(copy, t.data, t.size);
    copy[t.size] = '\0';
    return copy;
}

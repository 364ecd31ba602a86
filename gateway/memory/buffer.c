/* buffer.c - bytes appended at the end, consumed at the front. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/memory.h"

enum { BUFFER_MIN = 256 };

void buffer_fini(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){ 0 };
}

void buffer_grow(struct buffer *b, size_t more)
{
    size_t capacity = b->capacity ? b->capacity : BUFFER_MIN;
    while (capacity - b->size < more)
        capacity *= 2;
    b->data = xrealloc(b->data, capacity);
    b->capacity = capacity;
}

char *buffer_reserve(struct buffer *b, size_t more)
{
    if (b->capacity - b->size < more)
        buffer_grow(b, more);
    return b->data + b->size;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int size = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (size <= 0)
        return;
    char *place = buffer_reserve(b, (size_t)size + 1);
    va_start(list, format);
    vsnprintf(place, (size_t)size + 1, format, list);
    va_end(list);
    b->size += (size_t)size;
}

void buffer_consume(struct buffer *b, size_t front)
{
    if (front < b->size)
        memmove(b->data, b->data + front, b->size - front);
    b->size -= front;
}

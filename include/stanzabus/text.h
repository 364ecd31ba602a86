/* text.h - a run of bytes that somebody else owns: pointer and length, never NUL-terminated by promise.
 * All text that comes from a peer travels as this. */
#ifndef STANZABUS_TEXT_H
#define STANZABUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    const char *data; /* borrowed; may be NULL when size is 0 */
    size_t size;      /* bytes */
};

/* A struct text of a string literal; usable in static initialisers as TEXT_INIT. */
#define TEXT_INIT(literal) { "" literal, sizeof(literal) - 1 }
#define TEXT(literal) ((struct text)TEXT_INIT(literal))
/* For "%.*s". */
#define TEXT_ARGS(t) (int)(t).size, (t).data ? (t).data : ""

static inline struct text text_of(const char *string)
{
    return (struct text){ string, string ? strlen(string) : 0 };
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool text_is(struct text a, const char *string)
{
    return text_equal(a, text_of(string));
}

static inline bool text_starts_with(struct text a, struct text prefix)
{
    return a.size >= prefix.size && (prefix.size == 0 || memcmp(a.data, prefix.data, prefix.size) == 0);
}

/* The next line of rest, without its '\n'; rest then begins behind it. */
static inline struct text text_take_line(struct text *rest)
{
    const char *end = rest->size ? (const char *)memchr(rest->data, '\n', rest->size) : NULL;
    struct text line = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
    size_t used = line.size + (end ? 1 : 0);
    rest->data += used;
    rest->size -= used;
    return line;
}

#endif

/* xml.c - reads tag by tag, minding quotes; everything between tags is skipped by memchr. */
#include "xml.h"

/* The '>' that ends the tag beginning at data[at], or NULL when it is not there yet. */
static const char *tag_end(struct text data, size_t at)
{
    char quote = 0;
    for (const char *c = data.data + at + 1; c < data.data + data.size; c++) {
        if (quote)
            quote = *c == quote ? 0 : quote;
        else if (*c == '\'' || *c == '"')
            quote = *c;
        else if (*c == '>')
            return c;
    }
    return NULL;
}

static bool is_header(struct text data, size_t at)
{
    struct text rest = { data.data + at, data.size - at };
    return text_starts_with(rest, TEXT("<stream:stream")) || text_starts_with(rest, TEXT("<?xml"));
}

/* One whole tag at at, ending at end.  True when it completes a top-level element. */
static bool take_tag(struct xml_cutter *cutter, struct text data, const char *end)
{
    const char *tag = data.data + cutter->at;
    size_t at = cutter->at;
    cutter->at = (size_t)(end + 1 - data.data);
    if (cutter->depth == 0 && is_header(data, at)) {
        cutter->in_stream = cutter->in_stream || tag[1] == 's';
        return false;
    }
    if (tag[1] == '/') {
        if (cutter->depth == 0) {
            cutter->is_over = true;
            return false;
        }
        return --cutter->depth == 0;
    }
    if (cutter->depth == 0)
        cutter->start = at;
    if (end[-1] == '/')
        return cutter->depth == 0;
    cutter->depth++;
    return false;
}

bool xml_next(struct xml_cutter *cutter, struct text data, struct text *element)
{
    while (cutter->at < data.size) {
        const char *tag = memchr(data.data + cutter->at, '<', data.size - cutter->at);
        if (!tag) {
            cutter->at = data.size;
            if (cutter->depth == 0)
                cutter->start = data.size; /* white space that keeps the connection alive */
            return false;
        }
        cutter->at = (size_t)(tag - data.data);
        const char *end = tag_end(data, cutter->at);
        if (!end)
            return false;
        if (take_tag(cutter, data, end)) {
            *element = (struct text){ data.data + cutter->start, cutter->at - cutter->start };
            cutter->start = cutter->at;
            return true;
        }
        if (cutter->depth == 0)
            cutter->start = cutter->at;
    }
    return false;
}

void xml_dropped(struct xml_cutter *cutter, size_t bytes)
{
    cutter->at -= bytes;
    cutter->start -= bytes;
}

bool xml_is(struct text element, const char *name)
{
    size_t size = strlen(name), end = 1;
    while (end < element.size && !memchr(" \t\r\n/>", element.data[end], 6))
        end++;
    struct text full = { element.data + 1, end - 1 };
    const char *colon = memchr(full.data, ':', full.size);
    if (colon)
        full = (struct text){ colon + 1, full.size - (size_t)(colon + 1 - full.data) };
    return full.size == size && memcmp(full.data, name, size) == 0;
}

struct text xml_attribute(struct text element, const char *name)
{
    const char *end = tag_end(element, 0);
    size_t size = strlen(name);
    if (!end)
        return (struct text){ 0 };
    for (const char *c = element.data; c < end; c++) {
        const char *equals = memchr(c, '=', (size_t)(end - c));
        if (!equals || equals + 1 >= end)
            break;
        const char *close = memchr(equals + 2, equals[1], (size_t)(end - equals - 2));
        if (!close)
            break;
        if ((size_t)(equals - element.data) > size && memcmp(equals - size, name, size) == 0 &&
            equals[-(ptrdiff_t)size - 1] <= ' ')
            return (struct text){ equals + 2, (size_t)(close - equals - 2) };
        c = close;
    }
    return (struct text){ 0 };
}

struct text xml_child_text(struct text element, const char *name)
{
    size_t size = strlen(name);
    const char *at = element.data, *stop = element.data + element.size;
    while ((at = memchr(at, '<', (size_t)(stop - at)))) {
        if ((size_t)(stop - at) > size + 1 && memcmp(at + 1, name, size) == 0 && memchr(" >", at[1 + size], 2)) {
            const char *end = tag_end((struct text){ at, (size_t)(stop - at) }, 0);
            const char *next = end ? memchr(end, '<', (size_t)(stop - end)) : NULL;
            return next ? (struct text){ end + 1, (size_t)(next - end - 1) } : (struct text){ 0 };
        }
        at++;
    }
    return (struct text){ 0 };
}

bool xml_mentions(struct text element, const char *text)
{
    return element.size && memmem(element.data, element.size, text, strlen(text)) != NULL;
}

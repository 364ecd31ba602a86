/* captures.c - names and their values. */
#include <stdio.h>
#include <stdlib.h>

#include "captures.h"

static const char NAME[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

/* The name when text begins with {name}; empty when not. */
static struct text name_at(struct text text)
{
    size_t size = 1;
    if (text.size < 3 || text.data[0] != '{')
        return (struct text){ 0 };
    while (size < text.size && text.data[size] && strchr(NAME, text.data[size]))
        size++;
    if (size == 1 || size == text.size || text.data[size] != '}')
        return (struct text){ 0 };
    return (struct text){ text.data + 1, size - 1 };
}

static const char *value_of(const struct captures *captures, struct text name)
{
    for (unsigned i = 0; i < captures->count; i++)
        if (text_is(name, captures->items[i].name))
            return captures->items[i].value;
    return NULL;
}

bool captures_match(struct captures *captures, struct text pattern, struct text actual)
{
    struct text name = name_at(pattern);
    if (text_is(pattern, "*"))
        return true;
    if (!name.size || name.size + 2 != pattern.size)
        return text_equal(pattern, actual);
    const char *value = value_of(captures, name);
    if (value)
        return text_is(actual, value);
    if (captures->count == CAPTURES_MAX) {
        fprintf(stderr, "a dialogue takes at most %d values\n", CAPTURES_MAX);
        exit(1);
    }
    captures->items[captures->count++] = (struct capture){ text_dup(name), text_dup(actual) };
    return true;
}

void captures_truncate(struct captures *captures, unsigned count)
{
    while (captures->count > count) {
        struct capture *item = &captures->items[--captures->count];
        free(item->name);
        free(item->value);
    }
}

static void append_escaped(struct buffer *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '&')
            BUFFER_LITERAL(out, "&amp;");
        else if (*value == '<')
            BUFFER_LITERAL(out, "&lt;");
        else if (*value == '\'')
            BUFFER_LITERAL(out, "&apos;");
        else if (*value == '"')
            BUFFER_LITERAL(out, "&quot;");
        else
            buffer_append_char(out, *value);
    }
}

void captures_expand(const struct captures *captures, const char *line, bool is_xml, struct buffer *out)
{
    while (*line) {
        struct text name = name_at(text_of(line));
        const char *value = name.size ? value_of(captures, name) : NULL;
        if (!value) {
            buffer_append_char(out, *line++);
            continue;
        }
        if (is_xml)
            append_escaped(out, value);
        else
            buffer_append_text(out, text_of(value));
        line += name.size + 2;
    }
    buffer_append_char(out, '\0');
}

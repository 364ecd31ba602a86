/* channel.c - the names on the bus.  Encoding is strict both ways: each address has one name, each name one address, so
 * that what a Redis ACL grants by name is granted for one address only. */
#include <assert.h>

#include "stanzabus/channel.h"

static const char hex_digits[] = "0123456789ABCDEF";

/* Braces are the hash tag; the others mean something in Redis patterns and ACL rules; % is the escape itself. */
static bool is_encoded(char c)
{
    switch (c) {
    case '{':
    case '}':
    case '*':
    case '?':
    case '[':
    case ']':
    case '\\':
    case '%':
        return true;
    default:
        return false;
    }
}

static void append_braced(struct buffer *out, struct text content)
{
    size_t plain = 0; /* start of the run that needs no encoding */
    assert(content.size > 0);
    buffer_append_char(out, '{');
    for (size_t i = 0; i < content.size; i++) {
        unsigned char c = (unsigned char)content.data[i];
        if (!is_encoded((char)c))
            continue;
        buffer_append(out, content.data + plain, i - plain);
        buffer_append(out, (char[]){ '%', hex_digits[c >> 4], hex_digits[c & 15] }, 3);
        plain = i + 1;
    }
    buffer_append(out, content.data + plain, content.size - plain);
    buffer_append_char(out, '}');
}

void channel_to(struct buffer *out, struct text prefix, struct text address)
{
    buffer_append_text(out, prefix);
    BUFFER_LITERAL(out, "to:");
    append_braced(out, address);
}

void channel_from(struct buffer *out, struct text prefix, struct text address)
{
    buffer_append_text(out, prefix);
    BUFFER_LITERAL(out, "from:");
    append_braced(out, address);
}

void channel_from_node(struct buffer *out, struct text prefix, struct text address, struct text node)
{
    channel_from(out, prefix, address);
    buffer_append_char(out, ':');
    buffer_append_text(out, node);
}

void channel_key(struct buffer *out, struct text prefix, struct text address, const char *name)
{
    buffer_append_text(out, prefix);
    append_braced(out, address);
    buffer_append_char(out, ':');
    buffer_append(out, name, strlen(name));
}

static int hex_value(char c)
{
    const char *place = c ? strchr(hex_digits, c) : NULL;
    return place ? (int)(place - hex_digits) : -1;
}

/* Decodes the content of braces; -1 when channel_to would have written it otherwise. */
static int decode(struct arena *arena, struct text in, struct text *out)
{
    if (in.size == 0 || !memchr(in.data, '%', in.size)) {
        *out = in;
        return in.size ? 0 : -1;
    }
    char *place = arena_alloc(arena, in.size), *end = place;
    for (size_t i = 0; i < in.size; i++) {
        char c = in.data[i];
        if (c == '%') {
            int high = i + 2 < in.size ? hex_value(in.data[i + 1]) : -1,
                low = high < 0 ? -1 : hex_value(in.data[i + 2]);
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            if (!is_encoded(c))
                return -1;
            i += 2;
        }
        *end++ = c;
    }
    *out = (struct text){ place, (size_t)(end - place) };
    return 0;
}

/* Takes "{content}" off the front of *rest.  0, or -1. */
static int take_braced(struct arena *arena, struct text *rest, struct text *content)
{
    size_t size = 1;
    if (rest->size < 2 || rest->data[0] != '{')
        return -1;
    while (size < rest->size && (rest->data[size] == '%' || !is_encoded(rest->data[size])))
        size++;
    if (size == rest->size || rest->data[size] != '}')
        return -1;
    struct text inside = { rest->data + 1, size - 1 };
    *rest = (struct text){ rest->data + size + 1, rest->size - size - 1 };
    return decode(arena, inside, content);
}

static bool take_word(struct text *rest, struct text word)
{
    if (!text_starts_with(*rest, word))
        return false;
    *rest = (struct text){ rest->data + word.size, rest->size - word.size };
    return true;
}

static enum channel_kind parse_from(struct arena *arena, struct text rest, struct text *address, struct text *node)
{
    if (take_braced(arena, &rest, address) < 0)
        return CHANNEL_OTHER;
    if (rest.size == 0)
        return CHANNEL_FROM;
    if (rest.size < 2 || rest.data[0] != ':')
        return CHANNEL_OTHER;
    *node = (struct text){ rest.data + 1, rest.size - 1 };
    return CHANNEL_FROM_NODE;
}

enum channel_kind channel_parse(struct arena *arena, struct text prefix, struct text channel, struct text *address,
                                struct text *node)
{
    enum channel_kind kind = CHANNEL_OTHER;
    *address = *node = (struct text){ 0 };
    if (!take_word(&channel, prefix))
        return CHANNEL_OTHER;
    if (take_word(&channel, TEXT("to:")))
        kind = take_braced(arena, &channel, address) == 0 && channel.size == 0 ? CHANNEL_TO : CHANNEL_OTHER;
    else if (take_word(&channel, TEXT("from:")))
        kind = parse_from(arena, channel, address, node);
    else if (take_word(&channel, TEXT("node:")))
        kind = take_braced(arena, &channel, node) == 0 && channel.size == 0 ? CHANNEL_NODE : CHANNEL_OTHER;
    if (kind == CHANNEL_OTHER)
        *address = *node = (struct text){ 0 };
    return kind;
}

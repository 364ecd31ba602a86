/* start_tag.c - the namespace declarations of a stream header, kept as small as they can be. */
#include "gateway/stream/start_tag.h"
#include "stanzabus/stanza.h"


static void note_default(struct start_tag *tag, struct text uri)
{
    static const struct text contents[] = { TEXT_INIT(XMLNS_CLIENT), TEXT_INIT(XMLNS_SERVER), TEXT_INIT(XMLNS_COMPONENT),
                                            TEXT_INIT(XMLNS_STREAM) };
    tag->content = (struct text){ 0 };
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++)
        if (text_equal(uri, contents[i]))
            tag->content = contents[i];
}

void start_tag_declare(struct start_tag *tag, const char *prefix, const char *uri)
{
    struct text value = text_of(uri); /* NULL where xmlns='' is declared */
    tag->declarations++;
    if (!prefix)
        note_default(tag, value);
    else if (strcmp(prefix, "stream") == 0)
        tag->has_stream_prefix = text_equal(value, TEXT(XMLNS_STREAM));

    BUFFER_LITERAL(&tag->text, " xmlns");
    if (prefix)
        buffer_append_char(&tag->text, ':');
    buffer_append_text(&tag->text, text_of(prefix));
    BUFFER_LITERAL(&tag->text, "='");
    xml_write_value(&tag->text, value);
    buffer_append_char(&tag->text, '\'');
}

/* "<name", with its prefix: a root can only be closed by the very name that opened it. */
static struct text opening_of(struct text raw)
{
    size_t size = 1;
    while (size < raw.size && !memchr(" \t\r\n/>", raw.data[size], 6))
        size++;
    return (struct text){ raw.data, size };
}

void start_tag_complete(struct start_tag *tag, struct text raw)
{
    struct buffer whole = { 0 };
    tag->is_empty = raw.size > 1 && raw.data[raw.size - 2] == '/';
    if (tag->declarations != 2 || !text_equal(tag->content, TEXT(XMLNS_CLIENT)) || !tag->has_stream_prefix) {
        buffer_append_text(&whole, opening_of(raw));
        buffer_append_text(&whole, buffer_text(&tag->text));
        buffer_append_char(&whole, '>');
    }
    buffer_fini(&tag->text);
    tag->text = whole;
}

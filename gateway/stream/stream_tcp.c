/* stream_tcp.c - the framing of RFC 6120 4: one endless document, whose root is the header and whose end closes it. */
#include "gateway/stream/stream_state.h"

static void take(struct stream *stream, size_t size)
{
    stream->rest.data += size;
    stream->rest.size -= size;
}

/* White space in front of an XML declaration is not well-formed, but clients send some behind </auth>, and that belongs
 * to the stream before the restart. */
static void skip_white(struct stream *stream)
{
    while (stream->rest.size && memchr(" \t\r\n", stream->rest.data[0], 4))
        take(stream, 1);
}

/* The first byte tells a stream from what else may knock: TLS, HTTP, UTF-16 (whose mark or first byte it is). */
static bool begins_like_xml(struct stream *stream)
{
    unsigned char first = (unsigned char)stream->rest.data[0];
    if (first == '<')
        return true;
    if (first == 0xFE || first == 0xFF || first == 0x00)
        stream_fail(stream, STREAM_ERROR_UNSUPPORTED_ENCODING, "not UTF-8");
    else
        stream_fail(stream, STREAM_ERROR_NOT_WELL_FORMED, "not the beginning of a stream");
    return false;
}

/* RFC 6120 4.8.2: the default is the content namespace, or the stream namespace with the content namespace declared by
 * each stanza; "both styles are acceptable". */
static bool suits(struct text expected, struct text declared)
{
    return text_equal(declared, expected) || text_equal(declared, TEXT(XMLNS_STREAM));
}

/* RFC 6120 4.8.1 and 4.8.2: a wrong stream namespace or content namespace is invalid-namespace, whatever the element is
 * called.  Another element of the stream namespace, or a stream that is over where it begins, is valid XML, only no
 * header: bad-format, as 4.9.3 has nothing closer. */
static const char *wrong_header(const struct stream *stream, const struct element *root, const struct start_tag *tag,
                                enum stream_condition *condition)
{
    *condition = STREAM_ERROR_INVALID_NAMESPACE;
    if (!text_equal(root->xmlns, TEXT(XMLNS_STREAM)))
        return "the namespace of the header is not " XMLNS_STREAM;
    if (!suits(stream->content, tag->content))
        return text_equal(stream->content, TEXT(XMLNS_CLIENT)) ? "the default namespace is not " XMLNS_CLIENT :
                                                                 "the default namespace is not that of this port";
    *condition = STREAM_ERROR_BAD_FORMAT;
    if (!text_equal(root->name, TEXT("stream")))
        return "the root is not a stream header";
    return tag->is_empty ? "a stream header that is an empty element" : NULL;
}

static void take_header(struct stream *stream)
{
    enum stream_condition condition;
    const struct start_tag *tag = xml_in_start_tag(stream->in);
    struct stanza *header = xml_in_take(stream->in);
    const char *wrong = wrong_header(stream, header->root, tag, &condition);
    if (wrong) {
        stanza_free(&header);
        stream_fail(stream, condition, wrong);
        return;
    }
    if (tag->text.size)
        stream->start_tag = text_dup(buffer_text(&tag->text));
    stream_begin(stream, header, stream->content);
}

/* Stanzas of servers and components are the same elements in another namespace (RFC 6120 4.8.3). */
static void adopt(struct element *element, struct text content)
{
    if (text_equal(element->xmlns, content))
        element->xmlns = TEXT(XMLNS_CLIENT);
    for (struct node *n = element->children; n; n = n->next)
        if (n->element)
            adopt(n->element, content);
}

static void take_stanza(struct stream *stream)
{
    struct stanza *stanza = xml_in_take(stream->in);
    if (!text_equal(stream->content, TEXT(XMLNS_CLIENT))) {
        adopt(stanza->root, stream->content);
        stanza_set_root(stanza, stanza->root);
    }
    if (xml_in_has_grown(stream->in))
        stream_drop_parser(stream); /* the next byte makes a new one, as after a sleep */
    stream->callbacks->on_stanza(stream->ctx, stanza);
}

void stream_tcp_step(struct stream *stream)
{
    if (!stream->in) {
        if (!stream->open)
            skip_white(stream);
        if (stream->rest.size == 0 || (!stream->open && !begins_like_xml(stream)))
            return;
        stream_wake(stream);
    } else {
        stream_keep_awake(stream);
    }

    size_t taken;
    enum xml_in_event event = xml_in_feed(stream->in, stream->limits, stream->rest.data, stream->rest.size, &taken);
    take(stream, taken);
    switch (event) {
    case XML_IN_MORE:
        break;
    case XML_IN_HEADER:
        take_header(stream);
        break;
    case XML_IN_STANZA:
        take_stanza(stream);
        break;
    case XML_IN_END:
        stream_end(stream);
        break;
    case XML_IN_FAULT: {
        struct xml_fault fault = xml_in_fault(stream->in);
        stream_fail(stream, fault.condition, fault.text);
        break;
    }
    }
}

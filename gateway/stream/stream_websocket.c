/* stream_websocket.c - the framing of RFC 7395 3: each message is one whole element, the header is <open/>, the end is
 * <close/>. */
#include <strings.h>

#include "gateway/stream/stream_state.h"

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct text trim(struct text t)
{
    while (t.size && is_white(t.data[t.size - 1]))
        t.size--;
    while (t.size && is_white(t.data[0])) {
        t.data++;
        t.size--;
    }
    return t;
}

/* What an XML declaration says of the encoding, without its quotes; empty when it says nothing. */
static struct text declared_encoding(struct text declaration)
{
    static const char key[] = "encoding";
    const char *end = declaration.data + declaration.size;
    const char *value = memmem(declaration.data, declaration.size, key, sizeof key - 1);
    if (!value)
        return (struct text){ NULL, 0 };
    value += sizeof key - 1;
    while (value < end && (is_white(*value) || *value == '='))
        value++;
    const char *close = value < end ? memchr(value + 1, *value, (size_t)(end - value - 1)) : NULL;
    if (!close)
        return (struct text){ NULL, 0 };
    return (struct text){ value + 1, (size_t)(close - value - 1) };
}

/* RFC 7395 3.3.3 advises against XML declarations, so they are allowed: skips one.  False when it names an encoding that
 * is not the only one. */
static bool skip_declaration(struct text *message)
{
    if (!text_starts_with(*message, TEXT("<?xml")) || message->size < 6 || !is_white(message->data[5]))
        return true;
    const char *end = memmem(message->data, message->size, "?>", 2);
    if (!end)
        return true; /* the parser will say what it thinks of it */

    struct text encoding = declared_encoding((struct text){ message->data, (size_t)(end - message->data) });
    message->size -= (size_t)(end + 2 - message->data);
    message->data = end + 2;
    *message = trim(*message);
    return encoding.size == 0 || (encoding.size == 5 && strncasecmp(encoding.data, "UTF-8", 5) == 0);
}

/* RFC 7395 3.3.2: a header in another namespace is invalid-namespace; 3.4: the first message is <open/>. */
static void begin(struct stream *stream, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    if (element_is(root, "open", XMLNS_FRAMING)) {
        stream_begin(stream, stanza, (struct text){ NULL, 0 });
        return;
    }
    bool is_framing = element_is(root, NULL, XMLNS_FRAMING), is_close = is_framing && element_is(root, "close", NULL);
    stanza_free(&stanza);
    if (is_close && stream->was_open) /* instead of a restart */
        stream_end(stream);
    else if (is_framing)
        stream_fail(stream, STREAM_ERROR_BAD_FORMAT, "the first message is not <open/>");
    else
        stream_fail(stream, STREAM_ERROR_INVALID_NAMESPACE, "the first message is not <open/> in " XMLNS_FRAMING);
}

static void framing_element(struct stream *stream, struct stanza *stanza)
{
    bool is_open = element_is(stanza->root, "open", NULL), is_close = element_is(stanza->root, "close", NULL);
    stanza_free(&stanza);
    if (is_close)
        stream_end(stream);
    else if (is_open)
        stream_fail(stream, STREAM_ERROR_BAD_FORMAT, "a stream header inside the stream");
    else
        stream_fail(stream, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, "neither <open/> nor <close/>");
}

static void deliver(struct stream *stream, struct stanza *stanza)
{
    if (!stream->open)
        begin(stream, stanza);
    else if (element_is(stanza->root, NULL, XMLNS_FRAMING))
        framing_element(stream, stanza);
    else
        stream->callbacks->on_stanza(stream->ctx, stanza);
}

/* White space alone is ignored: some clients keep connections alive with it, as on TCP. */
void stream_websocket_message(struct stream *stream, struct text message)
{
    message = trim(message);
    if (message.size == 0)
        return;
    if (message.size > stream->limits->stanza_bytes) {
        stream_fail(stream, STREAM_ERROR_POLICY_VIOLATION, "stanza too big");
        return;
    }
    if (!skip_declaration(&message)) {
        stream_fail(stream, STREAM_ERROR_UNSUPPORTED_ENCODING, "the encoding of XMPP is UTF-8");
        return;
    }

    struct xml_fault fault;
    struct stanza *stanza = stream_pool_parse(stream->pool, stream->limits, message, &fault);
    if (stanza)
        deliver(stream, stanza);
    else
        stream_fail(stream, fault.condition, fault.text);
}

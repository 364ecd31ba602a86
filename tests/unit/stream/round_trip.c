/* round_trip.c - one element through a stream. */
#include "round_trip.h"

struct catch
{
    struct stanza *stanza;
    bool is_wrong;
};

static void on_open(void *ctx, const struct stream_header *header)
{
    (void)ctx;
    (void)header;
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct catch *caught = ctx;
    caught->is_wrong |= caught->stanza != NULL;
    stanza_free(&caught->stanza);
    caught->stanza = stanza;
}

static void on_close(void *ctx)
{
    ((struct catch *)ctx)->is_wrong = true;
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    (void)condition;
    (void)text;
    ((struct catch *)ctx)->is_wrong = true;
}

static struct stanza *parse(enum stream_framing framing, struct text header, const char *xml, size_t size)
{
    static const struct stream_callbacks callbacks = { on_open, on_stanza, on_close, on_error };
    static const struct stream_limits limits = { 4 * 1024 * 1024, 200, 200 };
    struct catch caught = { 0 };
    struct stream_pool *pool = stream_pool_new();
    struct stream *stream = stream_new(pool, framing, &limits, &callbacks, &caught);
    stream_feed(stream, header.data, header.size);
    stream_feed(stream, xml, size);
    stream_free(&stream);
    stream_pool_free(&pool);
    if (caught.is_wrong)
        stanza_free(&caught.stanza);
    return caught.stanza;
}

struct stanza *parse_in_stream(const char *xml, size_t size)
{
    return parse(FRAMING_TCP, TEXT("<stream:stream xmlns='" XMLNS_CLIENT "' xmlns:stream='" XMLNS_STREAM "'>"), xml,
                 size);
}

struct stanza *parse_message(const char *xml, size_t size)
{
    return parse(FRAMING_WEBSOCKET, TEXT("<open xmlns='" XMLNS_FRAMING "'/>"), xml, size);
}

static bool same_again(const struct element *element, struct stanza *again)
{
    bool same = again && element_equal(element, again->root);
    stanza_free(&again);
    return same;
}

bool survives(const struct element *element)
{
    struct buffer out = { 0 };
    element_write(&out, element, SCOPE_STREAM);
    bool same = same_again(element, parse_in_stream(out.data, out.size));
    out.size = 0;
    element_write(&out, element, SCOPE_SELF_CONTAINED);
    same = same && same_again(element, parse_message(out.data, out.size));
    buffer_fini(&out);
    return same;
}

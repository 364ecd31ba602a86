/* websocket_message.c - fuzz target: WebSocket messages, separated by zero bytes.  They go through the parser that a
 * node's streams share; what comes of each must be what a parser of its own makes of it, a neighbour's messages between
 * them must pass unharmed, and every stanza must survive being written and read again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/stream.h"
#include "tests/unit/stream/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES = 12 }; /* of one input */

struct peer {
    struct stream *stream;
    struct buffer lines;
    unsigned stanzas;
    bool writes_back; /* its stanzas are written and read again */
    bool is_over;
};

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static void on_open(void *ctx, const struct stream_header *header)
{
    struct peer *peer = ctx;
    BUFFER_LITERAL(&peer->lines, "open ");
    buffer_append_text(&peer->lines, header->to);
    buffer_append_text(&peer->lines, header->lang);
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct peer *peer = ctx;
    require(!peer->writes_back || survives(stanza->root), "written and read again, a stanza is the same");
    peer->stanzas++;
    BUFFER_LITERAL(&peer->lines, "stanza ");
    element_write(&peer->lines, stanza->root, SCOPE_SELF_CONTAINED);
    stanza_free(&stanza);
}

static void on_close(void *ctx)
{
    struct peer *peer = ctx;
    require(!peer->is_over, "one end");
    peer->is_over = true;
    BUFFER_LITERAL(&peer->lines, "close");
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    struct peer *peer = ctx;
    require(!peer->is_over && text, "one end, with a text");
    peer->is_over = true;
    BUFFER_LITERAL(&peer->lines, "error ");
    buffer_append_text(&peer->lines, text_of(stream_condition_name(condition)));
}

static void open_peer(struct peer *peer, struct stream_pool *pool)
{
    static const struct stream_callbacks callbacks = { on_open, on_stanza, on_close, on_error };
    static const struct stream_limits limits = { 3000, 20, 20 };
    static const struct text open = TEXT_INIT("<open xmlns='" XMLNS_FRAMING "'/>");
    *peer = (struct peer){ .lines = peer->lines, .writes_back = peer->writes_back };
    peer->stream = stream_new(pool, FRAMING_WEBSOCKET, &limits, &callbacks, peer);
    stream_feed(peer->stream, open.data, open.size);
    peer->lines.size = 0;
}

static void close_peer(struct peer *peer)
{
    stream_free(&peer->stream);
    buffer_fini(&peer->lines);
}

static void try_message(struct peer *shared, struct peer *neighbour, struct stream_pool *pool, const char *message,
                        size_t size)
{
    static const struct text iq = TEXT_INIT("<iq xmlns='" XMLNS_CLIENT "' type='get' id='1'/>");
    struct stream_pool *own_pool = stream_pool_new();
    struct peer alone = { .writes_back = true };
    open_peer(&alone, own_pool);
    stream_feed(alone.stream, message, size);
    stream_feed(shared->stream, message, size);
    require(text_equal(buffer_text(&alone.lines), buffer_text(&shared->lines)), "sharing a parser changes nothing");

    unsigned before = neighbour->stanzas;
    stream_feed(neighbour->stream, iq.data, iq.size);
    require(neighbour->stanzas == before + 1 && !neighbour->is_over, "a neighbour's stanza passes");

    shared->lines.size = neighbour->lines.size = 0;
    if (shared->is_over) {
        stream_free(&shared->stream);
        open_peer(shared, pool);
    }
    close_peer(&alone);
    stream_pool_free(&own_pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream_pool *pool = stream_pool_new();
    struct peer shared = { 0 }, neighbour = { 0 };
    open_peer(&shared, pool);
    open_peer(&neighbour, pool);
    for (int messages = 0; size > 0 && messages < MESSAGES; messages++) {
        const uint8_t *end = memchr(data, '\0', size);
        size_t length = end ? (size_t)(end - data) : size;
        char *message = malloc(length ? length : 1); /* reading past its end is caught */
        memcpy(message, data, length);
        try_message(&shared, &neighbour, pool, message, length);
        free(message);
        data += length + (end ? 1 : 0);
        size -= length + (end ? 1 : 0);
    }
    close_peer(&shared);
    close_peer(&neighbour);
    stream_pool_free(&pool);
    return 0;
}

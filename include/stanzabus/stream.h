/* stream.h - turns the bytes of one client into stanzas.
 * In: bytes in any chunks (TCP), or whole messages (WebSocket).  Out: header, whole stanzas, end or error, through four
 * callbacks.  Touches no socket.  RFC 6120 4 and 11, RFC 7395 3. */
#ifndef STANZABUS_STREAM_H
#define STANZABUS_STREAM_H

#include "stanzabus/stanza.h"

enum stream_framing {
    FRAMING_TCP,      /* <stream:stream> ... </stream:stream>, RFC 6120 */
    FRAMING_WEBSOCKET /* one element a message, <open/> and <close/>, RFC 7395 */
};

struct stream_header {
    struct text to, from, id, version, lang; /* NULL data when absent */
    struct text xmlns;                       /* content namespace (jabber:client); empty for <open/> */
};

struct stream_limits {
    size_t stanza_bytes; /* of one top-level element, markup included; the header counts as one */
    unsigned depth;      /* elements below the stream's root */
    unsigned attributes; /* of one element, namespace declarations included */
};

/* Each may pause, restart, or free its stream, and write to any; none may feed its own. */
struct stream_callbacks {
    /* RFC 6120 4.2; the header is borrowed.  Namespace and framing were checked, addresses and version were not. */
    void (*on_open)(void *ctx, const struct stream_header *header);
    void (*on_stanza)(void *ctx, struct stanza *stanza); /* the callee owns the stanza */
    void (*on_close)(void *ctx);                         /* the other side closed its stream */
    void (*on_error)(void *ctx, enum stream_condition condition, const char *text); /* text is for a person; the last call */
};

struct stream;      /* opaque; one a connection */
struct stream_pool; /* opaque; one a node: the shared parser of framed messages, rebuilt when it has grown */

struct stream_pool *stream_pool_new(void); /* outlives its streams */
void stream_pool_free(struct stream_pool **pool);

/* limits and callbacks are borrowed for the stream's life. */
struct stream *stream_new(struct stream_pool *pool, enum stream_framing framing, const struct stream_limits *limits,
                          const struct stream_callbacks *callbacks, void *ctx);
void stream_free(struct stream **stream); /* also allowed from inside a callback: no further callback comes */

/* What the stream carries: XMLNS_CLIENT unless said otherwise, XMLNS_SERVER or XMLNS_COMPONENT; content is a literal.  Behind
 * this stage all stanzas are in jabber:client, and what is written for SCOPE_STREAM suits every stream that declares its own
 * content namespace as the default. */
void stream_set_content(struct stream *stream, struct text content);

/* Feeds bytes; on FRAMING_WEBSOCKET exactly one whole message a call.  While paused, bytes are kept (the transport is
 * paused by the same hand, so at most one read's worth comes; beyond 64 kB more than a stanza may have they are dropped,
 * and the stream fails with resource-constraint when it is resumed). */
void stream_feed(struct stream *stream, const char *data, size_t size);

/* From inside a callback or outside: no callback comes until resume, which calls back at once for what waits. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* After SASL success or legacy: expects a new header (RFC 6120 4.3.3); bytes already received behind the last stanza
 * are kept for it.  After STARTTLS they must not be: drop_input (RFC 6120 5.4.3.3). */
void stream_restart(struct stream *stream);
void stream_drop_input(struct stream *stream);

/* The limits change at login (bigger stanzas for known people); borrowed. */
void stream_set_limits(struct stream *stream, const struct stream_limits *limits);

/* Gives the parser back when nothing is half-read; the next bytes make a new one, which is first fed the original
 * header.  True when the stream sleeps now. */
bool stream_sleep(struct stream *stream);

#endif

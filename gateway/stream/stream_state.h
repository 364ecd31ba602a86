/* stream_state.h - one connection's stream as its source files share it: stream.c is its life, stream_tcp.c and
 * stream_websocket.c are its two framings. */
#ifndef STANZABUS_STREAM_STATE_H
#define STANZABUS_STREAM_STATE_H

#include <sys/queue.h>

#include "gateway/stream/xml_in.h"

struct stream {
    struct stream_pool *pool;
    const struct stream_limits *limits;
    const struct stream_callbacks *callbacks;
    void *ctx;
    struct xml_in *in;     /* TCP: NULL while the stream sleeps, and before its first byte */
    TAILQ_ENTRY(stream) awake; /* in the pool's list while it has a parser */
    char *start_tag;       /* TCP: owned; NULL for START_TAG_USUAL */
    struct buffer pending; /* what came, or was left, while paused; WebSocket: each message behind its size */
    struct text rest;      /* of the input at hand, while running: not yet read */
    struct text content;   /* the content namespace that is expected (RFC 6120 4.8.2) */
    unsigned char framing;
    bool open;     /* the header of the present stream was read */
    bool was_open; /* of this or of one before a restart */
    bool running;  /* a call of ours is on the stack: free later, feed never */
    bool paused;
    bool done;       /* closed or failed: no callback any more */
    bool freed;      /* by a callback; goes when the running call ends */
    bool overflowed; /* more came during a pause than may wait */
};

struct stream_pool {
    struct xml_in *framed; /* the shared parser; NULL until the next message */
    unsigned long salt;
    TAILQ_HEAD(stream_list, stream) awake; /* streams with a parser of their own, the one fed last at the end */
    unsigned awake_count;
};

/* Gives the stream a parser, or moves it to the end of the list; who has been quiet longest may lose its own for it. */
void stream_wake(struct stream *stream);
void stream_keep_awake(struct stream *stream);
void stream_drop_parser(struct stream *stream);

/* Takes a step on stream->rest, which is not empty: at most one callback. */
void stream_tcp_step(struct stream *stream);
/* Reads one message: at most one callback. */
void stream_websocket_message(struct stream *stream, struct text message);

void stream_fail(struct stream *stream, enum stream_condition condition, const char *text);
void stream_end(struct stream *stream); /* the other side closed its stream */
/* Reports the header in this element, which is freed. */
void stream_begin(struct stream *stream, struct stanza *header, struct text content_namespace);

/* One message through the shared parser, which is made or made again as needed: the stanza, or NULL and the fault. */
struct stanza *stream_pool_parse(struct stream_pool *pool, const struct stream_limits *limits, struct text message,
                                 struct xml_fault *fault);

#endif

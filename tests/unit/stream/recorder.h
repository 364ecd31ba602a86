/* recorder.h - a stream whose callbacks write down what they were told, one line each, and act on a few stanzas by name:
 * the tests then compare lines.
 *   open TO VERSION     error CONDITION     close     stanza XML (as a stream would carry it)
 * <pause/>, <restart/>, <drop/> (drop_input and restart), <free/>, <sleep/>, <pause-resume/> do so from inside. */
#ifndef STANZABUS_TEST_RECORDER_H
#define STANZABUS_TEST_RECORDER_H

#include "stanzabus/stream.h"

struct recorder {
    struct stream_pool *pool; /* NULL: another recorder's */
    struct stream *stream;
    struct stream_limits limits;
    struct buffer lines;
    const char *error_text; /* of on_error */
    bool pauses_at_open, frees_at_open;
    bool wants_all_fields; /* on_open writes down the whole header */
    unsigned stanzas;
    size_t bytes;     /* of all stanzas, on the wire */
    bool is_counting; /* stanzas are counted, not written down */
};

/* Limits: 10,000 bytes, depth 10, 10 attributes. */
void recorder_init(struct recorder *recorder, enum stream_framing framing);
/* One more WebSocket stream in the same pool; to be ended before the other. */
void recorder_init_beside(struct recorder *recorder, struct recorder *other);
void recorder_fini(struct recorder *recorder);
const char *recorder_lines(struct recorder *recorder); /* so far; borrowed */
/* size bytes of text in pieces of step bytes; stops when the stream was freed. */
void recorder_feed(struct recorder *recorder, const char *text, size_t size, size_t step);
/* Bytes on the heap of this process. */
size_t heap_bytes(void);

#define TCP_HEADER \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
    "to='example.com' version='1.0'>"
#define TCP_OPENED "open example.com 1.0\n"
#define WEBSOCKET_OPEN "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.com' version='1.0'/>"

#endif

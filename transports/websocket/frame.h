/* frame.h - WebSocket frames as a server sends them (RFC 6455 5.2): text, final, never masked. */
#ifndef STANZABUS_TRANSPORTS_FRAME_H
#define STANZABUS_TRANSPORTS_FRAME_H

#include <stddef.h>

enum { FRAME_HEADER_MAX = 10 };

/* Writes the header of a text message of size bytes; returns the header's bytes. */
size_t frame_header(char out[FRAME_HEADER_MAX], size_t size);

/* Bytes of the whole frames at the front of frames that fit into limit; at least the first one, however long it is.
 * frames holds nothing but whole frames. */
size_t frame_prefix(const char *frames, size_t size, size_t limit);

#endif

/* frame.h - WebSocket frames (RFC 6455 5): headers out, as a server writes them, and headers in, as it must read them.
 * Pure: no sockets, no memory of its own. */
#ifndef STANZABUS_TRANSPORTS_FRAME_H
#define STANZABUS_TRANSPORTS_FRAME_H

#include <stdint.h>

#include "stanzabus/text.h"

enum frame_opcode {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

enum { FRAME_OUT_HEADER_MAX = 10, FRAME_IN_HEADER_MAX = 14, FRAME_CONTROL_MAX = 125 };

/* Writes the header of a whole message or control frame of size bytes; returns the header's bytes. */
size_t frame_header(char out[FRAME_OUT_HEADER_MAX], enum frame_opcode opcode, size_t size);

/* The frame that is being read; zeroed at first. */
struct frame_in {
    uint64_t left;                             /* payload bytes still to come */
    unsigned char header[FRAME_IN_HEADER_MAX]; /* as far as it has come; then the mask's place is kept in it */
    uint8_t header_size;
    uint8_t opcode;      /* enum frame_opcode */
    uint8_t mask_at;     /* bytes of the mask used so far, modulo 4 */
    bool has_header : 1; /* payload comes now */
    bool is_final : 1;
    bool is_in_message : 1; /* a fragmented message has begun: a continuation must come */
};

enum frame_result {
    FRAME_MORE,    /* the header is not whole yet */
    FRAME_PAYLOAD, /* it is: opcode, is_final and left say what comes */
    FRAME_BAD      /* it breaks the rules; *why says which, for a person */
};

/* Takes header bytes from the front of *input, checks them as RFC 6455 5.2 to 5.5 have it for a server without
 * extensions. */
enum frame_result frame_read_header(struct frame_in *frame, struct text *input, const char **why);

/* Unmasks the next size bytes of the payload (at most left) to out; true when the frame is whole now, and the next
 * header may come. */
bool frame_read_payload(struct frame_in *frame, char *out, const char *in, size_t size);
bool frame_skip_payload(struct frame_in *frame, size_t size); /* the same for what nobody wants */

#endif

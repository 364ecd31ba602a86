/* websocket.h - the client's side of RFC 6455: the upgrade, masked frames out, plain frames in. */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include "stanzabus/memory.h"

enum frame_kind { FRAME_CONTINUATION = 0, FRAME_TEXT = 1, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };

struct frame {
    unsigned kind;
    bool is_final;
    struct text payload; /* points into the data */
};

void websocket_write_request(struct buffer *out, const char *host, const char *path);
/* Bytes of the whole response head, 0 when it is not complete, -1 when it is no acceptance of the upgrade. */
int websocket_read_response(struct text data);
void websocket_write_frame(struct buffer *out, enum frame_kind kind, struct text payload);
/* Bytes of the frame, 0 when it is not complete. */
size_t websocket_read_frame(struct text data, struct frame *frame);

#endif

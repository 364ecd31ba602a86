/* websocket.c - frames.  The mask is a fixed one: it costs what a random one costs, on both sides. */
#include "websocket.h"

#include <stdint.h>

static const unsigned char mask[8] = { 0x5a, 0xc3, 0x96, 0x0f, 0x5a, 0xc3, 0x96, 0x0f };

void websocket_write_request(struct buffer *out, const char *host, const char *path)
{
    buffer_printf(out,
                  "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: c3RhbnphYnVzIGJlbmNoIQ==\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
                  path, host);
}

int websocket_read_response(struct text data)
{
    const char *end = data.size ? memmem(data.data, data.size, "\r\n\r\n", 4) : NULL;
    if (!end)
        return data.size > 8192 ? -1 : 0;
    return text_starts_with(data, TEXT("HTTP/1.1 101")) ? (int)(end + 4 - data.data) : -1;
}

static void append_masked(struct buffer *out, struct text payload)
{
    char *to = buffer_reserve(out, payload.size);
    uint64_t wide, chunk;
    size_t i = 0;
    memcpy(&wide, mask, 8);
    for (; i + 8 <= payload.size; i += 8) {
        memcpy(&chunk, payload.data + i, 8);
        chunk ^= wide;
        memcpy(to + i, &chunk, 8);
    }
    for (; i < payload.size; i++)
        to[i] = (char)(payload.data[i] ^ (char)mask[i % 4]);
    out->size += payload.size;
}

void websocket_write_frame(struct buffer *out, enum frame_kind kind, struct text payload)
{
    unsigned char head[14] = { (unsigned char)(0x80 | kind) };
    size_t size = 2;
    if (payload.size < 126) {
        head[1] = (unsigned char)(0x80 | payload.size);
    } else if (payload.size < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(payload.size >> 8);
        head[3] = (unsigned char)payload.size;
        size = 4;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)payload.size >> (56 - 8 * i));
        size = 10;
    }
    memcpy(head + size, mask, 4);
    buffer_append(out, (const char *)head, size + 4);
    append_masked(out, payload);
}

size_t websocket_read_frame(struct text data, struct frame *frame)
{
    const unsigned char *bytes = (const unsigned char *)data.data;
    size_t head = 2;
    if (data.size < 2)
        return 0;
    uint64_t size = bytes[1] & 0x7f;
    unsigned more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (data.size < head + more)
        return 0;
    if (more)
        size = 0;
    for (unsigned i = 0; i < more; i++)
        size = size << 8 | bytes[head++];
    if (data.size - head < size)
        return 0;
    *frame = (struct frame){ bytes[0] & 0x0f, bytes[0] & 0x80, { data.data + head, (size_t)size } };
    return head + (size_t)size;
}

/* frame.c - writes frame headers, and finds the frames again where many were gathered. */
#include <assert.h>
#include <stdint.h>

#include "transports/websocket/frame.h"

enum { FINAL_TEXT = 0x81, SIZE_16 = 126, SIZE_64 = 127 };

static size_t write_size(char *out, uint64_t size, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (char)(size >> (8 * (bytes - 1 - i)));
    return bytes;
}

size_t frame_header(char out[FRAME_HEADER_MAX], size_t size)
{
    out[0] = (char)FINAL_TEXT;
    if (size < SIZE_16) {
        out[1] = (char)size;
        return 2;
    }
    out[1] = size <= UINT16_MAX ? SIZE_16 : SIZE_64;
    return 2 + write_size(out + 2, size, size <= UINT16_MAX ? 2 : 8);
}

static size_t frame_size(const unsigned char *frame)
{
    unsigned bytes = frame[1] == SIZE_16 ? 2 : frame[1] == SIZE_64 ? 8 : 0;
    uint64_t size = bytes ? 0 : frame[1];
    for (unsigned i = 0; i < bytes; i++)
        size = size << 8 | frame[2 + i];
    return (size_t)(2 + bytes + size);
}

size_t frame_prefix(const char *frames, size_t size, size_t limit)
{
    size_t taken = 0;
    if (size <= limit)
        return size;
    while (taken < size) {
        size_t next = frame_size((const unsigned char *)frames + taken);
        if (taken > 0 && taken + next > limit)
            break;
        taken += next;
    }
    assert(taken <= size);
    return taken;
}

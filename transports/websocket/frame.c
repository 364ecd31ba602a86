/* frame.c - reads and writes frame headers, takes masks off. */
#include <assert.h>

#include "transports/websocket/frame.h"

enum { FINAL = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, SIZE = 0x7f, CONTROL = 0x08 };
enum { SIZE_16 = 126, SIZE_64 = 127, MASK_BYTES = 4 };

/* -- out -- */

static size_t write_size(char *out, uint64_t size, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (char)(size >> (8 * (bytes - 1 - i)));
    return bytes;
}

size_t frame_header(char out[FRAME_OUT_HEADER_MAX], enum frame_opcode opcode, size_t size)
{
    out[0] = (char)(FINAL | opcode);
    if (size < SIZE_16) {
        out[1] = (char)size;
        return 2;
    }
    out[1] = size <= UINT16_MAX ? SIZE_16 : SIZE_64;
    return 2 + write_size(out + 2, size, size <= UINT16_MAX ? 2 : 8);
}

/* -- in -- */

static unsigned size_bytes(unsigned char second)
{
    return (second & SIZE) == SIZE_16 ? 2 : (second & SIZE) == SIZE_64 ? 8 : 0;
}

/* Takes from input until the header has size bytes. */
static bool fill(struct frame_in *frame, struct text *input, unsigned size)
{
    while (frame->header_size < size && input->size > 0) {
        frame->header[frame->header_size++] = (unsigned char)input->data[0];
        input->data++;
        input->size--;
    }
    return frame->header_size >= size;
}

static uint64_t read_size(const unsigned char *header)
{
    unsigned bytes = size_bytes(header[1]);
    uint64_t size = bytes ? 0 : header[1] & SIZE;
    for (unsigned i = 0; i < bytes; i++)
        size = size << 8 | header[2 + i];
    return size;
}

static const char *fault_of_control(const struct frame_in *frame)
{
    if (!frame->is_final)
        return "a control frame in pieces";
    return (frame->header[1] & SIZE) > FRAME_CONTROL_MAX ? "a control frame that is too long" : NULL;
}

static const char *fault_of_data(const struct frame_in *frame)
{
    if (frame->opcode == FRAME_CONTINUATION)
        return frame->is_in_message ? NULL : "a continuation of nothing";
    return frame->is_in_message ? "a message inside of another" : NULL;
}

/* What the first two bytes can already tell; NULL: nothing is wrong. */
static const char *fault_of(const struct frame_in *frame)
{
    bool is_control = frame->opcode & CONTROL;
    if (frame->header[0] & RESERVED)
        return "a reserved bit is set";
    if (is_control ? frame->opcode > FRAME_PONG : frame->opcode > FRAME_BINARY)
        return "an unknown opcode";
    if (!(frame->header[1] & MASKED))
        return "a frame that is not masked"; /* 5.1 */
    return is_control ? fault_of_control(frame) : fault_of_data(frame);
}

static enum frame_result bad(const char **why, const char *text)
{
    *why = text;
    return FRAME_BAD;
}

enum frame_result frame_read_header(struct frame_in *frame, struct text *input, const char **why)
{
    assert(!frame->has_header);
    if (!fill(frame, input, 2))
        return FRAME_MORE;
    frame->is_final = frame->header[0] & FINAL;
    frame->opcode = frame->header[0] & OPCODE;
    const char *fault = fault_of(frame);
    if (fault)
        return bad(why, fault);
    if (!fill(frame, input, 2 + size_bytes(frame->header[1]) + MASK_BYTES))
        return FRAME_MORE;
    frame->left = read_size(frame->header);
    if (frame->left >> 63)
        return bad(why, "a size with the highest bit");
    frame->has_header = true;
    frame->mask_at = 0;
    if (!(frame->opcode & CONTROL))
        frame->is_in_message = !frame->is_final;
    return FRAME_PAYLOAD;
}

static void unmask(char *out, const char *in, size_t size, const unsigned char mask[MASK_BYTES], unsigned at)
{
    unsigned char turned[8];
    uint64_t eight, mask_eight;
    size_t done = 0;
    for (unsigned i = 0; i < sizeof turned; i++)
        turned[i] = mask[(at + i) % MASK_BYTES];
    memcpy(&mask_eight, turned, sizeof mask_eight);
    for (; size - done >= sizeof eight; done += sizeof eight) {
        memcpy(&eight, in + done, sizeof eight);
        eight ^= mask_eight;
        memcpy(out + done, &eight, sizeof eight);
    }
    for (; done < size; done++)
        out[done] = (char)((unsigned char)in[done] ^ turned[done % sizeof turned]);
}

bool frame_skip_payload(struct frame_in *frame, size_t size)
{
    assert(frame->has_header && size <= frame->left);
    frame->mask_at = (uint8_t)((frame->mask_at + size) % MASK_BYTES);
    frame->left -= size;
    if (frame->left > 0)
        return false;
    frame->has_header = false;
    frame->header_size = 0;
    return true;
}

bool frame_read_payload(struct frame_in *frame, char *out, const char *in, size_t size)
{
    unmask(out, in, size, frame->header + frame->header_size - MASK_BYTES, frame->mask_at);
    return frame_skip_payload(frame, size);
}

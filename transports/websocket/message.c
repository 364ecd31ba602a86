/* message.c - from frames to whole messages: text only, UTF-8 only, bounded.  A message that came in one piece goes on
 * from a buffer that all share, as most do; the others are put together, in room that is given back at once. */
#include "transports/websocket/utf8.h"
#include "transports/websocket/web_inside.h"

enum { PLAIN_KEPT = 64 * 1024 }; /* bytes of the shared buffer that outlive a message */

/* The core answers with a stream error and closes; the WebSocket ends with the code that says why. */
static void violate(struct web_socket *s, enum web_close code, enum stream_condition condition, const char *text)
{
    const struct web_settings *settings = &web_of(s)->settings;
    if (s->is_broken)
        return;
    s->is_broken = true;
    s->close_code = (uint16_t)code;
    buffer_fini(&s->message);
    if (s->is_open && !s->is_closing)
        settings->callbacks->on_violation(settings->ctx, s->connection, condition, text);
    web_socket_start_close(s);
}

static void deliver(struct web_socket *s, const char *data, size_t size)
{
    const struct web_settings *settings = &web_of(s)->settings;
    if (!utf8_is_valid(data, size))
        violate(s, WEB_CLOSE_NOT_UTF8, STREAM_ERROR_NOT_WELL_FORMED, "the message is not UTF-8");
    else
        settings->callbacks->on_bytes(settings->ctx, s->connection, size ? data : "", size);
}

/* The core may close, and the layer be asked for more, while it reads: the pieces are no longer the socket's. */
static void deliver_pieces(struct web_socket *s)
{
    struct buffer whole = s->message;
    s->message = (struct buffer){ 0 };
    deliver(s, whole.data, whole.size);
    buffer_fini(&whole);
}

/* -- payload: each takes size bytes of input -- */

static void take_control(struct web_socket *s, const char *input, size_t size)
{
    enum frame_opcode opcode = s->frame.opcode;
    char payload[FRAME_CONTROL_MAX];
    bool is_whole = frame_read_payload(&s->frame, payload, input, size);
    if (!is_whole || s->control.size > 0)
        buffer_append(&s->control, payload, size);
    if (!is_whole)
        return;
    struct buffer pieces = s->control;
    s->control = (struct buffer){ 0 };
    web_socket_control(s, opcode, pieces.size > 0 ? buffer_text(&pieces) : (struct text){ payload, size });
    buffer_fini(&pieces);
}

static void take_whole_message(struct web_socket *s, const char *input, size_t size)
{
    struct buffer *plain = &web_of(s)->plain;
    plain->size = 0;
    frame_read_payload(&s->frame, buffer_reserve(plain, size + 1), input, size);
    deliver(s, plain->data, size);
    if (plain->capacity > PLAIN_KEPT)
        buffer_fini(plain);
}

static void take_piece(struct web_socket *s, const char *input, size_t size)
{
    bool is_whole = frame_read_payload(&s->frame, buffer_reserve(&s->message, size + 1), input, size);
    s->message.size += size;
    if (is_whole && s->frame.is_final)
        deliver_pieces(s);
}

static void take_payload(struct web_socket *s, const char *input, size_t size)
{
    struct frame_in *frame = &s->frame;
    if (frame->opcode >= FRAME_CLOSE)
        take_control(s, input, size);
    else if (s->is_broken || s->is_closing) /* only the Close is still waited for */
        frame_skip_payload(frame, size);
    else if (frame->is_final && s->message.size == 0 && size == frame->left)
        take_whole_message(s, input, size);
    else
        take_piece(s, input, size);
}

/* -- frames -- */

/* A frame says its size first: what is too long is refused before it is read. */
static void check_message(struct web_socket *s)
{
    size_t limit = web_of(s)->settings.message_bytes;
    if (s->frame.opcode == FRAME_BINARY)
        violate(s, WEB_CLOSE_NOT_TEXT, STREAM_ERROR_BAD_FORMAT, "only text messages are XMPP (RFC 7395 3.2)");
    else if (s->frame.opcode < FRAME_CLOSE && (s->frame.left > limit || s->message.size > limit - s->frame.left))
        violate(s, WEB_CLOSE_TOO_BIG, STREAM_ERROR_POLICY_VIOLATION, "the message is too long");
}

/* Takes what it can of the frame at the front; false when more bytes are needed for anything to happen. */
static bool take_frame(struct web_socket *s, struct text *input)
{
    const char *why;
    if (!s->frame.has_header) {
        switch (frame_read_header(&s->frame, input, &why)) {
        case FRAME_MORE:
            return false;
        case FRAME_BAD:
            violate(s, WEB_CLOSE_PROTOCOL, STREAM_ERROR_BAD_FORMAT, why);
            web_done(s); /* where the next frame begins is not known any more */
            return false;
        case FRAME_PAYLOAD:
            check_message(s);
        }
    }
    size_t size = s->frame.left < input->size ? (size_t)s->frame.left : input->size;
    if (size == 0 && s->frame.left > 0)
        return false;
    const char *data = input->data;
    input->data += size;
    input->size -= size;
    take_payload(s, data, size);
    return true;
}

size_t web_take_frames(struct web_socket *s, struct text input)
{
    size_t size = input.size;
    while (web_takes_input(s) && take_frame(s, &input)) {
    }
    return size - input.size;
}

/* message.c - from the pieces that lws reads to whole messages: text only, UTF-8 only, bounded.
 * lws gives what one read brought of one frame, at most rx_buffer_size.  A message that came whole goes on without a
 * copy, as most do; the others are put together, in room that is given back at once. */
#include "transports/websocket/utf8.h"
#include "transports/websocket/web_inside.h"

/* The core answers with a stream error and closes; the WebSocket ends with the code that says why. */
static void violate(struct web_socket *s, enum web_close code, enum stream_condition condition, const char *text)
{
    s->is_broken = true;
    s->close_code = (uint16_t)code;
    buffer_fini(&s->message);
    s->web->settings.callbacks->on_violation(s->web->settings.ctx, &s->base, condition, text);
    web_socket_start_close(s, code);
}

static void deliver(struct web_socket *s, const char *data, size_t size)
{
    if (!utf8_is_valid(data, size)) {
        violate(s, WEB_CLOSE_NOT_UTF8, STREAM_ERROR_NOT_WELL_FORMED, "the message is not UTF-8");
        return;
    }
    s->web->settings.callbacks->on_bytes(s->web->settings.ctx, &s->base, size ? data : "", size);
}

/* The next message may begin while the core is in on_bytes only after it returned: lws is not re-entered. */
static void deliver_pieces(struct web_socket *s)
{
    struct buffer whole = s->message;
    s->message = (struct buffer){ 0 };
    deliver(s, whole.data, whole.size);
    buffer_fini(&whole);
}

void web_receive(struct web_socket *s, const char *data, size_t size)
{
    if (s->is_broken || s->is_closing || !s->is_open)
        return;
    if (lws_frame_is_binary(s->wsi)) {
        violate(s, WEB_CLOSE_NOT_TEXT, STREAM_ERROR_BAD_FORMAT, "only text messages are XMPP (RFC 7395 3.2)");
        return;
    }
    /* A frame says its size first: what is too long is refused before it is read. */
    size_t limit = s->web->settings.message_bytes, frame = size + lws_remaining_packet_payload(s->wsi);
    if (frame > limit || s->message.size > limit - frame) {
        violate(s, WEB_CLOSE_TOO_BIG, STREAM_ERROR_POLICY_VIOLATION, "the message is too long");
        return;
    }
    bool is_last = lws_is_final_fragment(s->wsi);
    if (is_last && s->message.size == 0) {
        deliver(s, data, size);
        return;
    }
    buffer_append(&s->message, data, size);
    if (is_last)
        deliver_pieces(s);
}

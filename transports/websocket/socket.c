/* socket.c - a WebSocket as the core uses it: messages out, pause, the closing handshake, the end.
 *
 * Frames are written by hand into one buffer a socket and leave in one send at the turn's end: a busy client costs one
 * system call for many messages.  What the kernel does not take stays with lws (it sends that before anything of its
 * own, so that a pong never lands inside a frame), and nothing more is given to it until it has got rid of it.
 *
 *   open ──close()──> closing: frames go out ──> lws sends Close, waits for the peer's ──> destroyed: on_closed
 *     └───────────────── the peer's Close, its end, an error, a deadline ───────────────────^ */
#include <assert.h>
#include <stdlib.h>

#include "transports/tls/tls.h"
#include "transports/websocket/frame.h"
#include "transports/websocket/web_inside.h"

/* -- room for frames: empty sockets own none -- */

static void take_room(struct web_socket *s)
{
    struct web *web = s->web;
    if (!s->out.data && web->room_count > 0)
        s->out = web->rooms[--web->room_count];
}

static void give_room(struct web_socket *s)
{
    struct web *web = s->web;
    s->out.size = 0;
    if (s->out.capacity <= WEB_ROOM_BYTES && web->room_count < WEB_ROOMS)
        web->rooms[web->room_count++] = s->out;
    else
        free(s->out.data);
    s->out = (struct buffer){ 0 };
}

/* -- messages out -- */

static void count_queued(struct web_socket *s)
{
    s->base.queued = (uint32_t)s->out.size + s->in_lws;
}

static void socket_write(struct connection *base, const char *data, size_t size)
{
    struct web_socket *s = (struct web_socket *)base;
    char header[FRAME_HEADER_MAX];
    if (s->is_closing)
        return;
    take_room(s);
    buffer_append(&s->out, header, frame_header(header, size));
    buffer_append(&s->out, data, size);
    count_queued(s);
    web_turn_add(s);
}

/* Gives lws what it can send now.  0, or -1 when the socket is dead. */
static int send_frames(struct web_socket *s)
{
    size_t sent = 0;
    while (sent < s->out.size && s->in_lws == 0) {
        size_t size = frame_prefix(s->out.data + sent, s->out.size - sent, WEB_SEND_BYTES);
        if (lws_write(s->wsi, (unsigned char *)s->out.data + sent, size, LWS_WRITE_RAW) < 0)
            return -1;
        sent += size;
        if (lws_partial_buffered(s->wsi))
            s->in_lws = (uint32_t)size;
    }
    if (sent == s->out.size && s->out.data)
        give_room(s);
    else
        buffer_consume(&s->out, sent);
    count_queued(s);
    return 0;
}

static void tell_drained(struct web_socket *s)
{
    if (!s->drain_mark || s->base.queued >= s->drain_mark || s->is_closing)
        return;
    s->drain_mark = 0;
    s->web->settings.callbacks->on_drained(s->web->settings.ctx, &s->base);
}

void web_socket_flush(struct web_socket *s)
{
    if (send_frames(s)) {
        s->reason = "connection lost";
        web_kill(s);
        return;
    }
    if (s->is_closing && s->base.queued == 0)
        lws_callback_on_writable(s->wsi); /* only from inside its callbacks does lws close */
    tell_drained(s);
}

/* lws comes here only when it holds nothing any more. */
int web_socket_writable(struct web_socket *s)
{
    s->in_lws = 0;
    if (send_frames(s)) {
        s->reason = "connection lost";
        return -1;
    }
    if (s->is_closing && s->base.queued == 0) {
        lws_close_reason(s->wsi, s->close_code, NULL, 0);
        return -1;
    }
    tell_drained(s);
    return 0;
}

/* -- reading on and off -- */

static void socket_pause(struct connection *base)
{
    struct web_socket *s = (struct web_socket *)base;
    if (s->is_paused || s->is_closing)
        return;
    s->is_paused = true;
    s->drain_mark = base->queued ? base->queued / 2 + 1 : 0;
    lws_rx_flow_control(s->wsi, 0);
}

/* What lws has read already it gives at its next event, and what OpenSSL holds is no event: so it gets one. */
static void socket_resume(struct connection *base)
{
    struct web_socket *s = (struct web_socket *)base;
    if (!s->is_paused)
        return;
    s->is_paused = false;
    lws_rx_flow_control(s->wsi, 1);
    lws_cancel_service(s->web->context);
}

/* -- the end -- */

void web_socket_start_close(struct web_socket *s, enum web_close code)
{
    if (s->is_closing)
        return;
    socket_resume(&s->base); /* the peer's Close is waited for */
    s->is_closing = true;
    s->close_code = (uint16_t)code;
    s->reason = "closed";
    web_wait_start(s, WEB_WAIT_CLOSE);
    web_turn_add(s);
}

static void socket_close(struct connection *base)
{
    struct web_socket *s = (struct web_socket *)base;
    web_socket_start_close(s, s->close_code);
}

/* lws answers with the same code and ends the connection. */
void web_socket_peer_closes(struct web_socket *s, struct text payload)
{
    const unsigned char *code = (const unsigned char *)payload.data;
    if (!s->is_closing)
        send_frames(s);
    s->is_closing = true;
    s->reason = payload.size >= 2 && code[0] == 1001 >> 8 && code[1] == (1001 & 0xff) ? "peer is going away" :
                                                                                         "closed by peer";
    web_wait_start(s, WEB_WAIT_CLOSE);
}

void web_socket_finish(struct web_socket *s)
{
    struct web *web = s->web;
    web_turn_remove(s);
    web_wait_stop(s);
    LIST_REMOVE(s, entry);
    if (s->is_open) {
        s->is_open = false;
        web->connection_count--;
        web->settings.callbacks->on_closed(web->settings.ctx, &s->base, s->reason);
    }
    buffer_fini(&s->out);
    buffer_fini(&s->message);
    free(s);
}

/* -- the beginning -- */

int web_socket_open(struct web_socket *s)
{
    struct web *web = s->web;
    web_wait_stop(s);
    s->base.ops = &web_socket_ops;
    s->base.framing = FRAMING_WEBSOCKET;
    s->close_code = WEB_CLOSE_NORMAL;
    s->reason = "connection lost";
    if (s->is_tls)
        s->base.sni = SSL_get_servername(lws_get_ssl(s->wsi), TLSEXT_NAMETYPE_host_name);
    if (!web->settings.callbacks->on_accept(web->settings.ctx, &s->base)) {
        if (s->base.queued > 0)
            web_socket_start_close(s, WEB_CLOSE_TRY_LATER);
        else
            lws_close_reason(s->wsi, (enum lws_close_status)WEB_CLOSE_TRY_LATER, NULL, 0);
        return s->base.queued > 0 ? 0 : -1;
    }
    s->is_open = true;
    web->connection_count++;
    return 0;
}

static int socket_binding(struct connection *base, enum channel_binding kind, unsigned char out[64])
{
    struct web_socket *s = (struct web_socket *)base;
    return s->is_tls ? tls_channel_binding(lws_get_ssl(s->wsi), kind, out) : -1;
}

/* A browser would ask everyone for a certificate: none is asked for on WebSocket. */
static int socket_certificate_jids(struct connection *base, struct arena *arena, struct text *out, int max)
{
    (void)base;
    (void)arena;
    (void)out;
    (void)max;
    return -1;
}

const struct connection_ops web_socket_ops = {
    .write = socket_write,
    .close = socket_close,
    .pause = socket_pause,
    .resume = socket_resume,
    .start_tls = NULL, /* RFC 7395 3.9 */
    .channel_binding = socket_binding,
    .certificate_jids = socket_certificate_jids,
};

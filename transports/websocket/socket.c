/* socket.c - a WebSocket as the core uses it: messages out, pause, the closing handshake (RFC 6455 7).
 *
 *   open ──close()──> closing: Close is sent ──> the client's Close, or a deadline ──> done: tcp flushes and closes
 *     └── the client's Close: answered, the core is told at once ─────────────────────^
 *
 * A message is written as header and payload behind each other into tcp's queue, which leaves in one send at the turn's
 * end: many messages of a turn are one system call. */
#include "transports/websocket/utf8.h"
#include "transports/websocket/web_inside.h"

/* A client that pings without reading the pongs is not read above this. */
enum { PONGS_QUEUED_MAX = 64 * 1024 };

static struct web_socket *socket_of(struct connection *connection)
{
    return connection->layer;
}

static void write_frame(struct web_socket *s, enum frame_opcode opcode, const char *data, size_t size)
{
    char header[FRAME_OUT_HEADER_MAX];
    s->below->write(s->connection, header, frame_header(header, opcode, size));
    if (size > 0)
        s->below->write(s->connection, data, size);
}

static void write_close(struct web_socket *s, enum web_close code)
{
    const char payload[2] = { (char)(code >> 8), (char)(code & 0xff) };
    write_frame(s, FRAME_CLOSE, payload, code == WEB_CLOSE_NONE ? 0 : sizeof payload);
    s->is_closing = true;
}

/* -- what the core asks -- */

static void socket_write(struct connection *connection, const char *data, size_t size)
{
    struct web_socket *s = socket_of(connection);
    if (!s->is_closing)
        write_frame(s, FRAME_TEXT, data, size);
}

static void socket_pause(struct connection *connection)
{
    struct web_socket *s = socket_of(connection);
    if (s->is_closing)
        return;
    s->is_paused = true;
    s->below->pause(connection);
}

static void read_again(struct web_socket *s)
{
    if (!web_takes_input(s))
        return;
    s->below->resume(s->connection);
    if (s->held.size > 0)
        web_turn_add(s);
}

static void socket_resume(struct connection *connection)
{
    struct web_socket *s = socket_of(connection);
    if (!s->is_paused)
        return;
    s->is_paused = false;
    read_again(s);
}

void web_socket_choke(struct web_socket *s, uint32_t queued_max)
{
    if (s->connection->queued <= queued_max || s->is_done)
        return;
    s->is_choked = true;
    s->below->pause(s->connection);
}

void web_socket_unchoke(struct web_socket *s)
{
    if (!s->is_choked)
        return;
    s->is_choked = false;
    read_again(s);
}

void web_socket_start_close(struct web_socket *s)
{
    if (s->is_closing || s->is_done)
        return;
    socket_resume(s->connection); /* the client's Close is waited for */
    web_socket_unchoke(s);
    write_close(s, s->close_code);
    web_wait_start(s, WEB_WAIT_CLOSE);
}

static void socket_close(struct connection *connection)
{
    web_socket_start_close(socket_of(connection));
}

static int socket_binding(struct connection *connection, enum channel_binding kind, unsigned char out[64])
{
    return socket_of(connection)->below->channel_binding(connection, kind, out);
}

/* A browser would ask everyone for a certificate: none is asked for on WebSocket. */
static int socket_certificate_jids(struct connection *connection, struct arena *arena, struct text *out, int max)
{
    (void)connection;
    (void)arena;
    (void)out;
    (void)max;
    return -1;
}

static const struct connection_ops socket_ops = {
    .write = socket_write,
    .close = socket_close,
    .pause = socket_pause,
    .resume = socket_resume,
    .start_tls = NULL, /* RFC 7395 3.9: never */
    .channel_binding = socket_binding,
    .certificate_jids = socket_certificate_jids,
};

void web_socket_open(struct web_socket *s)
{
    struct web *web = web_of(s);
    struct connection *connection = s->connection;

    web_wait_stop(s);
    s->is_upgraded = true;
    s->close_code = WEB_CLOSE_NORMAL;
    connection->ops = &socket_ops;
    connection->framing = FRAMING_WEBSOCKET;
    connection->can_start_tls = connection->can_certificate = false;
    if (!web->settings.callbacks->on_accept(web->settings.ctx, connection)) {
        connection->session = NULL;
        s->close_code = WEB_CLOSE_TRY_LATER;
        web_socket_start_close(s);
        return;
    }
    s->is_open = true;
    web->connection_count++;
}

/* -- control frames -- */

/* What may stand in a Close that came: 7.4.1, 7.4.2. */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static enum web_close answer_to(struct text payload)
{
    const unsigned char *bytes = (const unsigned char *)payload.data;
    unsigned code = payload.size >= 2 ? (unsigned)bytes[0] << 8 | bytes[1] : 0;
    if (payload.size == 0)
        return WEB_CLOSE_NONE;
    if (!is_close_code(code))
        return WEB_CLOSE_PROTOCOL;
    return utf8_is_valid(payload.data + 2, payload.size - 2) ? (enum web_close)code : WEB_CLOSE_NOT_UTF8;
}

/* tcp still sends what is queued; for the core it is over now, so that nothing more is written to nobody. */
static void peer_closes(struct web_socket *s, struct text payload)
{
    if (!s->is_closing)
        write_close(s, answer_to(payload));
    web_report_closed(s, "closed by peer");
    web_done(s);
}

void web_socket_control(struct web_socket *s, enum frame_opcode opcode, struct text payload)
{
    if (opcode == FRAME_CLOSE)
        peer_closes(s, payload);
    else if (opcode == FRAME_PING && !s->is_closing) {
        write_frame(s, FRAME_PONG, payload.data, payload.size);
        web_socket_choke(s, PONGS_QUEUED_MAX);
    }
}

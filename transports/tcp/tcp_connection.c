/* tcp_connection.c - one client: bytes from the socket to the core, bytes of the core to the socket, and the end.
 *
 *   open ──close()──> closing: the queue is sent ──> finished: our side is shut, the peer's is awaited ──> ended
 *     └───────────────────── the peer's end, an error, a deadline ──────────────────────────────────────────^
 * An ended connection is reported and freed at the end of the loop turn (tcp_turn.c). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transports/tcp/tcp_inside.h"

enum { READS_A_TURN = 4 }; /* of TCP_READ_BYTES; then others have their turn */

static const char *const end_texts[] = {
    [TCP_END_PEER] = "closed by peer",
    [TCP_END_TRUNCATED] = "closed by peer without close_notify",
    [TCP_END_RESET] = "reset",
    [TCP_END_ERRNO] = "socket",
    [TCP_END_OURS] = "closed",
    [TCP_END_FLUSH_TIMEOUT] = "closed, the peer did not read the rest",
    [TCP_END_HANDSHAKE] = "TLS handshake",
    [TCP_END_HANDSHAKE_TIMEOUT] = "TLS handshake: timed out",
    [TCP_END_TLS] = "TLS",
    [TCP_END_OVERFLOW] = "too much queued",
    [TCP_END_STOP] = "server stopped",
};

/* -- the end -- */

void tcp_connection_end(struct tcp_connection *c, enum tcp_end end, const char *detail)
{
    if (c->has_ended)
        return;
    c->has_ended = true;
    c->end = end;
    c->end_detail = detail;
    ev_io_stop(c->tcp->loop, &c->io);
    tcp_wait_stop(c);
    tcp_turn_add(c);
}

static void end_by_errno(struct tcp_connection *c, int error)
{
    if (error == ECONNRESET || error == EPIPE)
        tcp_connection_end(c, TCP_END_RESET, NULL);
    else
        tcp_connection_end(c, TCP_END_ERRNO, strerrordesc_np(error));
}

/* What was written in the very turn in which the peer closed its side is still offered to it once. */
static void flush_last(struct tcp_connection *c)
{
    if (c->end == TCP_END_PEER || c->end == TCP_END_TRUNCATED || c->end == TCP_END_HANDSHAKE || c->end == TCP_END_TLS ||
        c->end == TCP_END_STOP) {
        if (c->secure)
            tcp_secure_close(c);
        else if (out_queue_size(&c->out))
            tcp_connection_send(c, out_queue_front(&c->out), out_queue_size(&c->out));
    }
}

static void report_closed(struct tcp_connection *c)
{
    char reason[256];
    if (c->was_refused)
        return;
    snprintf(reason, sizeof reason, "%s%s%s", end_texts[c->end], c->end_detail ? ": " : "",
             c->end_detail ? c->end_detail : "");
    c->tcp->has_called_back = true;
    c->tcp->callbacks->on_closed(c->tcp->ctx, &c->base, reason);
}

void tcp_connection_finish(struct tcp_connection *c)
{
    struct tcp *tcp = c->tcp;

    flush_last(c);
    close(c->io.fd);
    LIST_REMOVE(c, entry);
    tcp->connection_count--;
    report_closed(c);
    out_queue_clear(&tcp->pool, &c->out);
    tcp_secure_free(&c->secure);
    tcp_outgoing_free(&c->outgoing);
    free(c);
}

/* -- out -- */

void tcp_connection_count_queued(struct tcp_connection *c)
{
    size_t queued = out_queue_size(&c->out);
    if (c->secure)
        queued += c->secure->records.size - c->secure->records_sent;
    c->base.queued = (uint32_t)queued;
}

size_t tcp_connection_send(struct tcp_connection *c, const char *data, size_t size)
{
    ssize_t sent = send(c->io.fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        end_by_errno(c, errno);
        return 0;
    }
    if (sent < 0)
        sent = 0;
    c->is_blocked = (size_t)sent < size;
    return (size_t)sent;
}

/* True when nothing is left that could be sent now. */
static bool flush_plain(struct tcp_connection *c)
{
    uint32_t size = out_queue_size(&c->out);
    if (size > 0)
        out_queue_consume(&c->tcp->pool, &c->out, tcp_connection_send(c, out_queue_front(&c->out), size));
    return out_queue_size(&c->out) == 0;
}

/* Everything is out: shut our side, and wait shortly for the peer's.  Closing at once would answer bytes that are still
 * on their way with a reset, and a reset can overtake the stream error that was just sent. */
static void finish_sending(struct tcp_connection *c)
{
    if (c->secure && !tcp_secure_close(c))
        return;
    if (c->has_ended)
        return;
    c->is_finished = true;
    shutdown(c->io.fd, SHUT_WR);
    tcp_wait_start(c, TCP_WAIT_LINGER);
}

void tcp_connection_flush(struct tcp_connection *c)
{
    bool is_all_sent = c->secure ? tcp_secure_flush(c) : flush_plain(c);

    if (c->has_ended || c->is_finished)
        return;
    tcp_connection_count_queued(c);
    if (c->is_closing && is_all_sent && c->base.queued == 0)
        finish_sending(c);
    else if (c->drain_mark && c->base.queued < c->drain_mark && !c->is_closing) {
        c->drain_mark = 0;
        c->tcp->has_called_back = true;
        c->tcp->callbacks->on_drained(c->tcp->ctx, &c->base);
    }
    tcp_connection_watch(c);
}

/* -- in -- */

static void read_failed(struct tcp_connection *c, ssize_t result)
{
    if (result < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (result < 0)
        end_by_errno(c, errno);
    else if (c->is_closing)
        tcp_connection_end(c, TCP_END_OURS, NULL);
    else if (c->secure && !tcp_secure_is_up(c))
        tcp_connection_end(c, TCP_END_HANDSHAKE, "closed by peer");
    else
        tcp_connection_end(c, c->secure ? TCP_END_TRUNCATED : TCP_END_PEER, NULL);
}

static void take_input(struct tcp_connection *c, const char *data, size_t size)
{
    bool is_shaking_hands = c->secure && !tcp_secure_is_up(c);
    if (c->is_closing && !is_shaking_hands)
        return; /* read only to see the peer's end */
    if (c->secure)
        tcp_secure_receive(c, (struct text){ data, size });
    else
        c->tcp->callbacks->on_bytes(c->tcp->ctx, &c->base, data, size);
}

static bool wants_to_read(const struct tcp_connection *c)
{
    return !c->has_ended && (!c->is_paused || c->is_closing);
}

static void read_socket(struct tcp_connection *c)
{
    char *input = c->tcp->input;
    for (int i = 0; i < READS_A_TURN && wants_to_read(c); i++) {
        ssize_t size = recv(c->io.fd, input, TCP_READ_BYTES, 0);
        if (size <= 0) {
            read_failed(c, size);
            return;
        }
        take_input(c, input, (size_t)size);
        if (size < TCP_READ_BYTES)
            return;
    }
}

static void on_socket(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct tcp_connection *c = io->data;
    (void)loop;
    if (events & EV_READ)
        read_socket(c);
    if ((events & EV_WRITE) && !c->has_ended)
        tcp_connection_flush(c);
}

void tcp_connection_watch(struct tcp_connection *c)
{
    int wanted = (wants_to_read(c) ? EV_READ : 0) | (c->is_blocked && !c->is_finished ? EV_WRITE : 0);
    int current = ev_is_active(&c->io) ? c->io.events & (EV_READ | EV_WRITE) : 0;
    if (c->has_ended || wanted == current)
        return;
    ev_io_stop(c->tcp->loop, &c->io);
    ev_io_set(&c->io, c->io.fd, wanted);
    if (wanted)
        ev_io_start(c->tcp->loop, &c->io);
}

/* -- what the core asks -- */

static void connection_write(struct connection *base, const char *data, size_t size)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    if (c->has_ended || c->is_closing || size == 0)
        return;
    if (out_queue_append(&c->tcp->pool, &c->out, data, size)) {
        metric_add(c->tcp->metrics, METRIC_CLIENT_QUEUE_OVERFLOWS, 1);
        tcp_connection_end(c, TCP_END_OVERFLOW, NULL);
        return;
    }
    base->queued += (uint32_t)size;
    if (!c->is_blocked)
        tcp_turn_add(c);
}

static void connection_close(struct connection *base)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    if (c->has_ended || c->is_closing)
        return;
    c->is_closing = true;
    if (base->queued == 0 && c->secure && !tcp_secure_is_up(c)) {
        tcp_connection_end(c, TCP_END_OURS, NULL); /* there is no one to say good-bye to yet */
        return;
    }
    tcp_wait_start(c, TCP_WAIT_FLUSH);
    tcp_connection_watch(c);
    tcp_turn_add(c);
}

static void connection_pause(struct connection *base)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    if (c->has_ended)
        return;
    c->drain_mark = base->queued ? base->queued / 2 + 1 : 0;
    c->is_paused = true;
    tcp_connection_watch(c);
}

static void connection_resume(struct connection *base)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    if (c->has_ended || !c->is_paused)
        return;
    c->is_paused = false;
    tcp_connection_watch(c);
    if (c->secure && c->secure->held.size)
        tcp_turn_add(c);
}

static void connection_start_tls(struct connection *base, struct text domain)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    if (c->has_ended || c->is_closing || c->secure || !c->tcp->tls)
        return;
    base->can_start_tls = false;
    tcp_secure_start(c, false, domain);
    tcp_turn_add(c);
}

static int connection_binding(struct connection *base, enum channel_binding kind, unsigned char out[64])
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    return tcp_secure_is_up(c) ? tls_channel_binding(tls_channel_ssl(c->secure->channel), kind, out) : -1;
}

static int connection_certificate_jids(struct connection *base, struct arena *arena, struct text *out, int max)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    const struct log_subject who = { .peer = base->peer };
    const char *why = NULL;
    if (!tcp_secure_is_up(c) || !base->can_certificate)
        return -1;
    int found = tls_certificate_jids(tls_channel_ssl(c->secure->channel), arena, out, max, &why);
    if (why)
        log_info(c->tcp->log, &who, "client_certificate_refused", "reason=%s", log_quote(why, strlen(why)));
    return found;
}

static const char *connection_peer_fault(struct connection *base, const char *domain)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    bool is_wanted = c->outgoing && strcmp(c->outgoing->name, domain) == 0;
    if (!tcp_secure_is_up(c))
        return "no TLS";
    if (base->is_pinned && !is_wanted)
        return "DNS names the certificate for another domain";
    return tls_peer_fault(tls_channel_ssl(c->secure->channel), domain, is_wanted ? c->outgoing->host : NULL);
}

bool tcp_peer_speaks_for(struct connection *base, const char *domain, const char *host, const struct tls_pin *pins, size_t count)
{
    struct tcp_connection *c = (struct tcp_connection *)base;
    return tcp_secure_is_up(c) && tls_peer_speaks_for(c->tcp->tls, tls_channel_ssl(c->secure->channel), domain, host, pins, count);
}

const struct connection_ops tcp_connection_ops = {
    .write = connection_write,
    .close = connection_close,
    .pause = connection_pause,
    .resume = connection_resume,
    .start_tls = connection_start_tls,
    .channel_binding = connection_binding,
    .certificate_jids = connection_certificate_jids,
    .peer_fault = connection_peer_fault,
};

/* -- the beginning -- */

static void name_peer(char out[64], const struct sockaddr_storage *peer)
{
    char address[INET6_ADDRSTRLEN] = "?";
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)peer;
        inet_ntop(AF_INET, &in->sin_addr, address, sizeof address);
        snprintf(out, 64, "%s:%u", address, ntohs(in->sin_port));
        return;
    }
    const struct sockaddr_in6 *in6 = (const void *)peer;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], address, sizeof address);
        snprintf(out, 64, "%s:%u", address, ntohs(in6->sin6_port));
    } else {
        inet_ntop(AF_INET6, &in6->sin6_addr, address, sizeof address);
        snprintf(out, 64, "[%s]:%u", address, ntohs(in6->sin6_port));
    }
}

static struct tcp_connection *connection_new(struct tcp *tcp, int fd, const struct sockaddr_storage *peer,
                                             bool is_direct)
{
    struct tcp_connection *c = xcalloc(1, sizeof *c);
    c->tcp = tcp;
    c->waiting = TCP_WAIT_NONE;
    c->base.ops = &tcp_connection_ops;
    c->base.framing = FRAMING_TCP;
    c->base.is_encrypted = is_direct;
    c->base.can_start_tls = tcp->tls && !is_direct;
    c->base.can_certificate = tcp->tls && tls_asks_certificates(tcp->tls);
    name_peer(c->base.peer, peer);
    ev_io_init(&c->io, on_socket, fd, EV_READ);
    c->io.data = c;
    LIST_INSERT_HEAD(&tcp->connections, c, entry);
    tcp->connection_count++;
    return c;
}

void tcp_connection_accept(struct tcp *tcp, int fd, const struct sockaddr_storage *peer, bool is_direct)
{
    struct tcp_connection *c = connection_new(tcp, fd, peer, is_direct);

    if (is_direct)
        tcp_secure_start(c, true, (struct text){ 0 });
    if (!tcp->callbacks->on_accept(tcp->ctx, &c->base)) {
        c->was_refused = true;
        if (c->base.queued > 0)
            connection_close(&c->base);
        else
            tcp_connection_end(c, TCP_END_OURS, NULL);
    }
    tcp_connection_watch(c);
}

struct connection *tcp_connection_connected(struct tcp *tcp, int fd, const struct sockaddr_storage *peer, bool is_direct,
                                            struct tcp_outgoing *outgoing)
{
    struct tcp_connection *c = connection_new(tcp, fd, peer, is_direct);
    c->outgoing = outgoing;
    c->base.is_pinned = outgoing->pin_count > 0;
    if (is_direct)
        tcp_secure_start(c, true, (struct text){ 0 });
    tcp_connection_watch(c);
    tcp_turn_add(c);
    return &c->base;
}

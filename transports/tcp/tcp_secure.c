/* tcp_secure.c - the TLS side of a connection: after STARTTLS (RFC 6120 5.4.3.3), or from the first byte (XEP-0368). */
#include <stdlib.h>

#include "transports/tcp/tcp_inside.h"

enum {
    ENCRYPT_AT_ONCE = 64 * 1024, /* plain bytes; a slow reader costs no more ciphertext than these */
    RECORDS_MAX = 256 * 1024     /* a peer that makes TLS answer without reading the answers is let go */
};

bool tcp_secure_is_up(const struct tcp_connection *c)
{
    return c->secure && c->secure->channel && tls_channel_is_up(c->secure->channel);
}

/* The side that connects speaks first. */
static void greet(struct tcp_connection *c)
{
    const struct tcp_outgoing *outgoing = c->outgoing;
    struct tcp_secure *secure = c->secure;
    struct text nothing = { 0 };

    secure->channel = tls_channel_connect(c->tcp->tls, secure->is_direct, outgoing->name, text_of(outgoing->own));
    if (outgoing->pin_count)
        tls_channel_pin(secure->channel, outgoing->pins, outgoing->pin_count);
    tls_channel_handshake(secure->channel, &nothing, &secure->records);
    tcp_connection_count_queued(c);
}

/* What is queued in plain stands before the first record, whether the kernel takes it now or later. */
void tcp_secure_start(struct tcp_connection *c, bool is_direct, struct text domain)
{
    struct tcp_secure *secure = xcalloc(1, sizeof *secure);

    secure->is_direct = is_direct;
    buffer_append(&secure->records, c->out.data ? out_queue_front(&c->out) : NULL, out_queue_size(&c->out));
    out_queue_clear(&c->tcp->pool, &c->out);
    c->secure = secure;
    tcp_wait_start(c, TCP_WAIT_HANDSHAKE);
    if (c->outgoing)
        greet(c);
    else if (!is_direct)
        secure->channel = tls_channel_new(c->tcp->tls, false, domain);
}

void tcp_secure_free(struct tcp_secure **owned)
{
    struct tcp_secure *secure = *owned;
    if (!secure)
        return;
    *owned = NULL;
    tls_channel_free(&secure->channel);
    buffer_fini(&secure->records);
    buffer_fini(&secure->held);
    free(secure);
}

/* -- out -- */

/* Records that were left over; true when none are. */
static bool flush_records(struct tcp_connection *c)
{
    struct tcp_secure *secure = c->secure;
    size_t left = secure->records.size - secure->records_sent;
    if (left > 0) {
        secure->records_sent += tcp_connection_send(c, secure->records.data + secure->records_sent, left);
        if (secure->records_sent < secure->records.size)
            return false;
    }
    buffer_fini(&secure->records);
    secure->records_sent = 0;
    return true;
}

/* Sends what is in the shared buffer; what the kernel does not take is kept for the connection. */
static bool send_shared_records(struct tcp_connection *c)
{
    struct buffer *records = &c->tcp->records;
    size_t sent = tcp_connection_send(c, records->data, records->size);
    if (sent < records->size && !c->has_ended)
        buffer_append(&c->secure->records, records->data + sent, records->size - sent);
    return sent == records->size;
}

static bool encrypt_and_send(struct tcp_connection *c)
{
    struct tcp *tcp = c->tcp;
    uint32_t size = out_queue_size(&c->out);
    if (size > ENCRYPT_AT_ONCE)
        size = ENCRYPT_AT_ONCE;
    tcp->records.size = 0;
    if (tls_channel_send(c->secure->channel, out_queue_front(&c->out), size, &tcp->records) != TLS_OK) {
        tcp_connection_end(c, TCP_END_TLS, tls_channel_error(c->secure->channel));
        return false;
    }
    out_queue_consume(&tcp->pool, &c->out, size);
    return send_shared_records(c);
}

bool tcp_secure_flush(struct tcp_connection *c)
{
    if (!flush_records(c))
        return false;
    if (!tcp_secure_is_up(c))
        return out_queue_size(&c->out) == 0;
    while (out_queue_size(&c->out) > 0) {
        if (!encrypt_and_send(c))
            return false;
    }
    return true;
}

bool tcp_secure_close(struct tcp_connection *c)
{
    if (!tcp_secure_flush(c))
        return false;
    if (c->secure->channel)
        tls_channel_close(c->secure->channel, &c->secure->records);
    return flush_records(c);
}

/* -- in -- */

static void log_failed_handshake(const struct tcp_connection *c, const char *reason)
{
    const struct log_subject who = { .peer = c->base.peer };
    metric_add(c->tcp->metrics, METRIC_TLS_FAILURES, 1);
    log_info(c->tcp->log, &who, "tls_handshake_failed", "reason=%s", log_quote(reason, strlen(reason)));
}

static void handshake_done(struct tcp_connection *c)
{
    metric_add(c->tcp->metrics, METRIC_TLS_HANDSHAKES, 1);
    c->base.sni = tls_channel_sni(c->secure->channel);
    if (c->waiting == TCP_WAIT_HANDSHAKE)
        tcp_wait_stop(c);
    tcp_turn_add(c);
    if (c->secure->is_direct || c->is_closing)
        return;
    c->base.is_encrypted = true;
    c->tcp->callbacks->on_encrypted(c->tcp->ctx, &c->base);
}

static void shake_hands(struct tcp_connection *c, struct text *input)
{
    struct tcp_secure *secure = c->secure;
    if (!secure->channel)
        secure->channel = tls_channel_new(c->tcp->tls, secure->is_direct, (struct text){ 0 });
    enum tls_result result = tls_channel_handshake(secure->channel, input, &secure->records);
    tcp_connection_count_queued(c);
    tcp_turn_add(c);
    if (result == TLS_FAILED) {
        log_failed_handshake(c, tls_channel_error(secure->channel));
        tcp_connection_end(c, TCP_END_HANDSHAKE, tls_channel_error(secure->channel));
    } else if (tls_channel_is_up(secure->channel)) {
        handshake_done(c);
    }
}

/* The plain bytes of a read are given in one piece, then what TLS itself had to say is acted on. */
static void decrypt(struct tcp_connection *c, struct text input)
{
    struct tcp *tcp = c->tcp;
    struct tls_channel *channel = c->secure->channel;

    tcp->plain.size = 0;
    enum tls_result result = tls_channel_receive(channel, input, &tcp->plain, &c->secure->records);
    if (tcp->plain.size > 0)
        tcp->callbacks->on_bytes(tcp->ctx, &c->base, tcp->plain.data, tcp->plain.size);
    if (result == TLS_FAILED)
        tcp_connection_end(c, TCP_END_TLS, tls_channel_error(channel));
    else if (result == TLS_CLOSED)
        tcp_connection_end(c, TCP_END_PEER, NULL);
    else if (c->secure->records.size > RECORDS_MAX)
        tcp_connection_end(c, TCP_END_TLS, "answers are not read");
    else if (c->secure->records.size > 0)
        tcp_turn_add(c);
}

void tcp_secure_receive(struct tcp_connection *c, struct text input)
{
    if (!tcp_secure_is_up(c))
        shake_hands(c, &input);
    if (c->has_ended || c->is_closing || input.size == 0 || !tcp_secure_is_up(c))
        return;
    if (c->is_paused) /* by on_encrypted: the first words of the client wait */
        buffer_append(&c->secure->held, input.data, input.size);
    else
        decrypt(c, input);
}

void tcp_secure_take_held(struct tcp_connection *c)
{
    struct buffer held = c->secure->held;
    c->secure->held = (struct buffer){ 0 };
    c->tcp->has_called_back = true;
    decrypt(c, buffer_text(&held));
    buffer_fini(&held);
}

/* tls_channel.c - one SSL on a BIO that is a window: into the bytes that just came, onto the buffer that is sent next.
 *
 *   socket -> input -> wire.in  -> BIO -> SSL_read  -> plain
 *   socket <- records <- wire.out <- BIO <- SSL_write <- plain
 *
 * The BIO and its window are one for all channels of a process: they mean something only while a call below runs. */
#include <assert.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "transports/tls/tls_channel.h"
#include "transports/tls/tls_inside.h"

enum { RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH };

struct tls_channel {
    struct tls *tls;
    SSL *ssl;
    const struct tls_domain *domain; /* of the stream in which STARTTLS was asked for; NULL: unknown */
    const char *error;
    bool is_up, has_failed;
};

static int wire_read(BIO *bio, char *out, int size)
{
    struct tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (wire->in_size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t taken = wire->in_size < (size_t)size ? wire->in_size : (size_t)size;
    memcpy(out, wire->in, taken);
    wire->in += taken;
    wire->in_size -= taken;
    return (int)taken;
}

static int wire_write(BIO *bio, const char *data, int size)
{
    struct tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buffer_append(wire->out, data, (size_t)size);
    return size;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

void tls_wire_init(struct tls *tls)
{
    tls->wire_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stanzabus wire");
    BIO_meth_set_read(tls->wire_method, wire_read);
    BIO_meth_set_write(tls->wire_method, wire_write);
    BIO_meth_set_ctrl(tls->wire_method, wire_control);
    tls->wire_bio = BIO_new(tls->wire_method);
    BIO_set_data(tls->wire_bio, &tls->wire);
    BIO_set_init(tls->wire_bio, 1);
}

void tls_wire_fini(struct tls *tls)
{
    BIO_free(tls->wire_bio);
    BIO_meth_free(tls->wire_method);
}

static int choose_certificate(SSL *ssl, void *ctx)
{
    const struct tls_channel *channel = ctx;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return tls_certificate_use(tls_domain_choose(channel->tls, name, channel->domain), ssl);
}

struct tls_channel *tls_channel_new(struct tls *tls, bool is_direct, struct text domain)
{
    struct tls_channel *channel = xcalloc(1, sizeof *channel);

    channel->tls = tls;
    channel->domain = domain.size ? tls_domain_find(tls, domain) : NULL;
    channel->ssl = SSL_new(tls->contexts[is_direct ? TLS_DIRECT : TLS_STARTTLS]);
    if (!channel->ssl)
        abort(); /* out of memory, as in xmalloc */
    SSL_set_accept_state(channel->ssl);
    SSL_set_cert_cb(channel->ssl, choose_certificate, channel);
    BIO_up_ref(tls->wire_bio);
    SSL_set_bio(channel->ssl, tls->wire_bio, tls->wire_bio);
    return channel;
}

static int show_own_certificate(SSL *ssl, void *ctx)
{
    const struct tls_channel *channel = ctx;
    return tls_certificate_use(tls_domain_choose(channel->tls, NULL, channel->domain), ssl);
}

struct tls_channel *tls_channel_connect(struct tls *tls, bool is_direct, const char *name, struct text own)
{
    struct tls_channel *channel = xcalloc(1, sizeof *channel);

    channel->tls = tls;
    channel->domain = own.size ? tls_domain_find(tls, own) : NULL;
    channel->ssl = SSL_new(tls->contexts[TLS_CONNECT]);
    if (!channel->ssl)
        abort(); /* out of memory, as in xmalloc */
    SSL_set_connect_state(channel->ssl);
    SSL_set_tlsext_host_name(channel->ssl, name);
    if (is_direct && tls->alpn)
        SSL_set_alpn_protos(channel->ssl, tls->alpn_wire, tls->alpn_wire[0] + 1u);
    SSL_set_cert_cb(channel->ssl, show_own_certificate, channel);
    BIO_up_ref(tls->wire_bio);
    SSL_set_bio(channel->ssl, tls->wire_bio, tls->wire_bio);
    return channel;
}

/* RFC 7671 4 advises clients against all four usages, since PKIX-EE and PKIX-TA add nothing where DNSSEC is broken.  Without
 * pins an authority is asked for here: these two narrow that down, as the domain wishes, and leaving them out would not. */
void tls_channel_pin(struct tls_channel *channel, const struct tls_pin *pins, size_t count)
{
    SSL *ssl = channel->ssl;
    bool is_added = SSL_dane_enable(ssl, tls_channel_sni(channel)) == 1;
    for (size_t i = 0; i < count && is_added; i++)
        is_added = tls_pin_add(ssl, &pins[i]);
    if (!is_added)
        abort(); /* out of memory, as in xmalloc */
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    SSL_set1_host(ssl, NULL); /* tls_peer.c looks at names: OpenSSL knows DNS-IDs only */
}

void tls_channel_free(struct tls_channel **owned)
{
    struct tls_channel *channel = *owned;
    if (!channel)
        return;
    *owned = NULL;
    SSL_free(channel->ssl);
    free(channel);
}

static void open_window(struct tls_channel *channel, struct text input, struct buffer *records)
{
    channel->tls->wire = (struct tls_wire){ .in = input.data, .in_size = input.size, .out = records };
    ERR_clear_error();
}

static enum tls_result fail(struct tls_channel *channel)
{
    channel->error = tls_take_error();
    channel->has_failed = true;
    return TLS_FAILED;
}

enum tls_result tls_channel_handshake(struct tls_channel *channel, struct text *input, struct buffer *records)
{
    struct tls_wire *wire = &channel->tls->wire;

    open_window(channel, *input, records);
    int result = SSL_do_handshake(channel->ssl);
    *input = (struct text){ wire->in, wire->in_size };
    if (result == 1)
        channel->is_up = true;
    else if (SSL_get_error(channel->ssl, result) != SSL_ERROR_WANT_READ)
        return fail(channel);
    return TLS_OK;
}

bool tls_channel_is_up(const struct tls_channel *channel)
{
    return channel->is_up && !channel->has_failed;
}

enum tls_result tls_channel_receive(struct tls_channel *channel, struct text input, struct buffer *plain,
                                    struct buffer *records)
{
    int size;

    assert(channel->is_up);
    open_window(channel, input, records);
    while ((size = SSL_read(channel->ssl, buffer_reserve(plain, RECORD_BYTES), RECORD_BYTES)) > 0)
        plain->size += (size_t)size;
    switch (SSL_get_error(channel->ssl, size)) {
    case SSL_ERROR_WANT_READ:
        return TLS_OK;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return fail(channel);
    }
}

enum tls_result tls_channel_send(struct tls_channel *channel, const char *plain, size_t size, struct buffer *records)
{
    assert(tls_channel_is_up(channel));
    open_window(channel, (struct text){ 0 }, records);
    while (size > 0) {
        int sent = SSL_write(channel->ssl, plain, size < RECORD_BYTES ? (int)size : RECORD_BYTES);
        if (sent <= 0)
            return fail(channel);
        plain += sent;
        size -= (size_t)sent;
    }
    return TLS_OK;
}

void tls_channel_close(struct tls_channel *channel, struct buffer *records)
{
    if (!tls_channel_is_up(channel) || (SSL_get_shutdown(channel->ssl) & SSL_SENT_SHUTDOWN))
        return;
    open_window(channel, (struct text){ 0 }, records);
    SSL_shutdown(channel->ssl);
    ERR_clear_error();
}

const char *tls_channel_error(const struct tls_channel *channel)
{
    return channel->error ? channel->error : "none";
}

const char *tls_channel_sni(const struct tls_channel *channel)
{
    return SSL_get_servername(channel->ssl, TLSEXT_NAMETYPE_host_name);
}

struct ssl_st *tls_channel_ssl(struct tls_channel *channel)
{
    return channel->ssl;
}

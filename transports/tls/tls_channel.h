/* tls_channel.h - the TLS of one connection without its socket: records in, plain bytes out, and back.
 * The owner reads the socket and feeds what came; records for the other side are appended to a buffer that the owner
 * sends.  Idle, a channel holds no buffers of its own. */
#ifndef STANZABUS_TRANSPORTS_TLS_CHANNEL_H
#define STANZABUS_TRANSPORTS_TLS_CHANNEL_H

#include "transports/tls/tls.h"

struct tls_channel; /* opaque; a few bytes and OpenSSL's SSL */

enum tls_result {
    TLS_OK,     /* all input was taken */
    TLS_CLOSED, /* the other side sent close_notify; what came before it was given */
    TLS_FAILED  /* the alert is in the output; tls_channel_error() says why.  The last call but free */
};

/* is_direct: from the first byte on, with ALPN; else after STARTTLS.  domain (may be empty) chooses the certificate
 * when the client names none. */
struct tls_channel *tls_channel_new(struct tls *tls, bool is_direct, struct text domain);
/* The side that connects, to another server; tls has a peer_ca.  name: of the domain wanted, an A-label, told by SNI.
 * own: this server's domain, whose certificate is shown.  The handshake comes up whatever the other shows: what it is
 * worth, tls_peer_fault says. */
struct tls_channel *tls_channel_connect(struct tls *tls, bool is_direct, const char *name, struct text own);
struct tls_pin { /* a TLSA record, RFC 6698 2.1 */
    uint8_t usage, selector, matching;
    const unsigned char *data; /* borrowed for the call */
    size_t size;
};
/* False: of a kind that is not known here, or its data are not what they should be; it is as if it were not there (RFC 6698
 * 4.1).  tls is the one that connects. */
bool tls_pin_is_usable(const struct tls *tls, const struct tls_pin *pin);
/* Before the handshake: from now on the certificate must match one of these, all usable (RFC 7673 4.2).  DANE-EE needs no
 * more, DANE-TA a name, and PKIX-EE and PKIX-TA an authority and a name. */
void tls_channel_pin(struct tls_channel *channel, const struct tls_pin *pins, size_t count);
void tls_channel_free(struct tls_channel **channel);
/* Behind the handshake of a channel without pins: whether its certificate would have done with these, of host, to which the
 * domain delegates securely (A-labels).  Without a usable one: whether it speaks for either name.  tls is one that connects. */
bool tls_peer_speaks_for(const struct tls *tls, struct ssl_st *ssl, const char *domain, const char *host, const struct tls_pin *pins,
                         size_t count);

/* Goes on with the handshake; *input is moved behind what was used.  When it is up (tls_channel_is_up), the rest of the
 * input is for tls_channel_receive. */
enum tls_result tls_channel_handshake(struct tls_channel *channel, struct text *input, struct buffer *records);
bool tls_channel_is_up(const struct tls_channel *channel);

/* Appends the plain bytes of input to plain; answers that TLS itself wants go to records. */
enum tls_result tls_channel_receive(struct tls_channel *channel, struct text input, struct buffer *plain,
                                    struct buffer *records);
/* Appends the records of size plain bytes; only while it is up. */
enum tls_result tls_channel_send(struct tls_channel *channel, const char *plain, size_t size, struct buffer *records);
void tls_channel_close(struct tls_channel *channel, struct buffer *records); /* close_notify, once */

const char *tls_channel_error(const struct tls_channel *channel); /* static text */
const char *tls_channel_sni(const struct tls_channel *channel);   /* NULL: not named; lives as long as the channel */
struct ssl_st *tls_channel_ssl(struct tls_channel *channel);      /* for tls_channel_binding and tls_certificate_jids */

#endif

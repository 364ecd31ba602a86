/* tls.h - TLS for whatever accepts clients: certificates by domain, reload, channel bindings, client certificates.
 * Used by transports/tcp through tls_channel.h; WebSocket comes over the same connections.
 * TLS 1.2 and 1.3 with ECDHE and AEAD only; no compression, no renegotiation (RFC 7590, RFC 9325). */
#ifndef STANZABUS_TRANSPORTS_TLS_H
#define STANZABUS_TRANSPORTS_TLS_H

#include "stanzabus/log.h"
#include "stanzabus/transport.h"

struct tls;        /* opaque; one a process */
struct ssl_st;     /* OpenSSL's SSL */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

struct tls_settings {
    struct text certificate, key; /* PEM files, one of which may hold both; "{domain}" in a path: its name, or A-label */
    const struct text *domains;   /* prepared; at least one; the first is for clients that name none or an unknown one */
    size_t domain_count;
    struct text client_ca; /* PEM file of who may sign client certificates; empty: none are asked for */
    /* Between servers: both sides show certificates, which are checked against this PEM file, or with "system" against
     * the machine's authorities.  Empty: TLS for clients. */
    struct text peer_ca;
    const char *alpn;      /* protocol of direct TLS (XEP-0368: "xmpp-client"); NULL: any is accepted */
    const struct log *log; /* borrowed for the life of the object; the settings are copied */
};

/* Reads every file.  NULL with one line that names the setting in error when something cannot be used. */
struct tls *tls_new(const struct tls_settings *settings, char *error, size_t error_size);
void tls_free(struct tls **tls); /* connections that still use it must be gone */

/* Reads every file again (SIGHUP).  What is broken is logged and keeps its old state; new handshakes use what is new,
 * open connections stay as they are.  0, or -1 when something was kept. */
int tls_reload(struct tls *tls);

bool tls_asks_certificates(const struct tls *tls); /* client_ca is set */

/* Bytes of the channel binding of an established connection into out: their number, or -1 when it has none. */
int tls_channel_binding(struct ssl_st *ssl, enum channel_binding kind, unsigned char out[64]);

/* The id-on-xmppAddr names of a client certificate that verifies (RFC 6120 13.7.1.4), at most max, in the arena.  Their
 * number; -1 when none was given (*why is NULL then) or it does not verify now (*why says the reason, static). */
int tls_certificate_jids(struct ssl_st *ssl, struct arena *arena, struct text *out, int max, const char **why);

/* Whether the other server's certificate speaks for the domain (an A-label): RFC 9525 by DNS-ID and SRV-ID
 * (_xmpp-server), or its xmppAddr (RFC 6120 13.7.1.2), never by the common name; or by the DNS-ID of host, to which the
 * domain delegates securely (RFC 7673 4.1; NULL: to none).  Where the channel has pins, they count first.  NULL when it
 * does, else the reason, static. */
const char *tls_peer_fault(struct ssl_st *ssl, const char *domain, const char *host);

/* OpenSSL's words for the oldest error in this thread's queue, or "unknown error"; static.  Clears the queue. */
const char *tls_take_error(void);

#endif

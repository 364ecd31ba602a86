/* tls_inside.h - what the files of transports/tls share: the certificates by domain, the contexts, the wire. */
#ifndef STANZABUS_TRANSPORTS_TLS_INSIDE_H
#define STANZABUS_TRANSPORTS_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "transports/tls/tls.h"

/* A certificate file and its key; shared by all domains when the path has no "{domain}". */
struct tls_certificate {
    unsigned references;
    X509 *leaf;
    STACK_OF(X509) *chain; /* intermediates in the file's order; NULL when there are none */
    EVP_PKEY *key;
};

struct tls_domain {
    char *name;  /* as set: a U-label */
    char *ascii; /* as SNI says it: the A-label */
    struct tls_certificate *certificate;
};

/* The bytes between one channel's SSL and its socket, while a call of tls_channel.h runs. */
struct tls_wire {
    const char *in; /* what came from the socket and was not read yet; borrowed */
    size_t in_size;
    struct buffer *out; /* where records for the socket go; borrowed */
};

enum tls_purpose { TLS_STARTTLS, TLS_DIRECT, TLS_CONNECT, TLS_PURPOSES };

struct tls {
    char *certificate_path, *key_path;
    char *client_ca_path, *peer_ca_path, *alpn; /* NULL when not set */
    unsigned char alpn_wire[64];                               /* length byte and name, RFC 7301 3.1 */
    struct tls_domain *domains;
    size_t domain_count;
    SSL_CTX *contexts[TLS_PURPOSES];
    BIO_METHOD *wire_method;
    BIO *wire_bio; /* one for all channels: the process has one loop, and no call spans two channels */
    struct tls_wire wire;
    const struct log *log;
};

/* tls_certificate.c */
struct tls_certificate *tls_certificate_load(const char *certificate_path, const char *key_path, SSL_CTX *context,
                                             char *error, size_t error_size);
void tls_certificate_unref(struct tls_certificate **certificate);
int tls_certificate_use(const struct tls_certificate *certificate, SSL *ssl); /* 1, or 0 as OpenSSL says it */
void tls_certificate_review(const struct tls_certificate *certificate, const char *path, const struct log *log);
void tls_certificate_review_name(const struct tls_certificate *certificate, const struct tls_domain *domain,
                                 const struct log *log);

/* tls_context.c */
SSL_CTX *tls_context_new(struct tls *tls, enum tls_purpose purpose, char *error, size_t error_size);

/* tls_domain.c */
const struct tls_domain *tls_domain_find(const struct tls *tls, struct text name); /* NULL: none of ours */
/* The certificate for the name of SNI (NULL: not given), else for domain, else the first. */
const struct tls_certificate *tls_domain_choose(const struct tls *tls, const char *sni,
                                                const struct tls_domain *domain);
int tls_domains_load(struct tls *tls, SSL_CTX *context, char *error, size_t error_size);

/* tls_binding.c */
int tls_remember_certificate(SSL *ssl, void *unused); /* ticket callback: the binding of a resumed connection */

/* tls_pin.c */
struct tls_pin;
bool tls_pin_add(SSL *ssl, const struct tls_pin *pin); /* false: not usable */

/* tls_peer.c: NULL when a certificate that matched with this usage (or none: -1) speaks for one of the names, by now. */
const char *tls_name_fault(X509 *certificate, int usage, const char *domain, const char *host);

/* tls_channel.c */
void tls_wire_init(struct tls *tls);
void tls_wire_fini(struct tls *tls);

#endif

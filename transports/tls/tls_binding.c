/* tls_binding.c - what ties a login to this very TLS connection: tls-exporter (RFC 9266) and tls-server-end-point
 * (RFC 5929 4). */
#include <openssl/err.h>

#include "transports/tls/tls_inside.h"

static const char exporter_label[] = "EXPORTER-Channel-Binding";
enum { EXPORTER_BYTES = 32 };

/* RFC 9266 4.2: before TLS 1.3 only with the extended master secret, and never with renegotiation, which is off. The
 * context is a zero-length string, which TLS 1.2 tells from none at all. */
static int exporter(SSL *ssl, unsigned char out[64])
{
    static const unsigned char no_context[1] = { 0 };
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return -1;
    if (SSL_export_keying_material(ssl, out, EXPORTER_BYTES, exporter_label, sizeof exporter_label - 1, no_context, 0,
                                   1) != 1)
        return -1;
    return EXPORTER_BYTES;
}

/* RFC 5929 4.1: by the hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1; a signature without a
 * hash of its own (Ed25519) has no such binding. */
static const EVP_MD *end_point_hash(X509 *certificate)
{
    int hash = NID_undef;
    if (!X509_get_signature_info(certificate, &hash, NULL, NULL, NULL) || hash == NID_undef)
        return NULL;
    if (hash == NID_md5 || hash == NID_sha1 || hash == NID_md5_sha1)
        return EVP_sha256();
    return EVP_get_digestbynid(hash);
}

static int hash_certificate(X509 *certificate, unsigned char out[64])
{
    const EVP_MD *hash = certificate ? end_point_hash(certificate) : NULL;
    unsigned int size = 0;
    if (!hash || EVP_MD_get_size(hash) > 64 || !X509_digest(certificate, hash, out, &size))
        return -1;
    return (int)size;
}

/* A resumed connection saw no Certificate message: its binding is that of the first handshake, kept in the ticket. */
static int end_point(SSL *ssl, unsigned char out[64])
{
    void *kept = NULL;
    size_t size = 0;
    if (!SSL_session_reused(ssl))
        return hash_certificate(SSL_get_certificate(ssl), out);
    if (!SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &kept, &size) || size == 0 || size > 64)
        return -1;
    memcpy(out, kept, size);
    return (int)size;
}

int tls_remember_certificate(SSL *ssl, void *unused)
{
    unsigned char hash[64];
    int size = end_point(ssl, hash);
    (void)unused;
    return size < 0 || SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), hash, (size_t)size);
}

int tls_channel_binding(struct ssl_st *ssl, enum channel_binding kind, unsigned char out[64])
{
    if (!SSL_is_init_finished(ssl))
        return -1;
    int size = kind == BINDING_TLS_EXPORTER ? exporter(ssl, out) : end_point(ssl, out);
    ERR_clear_error();
    return size;
}

/* tls_context.c - what every handshake here agrees to: versions, ciphers, ALPN, asking for certificates. */
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "transports/tls/tls_inside.h"

/* RFC 9325 4.2: forward secrecy and AEAD.  The suites of TLS 1.3 are all of that kind. */
static const char cipher_list[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const unsigned char session_context[] = "stanzabus";

static int harden(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA);
    /* The chain is what the file holds; OpenSSL would look for more of it among the client CAs. */
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    /* Resumption is by ticket only: a ticket carries the end-point binding (tls_binding.c), a cached session not. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_ticket_cb(context, tls_remember_certificate, NULL, NULL);
    SSL_CTX_set_num_tickets(context, 1);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) && SSL_CTX_set_cipher_list(context, cipher_list) &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
}

/* XEP-0368 3: a client may offer no ALPN at all; one that offers some must offer ours (RFC 7301 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                           unsigned int in_size, void *ctx)
{
    const struct tls *tls = ctx;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_size, tls->alpn_wire, tls->alpn_wire[0] + 1u, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Tells a client whether its name was understood; the certificate itself is chosen in the certificate callback. */
static int acknowledge_name(SSL *ssl, int *alert, void *ctx)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    return name && tls_domain_find(ctx, text_of(name)) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Whatever the other side shows is let in: whether it counts is decided later (tls_client.c, tls_peer.c), by its first fault,
 * which those that follow from it do not hide. */
static int accept_any(int preverified, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (!preverified && SSL_get_verify_result(ssl) == X509_V_OK)
        SSL_set_verify_result(ssl, X509_STORE_CTX_get_error(store));
    else if (!preverified)
        X509_STORE_CTX_set_error(store, (int)SSL_get_verify_result(ssl));
    return 1;
}

static int ask_certificates(SSL_CTX *context, const char *path)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names || !SSL_CTX_load_verify_file(context, path)) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return 0;
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
    return 1;
}

/* Certificates of servers are often made for the answering side only; between servers they speak for both. */
static int check_peers(SSL_CTX *context, const char *path)
{
    int found = strcmp(path, "system") == 0 ? SSL_CTX_set_default_verify_paths(context) :
                                              SSL_CTX_load_verify_file(context, path);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
    return found && SSL_CTX_set_purpose(context, X509_PURPOSE_ANY);
}

SSL_CTX *tls_context_new(struct tls *tls, enum tls_purpose purpose, char *error, size_t error_size)
{
    SSL_CTX *context = SSL_CTX_new(purpose == TLS_CONNECT ? TLS_client_method() : TLS_server_method());

    ERR_clear_error();
    if (!context || !harden(context)) {
        snprintf(error, error_size, "cannot set up TLS: %s", tls_take_error());
        SSL_CTX_free(context);
        return NULL;
    }
    if (tls->client_ca_path && !ask_certificates(context, tls->client_ca_path)) {
        snprintf(error, error_size, "cannot use %s: %s: set tls.client_ca", tls->client_ca_path, tls_take_error());
        SSL_CTX_free(context);
        return NULL;
    }
    if (tls->peer_ca_path && !check_peers(context, tls->peer_ca_path)) {
        snprintf(error, error_size, "cannot use %s: %s: set s2s.ca", tls->peer_ca_path, tls_take_error());
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (purpose == TLS_CONNECT) {
        SSL_CTX_dane_enable(context);
        return context;
    }
    SSL_CTX_set_tlsext_servername_callback(context, acknowledge_name);
    SSL_CTX_set_tlsext_servername_arg(context, tls);
    if (purpose == TLS_DIRECT && tls->alpn)
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, tls);
    return context;
}

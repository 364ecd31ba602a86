/* tls_pin.c - TLSA records (RFC 6698) as OpenSSL takes them, and a certificate that was shown before they were known. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "transports/tls/tls_channel.h"
#include "transports/tls/tls_inside.h"

bool tls_pin_add(SSL *ssl, const struct tls_pin *pin)
{
    return SSL_dane_tlsa_add(ssl, pin->usage, pin->selector, pin->matching, pin->data, pin->size) == 1;
}

/* An SSL that never sees a connection: OpenSSL keeps pins nowhere else. */
static SSL *judge_new(const struct tls *tls)
{
    SSL *judge = SSL_new(tls->contexts[TLS_CONNECT]);
    if (!judge || SSL_dane_enable(judge, NULL) != 1)
        abort(); /* out of memory, as in xmalloc */
    SSL_dane_set_flags(judge, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    return judge;
}

bool tls_pin_is_usable(const struct tls *tls, const struct tls_pin *pin)
{
    SSL *judge = judge_new(tls);
    bool is_usable = tls_pin_add(judge, pin);
    SSL_free(judge);
    ERR_clear_error();
    return is_usable;
}

/* The usage of the pin that matched; -1: none did, or what its usage asks for beside is not there. */
static int verify(SSL *judge, X509 *certificate, STACK_OF(X509) *chain)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    uint8_t usage = 0;
    bool is_verified = store && X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(judge)), certificate, chain) == 1;
    if (is_verified) {
        X509_STORE_CTX_set0_dane(store, SSL_get0_dane(judge));
        is_verified = X509_verify_cert(store) == 1 && SSL_get0_dane_tlsa(judge, &usage, NULL, NULL, NULL, NULL) >= 0;
    }
    X509_STORE_CTX_free(store);
    return is_verified ? usage : -1;
}

bool tls_peer_speaks_for(const struct tls *tls, struct ssl_st *ssl, const char *domain, const char *host, const struct tls_pin *pins,
                         size_t count)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    SSL *judge = judge_new(tls);
    size_t usable = 0;
    for (size_t i = 0; i < count; i++)
        usable += tls_pin_add(judge, &pins[i]);
    int usage = certificate && usable ? verify(judge, certificate, SSL_get_peer_cert_chain(ssl)) : -1;
    SSL_free(judge);
    ERR_clear_error();
    if (usable == 0)
        return !tls_peer_fault(ssl, domain, host);
    return usage >= 0 && !tls_name_fault(certificate, usage, domain, host);
}

/* tls_client.c - who a client certificate says its owner is, once it verifies (RFC 6120 13.7.1.4, XEP-0178). */
#include <openssl/x509v3.h>

#include "transports/tls/tls_inside.h"

/* NULL when the certificate counts.  A resumed session remembers how its certificate verified, so that the dates are
 * looked at again. */
static const char *find_fault(SSL *ssl, X509 *certificate)
{
    long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return X509_verify_cert_error_string(X509_V_ERR_CERT_HAS_EXPIRED);
    return NULL;
}

/* The address in an id-on-xmppAddr name; empty when the name is of another kind, or holds a NUL. */
static struct text address_of(const GENERAL_NAME *name)
{
    const ASN1_UTF8STRING *value;
    struct text address;
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_XmppAddr ||
        name->d.otherName->value->type != V_ASN1_UTF8STRING)
        return (struct text){ 0 };
    value = name->d.otherName->value->value.utf8string;
    address = (struct text){ (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
    if (address.size > JID_MAX || memchr(address.data, 0, address.size))
        return (struct text){ 0 };
    return address;
}

int tls_certificate_jids(struct ssl_st *ssl, struct arena *arena, struct text *out, int max, const char **why)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    GENERAL_NAMES *names;
    int found = 0;

    *why = certificate ? find_fault(ssl, certificate) : NULL;
    if (!certificate || *why)
        return -1;
    names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && found < max; i++) {
        struct text address = address_of(sk_GENERAL_NAME_value(names, i));
        if (address.size)
            out[found++] = arena_text(arena, address);
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* tls_peer.c - whether another server's certificate speaks for its domain (RFC 9525; RFC 6120 13.7.1.2). */
#include <openssl/x509v3.h>

#include "transports/tls/tls_inside.h"

static const char service_prefix[] = "_xmpp-server.";
enum { DANE_EE = 3 }; /* RFC 7218 2.1 */

static bool matches_dns(X509 *certificate, const char *domain)
{
    return X509_check_host(certificate, domain, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                           NULL) == 1;
}

static struct text string_of(const ASN1_STRING *string)
{
    return (struct text){ (const char *)ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string) };
}

static bool is_same_name(struct text name, const char *domain)
{
    return name.size == strlen(domain) && strncasecmp(name.data, domain, name.size) == 0;
}

/* SRV-ID (RFC 4985): "_xmpp-server.example.com"; xmppAddr: the domain as an address. */
static bool matches_other_name(const OTHERNAME *other, const char *domain)
{
    int nid = OBJ_obj2nid(other->type_id);
    if (nid == NID_SRVName && other->value->type == V_ASN1_IA5STRING) {
        struct text name = string_of(other->value->value.ia5string);
        if (name.size <= sizeof service_prefix - 1 || strncasecmp(name.data, service_prefix, sizeof service_prefix - 1) != 0)
            return false;
        name.data += sizeof service_prefix - 1;
        name.size -= sizeof service_prefix - 1;
        return is_same_name(name, domain);
    }
    return nid == NID_XmppAddr && other->value->type == V_ASN1_UTF8STRING &&
           is_same_name(string_of(other->value->value.utf8string), domain);
}

static bool matches_others(X509 *certificate, const char *domain)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        found = name->type == GEN_OTHERNAME && matches_other_name(name->d.otherName, domain);
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* RFC 7671 5.1: the key that the domain itself names is right whatever else the certificate says, its dates included. */
const char *tls_name_fault(X509 *certificate, int usage, const char *domain, const char *host)
{
    if (usage == DANE_EE)
        return NULL;
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return X509_verify_cert_error_string(X509_V_ERR_CERT_HAS_EXPIRED); /* of a resumed connection */
    if (matches_dns(certificate, domain) || matches_others(certificate, domain) || (host && matches_dns(certificate, host)))
        return NULL;
    return "the certificate is another name's";
}

const char *tls_peer_fault(struct ssl_st *ssl, const char *domain, const char *host)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    long verified = SSL_get_verify_result(ssl);
    uint8_t usage = 0;

    if (!certificate)
        return "no certificate";
    if (verified == X509_V_ERR_DANE_NO_MATCH)
        return "the certificate is not the one that DNS names (TLSA)";
    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    bool is_pinned = SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL) >= 0;
    return tls_name_fault(certificate, is_pinned ? usage : -1, domain, host);
}

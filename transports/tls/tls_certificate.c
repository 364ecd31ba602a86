/* tls_certificate.c - one certificate file and its key: read, tried before a client meets it, reviewed in the log. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "transports/tls/tls_inside.h"

enum { SOON_DAYS = 14 };

/* Nobody sits at the terminal of a server: an encrypted key is an error, not a prompt. */
static int refuse_passphrase(char *buffer, int size, int is_writing, void *ctx)
{
    bool *was_asked = ctx;
    (void)buffer;
    (void)size;
    (void)is_writing;
    if (was_asked)
        *was_asked = true;
    return -1;
}

/* The leaf comes first, then its chain; the end of the file shows as "no start line" and is no error. */
static int read_chain(struct tls_certificate *c, BIO *file)
{
    X509 *next;
    c->leaf = PEM_read_bio_X509_AUX(file, NULL, refuse_passphrase, NULL);
    if (!c->leaf)
        return -1;
    while ((next = PEM_read_bio_X509(file, NULL, refuse_passphrase, NULL))) {
        if (!c->chain)
            c->chain = sk_X509_new_null();
        sk_X509_push(c->chain, next);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return -1;
    ERR_clear_error();
    return 0;
}

static BIO *open_file(const char *path, const char *setting, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        snprintf(error, error_size, "cannot read %s: %s: set %s", path, strerror(errno), setting);
    return file ? BIO_new_fp(file, BIO_CLOSE) : NULL;
}

static int read_certificate(struct tls_certificate *c, const char *path, char *error, size_t error_size)
{
    BIO *file = open_file(path, "tls.certificate", error, error_size);
    if (!file)
        return -1;
    int result = read_chain(c, file);
    if (result)
        snprintf(error, error_size, "%s is not a PEM certificate: %s: set tls.certificate", path, tls_take_error());
    BIO_free(file);
    return result;
}

static int read_key(struct tls_certificate *c, const char *path, char *error, size_t error_size)
{
    bool is_encrypted = false;
    BIO *file = open_file(path, "tls.key", error, error_size);
    if (!file)
        return -1;
    c->key = PEM_read_bio_PrivateKey(file, NULL, refuse_passphrase, &is_encrypted);
    if (!c->key && is_encrypted)
        snprintf(error, error_size, "%s is protected by a passphrase: set tls.key to one without", path);
    else if (!c->key)
        snprintf(error, error_size, "%s is not a PEM private key: %s: set tls.key", path, tls_take_error());
    BIO_free(file);
    return c->key ? 0 : -1;
}

/* What every handshake will do, tried once: finds keys that do not belong, and ones too weak for the security level. */
static int try_out(const struct tls_certificate *c, const char *certificate_path, const char *key_path,
                   SSL_CTX *context, char *error, size_t error_size)
{
    SSL *ssl = SSL_new(context);
    int is_good = ssl && tls_certificate_use(c, ssl);
    SSL_free(ssl);
    if (is_good)
        return 0;
    snprintf(error, error_size, "%s and %s cannot be used together: %s: set tls.certificate and tls.key",
             certificate_path, key_path, tls_take_error());
    return -1;
}

struct tls_certificate *tls_certificate_load(const char *certificate_path, const char *key_path, SSL_CTX *context,
                                             char *error, size_t error_size)
{
    struct tls_certificate *c = xcalloc(1, sizeof *c);

    c->references = 1;
    ERR_clear_error();
    if (read_certificate(c, certificate_path, error, error_size) || read_key(c, key_path, error, error_size) ||
        try_out(c, certificate_path, key_path, context, error, error_size))
        tls_certificate_unref(&c);
    ERR_clear_error();
    return c;
}

void tls_certificate_unref(struct tls_certificate **owned)
{
    struct tls_certificate *c = *owned;
    *owned = NULL;
    if (!c || --c->references)
        return;
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    free(c);
}

int tls_certificate_use(const struct tls_certificate *certificate, SSL *ssl)
{
    return SSL_use_cert_and_key(ssl, certificate->leaf, certificate->key, certificate->chain, 1);
}

/* Whole days until notAfter; negative when it has passed. */
static int days_left(const X509 *leaf)
{
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf));
    return seconds < 0 ? days - 1 : days;
}

void tls_certificate_review(const struct tls_certificate *certificate, const char *path, const struct log *log)
{
    int days = days_left(certificate->leaf);
    const char *file = log_quote(path, strlen(path));

    if (days < 0)
        log_warning(log, NULL, "tls_certificate_expired", "file=%s days_left=%d", file, days);
    else if (X509_cmp_current_time(X509_get0_notBefore(certificate->leaf)) > 0)
        log_warning(log, NULL, "tls_certificate_not_yet_valid", "file=%s days_left=%d", file, days);
    else if (days < SOON_DAYS)
        log_warning(log, NULL, "tls_certificate_expires_soon", "file=%s days_left=%d", file, days);
    else
        log_info(log, NULL, "tls_certificate_loaded", "file=%s days_left=%d", file, days);
    if (X509_self_signed(certificate->leaf, 0) == 1)
        log_warning(log, NULL, "tls_certificate_self_signed", "file=%s days_left=%d", file, days);
}

void tls_certificate_review_name(const struct tls_certificate *certificate, const struct tls_domain *domain,
                                 const struct log *log)
{
    if (X509_check_host(certificate->leaf, domain->ascii, 0, 0, NULL) != 1)
        log_warning(log, NULL, "tls_certificate_for_another_name", "domain=%s", domain->name);
}

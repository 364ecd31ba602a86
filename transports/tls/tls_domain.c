/* tls_domain.c - which certificate speaks for which domain: the files of each, and the choice by name. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <idn2.h>

#include "transports/tls/tls_inside.h"

static const char placeholder[] = "{domain}";

/* Names on the wire are A-labels (RFC 6066 3). A domain that has none, an IP literal say, stays as it is. */
static char *to_ascii(const char *name)
{
    char *made = NULL, *ascii;
    int result = idn2_to_ascii_8z(name, &made, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    ascii = xstrdup(result == IDN2_OK ? made : name);
    if (result == IDN2_OK)
        idn2_free(made);
    return ascii;
}

const struct tls_domain *tls_domain_find(const struct tls *tls, struct text name)
{
    if (name.size && name.data[name.size - 1] == '.')
        name.size--; /* a fully qualified name names the same host */
    for (size_t i = 0; i < tls->domain_count; i++) {
        const struct tls_domain *domain = &tls->domains[i];
        if (text_is(name, domain->name))
            return domain;
        if (name.size == strlen(domain->ascii) && strncasecmp(name.data, domain->ascii, name.size) == 0)
            return domain;
    }
    return NULL;
}

const struct tls_certificate *tls_domain_choose(const struct tls *tls, const char *sni, const struct tls_domain *domain)
{
    const struct tls_domain *named = sni ? tls_domain_find(tls, text_of(sni)) : domain;
    return named ? named->certificate : tls->domains[0].certificate;
}

/* pattern with every "{domain}" replaced by name; owned by the caller. */
static char *fill_in(const char *pattern, const char *name)
{
    struct buffer path = { 0 };
    const char *found;
    while ((found = strstr(pattern, placeholder))) {
        buffer_append(&path, pattern, (size_t)(found - pattern));
        buffer_append_text(&path, text_of(name));
        pattern = found + sizeof placeholder - 1;
    }
    buffer_append(&path, pattern, strlen(pattern) + 1);
    return path.data;
}

/* The file of a domain; people who fetch certificates for an international name may have them under its A-label. */
static char *domain_path(const char *pattern, const struct tls_domain *domain)
{
    char *path = fill_in(pattern, domain->name);
    if (access(path, F_OK) == 0)
        return path;
    char *other = fill_in(pattern, domain->ascii);
    bool is_there = access(other, F_OK) == 0;
    free(is_there ? path : other);
    return is_there ? other : path;
}

static int load_domain(struct tls *tls, struct tls_domain *domain, SSL_CTX *context, char *error, size_t error_size)
{
    char *certificate_path = domain_path(tls->certificate_path, domain);
    char *key_path = domain_path(tls->key_path, domain);
    struct tls_certificate *loaded = tls_certificate_load(certificate_path, key_path, context, error, error_size);

    if (loaded) {
        tls_certificate_unref(&domain->certificate);
        domain->certificate = loaded;
        tls_certificate_review(loaded, certificate_path, tls->log);
    } else if (domain->certificate) {
        log_error(tls->log, NULL, "tls_reload_failed", "domain=%s reason=%s kept=old", domain->name,
                  log_quote(error, strlen(error)));
    }
    free(certificate_path);
    free(key_path);
    return loaded ? 0 : -1;
}

static void share_certificate(struct tls_domain *domain, struct tls_certificate *certificate)
{
    tls_certificate_unref(&domain->certificate);
    certificate->references++;
    domain->certificate = certificate;
}

int tls_domains_load(struct tls *tls, SSL_CTX *context, char *error, size_t error_size)
{
    bool one_file = !strstr(tls->certificate_path, placeholder) && !strstr(tls->key_path, placeholder);
    int result = 0;

    for (size_t i = 0; i < tls->domain_count; i++) {
        struct tls_domain *domain = &tls->domains[i];
        bool is_first_load = !domain->certificate;
        if (!domain->ascii)
            domain->ascii = to_ascii(domain->name);
        if (i > 0 && one_file)
            share_certificate(domain, tls->domains[0].certificate);
        else if (load_domain(tls, domain, context, error, error_size))
            result = -1;
        if (result && is_first_load)
            return -1;
        tls_certificate_review_name(domain->certificate, domain, tls->log);
    }
    return result;
}

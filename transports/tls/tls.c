/* tls.c - the life of the object: settings taken over, files read, read again, contexts handed out. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "transports/tls/tls_inside.h"

static char *dup_or_null(struct text t)
{
    return t.size ? text_dup(t) : NULL;
}

static void copy_settings(struct tls *tls, const struct tls_settings *settings)
{
    tls->log = settings->log;
    tls->certificate_path = text_dup(settings->certificate);
    tls->key_path = text_dup(settings->key.size ? settings->key : settings->certificate); /* one file may hold both */
    tls->client_ca_path = dup_or_null(settings->client_ca);
    tls->peer_ca_path = dup_or_null(settings->peer_ca);
    tls->alpn = settings->alpn ? xstrdup(settings->alpn) : NULL;
    if (tls->alpn)
        snprintf((char *)tls->alpn_wire, sizeof tls->alpn_wire, "%c%s", (int)strlen(tls->alpn), tls->alpn);
    tls->domains = xcalloc(settings->domain_count, sizeof *tls->domains);
    tls->domain_count = settings->domain_count;
    for (size_t i = 0; i < settings->domain_count; i++)
        tls->domains[i].name = text_dup(settings->domains[i]);
}

/* All contexts or none: a new set takes the place of the old one.  SSL objects hold references to theirs, so that open
 * connections keep the old set.  New contexts have new ticket keys: after a reload nobody resumes an old session. */
static int make_contexts(struct tls *tls, char *error, size_t error_size)
{
    SSL_CTX *made[TLS_PURPOSES] = { 0 };

    for (int purpose = 0; purpose < TLS_PURPOSES; purpose++) {
        made[purpose] = tls_context_new(tls, purpose, error, error_size);
        if (!made[purpose]) {
            while (purpose-- > 0)
                SSL_CTX_free(made[purpose]);
            return -1;
        }
    }
    for (int purpose = 0; purpose < TLS_PURPOSES; purpose++) {
        SSL_CTX_free(tls->contexts[purpose]);
        tls->contexts[purpose] = made[purpose];
    }
    return 0;
}

struct tls *tls_new(const struct tls_settings *settings, char *error, size_t error_size)
{
    struct tls *tls = xcalloc(1, sizeof *tls);

    copy_settings(tls, settings);
    tls_wire_init(tls);
    if (make_contexts(tls, error, error_size) || tls_domains_load(tls, tls->contexts[0], error, error_size))
        tls_free(&tls);
    return tls;
}

void tls_free(struct tls **owned)
{
    struct tls *tls = *owned;
    if (!tls)
        return;
    *owned = NULL;
    for (size_t i = 0; i < tls->domain_count; i++) {
        tls_certificate_unref(&tls->domains[i].certificate);
        free(tls->domains[i].name);
        free(tls->domains[i].ascii);
    }
    for (int purpose = 0; purpose < TLS_PURPOSES; purpose++)
        SSL_CTX_free(tls->contexts[purpose]);
    tls_wire_fini(tls);
    free(tls->domains);
    free(tls->certificate_path);
    free(tls->key_path);
    free(tls->client_ca_path);
    free(tls->peer_ca_path);
    free(tls->alpn);
    free(tls);
}

int tls_reload(struct tls *tls)
{
    char error[512];
    int result = 0;

    if (make_contexts(tls, error, sizeof error)) {
        log_error(tls->log, NULL, "tls_reload_failed", "reason=%s kept=old", log_quote(error, strlen(error)));
        result = -1;
    }
    if (tls_domains_load(tls, tls->contexts[0], error, sizeof error))
        result = -1;
    log_info(tls->log, NULL, "tls_reloaded", "complete=%s", result ? "no" : "yes");
    return result;
}

bool tls_asks_certificates(const struct tls *tls)
{
    return tls->client_ca_path != NULL;
}

const char *tls_take_error(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

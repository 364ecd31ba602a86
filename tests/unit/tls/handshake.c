/* handshake.c - the world and the pair of handshake.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "tests/unit/tls/handshake.h"

/* -- the world: three domains, one with a name that is not ASCII; two authorities for client certificates -- */

static const struct text domains[] = { TEXT_INIT("one.example"), TEXT_INIT("two.example"),
                                       TEXT_INIT("b\xc3\xbc"
                                                 "cher.example") };

void make_domain(struct world *w, const char *name, const char *hash, bool has_ed25519_key)
{
    struct pki_identity identity =
        pki_make(&(struct pki_request){ .name = name, .days = 90, .hash = hash, .has_ed25519_key = has_ed25519_key });
    pki_write(&identity, w->directory, name);
    pki_forget(&identity);
}

int tls_world_make(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->directory = pki_make_directory();
    make_domain(w, "one.example", NULL, false);
    make_domain(w, "two.example", "SHA384", false);
    make_domain(w, "xn--bcher-kva.example", NULL, false);
    w->authority = pki_make(&(struct pki_request){ .name = "authority.example", .days = 90 });
    w->stranger = pki_make(&(struct pki_request){ .name = "stranger.example", .days = 90 });
    pki_write(&w->authority, w->directory, "authority");
    strcpy(w->certificate, pki_path(w->directory, "{domain}.crt"));
    strcpy(w->key, pki_path(w->directory, "{domain}.key"));
    strcpy(w->client_ca, pki_path(w->directory, "authority.crt"));
    w->log = (struct log){ .level = LOG_LEVEL_DEBUG, .out = open_memstream(&w->log_text, &w->log_size) };
    w->settings = (struct tls_settings){ .certificate = text_of(w->certificate),
                                         .key = text_of(w->key),
                                         .domains = domains,
                                         .domain_count = 3,
                                         .client_ca = text_of(w->client_ca),
                                         .alpn = "xmpp-client",
                                         .log = &w->log };
    *state = w;
    return 0;
}

int tls_world_unmake(void **state)
{
    struct world *w = *state;
    tls_free(&w->tls);
    pki_forget(&w->authority);
    pki_forget(&w->stranger);
    pki_remove_directory(&w->directory);
    fclose(w->log.out);
    free(w->log_text);
    free(w);
    return 0;
}

void start(struct world *w)
{
    char error[512] = "";
    w->tls = tls_new(&w->settings, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(w->tls);
}

/* -- one connection: our channel and a client -- */

void pair_open(struct pair *p, struct tls *tls, bool is_direct, const char *domain)
{
    *p = (struct pair){ .server = tls_channel_new(tls, is_direct, text_of(domain)) };
    p->context = SSL_CTX_new(TLS_client_method());
    p->client = SSL_new(p->context);
    p->to_server = BIO_new(BIO_s_mem());
    p->to_client = BIO_new(BIO_s_mem());
    SSL_set_bio(p->client, p->to_client, p->to_server);
    SSL_set_connect_state(p->client);
}

void pair_close(struct pair *p)
{
    tls_channel_free(&p->server);
    SSL_free(p->client);
    SSL_CTX_free(p->context);
    ERR_clear_error();
}

/* Moves bytes both ways until nothing more comes; plain gets what the server reads. */
void pair_run(struct pair *p, struct buffer *plain)
{
    struct buffer records = { 0 };
    char bytes[4096], received[256];
    int size = 1;
    while (size > 0) {
        SSL_read(p->client, received, sizeof received); /* makes the handshake, takes tickets */
        size = BIO_read(p->to_server, bytes, sizeof bytes);
        struct text input = { bytes, size > 0 ? (size_t)size : 0 };
        if (size > 0 && p->result == TLS_OK && !tls_channel_is_up(p->server))
            p->result = tls_channel_handshake(p->server, &input, &records);
        if (size > 0 && p->result == TLS_OK && tls_channel_is_up(p->server) && plain)
            p->result = tls_channel_receive(p->server, input, plain, &records);
        BIO_write(p->to_client, records.data, (int)records.size);
        records.size = 0;
    }
    SSL_read(p->client, received, sizeof received);
    buffer_fini(&records);
}

const char *client_sees_name(struct pair *p)
{
    static char name[128];
    X509 *certificate = SSL_get0_peer_certificate(p->client);
    name[0] = 0;
    if (certificate)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    return name;
}

const char *name_seen_for(struct tls *tls, const char *sni, const char *domain)
{
    struct pair p;
    pair_open(&p, tls, false, domain);
    if (sni)
        SSL_set_tlsext_host_name(p.client, sni);
    pair_run(&p, NULL);
    assert_true(tls_channel_is_up(p.server));
    const char *name = client_sees_name(&p);
    pair_close(&p);
    return name;
}

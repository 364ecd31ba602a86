/* secure_stage.c - the world and the client of secure_stage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <unistd.h>

#include "tests/unit/tcp/secure_stage.h"

static const struct text domains[] = { TEXT_INIT("one.example"), TEXT_INIT("two.example") };

void make_domain(struct world *w, const char *name)
{
    struct pki_identity identity = pki_make(&(struct pki_request){ .name = name, .days = 90 });
    pki_write(&identity, w->directory, name);
    pki_forget(&identity);
}

static struct tls *make_tls(struct world *w)
{
    struct tls_settings settings = { .certificate = text_of(pki_path(w->directory, "{domain}.crt")),
                                     .key = text_of(pki_path(w->directory, "{domain}.key")),
                                     .client_ca = text_of(pki_path(w->directory, "authority.crt")),
                                     .domains = domains,
                                     .domain_count = 2,
                                     .alpn = "xmpp-client",
                                     .log = &w->log };
    char error[512];
    return tls_new(&settings, error, sizeof error);
}

static int world_make(void **state, bool is_direct)
{
    struct world *w = calloc(1, sizeof *w);
    w->directory = pki_make_directory();
    w->authority = pki_make(&(struct pki_request){ .name = "authority.example", .days = 90 });
    pki_write(&w->authority, w->directory, "authority");
    make_domain(w, "one.example");
    make_domain(w, "two.example");
    w->tls = make_tls(w);
    w->stage = stage_new(w->tls, is_direct);
    *state = w;
    return w->tls ? 0 : -1;
}

int world_make_starttls(void **state)
{
    return world_make(state, false);
}

int world_make_direct(void **state)
{
    return world_make(state, true);
}

int world_unmake(void **state)
{
    struct world *w = *state;
    stage_free(&w->stage);
    tls_free(&w->tls);
    pki_forget(&w->authority);
    pki_remove_directory(&w->directory);
    free(w);
    return 0;
}

void client_open(struct client *c, struct world *w)
{
    int before = w->stage->accepted;
    *c = (struct client){ .fd = client_connect(w->stage->port), .context = SSL_CTX_new(TLS_client_method()) };
    assert_true(c->fd >= 0);
    c->ssl = SSL_new(c->context);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    TURN_UNTIL(w->stage, w->stage->accepted == before + 1);
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    if (c->fd >= 0)
        close(c->fd);
    buffer_fini(&c->in);
    ERR_clear_error();
}

/* Reads what there is; SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN at close_notify, or another error. */
int client_take(struct client *c)
{
    int size;
    ERR_clear_error();
    while ((size = SSL_read(c->ssl, buffer_reserve(&c->in, 16384), 16384)) > 0)
        c->in.size += (size_t)size;
    return SSL_get_error(c->ssl, size);
}

bool client_said(struct client *c, const char *text)
{
    client_take(c);
    return text_is(buffer_text(&c->in), text);
}

const char *seen_name(struct client *c)
{
    static char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(c->ssl)), NID_commonName, name,
                              sizeof name);
    return name;
}

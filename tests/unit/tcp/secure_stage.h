/* secure_stage.h - the stage with TLS: two domains with certificates, an authority for those of clients, and a client. */
#ifndef STANZABUS_TESTS_TCP_SECURE_STAGE_H
#define STANZABUS_TESTS_TCP_SECURE_STAGE_H

#include "tests/unit/tcp/stage.h"
#include "tests/unit/tls/pki.h"
#include "transports/tls/tls.h"

struct world {
    struct stage *stage; /* first: what plain helpers use */
    char *directory;
    struct pki_identity authority;
    struct tls *tls;
    struct log log;
};

int world_make_starttls(void **state);
int world_make_direct(void **state);
int world_unmake(void **state);
#define STARTTLS_TEST(name) cmocka_unit_test_setup_teardown(name, world_make_starttls, world_unmake)
#define DIRECT_TEST(name) cmocka_unit_test_setup_teardown(name, world_make_direct, world_unmake)

void make_domain(struct world *w, const char *name); /* its certificate and key anew */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    struct buffer in;
};

void client_open(struct client *c, struct world *w);
void client_close(struct client *c);
/* Reads what there is; SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN at close_notify, or another error. */
int client_take(struct client *c);
bool client_said(struct client *c, const char *text);
const char *seen_name(struct client *c); /* static */

#endif

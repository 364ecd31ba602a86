/* handshake.h - handshakes in memory between a channel and a client of OpenSSL. */
#ifndef STANZABUS_TESTS_HANDSHAKE_H
#define STANZABUS_TESTS_HANDSHAKE_H

#include "tests/unit/tls/pki.h"
#include "transports/tls/tls_channel.h"

/* Three domains, one with a name that is not ASCII; two authorities for client certificates. */
struct world {
    char *directory;
    char certificate[1024], key[1024], client_ca[1024];
    struct pki_identity authority, stranger; /* who signs clients here; somebody else */
    struct tls_settings settings;
    struct tls *tls;
    char *log_text;
    size_t log_size;
    struct log log;
};

int tls_world_make(void **state);
int tls_world_unmake(void **state);
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, tls_world_make, tls_world_unmake)

/* Its certificate and key anew; hash: of the signature, NULL for SHA-256. */
void make_domain(struct world *w, const char *name, const char *hash, bool has_ed25519_key);
void start(struct world *w); /* w->tls from the settings */

/* One connection: our channel and a client. */
struct pair {
    struct tls_channel *server;
    SSL_CTX *context;
    SSL *client;
    BIO *to_server, *to_client; /* the client's sides of memory BIOs */
    enum tls_result result;
};

void pair_open(struct pair *p, struct tls *tls, bool is_direct, const char *domain);
void pair_close(struct pair *p);
/* Moves bytes both ways until nothing more comes; plain gets what the server reads. */
void pair_run(struct pair *p, struct buffer *plain);
const char *client_sees_name(struct pair *p); /* static */
const char *name_seen_for(struct tls *tls, const char *sni, const char *domain);

#endif

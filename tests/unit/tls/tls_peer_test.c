/* tls_peer_test.c - what another server's certificate is worth: two channels in memory, with pins and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "tests/unit/tls/pki.h"
#include "transports/tls/tls_channel.h"

static const struct text domain = TEXT_INIT("one.example");

struct world {
    char *directory;
    struct pki_identity authority, stranger;
    struct log log;
    struct tls *tls; /* of the side that connects; and of one that has the certificate of the row */
    struct tls *other;
    struct tls_channel *here, *there;
};

static struct tls *make_tls(struct world *w, const struct pki_identity *identity)
{
    char error[512] = "", certificate[256], key[256], authority[256];
    pki_write(identity, w->directory, "one");
    strcpy(certificate, pki_path(w->directory, "one.crt"));
    strcpy(key, pki_path(w->directory, "one.key"));
    strcpy(authority, pki_path(w->directory, "authority.crt"));
    struct tls *tls = tls_new(&(struct tls_settings){ .certificate = text_of(certificate), .key = text_of(key), .domains = &domain,
                                                      .domain_count = 1, .peer_ca = text_of(authority), .log = &w->log },
                              error, sizeof error);
    assert_string_equal(error, "");
    return tls;
}

static int world_make(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->directory = pki_make_directory();
    w->authority = pki_make(&(struct pki_request){ .name = "authority.example", .days = 90 });
    w->stranger = pki_make(&(struct pki_request){ .name = "stranger.example", .days = 90 });
    w->log = (struct log){ .level = LOG_LEVEL_ERROR, .out = stderr };
    pki_write(&w->authority, w->directory, "authority");
    w->tls = make_tls(w, &w->stranger);
    *state = w;
    return 0;
}

static int world_unmake(void **state)
{
    struct world *w = *state;
    tls_free(&w->tls);
    pki_forget(&w->authority);
    pki_forget(&w->stranger);
    pki_remove_directory(&w->directory);
    free(w);
    return 0;
}

/* The handshake with a server that shows this certificate. */
static void shake_hands(struct world *w, const struct pki_identity *identity, const struct tls_pin *pins, size_t count)
{
    struct buffer to_there = { 0 }, to_here = { 0 };
    w->other = make_tls(w, identity);
    w->there = tls_channel_new(w->other, true, domain);
    w->here = tls_channel_connect(w->tls, true, "one.example", domain);
    if (count)
        tls_channel_pin(w->here, pins, count);
    while (!tls_channel_is_up(w->here) || !tls_channel_is_up(w->there)) {
        struct text from_there = buffer_text(&to_here), from_here;
        assert_int_equal(tls_channel_handshake(w->here, &from_there, &to_there), TLS_OK);
        to_here.size = 0;
        from_here = buffer_text(&to_there);
        assert_int_equal(tls_channel_handshake(w->there, &from_here, &to_here), TLS_OK);
        to_there.size = 0;
    }
    buffer_fini(&to_there);
    buffer_fini(&to_here);
}

static void hang_up(struct world *w)
{
    tls_channel_free(&w->here);
    tls_channel_free(&w->there);
    tls_free(&w->other);
    ERR_clear_error();
}

/* 3 0 1 of the certificate */
static struct tls_pin pin_of(const struct pki_identity *identity, unsigned char digest[SHA256_DIGEST_LENGTH])
{
    unsigned size = 0;
    X509_digest(identity->certificate, EVP_sha256(), digest, &size);
    return (struct tls_pin){ 3, 0, 1, digest, size };
}

static void pins_of_use(void **state)
{
    static const unsigned char data[64] = { 1 };
    static const struct {
        const char *name;
        struct tls_pin pin;
        bool is_usable;
    } rows[] = {
        { "SHA-256", { 3, 1, 1, data, 32 }, true },
        { "SHA-512", { 2, 0, 2, data, 64 }, true },
        { "an authority that is known", { 0, 0, 1, data, 32 }, true },
        { "a digest that is cut short", { 3, 1, 1, data, 31 }, false },
        { "a digest that is too long", { 3, 1, 1, data, 33 }, false },
        { "no data", { 3, 1, 1, data, 0 }, false },
        { "a usage of the future", { 4, 1, 1, data, 32 }, false },
        { "a usage of one's own", { 255, 1, 1, data, 32 }, false },
        { "a selector of the future", { 3, 2, 1, data, 32 }, false },
        { "a digest of the future", { 3, 1, 3, data, 64 }, false },
        { "no certificate", { 3, 0, 0, data, 64 }, false },
        { "no key", { 2, 1, 0, data, 64 }, false },
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (tls_pin_is_usable(w->tls, &rows[i].pin) != rows[i].is_usable)
            fail_msg("%s", rows[i].name);
}

static void faults_without_pins(void **state)
{
    struct world *w = *state;
    const struct {
        struct pki_request request;
        const char *host, *fault;
    } rows[] = {
        { { .name = "one.example", .days = 9, .issuer = &w->authority }, NULL, NULL },
        { { .name = "host.example", .days = 9, .issuer = &w->authority }, NULL, "the certificate is another name's" },
        { { .name = "host.example", .days = 9, .issuer = &w->authority }, "host.example", NULL },
        { { .name = "host.example", .days = 9, .issuer = &w->authority }, "another.example", "the certificate is another name's" },
        { { .name = "one.example", .days = -1, .issuer = &w->authority }, NULL, "certificate has expired" },
        { { .name = "one.example", .days = 9, .issuer = &w->stranger }, NULL, "unable to get local issuer certificate" },
        { { .name = "one.example", .days = -1, .issuer = NULL }, NULL, "self-signed certificate" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pki_identity identity = pki_make(&rows[i].request);
        shake_hands(w, &identity, NULL, 0);
        const char *fault = tls_peer_fault(tls_channel_ssl(w->here), "one.example", rows[i].host);
        assert_string_equal(fault ? fault : "-", rows[i].fault ? rows[i].fault : "-");
        hang_up(w);
        pki_forget(&identity);
    }
}

static void a_pin_is_enough(void **state)
{
    struct world *w = *state;
    struct pki_identity identity = pki_make(&(struct pki_request){ .name = "two.example", .days = -1 });
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct tls_pin pin = pin_of(&identity, digest);
    shake_hands(w, &identity, &pin, 1);
    assert_null(tls_peer_fault(tls_channel_ssl(w->here), "one.example", NULL));
    hang_up(w);
    pki_forget(&identity);
}

static void an_authority_is_not_enough_beside_a_pin(void **state)
{
    struct world *w = *state;
    struct pki_identity identity = pki_make(&(struct pki_request){ .name = "one.example", .days = 9, .issuer = &w->authority });
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct tls_pin pin = pin_of(&w->stranger, digest);
    shake_hands(w, &identity, &pin, 1);
    assert_string_equal(tls_peer_fault(tls_channel_ssl(w->here), "one.example", NULL), "the certificate is not the one that DNS names (TLSA)");
    hang_up(w);
    pki_forget(&identity);
}

/* Pins that become known only when the certificate was shown, as of a server that calls. */
static void pins_behind_the_handshake(void **state)
{
    struct world *w = *state;
    struct pki_identity identity = pki_make(&(struct pki_request){ .name = "two.example", .days = 9 });
    unsigned char digest[SHA256_DIGEST_LENGTH], another[SHA256_DIGEST_LENGTH];
    struct tls_pin pins[] = { pin_of(&w->stranger, another), pin_of(&identity, digest) }, useless = { 3, 1, 1, digest, 5 };
    shake_hands(w, &identity, NULL, 0);
    struct ssl_st *ssl = tls_channel_ssl(w->here);
    assert_true(tls_peer_speaks_for(w->tls, ssl, "one.example", "host.example", pins, 2));
    assert_false(tls_peer_speaks_for(w->tls, ssl, "one.example", "host.example", pins, 1));
    assert_false(tls_peer_speaks_for(w->tls, ssl, "two.example", "host.example", &useless, 1)); /* as without: self-signed */
    assert_string_equal(tls_peer_fault(ssl, "one.example", NULL), "self-signed certificate"); /* nothing of it stays */
    hang_up(w);
    pki_forget(&identity);
}

#define PEER_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(pins_of_use),
        PEER_TEST(faults_without_pins),
        PEER_TEST(a_pin_is_enough),
        PEER_TEST(an_authority_is_not_enough_beside_a_pin),
        PEER_TEST(pins_behind_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

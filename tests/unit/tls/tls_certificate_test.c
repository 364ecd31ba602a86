/* tls_certificate_test.c - certificates: by name, reload, what is said about broken and old files; those of clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tls/handshake.h"

static void certificates_by_name(void **state)
{
    static const struct {
        const char *sni, *domain, *seen;
    } rows[] = {
        { "one.example", "", "one.example" },
        { "two.example", "", "two.example" },
        { "TWO.Example", "", "two.example" },
        { "xn--bcher-kva.example", "", "xn--bcher-kva.example" },
        { "unknown.example", "", "one.example" },
        { "sub.two.example", "", "one.example" },
        { NULL, "", "one.example" },
        { NULL, "two.example", "two.example" },
        { NULL,
          "b\xc3\xbc"
          "cher.example",
          "xn--bcher-kva.example" },
        { NULL, "unknown.example", "one.example" },
        { "one.example", "two.example", "one.example" },
        { "unknown.example", "two.example", "one.example" },
    };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(name_seen_for(w->tls, rows[i].sni, rows[i].domain), rows[i].seen);
}

static void names_are_those_of_the_first_when_there_is_one_file(void **state)
{
    struct world *w = *state;
    char certificate[1024], key[1024];
    strcpy(certificate, pki_path(w->directory, "two.example.crt"));
    strcpy(key, pki_path(w->directory, "two.example.key"));
    w->settings.certificate = text_of(certificate);
    w->settings.key = text_of(key);
    start(w);
    assert_string_equal(name_seen_for(w->tls, "one.example", ""), "two.example");
    fflush(w->log.out);
    assert_non_null(strstr(w->log_text, "tls_certificate_for_another_name domain=one.example"));
    assert_null(strstr(w->log_text, "tls_certificate_for_another_name domain=two.example"));
}

/* What a client can see of a certificate that is the same by name: its serial number. */
static long serial_seen(struct tls *tls, const char *sni)
{
    struct pair p;
    pair_open(&p, tls, false, "");
    SSL_set_tlsext_host_name(p.client, sni);
    pair_run(&p, NULL);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(p.client)));
    pair_close(&p);
    return serial;
}

static void reload(void **state)
{
    struct world *w = *state;
    struct pair old;
    struct buffer plain = { 0 };
    start(w);
    long one = serial_seen(w->tls, "one.example"), two = serial_seen(w->tls, "two.example");
    pair_open(&old, w->tls, false, "");
    pair_run(&old, &plain);

    make_domain(w, "one.example", NULL, false);
    pki_write_text(pki_path(w->directory, "two.example.crt"), "half a fi");
    assert_int_equal(tls_reload(w->tls), -1);
    long new_one = serial_seen(w->tls, "one.example");
    assert_int_not_equal(new_one, one);
    assert_int_equal(serial_seen(w->tls, "two.example"), two);
    fflush(w->log.out);
    assert_non_null(strstr(w->log_text, "tls_reload_failed domain=two.example"));

    SSL_write(old.client, "still here", 10);
    pair_run(&old, &plain);
    assert_true(text_is(buffer_text(&plain), "still here"));
    pair_close(&old);
    buffer_fini(&plain);

    make_domain(w, "two.example", NULL, false);
    pki_write_text(w->client_ca, "");
    assert_int_equal(tls_reload(w->tls), -1);
    assert_int_not_equal(serial_seen(w->tls, "two.example"), two);
    assert_int_equal(serial_seen(w->tls, "one.example"), new_one);
    pki_write(&w->authority, w->directory, "authority");
    assert_int_equal(tls_reload(w->tls), 0);
}

/* A key that does not belong to its certificate, as between the two copies of a renewal. */
static void reload_between_two_copies(void **state)
{
    struct world *w = *state;
    start(w);
    long one = serial_seen(w->tls, "one.example");
    struct pki_identity renewed = pki_make(&(struct pki_request){ .name = "one.example", .days = 90 });
    pki_write_certificate(&renewed, pki_path(w->directory, "one.example.crt"));
    assert_int_equal(tls_reload(w->tls), -1);
    assert_int_equal(serial_seen(w->tls, "one.example"), one);
    pki_write_key(&renewed, pki_path(w->directory, "one.example.key"), NULL);
    assert_int_equal(tls_reload(w->tls), 0);
    assert_int_not_equal(serial_seen(w->tls, "one.example"), one);
    pki_forget(&renewed);
}

static void broken_files(void **state)
{
    static const struct {
        const char *certificate, *key, *client_ca, *said;
    } rows[] = {
        { "none.crt", "two.example.key", NULL, "none.crt: No such file or directory: set tls.certificate" },
        { "two.example.crt", "none.key", NULL, "none.key: No such file or directory: set tls.key" },
        { "garbage", "two.example.key", NULL, "garbage is not a PEM certificate: no start line: set tls.certificate" },
        { "two.example.crt", "garbage", NULL, "garbage is not a PEM private key: " },
        { "two.example.crt", "one.example.key", NULL, "cannot be used together: private key mismatch: set" },
        { "two.example.crt", "locked.key", NULL,
          "locked.key is protected by a passphrase: set tls.key to one without" },
        { "two.example.crt", "two.example.key", "garbage", "garbage: " },
        { "two.example.crt", "two.example.key", "none.crt", "none.crt: " },
        { "{domain}.crt", "{domain}.key", NULL, "cher.example.crt: No such file" },
    };
    struct world *w = *state;
    pki_write_text(pki_path(w->directory, "garbage"), "nothing in particular\n");
    pki_write_key(&w->stranger, pki_path(w->directory, "locked.key"), "secret");
    remove(pki_path(w->directory, "xn--bcher-kva.example.crt"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[512] = "", certificate[1024], key[1024], client_ca[1024] = "";
        strcpy(certificate, pki_path(w->directory, rows[i].certificate));
        strcpy(key, pki_path(w->directory, rows[i].key));
        if (rows[i].client_ca)
            strcpy(client_ca, pki_path(w->directory, rows[i].client_ca));
        w->settings.certificate = text_of(certificate);
        w->settings.key = text_of(key);
        w->settings.client_ca = text_of(client_ca);
        assert_null(tls_new(&w->settings, error, sizeof error));
        if (!strstr(error, rows[i].said))
            fail_msg("row %zu: \"%s\" is not in \"%s\"", i, rows[i].said, error);
        assert_null(strchr(error, '\n'));
    }
}

static void old_certificates_are_said(void **state)
{
    static const struct {
        int days;
        const char *said;
    } rows[] = { { -3, "warning tls_certificate_expired file=" },
                 { 5, "warning tls_certificate_expires_soon file=" },
                 { 90, "info tls_certificate_loaded file=" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *w = *state;
        struct pki_identity identity = pki_make(&(struct pki_request){ .name = "one.example", .days = rows[i].days });
        char days[32];
        pki_write(&identity, w->directory, "one.example");
        pki_forget(&identity);
        start(w);
        fflush(w->log.out);
        const char *line = strstr(w->log_text, rows[i].said);
        snprintf(days, sizeof days, "days_left=%d\n", rows[i].days);
        assert_non_null(line);
        assert_non_null(strstr(line, days));
        assert_non_null(strstr(w->log_text, "warning tls_certificate_self_signed"));
        tls_world_unmake(state);
        tls_world_make(state);
    }
}

/* -- client certificates -- */

static void client_certificates(void **state)
{
    struct world *w = *state;
    const struct {
        const char *label;
        struct pki_request request;
        int count;
        const char *jid, *why;
    } rows[] = {
        { "none", { 0 }, -1, NULL, NULL },
        { "good", { "j", "juliet@example.com", 30, NULL, &w->authority, false }, 1, "juliet@example.com", NULL },
        { "international",
          { "j",
            "j\xc3\xbcliet@b\xc3\xbc"
            "cher.example",
            30, NULL, &w->authority, false },
          1,
          "j\xc3\xbcliet@b\xc3\xbc"
          "cher.example",
          NULL },
        { "without address", { "j.example", NULL, 30, NULL, &w->authority, false }, 0, NULL, NULL },
        { "expired",
          { "j", "juliet@example.com", -1, NULL, &w->authority, false },
          -1,
          NULL,
          "certificate has expired" },
        { "other authority",
          { "j", "juliet@example.com", 30, NULL, &w->stranger, false },
          -1,
          NULL,
          "unable to get local issuer certificate" },
        { "self-signed", { "j", "juliet@example.com", 30, NULL, NULL, false }, -1, NULL, "self-signed certificate" },
    };
    start(w);
    assert_true(tls_asks_certificates(w->tls));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct arena arena = { 0 };
            struct text jids[4];
            struct pki_identity identity = { 0 };
            const char *why;
            struct pair p;
            pair_open(&p, w->tls, false, "");
            SSL_set_max_proto_version(p.client, version);
            if (rows[i].request.name) {
                identity = pki_make(&rows[i].request);
                SSL_use_certificate(p.client, identity.certificate);
                SSL_use_PrivateKey(p.client, identity.key);
            }
            pair_run(&p, NULL);
            assert_true(tls_channel_is_up(p.server));
            int count = tls_certificate_jids(tls_channel_ssl(p.server), &arena, jids, 4, &why);
            if (count != rows[i].count)
                fail_msg("%s: %d, %s", rows[i].label, count, why ? why : "-");
            if (rows[i].jid)
                assert_true(text_is(jids[0], rows[i].jid));
            assert_string_equal(why ? why : "-", rows[i].why ? rows[i].why : "-");
            pair_close(&p);
            pki_forget(&identity);
            arena_fini(&arena);
        }
    }
}

static void client_certificates_are_not_asked_for_without_an_authority(void **state)
{
    struct world *w = *state;
    struct pair p;
    w->settings.client_ca = (struct text){ 0 };
    start(w);
    assert_false(tls_asks_certificates(w->tls));
    pair_open(&p, w->tls, false, "");
    SSL_use_certificate(p.client, w->stranger.certificate);
    SSL_use_PrivateKey(p.client, w->stranger.key);
    pair_run(&p, NULL);
    assert_null(SSL_get0_peer_certificate(tls_channel_ssl(p.server)));
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(certificates_by_name),
        TLS_TEST(names_are_those_of_the_first_when_there_is_one_file),
        TLS_TEST(reload),
        TLS_TEST(reload_between_two_copies),
        TLS_TEST(broken_files),
        TLS_TEST(old_certificates_are_said),
        TLS_TEST(client_certificates),
        TLS_TEST(client_certificates_are_not_asked_for_without_an_authority),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}

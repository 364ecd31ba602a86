/* tls_binding_test.c - channel bindings, on new connections and on resumed ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tls/handshake.h"

static void compare_exporter(struct pair *p)
{
    unsigned char ours[64], theirs[32];
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p->server), BINDING_TLS_EXPORTER, ours), 32);
    assert_int_equal(SSL_export_keying_material(p->client, theirs, 32, "EXPORTER-Channel-Binding", 24,
                                                (const unsigned char *)"", 0, 1),
                     1);
    assert_memory_equal(ours, theirs, 32);
}

static void compare_end_point(struct pair *p, const EVP_MD *hash)
{
    unsigned char ours[64], theirs[64];
    unsigned int size = 0;
    assert_int_equal(X509_digest(SSL_get0_peer_certificate(p->client), hash, theirs, &size), 1);
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p->server), BINDING_TLS_SERVER_END_POINT, ours), size);
    assert_memory_equal(ours, theirs, size);
}

static void bindings_are_equal_on_both_sides(void **state)
{
    static const struct {
        int version;
        const char *domain, *hash, *made_with;
    } rows[] = { { TLS1_2_VERSION, "one.example", "SHA256", "SHA256" },
                 { TLS1_3_VERSION, "one.example", "SHA256", "SHA256" },
                 { TLS1_3_VERSION, "two.example", "SHA384", "SHA384" },
                 { TLS1_2_VERSION, "two.example", "SHA512", "SHA512" },
                 { TLS1_3_VERSION, "one.example", "SHA256", "SHA1" } };
    struct world *w = *state;
    unsigned char none[64];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        make_domain(w, rows[i].domain, rows[i].made_with, false);
        start(w);
        pair_open(&p, w->tls, false, rows[i].domain);
        SSL_set_security_level(p.client, 0);
        SSL_set_min_proto_version(p.client, rows[i].version);
        SSL_set_max_proto_version(p.client, rows[i].version);
        assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_EXPORTER, none), -1);
        assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_SERVER_END_POINT, none), -1);
        pair_run(&p, NULL);
        assert_true(tls_channel_is_up(p.server));
        compare_exporter(&p);
        compare_end_point(&p, EVP_get_digestbyname(rows[i].hash));
        pair_close(&p);
        tls_free(&w->tls);
    }
}

static void bindings_that_do_not_exist(void **state)
{
    struct world *w = *state;
    unsigned char none[64];
    struct pair p;
    make_domain(w, "two.example", NULL, true);
    start(w);

    pair_open(&p, w->tls, false, "one.example"); /* RFC 9266 4.2: no extended master secret */
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    SSL_set_options(p.client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    pair_run(&p, NULL);
    assert_true(tls_channel_is_up(p.server));
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_EXPORTER, none), -1);
    compare_end_point(&p, EVP_sha256());
    pair_close(&p);

    pair_open(&p, w->tls, false, "two.example"); /* Ed25519 signs without a hash of its own */
    pair_run(&p, NULL);
    assert_string_equal(client_sees_name(&p), "two.example");
    compare_exporter(&p);
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_SERVER_END_POINT, none), -1);
    pair_close(&p);
}

static SSL_SESSION *kept_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

/* A resumed connection has no Certificate message; the binding stays that of the first one, whatever SNI says now. */
static void bindings_of_resumed_connections(void **state)
{
    static const int versions_[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct world *w = *state;
    start(w);
    for (int i = 0; i < 2; i++) {
        struct pair first, second;
        pair_open(&first, w->tls, false, "two.example");
        SSL_set_max_proto_version(first.client, versions_[i]);
        SSL_CTX_set_session_cache_mode(first.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(first.context, keep_session);
        pair_run(&first, NULL);
        assert_non_null(kept_session);
        pair_open(&second, w->tls, false, "one.example");
        SSL_set_max_proto_version(second.client, versions_[i]);
        SSL_set_session(second.client, kept_session);
        pair_run(&second, NULL);
        assert_true(SSL_session_reused(second.client));
        compare_exporter(&second);
        compare_end_point(&second, EVP_sha384());
        pair_close(&first);
        pair_close(&second);
        SSL_SESSION_free(kept_session);
        kept_session = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(bindings_are_equal_on_both_sides),
        TLS_TEST(bindings_that_do_not_exist),
        TLS_TEST(bindings_of_resumed_connections),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}

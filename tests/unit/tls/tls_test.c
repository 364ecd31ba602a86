/* tls_test.c - what is agreed in a handshake (versions, ciphers, ALPN), and the data behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "tests/unit/tls/handshake.h"

static void versions(void **state)
{
    static const struct {
        int version;
        bool is_accepted;
    } rows[] = {
        { TLS1_VERSION, false }, { TLS1_1_VERSION, false }, { TLS1_2_VERSION, true }, { TLS1_3_VERSION, true }
    };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        pair_open(&p, w->tls, false, "");
        SSL_set_security_level(p.client, 0);
        SSL_set_min_proto_version(p.client, rows[i].version);
        SSL_set_max_proto_version(p.client, rows[i].version);
        pair_run(&p, NULL);
        assert_int_equal(tls_channel_is_up(p.server), rows[i].is_accepted);
        assert_int_equal(p.result, rows[i].is_accepted ? TLS_OK : TLS_FAILED);
        if (!rows[i].is_accepted)
            assert_string_equal(tls_channel_error(p.server), "unsupported protocol");
        pair_close(&p);
    }
}

static void weak_ciphers_are_refused(void **state)
{
    static const char *const lists[] = { "AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256" };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct pair p;
        pair_open(&p, w->tls, false, "");
        SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
        SSL_set_cipher_list(p.client, lists[i]);
        pair_run(&p, NULL);
        assert_string_equal(tls_channel_error(p.server), "no shared cipher");
        pair_close(&p);
    }
}

/* -- ALPN -- */

static void protocols(void **state)
{
    static const struct {
        bool is_direct;
        const char *offered;
        bool is_accepted;
        const char *chosen;
    } rows[] = {
        { true, "\x0bxmpp-client", true, "xmpp-client" },
        { true, "\x08http/1.1\x0bxmpp-client", true, "xmpp-client" },
        { true, NULL, true, "" },
        { true, "\x08http/1.1", false, "" },
        { true, "\x0bxmpp-server", false, "" },
        { false, "\x08http/1.1", true, "" },
    };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const unsigned char *chosen;
        unsigned size;
        struct pair p;
        pair_open(&p, w->tls, rows[i].is_direct, "");
        if (rows[i].offered)
            SSL_set_alpn_protos(p.client, (const unsigned char *)rows[i].offered, (unsigned)strlen(rows[i].offered));
        pair_run(&p, NULL);
        assert_int_equal(tls_channel_is_up(p.server), rows[i].is_accepted);
        SSL_get0_alpn_selected(p.client, &chosen, &size);
        assert_true(text_is((struct text){ (const char *)chosen, size }, rows[i].chosen));
        if (!rows[i].is_accepted)
            assert_string_equal(ERR_reason_error_string(ERR_peek_last_error()), "tlsv1 alert no application protocol");
        pair_close(&p);
    }
}

/* -- data -- */

static void data_and_close(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    struct pair p;
    char received[64];
    start(w);
    pair_open(&p, w->tls, false, "");
    SSL_set_tlsext_host_name(p.client, "two.example");
    pair_run(&p, &plain);
    assert_string_equal(tls_channel_sni(p.server), "two.example");

    SSL_write(p.client, "<a/>", 4);
    SSL_write(p.client, "<b/>", 4);
    pair_run(&p, &plain);
    assert_true(text_is(buffer_text(&plain), "<a/><b/>"));

    tls_channel_send(p.server, "<c/>", 4, &records);
    tls_channel_close(p.server, &records);
    size_t size = records.size;
    tls_channel_close(p.server, &records);
    assert_int_equal(records.size, size); /* close_notify is sent once */
    BIO_write(p.to_client, records.data, (int)records.size);
    assert_int_equal(SSL_read(p.client, received, sizeof received), 4);
    assert_int_equal(SSL_read(p.client, received, sizeof received), 0);
    assert_int_equal(SSL_get_shutdown(p.client), SSL_RECEIVED_SHUTDOWN);
    SSL_write(p.client, "<d/>", 4);
    SSL_shutdown(p.client);
    plain.size = 0;
    pair_run(&p, &plain);
    assert_true(text_is(buffer_text(&plain), "<d/>"));
    assert_int_equal(p.result, TLS_CLOSED);
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

static void damaged_records(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    char bytes[512];
    struct pair p;
    start(w);
    pair_open(&p, w->tls, false, "");
    pair_run(&p, &plain);
    SSL_write(p.client, "<a/>", 4);
    SSL_write(p.client, "<b/>", 4);
    int size = BIO_read(p.to_server, bytes, sizeof bytes);
    bytes[size - 1] ^= 1;
    enum tls_result result = tls_channel_receive(p.server, (struct text){ bytes, (size_t)size }, &plain, &records);
    assert_int_equal(result, TLS_FAILED);
    assert_true(text_is(buffer_text(&plain), "<a/>"));
    assert_string_equal(tls_channel_error(p.server), "decryption failed or bad record mac");
    assert_false(tls_channel_is_up(p.server));
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

static void renegotiation_is_refused(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    char bytes[4096];
    struct pair p;
    start(w);
    pair_open(&p, w->tls, false, "");
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    pair_run(&p, &plain);
    SSL_renegotiate(p.client);
    SSL_do_handshake(p.client);
    int size = BIO_read(p.to_server, bytes, sizeof bytes);
    assert_true(size > 0);
    tls_channel_receive(p.server, (struct text){ bytes, (size_t)size }, &plain, &records);
    BIO_write(p.to_client, records.data, (int)records.size);
    assert_int_equal(SSL_do_handshake(p.client), -1);
    assert_string_equal(ERR_reason_error_string(ERR_peek_error()), "no renegotiation");
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

/* The same bytes, one at a time: a channel keeps what is half a record. */
static void one_byte_at_a_time(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    struct pair p;
    char byte, received[64];
    start(w);
    pair_open(&p, w->tls, true, "");
    for (int turn = 0; turn < 8; turn++) {
        if (SSL_is_init_finished(p.client) && turn == 4)
            SSL_write(p.client, "<a/>", 4);
        SSL_read(p.client, received, sizeof received);
        while (BIO_read(p.to_server, &byte, 1) == 1) {
            struct text input = { &byte, 1 };
            if (!tls_channel_is_up(p.server))
                assert_int_equal(tls_channel_handshake(p.server, &input, &records), TLS_OK);
            if (input.size && tls_channel_is_up(p.server))
                assert_int_equal(tls_channel_receive(p.server, input, &plain, &records), TLS_OK);
        }
        BIO_write(p.to_client, records.data, (int)records.size);
        records.size = 0;
    }
    assert_true(text_is(buffer_text(&plain), "<a/>"));
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(versions),
        TLS_TEST(weak_ciphers_are_refused),
        TLS_TEST(protocols),
        TLS_TEST(data_and_close),
        TLS_TEST(damaged_records),
        TLS_TEST(renegotiation_is_refused),
        TLS_TEST(one_byte_at_a_time),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}

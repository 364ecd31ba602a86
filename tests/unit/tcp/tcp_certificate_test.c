/* tcp_certificate_test.c - who is who on real sockets: reload, bindings, client certificates, many clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tcp/secure_stage.h"

static void reload_while_connections_are_open(void **state)
{
    struct world *w = *state;
    struct client old, new;
    w->stage->on_bytes = echo;
    client_open(&old, w);
    TURN_UNTIL(w->stage, (client_take(&old), SSL_is_init_finished(old.ssl)));
    make_domain(w, "one.example");
    assert_int_equal(tls_reload(w->tls), 0);
    client_open(&new, w);
    TURN_UNTIL(w->stage, (client_take(&new), SSL_is_init_finished(new.ssl)));
    assert_int_not_equal(X509_cmp(SSL_get0_peer_certificate(old.ssl), SSL_get0_peer_certificate(new.ssl)), 0);
    SSL_write(old.ssl, "<old/>", 6);
    SSL_write(new.ssl, "<new/>", 6);
    TURN_UNTIL(w->stage, client_said(&old, "<old/>") && client_said(&new, "<new/>"));
    client_close(&old);
    client_close(&new);
}

static void bindings(void **state)
{
    struct world *w = *state;
    struct client c;
    unsigned char ours[64], theirs[64];
    unsigned size = 0;
    client_open(&c, w);
    struct connection *connection = w->stage->first->connection;
    assert_int_equal(connection->ops->channel_binding(connection, BINDING_TLS_EXPORTER, ours), -1);
    TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)) && connection->sni == NULL &&
                             connection->ops->channel_binding(connection, BINDING_TLS_EXPORTER, ours) == 32);
    SSL_export_keying_material(c.ssl, theirs, 32, "EXPORTER-Channel-Binding", 24, NULL, 0, 0);
    assert_memory_equal(ours, theirs, 32);
    X509_digest(SSL_get0_peer_certificate(c.ssl), EVP_sha256(), theirs, &size);
    assert_int_equal(connection->ops->channel_binding(connection, BINDING_TLS_SERVER_END_POINT, ours), 32);
    assert_memory_equal(ours, theirs, 32);
    client_close(&c);
}

static void client_certificates(void **state)
{
    struct world *w = *state;
    const struct {
        struct pki_request request;
        int count;
        const char *logged;
    } rows[] = {
        { { "j", "juliet@example.com", 30, NULL, &w->authority, false }, 1, NULL },
        { { "j", "juliet@example.com", -2, NULL, &w->authority, false }, -1, "reason=\"certificate has expired\"" },
        { { "j", "juliet@example.com", 30, NULL, NULL, false }, -1, "reason=\"self-signed certificate\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client c;
        struct arena arena = { 0 };
        struct text jids[2];
        struct pki_identity identity = pki_make(&rows[i].request);
        client_open(&c, w);
        SSL_use_certificate(c.ssl, identity.certificate);
        SSL_use_PrivateKey(c.ssl, identity.key);
        struct told *told = w->stage->first;
        TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
        SSL_write(c.ssl, "<a/>", 4);
        TURN_UNTIL(w->stage, told->in.size == 4);
        assert_int_equal(told->connection->ops->certificate_jids(told->connection, &arena, jids, 2), rows[i].count);
        if (rows[i].count > 0)
            assert_true(text_is(jids[0], "juliet@example.com"));
        fflush(w->stage->log.out);
        if (rows[i].logged) {
            assert_non_null(strstr(w->stage->log_text, "client_certificate_refused peer=127.0.0.1:"));
            assert_non_null(strstr(w->stage->log_text, rows[i].logged));
        }
        arena_fini(&arena);
        pki_forget(&identity);
        client_close(&c);
    }
}

static void many_connections(void **state)
{
    enum { COUNT = 200 };
    static struct client clients[COUNT];
    struct world *w = *state;
    w->stage->on_bytes = echo;
    for (int i = 0; i < COUNT; i++)
        client_open(&clients[i], w);
    for (int i = 0; i < COUNT; i++) {
        TURN_UNTIL(w->stage, (client_take(&clients[i]), SSL_is_init_finished(clients[i].ssl)));
        SSL_write(clients[i].ssl, "<a/>", 4);
    }
    for (int i = 0; i < COUNT; i++)
        TURN_UNTIL(w->stage, client_said(&clients[i], "<a/>"));
    for (int i = 0; i < COUNT; i++) {
        if (i % 2)
            SSL_shutdown(clients[i].ssl);
        client_close(&clients[i]);
    }
    TURN_UNTIL(w->stage, w->stage->closed == COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECT_TEST(reload_while_connections_are_open),
        DIRECT_TEST(bindings),
        DIRECT_TEST(client_certificates),
        DIRECT_TEST(many_connections),
    };
    return cmocka_run_group_tests_name("tcp_certificate", tests, NULL, NULL);
}

/* tcp_tls_test.c - direct TLS on real sockets, and every way to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <unistd.h>

#include "tests/unit/tcp/secure_stage.h"

/* -- direct TLS -- */

static void direct(void **state)
{
    struct world *w = *state;
    struct client c;
    client_open(&c, w);
    struct connection *connection = w->stage->first->connection;
    assert_true(connection->is_encrypted);
    assert_false(connection->can_start_tls);
    told_write(w->stage->first, "<early/>"); /* waits for the handshake */
    w->stage->on_bytes = echo;
    SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\x0bxmpp-client", 12);
    SSL_set_tlsext_host_name(c.ssl, "two.example");
    SSL_write(c.ssl, "", 0);
    TURN_UNTIL(w->stage, client_said(&c, "<early/>"));
    assert_string_equal(seen_name(&c), "two.example");
    assert_string_equal(connection->sni, "two.example");
    assert_int_equal(w->stage->first->encrypted, 0);
    SSL_write(c.ssl, "<a/>", 4);
    TURN_UNTIL(w->stage, client_said(&c, "<early/><a/>"));
    client_close(&c);
}

static void direct_with_another_protocol(void **state)
{
    struct world *w = *state;
    struct client c;
    client_open(&c, w);
    SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\x08http/1.1", 9);
    TURN_UNTIL(w->stage, client_take(&c) == SSL_ERROR_SSL);
    assert_string_equal(ERR_reason_error_string(ERR_peek_error()), "tlsv1 alert no application protocol");
    TURN_UNTIL(w->stage, w->stage->closed == 1);
    assert_string_equal(w->stage->first->reason, "TLS handshake: no application protocol");
    client_close(&c);
}

static void old_versions_are_refused(void **state)
{
    struct world *w = *state;
    struct client c;
    client_open(&c, w);
    SSL_set_security_level(c.ssl, 0);
    SSL_set_min_proto_version(c.ssl, TLS1_1_VERSION);
    SSL_set_max_proto_version(c.ssl, TLS1_1_VERSION);
    TURN_UNTIL(w->stage, client_take(&c) == SSL_ERROR_SSL);
    assert_string_equal(ERR_reason_error_string(ERR_peek_error()), "tlsv1 alert protocol version");
    TURN_UNTIL(w->stage, w->stage->closed == 1);
    assert_string_equal(w->stage->first->reason, "TLS handshake: unsupported protocol");
    client_close(&c);
}

static void silent_clients_are_timed_out(void **state)
{
    struct world *w = *state;
    struct client silent, half;
    tcp_set_deadlines(w->stage->tcp, &(struct tcp_deadlines){ .handshake_ms = 150, .flush_ms = 100, .linger_ms = 100 });
    double start = ev_time();
    client_open(&silent, w);
    client_open(&half, w);
    client_write(half.fd, "\x16\x03\x01");
    TURN_UNTIL(w->stage, w->stage->closed == 2);
    assert_true(ev_time() - start >= 0.14);
    assert_string_equal(w->stage->first->reason, "TLS handshake: timed out");
    assert_string_equal(w->stage->first->next->reason, "TLS handshake: timed out");
    assert_int_equal(w->stage->metrics.value[METRIC_TLS_FAILURES], 2);
    client_close(&silent);
    client_close(&half);
}

/* The deadline is for the handshake only. */
static void idle_connections_are_not_timed_out(void **state)
{
    struct world *w = *state;
    struct client c;
    tcp_set_deadlines(w->stage->tcp, &(struct tcp_deadlines){ .handshake_ms = 100, .flush_ms = 100, .linger_ms = 100 });
    client_open(&c, w);
    TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
    for (double until = ev_time() + 0.5; ev_time() < until;)
        stage_turn(w->stage);
    assert_int_equal(w->stage->closed, 0);
    client_close(&c);
}

static void refused_with_words(void **state)
{
    struct world *w = *state;
    struct client c = { .fd = client_connect(w->stage->port), .context = SSL_CTX_new(TLS_client_method()) };
    w->stage->refuses = true;
    w->stage->says_at_refusal = "<resource-constraint/>";
    c.ssl = SSL_new(c.context);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_connect_state(c.ssl);
    TURN_UNTIL(w->stage, client_take(&c) == SSL_ERROR_ZERO_RETURN);
    assert_true(text_is(buffer_text(&c.in), "<resource-constraint/>"));
    client_close(&c);
    TURN_UNTIL(w->stage, tcp_connection_count(w->stage->tcp) == 0);
    assert_int_equal(w->stage->closed, 0);
}

/* -- data and ends -- */

enum { BIG = 3 * 1024 * 1024 };

static void write_big_and_close(struct told *told, const char *data, size_t size)
{
    (void)data;
    (void)size;
    char *bytes = xmalloc(BIG);
    for (int i = 0; i < BIG; i++)
        bytes[i] = (char)(i % 253);
    told->connection->ops->write(told->connection, bytes, BIG);
    told->connection->ops->close(told->connection);
    free(bytes);
}

static void closing_sends_everything_and_close_notify(void **state)
{
    struct world *w = *state;
    struct client c;
    w->stage->on_bytes = write_big_and_close;
    client_open(&c, w);
    TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
    SSL_write(c.ssl, "x", 1);
    TURN_UNTIL(w->stage, client_take(&c) == SSL_ERROR_ZERO_RETURN);
    assert_int_equal(c.in.size, BIG);
    for (int i = 0; i < BIG; i++) {
        if (c.in.data[i] != (char)(i % 253))
            fail_msg("byte %d is another", i);
    }
    assert_int_equal(w->stage->closed, 0);
    SSL_shutdown(c.ssl);
    client_close(&c);
    TURN_UNTIL(w->stage, w->stage->closed == 1);
    assert_string_equal(w->stage->first->reason, "closed");
}

static void the_peers_close_notify(void **state)
{
    struct world *w = *state;
    struct client c;
    w->stage->on_bytes = echo;
    client_open(&c, w);
    TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
    SSL_write(c.ssl, "</stream:stream>", 16);
    SSL_shutdown(c.ssl);
    TURN_UNTIL(w->stage, w->stage->closed == 1);
    assert_true(text_is(buffer_text(&w->stage->first->in), "</stream:stream>"));
    assert_string_equal(w->stage->first->reason, "closed by peer");
    assert_int_equal(client_take(&c), SSL_ERROR_ZERO_RETURN); /* the answer, then close_notify */
    assert_true(text_is(buffer_text(&c.in), "</stream:stream>"));
    client_close(&c);
}

static void truncation_and_reset(void **state)
{
    static const struct {
        bool is_reset;
        const char *reason;
    } rows[] = { { false, "closed by peer without close_notify" }, { true, "reset" } };
    struct world *w = *state;
    w->stage->on_bytes = echo;
    for (int i = 0; i < 2; i++) {
        struct client c;
        client_open(&c, w);
        TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
        SSL_write(c.ssl, "<a/>", 4);
        TURN_UNTIL(w->stage, client_said(&c, "<a/>")); /* nothing is left unread, which would make close() a reset */
        if (rows[i].is_reset)
            client_reset(c.fd);
        else
            close(c.fd);
        c.fd = -1;
        SSL_set_quiet_shutdown(c.ssl, 1);
        TURN_UNTIL(w->stage, w->stage->closed == i + 1);
        assert_string_equal(w->stage->first->reason, rows[i].reason);
        client_close(&c);
    }
}

/* Reading stops, the peer fills the kernel, and nothing is lost when it goes on. */
static void pausing(void **state)
{
    static char bytes[16384];
    struct world *w = *state;
    struct client c;
    size_t sent = 0;
    client_open(&c, w);
    TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
    struct told *told = w->stage->first;
    told->connection->ops->pause(told->connection);
    for (int size; sent < BIG && (size = SSL_write(c.ssl, bytes, sizeof bytes)) > 0;)
        sent += (size_t)size;
    for (int i = 0; i < 10; i++)
        stage_turn(w->stage);
    assert_int_equal(told->in.size, 0);
    told->connection->ops->resume(told->connection);
    while (sent < BIG) {
        stage_turn(w->stage);
        for (int size; sent < BIG && (size = SSL_write(c.ssl, bytes, sizeof bytes)) > 0;)
            sent += (size_t)size;
    }
    TURN_UNTIL(w->stage, told->in.size == sent);
    client_close(&c);
}

/* A reader that does not read costs 64 kB of ciphertext, not all that is queued; on_drained comes as without TLS. */
static void slow_reader(void **state)
{
    struct world *w = *state;
    struct client c = { .fd = client_connect_slow(w->stage->port), .context = SSL_CTX_new(TLS_client_method()) };
    c.ssl = SSL_new(c.context);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_connect_state(c.ssl);
    TURN_UNTIL(w->stage, (client_take(&c), SSL_is_init_finished(c.ssl)));
    struct told *told = w->stage->first;
    char *bytes = calloc(1, BIG);
    told->connection->ops->write(told->connection, bytes, BIG);
    free(bytes);
    for (int i = 0; i < 10; i++)
        stage_turn(w->stage);
    uint32_t stuck = told->connection->queued;
    assert_in_range(stuck, 1, BIG);
    told->connection->ops->pause(told->connection);
    while (c.in.size < BIG) {
        size_t before = c.in.size;
        TURN_UNTIL(w->stage, (client_take(&c), c.in.size > before));
        assert_int_equal(told->drained, told->connection->queued <= stuck / 2);
    }
    assert_int_equal(told->drained, 1);
    assert_int_equal(told->connection->queued, 0);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECT_TEST(direct),
        DIRECT_TEST(direct_with_another_protocol),
        DIRECT_TEST(old_versions_are_refused),
        DIRECT_TEST(silent_clients_are_timed_out),
        DIRECT_TEST(idle_connections_are_not_timed_out),
        DIRECT_TEST(refused_with_words),
        DIRECT_TEST(closing_sends_everything_and_close_notify),
        DIRECT_TEST(the_peers_close_notify),
        DIRECT_TEST(truncation_and_reset),
        DIRECT_TEST(pausing),
        DIRECT_TEST(slow_reader),
    };
    return cmocka_run_group_tests_name("tcp_tls", tests, NULL, NULL);
}

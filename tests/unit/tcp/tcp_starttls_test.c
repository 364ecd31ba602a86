/* tcp_starttls_test.c - STARTTLS on real sockets, and what may be smuggled around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "tests/unit/tcp/secure_stage.h"

/* A core that speaks just enough for STARTTLS, and echoes behind it. */
static void answer_starttls(struct told *told, const char *data, size_t size)
{
    if (told->connection->is_encrypted) {
        echo(told, data, size);
    } else if (size >= 11 && memcmp(data, "<starttls/>", 11) == 0) {
        told_write(told, "<proceed/>");
        told->connection->ops->start_tls(told->connection, TEXT("two.example"));
        told_write(told, "<first words in TLS/>");
    }
}

static void client_starts_tls(struct client *c, struct world *w)
{
    char proceed[16];
    w->stage->on_bytes = answer_starttls;
    client_write(c->fd, "<starttls/>");
    TURN_UNTIL(w->stage, recv(c->fd, proceed, sizeof proceed, MSG_PEEK) >= 10);
    assert_int_equal(recv(c->fd, proceed, sizeof proceed, 0), 10); /* nothing else in plain */
    assert_memory_equal(proceed, "<proceed/>", 10);
}

static void starttls(void **state)
{
    struct world *w = *state;
    struct client c;
    client_open(&c, w);
    struct connection *connection = w->stage->first->connection;
    assert_true(connection->can_start_tls && connection->can_certificate && !connection->is_encrypted);
    client_starts_tls(&c, w);
    assert_false(connection->is_encrypted);
    assert_false(connection->can_start_tls);
    TURN_UNTIL(w->stage, client_said(&c, "<first words in TLS/>"));
    assert_int_equal(w->stage->first->encrypted, 1);
    assert_true(connection->is_encrypted);
    assert_null(connection->sni);
    assert_string_equal(seen_name(&c), "two.example"); /* of the stream, as the client named none */
    SSL_write(c.ssl, "<a/>", 4);
    TURN_UNTIL(w->stage, client_said(&c, "<first words in TLS/><a/>"));
    assert_int_equal(connection->queued, 0);
    assert_int_equal(w->stage->metrics.value[METRIC_TLS_HANDSHAKES], 1);
    client_close(&c);
}

/* What stands behind <starttls/> in the same bytes is the core's to drop; it must not become part of the TLS stream. */
static void plain_text_behind_starttls_in_one_piece(void **state)
{
    struct world *w = *state;
    struct client c;
    char proceed[16];
    client_open(&c, w);
    w->stage->on_bytes = answer_starttls;
    client_write(c.fd, "<starttls/><auth/>");
    TURN_UNTIL(w->stage, recv(c.fd, proceed, 10, 0) == 10);
    assert_int_equal(w->stage->first->reads, 1);
    w->stage->first->in.size = 0;
    TURN_UNTIL(w->stage, client_said(&c, "<first words in TLS/>"));
    SSL_write(c.ssl, "<a/>", 4);
    TURN_UNTIL(w->stage, client_said(&c, "<first words in TLS/><a/>"));
    assert_true(text_is(buffer_text(&w->stage->first->in), "<a/>"));
    client_close(&c);
}

/* In a later piece it is no TLS, and ends the connection. */
static void plain_text_behind_starttls_in_another_piece(void **state)
{
    struct world *w = *state;
    struct client c;
    client_open(&c, w);
    client_starts_tls(&c, w);
    client_write(c.fd, "<auth mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>");
    TURN_UNTIL(w->stage, w->stage->closed == 1);
    assert_true(text_is(buffer_text(&w->stage->first->in), "<starttls/>"));
    assert_int_equal(w->stage->first->encrypted, 0);
    assert_string_equal(w->stage->first->reason, "TLS handshake: wrong version number");
    assert_int_equal(w->stage->metrics.value[METRIC_TLS_FAILURES], 1);
    fflush(w->stage->log.out);
    assert_non_null(strstr(w->stage->log_text, "tls_handshake_failed peer=127.0.0.1:"));
    assert_non_null(strstr(w->stage->log_text, "reason=\"wrong version number\""));
    client_close(&c);
}

/* A reader so slow that <proceed/> does not fit into the kernel: it still comes first, in plain, then TLS. */
static void queued_plain_text_comes_before_tls(void **state)
{
    enum { BIG = 4 * 1024 * 1024 };
    struct world *w = *state;
    struct buffer plain = { 0 };
    struct client c = { .fd = client_connect_slow(w->stage->port), .context = SSL_CTX_new(TLS_client_method()) };
    c.ssl = SSL_new(c.context);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_connect_state(c.ssl);
    TURN_UNTIL(w->stage, w->stage->accepted == 1);
    struct told *told = w->stage->first;
    char *bytes = calloc(1, BIG);
    memset(bytes, ' ', BIG);
    told->connection->ops->write(told->connection, bytes, BIG);
    free(bytes);
    for (int i = 0; i < 5; i++)
        stage_turn(w->stage);
    told_write(told, "<proceed/>");
    told->connection->ops->start_tls(told->connection, TEXT(""));
    told_write(told, "<secret/>");
    TURN_UNTIL(w->stage, (client_read(c.fd, &plain), plain.size >= BIG + 10));
    assert_int_equal(plain.size, BIG + 10);
    assert_memory_equal(plain.data + BIG, "<proceed/>", 10);
    TURN_UNTIL(w->stage, client_said(&c, "<secret/>"));
    buffer_fini(&plain);
    client_close(&c);
}

static void pause_when_encrypted(struct told *told)
{
    told->connection->ops->pause(told->connection);
}

/* The client's first words come in one read with the end of its handshake, and the core is not ready for them. */
static void pausing_holds_what_came_with_the_handshake(void **state)
{
    struct world *w = *state;
    struct client c;
    client_open(&c, w);
    client_starts_tls(&c, w);
    w->stage->on_encrypted = pause_when_encrypted;
    struct told *told = w->stage->first;
    told->in.size = 0;
    SSL_do_handshake(c.ssl);
    TURN_UNTIL(w->stage, SSL_has_pending(c.ssl) || recv(c.fd, &(char){ 0 }, 1, MSG_PEEK) == 1);
    BIO *gather = BIO_push(BIO_new(BIO_f_buffer()), SSL_get_wbio(c.ssl)); /* Finished and data in one send */
    BIO_up_ref(SSL_get_rbio(c.ssl));
    SSL_set0_wbio(c.ssl, gather);
    assert_int_equal(SSL_do_handshake(c.ssl), 1);
    SSL_write(c.ssl, "<stream/>", 9);
    BIO_flush(gather);
    TURN_UNTIL(w->stage, told->encrypted == 1);
    for (int i = 0; i < 20; i++)
        stage_turn(w->stage);
    assert_int_equal(told->in.size, 0);
    SSL_write(c.ssl, "<more/>", 7);
    BIO_flush(gather);
    told->connection->ops->resume(told->connection);
    assert_int_equal(told->in.size, 0); /* never from inside */
    TURN_UNTIL(w->stage, told->in.size == 16);
    assert_true(text_is(buffer_text(&told->in), "<stream/><more/>"));
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTTLS_TEST(starttls),
        STARTTLS_TEST(plain_text_behind_starttls_in_one_piece),
        STARTTLS_TEST(plain_text_behind_starttls_in_another_piece),
        STARTTLS_TEST(queued_plain_text_comes_before_tls),
        STARTTLS_TEST(pausing_holds_what_came_with_the_handshake),
    };
    return cmocka_run_group_tests_name("tcp_starttls", tests, NULL, NULL);
}

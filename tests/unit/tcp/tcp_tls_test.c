/* tcp_tls_test.c - connections with TLS on real sockets: STARTTLS and what may be smuggled around it, direct TLS,
 * names, reload, bindings, client certificates, and every way to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/tcp/stage.h"
#include "tests/unit/tls/pki.h"
#include "transports/tls/tls.h"

static const struct text domains[] = { TEXT_INIT("one.example"), TEXT_INIT("two.example") };

struct world {
    struct stage *stage; /* first: what plain helpers use */
    char *directory;
    struct pki_identity authority;
    struct tls *tls;
    struct log log;
};

static void make_domain(struct world *w, const char *name)
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

static int world_make_starttls(void **state)
{
    return world_make(state, false);
}

static int world_make_direct(void **state)
{
    return world_make(state, true);
}

static int world_unmake(void **state)
{
    struct world *w = *state;
    stage_free(&w->stage);
    tls_free(&w->tls);
    pki_forget(&w->authority);
    pki_remove_directory(&w->directory);
    free(w);
    return 0;
}

/* -- a client with TLS -- */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    struct buffer in;
};

static void client_open(struct client *c, struct world *w)
{
    int before = w->stage->accepted;
    *c = (struct client){ .fd = client_connect(w->stage->port), .context = SSL_CTX_new(TLS_client_method()) };
    assert_true(c->fd >= 0);
    c->ssl = SSL_new(c->context);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    TURN_UNTIL(w->stage, w->stage->accepted == before + 1);
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    if (c->fd >= 0)
        close(c->fd);
    buffer_fini(&c->in);
    ERR_clear_error();
}

/* Reads what there is; SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN at close_notify, or another error. */
static int client_take(struct client *c)
{
    int size;
    ERR_clear_error();
    while ((size = SSL_read(c->ssl, buffer_reserve(&c->in, 16384), 16384)) > 0)
        c->in.size += (size_t)size;
    return SSL_get_error(c->ssl, size);
}

static bool client_said(struct client *c, const char *text)
{
    client_take(c);
    return text_is(buffer_text(&c->in), text);
}

static const char *seen_name(struct client *c)
{
    static char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(c->ssl)), NID_commonName, name,
                              sizeof name);
    return name;
}

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

/* -- STARTTLS -- */

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

/* -- who is who -- */

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

#define STARTTLS_TEST(name) cmocka_unit_test_setup_teardown(name, world_make_starttls, world_unmake)
#define DIRECT_TEST(name) cmocka_unit_test_setup_teardown(name, world_make_direct, world_unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTTLS_TEST(starttls),
        STARTTLS_TEST(plain_text_behind_starttls_in_one_piece),
        STARTTLS_TEST(plain_text_behind_starttls_in_another_piece),
        STARTTLS_TEST(queued_plain_text_comes_before_tls),
        STARTTLS_TEST(pausing_holds_what_came_with_the_handshake),
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
        DIRECT_TEST(reload_while_connections_are_open),
        DIRECT_TEST(bindings),
        DIRECT_TEST(client_certificates),
        DIRECT_TEST(many_connections),
    };
    return cmocka_run_group_tests_name("tcp_tls", tests, NULL, NULL);
}

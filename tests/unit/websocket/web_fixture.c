/* web_fixture.c - a server around transports/websocket and transports/http with a tiny core that test_web.py drives:
 * it echoes messages, but for a few words that it obeys.  Prints its ports, then runs until its standard input ends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ev.h>

#include "transports/http/admin.h"
#include "transports/http/metrics_text.h"
#include "transports/http/site.h"
#include "transports/tls/tls.h"
#include "transports/websocket/web.h"

enum { QUEUE_HIGH = 1024 * 1024 };

struct fixture {
    struct ev_loop *loop;
    struct web *web;
    struct metrics metrics[2];
    unsigned accepted, closed, drained, violations, in_op;
    unsigned limit; /* connections; more are refused */
    bool is_ready;
};

/* The core's side of a connection; named as the contract has it. */
struct session {
    struct fixture *fixture;
    struct connection *connection;
    struct ev_timer resume, end;
    unsigned flood_left, flood_next, flood_size;
};

/* -- words -- */

static void reply(struct session *session, const char *text)
{
    session->fixture->in_op++;
    session->connection->ops->write(session->connection, text, strlen(text));
    session->fixture->in_op--;
}

/* As the core does: above a mark the connection is paused, and goes on when it has drained. */
static void flood(struct session *session)
{
    struct connection *connection = session->connection;
    char *message = xmalloc(session->flood_size + 32);
    memset(message, 'x', session->flood_size + 32);
    while (session->flood_left > 0 && connection->queued < QUEUE_HIGH) {
        int used = snprintf(message, 32, "%u ", session->flood_next++);
        message[used] = 'x';
        connection->ops->write(connection, message, session->flood_size);
        session->flood_left--;
    }
    if (session->flood_left > 0)
        connection->ops->pause(connection);
    else
        connection->ops->resume(connection);
    free(message);
}

static void on_resume(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct session *session = timer->data;
    (void)loop;
    (void)events;
    session->connection->ops->resume(session->connection);
}

static void on_end(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct session *session = timer->data;
    (void)loop;
    (void)events;
    session->connection->ops->close(session->connection);
}

static void close_in(struct session *session, unsigned ms)
{
    ev_timer_set(&session->end, ms / 1000.0, 0);
    ev_timer_start(session->fixture->loop, &session->end);
}

static void pause_for(struct session *session, unsigned ms)
{
    session->connection->ops->pause(session->connection);
    ev_timer_stop(session->fixture->loop, &session->resume);
    ev_timer_set(&session->resume, ms / 1000.0, 0);
    ev_timer_start(session->fixture->loop, &session->resume);
}

static void reply_binding(struct session *session, enum channel_binding kind)
{
    unsigned char bytes[64];
    char hex[sizeof bytes * 2 + 1] = "none";
    int size = session->connection->ops->channel_binding(session->connection, kind, bytes);
    for (int i = 0; i < size; i++)
        sprintf(hex + 2 * i, "%02x", bytes[i]);
    reply(session, hex);
}

static void reply_who(struct session *session)
{
    char text[256];
    const struct connection *connection = session->connection;
    snprintf(text, sizeof text, "%s encrypted=%d sni=%s", connection->peer, connection->is_encrypted,
             connection->sni ? connection->sni : "-");
    reply(session, text);
}

static void reply_counts(struct session *session)
{
    char text[256];
    const struct fixture *fixture = session->fixture;
    snprintf(text, sizeof text, "accepted=%u closed=%u drained=%u violations=%u open=%zu", fixture->accepted,
             fixture->closed, fixture->drained, fixture->violations, web_connection_count(fixture->web));
    reply(session, text);
}

/* True when the text was a word and not to be echoed. */
static bool obey(struct session *session, const char *text)
{
    unsigned ms;
    if (sscanf(text, "pause %u", &ms) == 1)
        pause_for(session, ms);
    else if (sscanf(text, "flood %u %u", &session->flood_left, &session->flood_size) == 2)
        flood(session);
    else if (sscanf(text, "close in %u", &ms) == 1)
        close_in(session, ms);
    else if (strcmp(text, "close") == 0)
        session->connection->ops->close(session->connection);
    else if (strcmp(text, "last words") == 0) {
        reply(session, "farewell");
        session->connection->ops->close(session->connection);
    } else if (strcmp(text, "exporter") == 0)
        reply_binding(session, BINDING_TLS_EXPORTER);
    else if (strcmp(text, "end-point") == 0)
        reply_binding(session, BINDING_TLS_SERVER_END_POINT);
    else if (strcmp(text, "who") == 0)
        reply_who(session);
    else if (strcmp(text, "counts") == 0)
        reply_counts(session);
    else
        return false;
    return true;
}

/* -- what the transport tells -- */

static void assert_not_inside(const struct fixture *fixture)
{
    if (fixture->in_op)
        abort(); /* a callback from inside a call breaks transport.h */
}

static bool on_accept(void *ctx, struct connection *connection)
{
    struct fixture *fixture = ctx;
    if (web_connection_count(fixture->web) >= fixture->limit)
        return false;
    struct session *session = xcalloc(1, sizeof *session);
    session->fixture = fixture;
    session->connection = connection;
    ev_timer_init(&session->resume, on_resume, 0, 0);
    ev_timer_init(&session->end, on_end, 0, 0);
    session->resume.data = session->end.data = session;
    connection->session = session;
    fixture->accepted++;
    return true;
}

static void on_bytes(void *ctx, struct connection *connection, const char *data, size_t size)
{
    struct text text = { data, size };
    char *word = size < 64 ? text_dup(text) : NULL;
    (void)ctx;
    if (!word || !obey(connection->session, word))
        connection->ops->write(connection, data, size);
    free(word);
}

static void on_violation(void *ctx, struct connection *connection, enum stream_condition condition, const char *text)
{
    struct fixture *fixture = ctx;
    char line[256];
    fixture->violations++;
    snprintf(line, sizeof line, "violation %d: %s", (int)condition, text);
    reply(connection->session, line);
    connection->ops->close(connection);
}

static void on_drained(void *ctx, struct connection *connection)
{
    struct fixture *fixture = ctx;
    assert_not_inside(fixture);
    fixture->drained++;
    flood(connection->session);
}

static void on_closed(void *ctx, struct connection *connection, const char *reason)
{
    struct fixture *fixture = ctx;
    assert_not_inside(fixture);
    fixture->closed++;
    ev_timer_stop(fixture->loop, &connection->session->resume);
    ev_timer_stop(fixture->loop, &connection->session->end);
    free(connection->session);
    connection->session = NULL;
    fprintf(stderr, "closed %s: %s\n", connection->peer, reason);
}

static const struct connection_callbacks callbacks = {
    .on_accept = on_accept,
    .on_bytes = on_bytes,
    .on_violation = on_violation,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* -- the operator's side -- */

static bool is_ready(void *ctx, struct buffer *reasons)
{
    const struct fixture *fixture = ctx;
    if (!fixture->is_ready)
        BUFFER_LITERAL(reasons, "Redis is away\nworker 1 is starting\n");
    return fixture->is_ready;
}

static void write_metrics(void *ctx, struct buffer *out)
{
    const struct fixture *fixture = ctx;
    metrics_write(out, fixture->metrics, 2);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    struct fixture *fixture = watcher->data;
    (void)loop;
    (void)events;
    fixture->is_ready = false;
}

static void on_input(struct ev_loop *loop, struct ev_io *io, int events)
{
    char nothing[16];
    (void)events;
    if (read(io->fd, nothing, sizeof nothing) <= 0)
        ev_break(loop, EVBREAK_ALL);
}

/* -- the program -- */

static const char *option(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

/* Up to eight words, separated by spaces. */
static struct text_list words(struct text *place, const char *value)
{
    struct text_list list = { place, 0 };
    while (*value && list.count < 8) {
        size_t size = strcspn(value, " ");
        place[list.count++] = (struct text){ value, size };
        value += size + strspn(value + size, " ");
    }
    return list;
}

static void fail(const char *error)
{
    fprintf(stderr, "%s\n", error);
    exit(1);
}

static struct tls *make_tls(const struct log *log)
{
    static const struct text domains[] = { TEXT_INIT("localhost"), TEXT_INIT("other.test") };
    char error[256];
    const struct tls_settings settings = { .certificate = text_of(option("CERTIFICATE")),
                                           .key = text_of(option("KEY")),
                                           .domains = domains,
                                           .domain_count = 2,
                                           .alpn = "http/1.1",
                                           .log = log };
    if (settings.certificate.size == 0)
        return NULL;
    struct tls *tls = tls_new(&settings, error, sizeof error);
    if (!tls)
        fail(error);
    return tls;
}

int main(void)
{
    struct log log = { .level = option("DEBUG")[0] ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, .out = stderr };
    struct fixture fixture = { .loop = ev_default_loop(0), .limit = 100000, .is_ready = true };
    struct text origins[8], trusted[8], services[] = { TEXT_INIT("echo.localhost"), TEXT_INIT("a\"b\\c") };
    struct site site = { .has_page = !option("NO_PAGE")[0],
                         .domain = TEXT("localhost"),
                         .guest_domain = TEXT("guest.localhost"),
                         .services = { services, 2 } };
    const struct web_settings settings = { .callbacks = &callbacks,
                                           .ctx = &fixture,
                                           .tls = make_tls(&log),
                                           .respond = site_respond,
                                           .respond_ctx = &site,
                                           .origins = words(origins, option("ORIGINS")),
                                           .trusted_proxies = words(trusted, option("TRUSTED")),
                                           .message_bytes = 100000,
                                           .log = &log,
                                           .metrics = &fixture.metrics[0] };
    const struct admin_source source = { is_ready, write_metrics, &fixture };
    const struct listen_address any = { .is_on = true, .host = "127.0.0.1", .port = 0 };
    char error[256];

    fixture.metrics[0].started_ms = fixture.metrics[1].started_ms = 1;
    fixture.metrics[0].ready = 1;
    fixture.metrics[0].value[METRIC_LOGINS] = 2;
    fixture.metrics[1].value[METRIC_LOGINS] = 40;
    if (option("LIMIT")[0])
        fixture.limit = (unsigned)atoi(option("LIMIT"));
    fixture.web = web_new(fixture.loop, &settings, error, sizeof error);
    if (!fixture.web)
        fail(error);
    if (option("HURRY")[0])
        web_set_deadlines(fixture.web, &(struct web_deadlines){ .request_ms = 600, .close_ms = 600 });
    int http = web_listen(fixture.web, &any, false, true, error, sizeof error);
    int https = settings.tls ? web_listen(fixture.web, &any, true, true, error, sizeof error) : 0;
    int admin = admin_listen(fixture.web, &any, &source, error, sizeof error);
    if (http < 0 || https < 0 || admin < 0)
        fail(error);
    printf("%d %d %d\n", http, https, admin);
    fflush(stdout);

    struct ev_io input;
    ev_io_init(&input, on_input, STDIN_FILENO, EV_READ);
    ev_io_start(fixture.loop, &input);
    struct ev_signal unready;
    ev_signal_init(&unready, on_signal, SIGUSR1);
    unready.data = &fixture;
    ev_signal_start(fixture.loop, &unready);
    ev_run(fixture.loop, 0);

    web_stop_listening(fixture.web);
    web_free(&fixture.web);
    fprintf(stderr, "accepted=%u closed=%u\n", fixture.accepted, fixture.closed);
    struct tls *tls = settings.tls;
    tls_free(&tls);
    ev_loop_destroy(fixture.loop);
    return fixture.accepted == fixture.closed ? 0 : 1;
}

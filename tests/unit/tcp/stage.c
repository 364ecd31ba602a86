/* stage.c - the loop, the core that takes notes, and clients. */
#undef NDEBUG /* a test that does not check is none */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/tcp/stage.h"

static bool on_accept(void *ctx, struct connection *connection)
{
    struct stage *stage = ctx;
    if (stage->refuses) {
        if (stage->says_at_refusal)
            connection->ops->write(connection, stage->says_at_refusal, strlen(stage->says_at_refusal));
        return false;
    }
    struct told *told = xcalloc(1, sizeof *told);
    told->connection = connection;
    told->next = stage->first;
    stage->first = told;
    stage->accepted++;
    connection->session = (struct session *)(void *)told;
    return true;
}

static struct told *told_of(const struct connection *connection)
{
    return (struct told *)(void *)connection->session;
}

static void on_bytes(void *ctx, struct connection *connection, const char *data, size_t size)
{
    struct stage *stage = ctx;
    struct told *told = told_of(connection);
    assert(size > 0 && !told->closed);
    told->reads++;
    buffer_append(&told->in, data, size);
    if (stage->on_bytes)
        stage->on_bytes(told, data, size);
}

static void on_encrypted(void *ctx, struct connection *connection)
{
    struct stage *stage = ctx;
    assert(connection->is_encrypted);
    told_of(connection)->encrypted++;
    if (stage->on_encrypted)
        stage->on_encrypted(told_of(connection));
}

static void on_drained(void *ctx, struct connection *connection)
{
    struct stage *stage = ctx;
    told_of(connection)->drained++;
    if (stage->on_drained)
        stage->on_drained(told_of(connection));
}

static void on_closed(void *ctx, struct connection *connection, const char *reason)
{
    struct stage *stage = ctx;
    struct told *told = told_of(connection);
    told->closed++;
    stage->closed++;
    told->connection = NULL;
    snprintf(told->reason, sizeof told->reason, "%s", reason);
    /* whatever a core still asks for must do nothing */
    connection->ops->write(connection, "late", 4);
    connection->ops->pause(connection);
    connection->ops->resume(connection);
    connection->ops->close(connection);
}

const struct connection_callbacks stage_callbacks = {
    .on_accept = on_accept,
    .on_bytes = on_bytes,
    .on_encrypted = on_encrypted,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

struct stage *stage_new(struct tls *tls, bool is_direct)
{
    static const struct listen_address loopback = { .is_on = true, .host = "127.0.0.1", .port = 0 };
    struct stage *stage = xcalloc(1, sizeof *stage);
    char error[256] = "";

    stage->loop = ev_loop_new(EVBACKEND_EPOLL);
    stage->log = (struct log){ .level = LOG_LEVEL_DEBUG, .out = open_memstream(&stage->log_text, &stage->log_size) };
    stage->tcp = tcp_new(stage->loop, &stage_callbacks, stage, tls, &stage->log, &stage->metrics);
    stage->port = tcp_listen(stage->tcp, &loopback, is_direct, false, error, sizeof error);
    if (stage->port <= 0)
        fprintf(stderr, "%s\n", error);
    return stage;
}

void stage_free(struct stage **owned)
{
    struct stage *stage = *owned;
    tcp_free(&stage->tcp);
    ev_loop_destroy(stage->loop);
    while (stage->first) {
        struct told *told = stage->first;
        stage->first = told->next;
        assert(told->closed == 1);
        buffer_fini(&told->in);
        free(told);
    }
    fclose(stage->log.out);
    free(stage->log_text);
    free(stage);
    *owned = NULL;
}

static void on_nudge(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

void stage_turn(struct stage *stage)
{
    struct ev_timer nudge;
    ev_timer_init(&nudge, on_nudge, 0.001, 0);
    ev_now_update(stage->loop);
    ev_timer_start(stage->loop, &nudge);
    ev_run(stage->loop, EVRUN_ONCE);
    ev_timer_stop(stage->loop, &nudge);
}

void told_write(struct told *told, const char *text)
{
    told->connection->ops->write(told->connection, text, strlen(text));
}

void echo(struct told *told, const char *data, size_t size)
{
    told->connection->ops->write(told->connection, data, size);
}

static int connect_with(int port, int receive_buffer)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* what is sent is there at the next turn */
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int client_connect(int port)
{
    return connect_with(port, 0);
}

int client_connect_slow(int port)
{
    return connect_with(port, 4096);
}

int client_read(int fd, struct buffer *in)
{
    for (;;) {
        ssize_t size = recv(fd, buffer_reserve(in, 65536), 65536, 0);
        if (size == 0)
            return 0;
        if (size < 0)
            return errno == EAGAIN ? -1 : -2;
        in->size += (size_t)size;
    }
}

void client_write(int fd, const char *text)
{
    ssize_t size = send(fd, text, strlen(text), MSG_NOSIGNAL);
    assert(size == (ssize_t)strlen(text));
    (void)size;
}

void client_reset(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* tcp_connect.c - one attempt: sockets begun 250 ms apart, or at once after a failure; the first that is up wins, the
 * others are closed (RFC 8305 5). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transports/tcp/tcp_connect.h"
#include "transports/tcp/tcp_inside.h"

static const double next_seconds = 0.25;

struct tcp_try {
    struct tcp_attempt *attempt;
    struct ev_io io; /* fd -1: not begun, or over */
};

struct tcp_attempt {
    struct tcp *tcp;
    struct tcp_connect request;
    struct tcp_outgoing *outgoing; /* goes over to the connection */
    struct tcp_try tries[TCP_CONNECT_ADDRESSES_MAX];
    size_t begun, open;
    int last_error;
    struct ev_timer next, timeout;
    tcp_connected_fn *fn;
    void *ctx;
};

/* -- what the connection keeps -- */

static struct tcp_outgoing *outgoing_new(const struct tcp *tcp, const struct tcp_connect *request)
{
    struct tcp_outgoing *outgoing = xcalloc(1, sizeof *outgoing);
    outgoing->name = xstrdup(request->name);
    outgoing->host = request->host ? xstrdup(request->host) : NULL;
    outgoing->own = text_dup(request->own);
    for (size_t i = 0; i < request->pin_count && i < TCP_CONNECT_PINS_MAX; i++) {
        if (!tls_pin_is_usable(tcp->tls, &request->pins[i]))
            continue;
        struct tls_pin *pin = &outgoing->pins[outgoing->pin_count++];
        *pin = request->pins[i];
        unsigned char *data = xmalloc(pin->size);
        memcpy(data, request->pins[i].data, pin->size);
        pin->data = data;
    }
    return outgoing;
}

void tcp_outgoing_free(struct tcp_outgoing **owned)
{
    struct tcp_outgoing *outgoing = *owned;
    if (!outgoing)
        return;
    *owned = NULL;
    for (size_t i = 0; i < outgoing->pin_count; i++)
        free((void *)outgoing->pins[i].data);
    free(outgoing->name);
    free(outgoing->host);
    free(outgoing->own);
    free(outgoing);
}

/* -- the end -- */

static void close_try(struct tcp_try *try)
{
    if (try->io.fd < 0)
        return;
    ev_io_stop(try->attempt->tcp->loop, &try->io);
    close(try->io.fd);
    try->io.fd = -1;
    try->attempt->open--;
}

static void attempt_free(struct tcp_attempt *attempt)
{
    for (size_t i = 0; i < attempt->request.count; i++)
        close_try(&attempt->tries[i]);
    ev_timer_stop(attempt->tcp->loop, &attempt->next);
    ev_timer_stop(attempt->tcp->loop, &attempt->timeout);
    tcp_outgoing_free(&attempt->outgoing);
    free(attempt);
}

void tcp_attempt_cancel(struct tcp_attempt **owned)
{
    if (*owned)
        attempt_free(*owned);
    *owned = NULL;
}

static void fail(struct tcp_attempt *attempt, const char *reason)
{
    attempt->fn(attempt->ctx, NULL, reason);
    attempt_free(attempt);
}

static void succeed(struct tcp_attempt *attempt, struct tcp_try *try)
{
    struct tcp *tcp = attempt->tcp;
    struct sockaddr_storage *peer = &attempt->request.addresses[try - attempt->tries].address;
    int fd = try->io.fd;

    ev_io_stop(tcp->loop, &try->io);
    try->io.fd = -1;
    attempt->open--;
    struct connection *connection = tcp_connection_connected(tcp, fd, peer, attempt->request.is_direct, attempt->outgoing);
    attempt->outgoing = NULL;
    attempt->fn(attempt->ctx, connection, NULL);
    attempt_free(attempt);
}

/* -- the tries -- */

static void begin_next(struct tcp_attempt *attempt);

static void try_failed(struct tcp_attempt *attempt, int error)
{
    attempt->last_error = error;
    if (attempt->begun < attempt->request.count)
        begin_next(attempt);
    else if (attempt->open == 0)
        fail(attempt, strerrordesc_np(error));
}

static void on_writable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct tcp_try *try = io->data;
    int error = 0;
    socklen_t size = sizeof error;
    (void)loop;
    (void)events;
    if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &size))
        error = errno;
    if (error == 0) {
        succeed(try->attempt, try);
        return;
    }
    close_try(try);
    try_failed(try->attempt, error);
}

static int open_socket(const struct sockaddr *address, socklen_t size)
{
    int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (connect(fd, address, size) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The next try stands by even when this one could not begin: a machine without IPv6 says so at once. */
static void begin_next(struct tcp_attempt *attempt)
{
    struct tcp_try *try = &attempt->tries[attempt->begun];
    const struct sockaddr *address = (const void *)&attempt->request.addresses[attempt->begun].address;
    int fd = open_socket(address, attempt->request.addresses[attempt->begun].size);

    attempt->begun++;
    ev_timer_stop(attempt->tcp->loop, &attempt->next);
    ev_timer_set(&attempt->next, fd < 0 ? 0 : next_seconds, 0);
    ev_timer_start(attempt->tcp->loop, &attempt->next);
    if (fd < 0) {
        attempt->last_error = errno;
        return;
    }
    attempt->open++;
    ev_io_init(&try->io, on_writable, fd, EV_WRITE);
    try->io.data = try;
    ev_io_start(attempt->tcp->loop, &try->io);
}

static void on_next(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct tcp_attempt *attempt = timer->data;
    (void)loop;
    (void)events;
    if (attempt->begun < attempt->request.count)
        begin_next(attempt);
    else if (attempt->open == 0)
        fail(attempt, attempt->last_error ? strerrordesc_np(attempt->last_error) : "no address");
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    fail(timer->data, "no answer in time");
}

struct tcp_attempt *tcp_connect(struct tcp *tcp, const struct tcp_connect *request, tcp_connected_fn *fn, void *ctx)
{
    struct tcp_attempt *attempt = xcalloc(1, sizeof *attempt);
    attempt->tcp = tcp;
    attempt->request = *request;
    attempt->outgoing = outgoing_new(tcp, request);
    attempt->fn = fn;
    attempt->ctx = ctx;
    for (size_t i = 0; i < TCP_CONNECT_ADDRESSES_MAX; i++) {
        attempt->tries[i].attempt = attempt;
        attempt->tries[i].io.fd = -1;
    }
    ev_timer_init(&attempt->timeout, on_timeout, (double)request->timeout_ms / 1000, 0);
    attempt->timeout.data = attempt;
    ev_timer_start(tcp->loop, &attempt->timeout);
    ev_timer_init(&attempt->next, on_next, 0, 0); /* the first try begins outside of this call */
    attempt->next.data = attempt;
    ev_timer_start(tcp->loop, &attempt->next);
    return attempt;
}

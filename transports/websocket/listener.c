/* listener.c - own listening sockets: lws cannot share a port between processes (its setting for that fails here), and
 * an accept of our own can be bounded and counted. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transports/websocket/web_inside.h"

enum { BACKLOG = 1024, ACCEPTS_A_TURN = 64 };
static const double reopen_seconds = 0.5;

static void set_flag(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value);
}

/* Linux hands these on to every accepted socket, which saves the calls there. */
static void set_inherited(int fd)
{
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_flag(fd, IPPROTO_TCP, TCP_KEEPIDLE, 300);
    set_flag(fd, IPPROTO_TCP, TCP_KEEPINTVL, 30);
    set_flag(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

/* [::] takes IPv4 too; any other IPv6 address only itself. */
static bool is_any_ipv6(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static int try_listen(const struct addrinfo *info, bool shares_port)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (shares_port)
        set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (info->ai_family == AF_INET6)
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_any_ipv6(info->ai_addr));
    set_inherited(fd);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void explain(const struct listen_address *address, const char *setting, const char *what, char *error,
                    size_t error_size)
{
    bool is_ipv6 = strchr(address->host, ':') != NULL;
    snprintf(error, error_size, "cannot listen on %s%s%s:%d: %s: set %s", is_ipv6 ? "[" : "", address->host,
             is_ipv6 ? "]" : "", address->port, what, setting);
}

/* The address's first usable form ("localhost" may have two), or -1. */
static int open_socket(const struct listen_address *address, bool shares_port, const char *setting, char *error,
                       size_t error_size)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;
    char port[16];
    int fd = -1, first_error = 0;

    snprintf(port, sizeof port, "%d", address->port);
    int result = getaddrinfo(address->host[0] ? address->host : NULL, port, &hints, &all);
    if (result) {
        explain(address, setting, gai_strerror(result), error, error_size);
        return -1;
    }
    for (const struct addrinfo *info = all; info && fd < 0 && first_error != EADDRINUSE; info = info->ai_next) {
        fd = try_listen(info, shares_port);
        if (fd < 0 && !first_error)
            first_error = errno;
    }
    freeaddrinfo(all);
    if (fd < 0)
        explain(address, setting, strerrordesc_np(first_error), error, error_size);
    return fd;
}

static int bound_port(int fd)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &size))
        return -1;
    return ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&bound)->sin_port :
                                              ((struct sockaddr_in6 *)(void *)&bound)->sin6_port);
}

/* -- accepting -- */

/* The sockets stay readable, and the loop would spin: accepting stops for a moment. */
static void take_a_break(struct web *web)
{
    struct web_listener *listener;
    if (!web->is_out_of_files)
        log_error(web->settings.log, NULL, "out_of_open_files",
                  "connections=%zu advice=\"raise ulimit -n or lower limits.connections\"", web->connection_count);
    web->is_out_of_files = true;
    metric_add(web->settings.metrics, METRIC_CONNECTIONS_REFUSED, 1);
    SLIST_FOREACH(listener, &web->listeners, entry)
        ev_io_stop(web->loop, &listener->io);
    ev_timer_set(&web->reopen, reopen_seconds, 0);
    ev_timer_start(web->loop, &web->reopen);
}

static void on_reopen(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct web *web = timer->data;
    struct web_listener *listener;
    (void)events;
    SLIST_FOREACH(listener, &web->listeners, entry)
        ev_io_start(loop, &listener->io);
}

static bool is_out_of_room(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct web_listener *listener = io->data;
    (void)loop;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t size = sizeof peer;
        int fd = accept4(io->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->web->is_out_of_files = false;
            web_adopt(listener, fd, &peer);
        } else if (is_out_of_room(errno)) {
            take_a_break(listener->web);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else the client's own trouble (accept(2)): it is gone, others are not */
    }
}

static int listen_on(struct web *web, const struct listen_address *address, const struct web_listener *kind,
                     bool shares_port, const char *setting, char *error, size_t error_size)
{
    int fd = open_socket(address, shares_port, setting, error, error_size);
    if (fd < 0)
        return -1;
    struct web_listener *listener = xmalloc(sizeof *listener);
    *listener = *kind;
    listener->web = web;
    ev_io_init(&listener->io, on_acceptable, fd, EV_READ);
    listener->io.data = listener;
    ev_io_start(web->loop, &listener->io);
    SLIST_INSERT_HEAD(&web->listeners, listener, entry);
    return bound_port(fd);
}

int web_listen(struct web *web, const struct listen_address *address, bool is_tls, bool shares_port, char *error,
               size_t error_size)
{
    const struct web_listener kind = { .is_tls = is_tls };
    if (is_tls && !web->tls) {
        snprintf(error, error_size, "listen.https needs a certificate: set tls.certificate and tls.key");
        return -1;
    }
    return listen_on(web, address, &kind, shares_port, is_tls ? "listen.https" : "listen.http", error, error_size);
}

int web_listen_pages(struct web *web, const struct listen_address *address, http_respond_fn *respond, void *ctx,
                     char *error, size_t error_size)
{
    const struct web_listener kind = { .respond = respond, .respond_ctx = ctx };
    return listen_on(web, address, &kind, false, "listen.admin", error, error_size);
}

static void stop_listener(struct web_listener *listener)
{
    struct web *web = listener->web;
    SLIST_REMOVE(&web->listeners, listener, web_listener, entry);
    ev_io_stop(web->loop, &listener->io);
    close(listener->io.fd);
    free(listener);
}

void web_stop_listening(struct web *web)
{
    struct web_listener *listener, *next;
    for (listener = SLIST_FIRST(&web->listeners); listener; listener = next) {
        next = SLIST_NEXT(listener, entry);
        if (!listener->respond)
            stop_listener(listener);
    }
}

void web_listeners_init(struct web *web)
{
    SLIST_INIT(&web->listeners);
    ev_timer_init(&web->reopen, on_reopen, reopen_seconds, 0);
    web->reopen.data = web;
}

void web_listeners_fini(struct web *web)
{
    ev_timer_stop(web->loop, &web->reopen);
    while (!SLIST_EMPTY(&web->listeners))
        stop_listener(SLIST_FIRST(&web->listeners));
}

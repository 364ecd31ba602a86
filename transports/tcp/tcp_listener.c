/* tcp_listener.c - where clients come in: listening sockets, accepting, and what is done when open files run out. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transports/tcp/tcp_inside.h"

enum { BACKLOG = 1024, ACCEPTS_A_TURN = 64, FORMS_MAX = 8 };
static const double reopen_seconds = 0.5, warn_seconds = 60;

/* -- sockets -- */

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

static int bind_socket(const struct addrinfo *info, bool shares_port)
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
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static struct addrinfo *resolve(const struct listen_address *address, const char **fault)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *info = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", address->port);
    int result = getaddrinfo(address->host[0] ? address->host : NULL, port, &hints, &info);
    *fault = result ? gai_strerror(result) : NULL;
    return result ? NULL : info;
}

static void explain(const struct listen_address *address, const char *setting, int error_number, const char *fault,
                    char *error, size_t error_size)
{
    bool is_ipv6 = strchr(address->host, ':') != NULL;
    const char *what = fault ? fault : strerrordesc_np(error_number);
    const char *advice = error_number == EADDRINUSE ? "stop the other program or " :
                         error_number == EACCES     ? "ports below 1024 need CAP_NET_BIND_SERVICE; else " :
                                                      "";
    snprintf(error, error_size, "cannot listen on %s%s%s:%d: %s: %sset %s", is_ipv6 ? "[" : "", address->host,
             is_ipv6 ? "]" : "", address->port, what, advice, setting);
}

static in_port_t *port_of(struct sockaddr *address)
{
    return address->sa_family == AF_INET ? &((struct sockaddr_in *)(void *)address)->sin_port :
                                           &((struct sockaddr_in6 *)(void *)address)->sin6_port;
}

static void set_port(struct sockaddr *address, int port)
{
    *port_of(address) = htons((uint16_t)port);
}

static int bound_port(int fd)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &size))
        return -1;
    return ntohs(*port_of((struct sockaddr *)&bound));
}

/* Gives every form of the address ("localhost" has two) its bound socket; with port 0 all get the first one's.  A form
 * that this machine does not have is passed over when another works.  How many, or -1 with nothing open. */
static int open_sockets(const struct listen_address *address, bool shares_port, const char *setting, int fds[FORMS_MAX],
                        char *error, size_t error_size)
{
    const char *fault;
    struct addrinfo *all = resolve(address, &fault);
    int count = 0, failed = 0;
    for (struct addrinfo *info = all; info && count < FORMS_MAX && failed != EADDRINUSE; info = info->ai_next) {
        if (count > 0)
            set_port(info->ai_addr, bound_port(fds[0]));
        fds[count] = bind_socket(info, shares_port);
        failed = fds[count] < 0 ? errno : failed;
        count += fds[count] >= 0;
    }
    if (all)
        freeaddrinfo(all);
    if (count > 0 && failed != EADDRINUSE)
        return count;
    while (count > 0)
        close(fds[--count]);
    explain(address, setting, failed, fault, error, error_size);
    return -1;
}

int tcp_probe(const struct listen_address *address, const char *setting, char *error, size_t error_size)
{
    int fds[FORMS_MAX];
    int count = open_sockets(address, false, setting, fds, error, error_size);
    if (count < 0)
        return -1;
    while (count > 0)
        close(fds[--count]);
    return 0;
}

/* -- accepting -- */

static void open_reserve(struct tcp *tcp)
{
    if (tcp->reserve_fd < 0)
        tcp->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Stops accepting for a moment: the sockets stay readable, and the loop would spin. */
static void take_a_break(struct tcp *tcp)
{
    struct tcp_listener *listener;
    SLIST_FOREACH(listener, &tcp->listeners, entry)
        ev_io_stop(tcp->loop, &listener->io);
    ev_timer_set(&tcp->reopen, reopen_seconds, 0);
    ev_timer_start(tcp->loop, &tcp->reopen);
}

static void on_reopen(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct tcp *tcp = timer->data;
    struct tcp_listener *listener;
    (void)events;
    open_reserve(tcp);
    SLIST_FOREACH(listener, &tcp->listeners, entry)
        ev_io_start(loop, &listener->io);
}

static void warn_of_files(struct tcp *tcp)
{
    if (tcp->files_warned > 0 && ev_now(tcp->loop) - tcp->files_warned < warn_seconds)
        return;
    tcp->files_warned = ev_now(tcp->loop);
    log_error(tcp->log, NULL, "out_of_open_files", "connections=%zu advice=%s", tcp->connection_count,
              "\"raise ulimit -n or lower limits.connections\"");
}

/* No file is left for a client: the reserve is given up for a moment, so that the client sees a close and not silence.
 * Linux takes a file before it looks whether anybody is there, so that there may be nobody.  False when the next one
 * cannot be turned away. */
static bool turn_away(struct tcp *tcp, int listening_fd)
{
    if (tcp->reserve_fd >= 0)
        close(tcp->reserve_fd);
    tcp->reserve_fd = -1;
    int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int error = errno;
    if (fd >= 0) {
        close(fd);
        metric_add(tcp->metrics, METRIC_CONNECTIONS_REFUSED, 1);
        warn_of_files(tcp);
    }
    open_reserve(tcp);
    if (fd < 0 && error != EAGAIN)
        take_a_break(tcp);
    return fd >= 0;
}

/* True when it is worth to try the next one. */
static bool accept_failed(struct tcp_listener *listener, int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
        return turn_away(listener->tcp, listener->io.fd);
    case ENOBUFS:
    case ENOMEM:
        take_a_break(listener->tcp);
        return false;
    case EAGAIN:
        return false;
    default:
        return true; /* the client's own trouble (accept(2)): it is gone, others are not */
    }
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct tcp_listener *listener = io->data;
    (void)loop;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t size = sizeof peer;
        int fd = accept4(io->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && !accept_failed(listener, errno))
            return;
        if (fd < 0)
            continue;
        tcp_connection_accept(listener->tcp, fd, &peer, listener->is_direct);
    }
}

static void listener_new(struct tcp *tcp, int fd, bool is_direct)
{
    struct tcp_listener *listener = xcalloc(1, sizeof *listener);
    listener->tcp = tcp;
    listener->is_direct = is_direct;
    ev_io_init(&listener->io, on_acceptable, fd, EV_READ);
    listener->io.data = listener;
    ev_io_start(tcp->loop, &listener->io);
    SLIST_INSERT_HEAD(&tcp->listeners, listener, entry);
}

int tcp_listen(struct tcp *tcp, const struct listen_address *address, bool is_direct, bool shares_port, char *error,
               size_t error_size)
{
    const char *setting = is_direct ? "listen.tls" : "listen.tcp";
    int fds[FORMS_MAX], failed = 0;
    if (is_direct && !tcp->tls) {
        snprintf(error, error_size, "listen.tls needs a certificate: set tls.certificate and tls.key");
        return -1;
    }
    int count = open_sockets(address, shares_port, setting, fds, error, error_size);
    for (int i = 0; i < count; i++)
        failed = listen(fds[i], BACKLOG) ? errno : failed;
    if (failed)
        explain(address, setting, failed, NULL, error, error_size);
    for (int i = 0; i < count; i++) {
        if (failed)
            close(fds[i]);
        else
            listener_new(tcp, fds[i], is_direct);
    }
    return count < 0 || failed ? -1 : bound_port(fds[0]);
}

void tcp_stop_listening(struct tcp *tcp)
{
    struct tcp_listener *listener;
    ev_timer_stop(tcp->loop, &tcp->reopen);
    while ((listener = SLIST_FIRST(&tcp->listeners))) {
        SLIST_REMOVE_HEAD(&tcp->listeners, entry);
        ev_io_stop(tcp->loop, &listener->io);
        close(listener->io.fd);
        free(listener);
    }
}

void tcp_listeners_init(struct tcp *tcp)
{
    SLIST_INIT(&tcp->listeners);
    tcp->reserve_fd = -1;
    open_reserve(tcp);
    ev_timer_init(&tcp->reopen, on_reopen, reopen_seconds, 0);
    tcp->reopen.data = tcp;
}

void tcp_listeners_fini(struct tcp *tcp)
{
    tcp_stop_listening(tcp);
    if (tcp->reserve_fd >= 0)
        close(tcp->reserve_fd);
}

/* link.c - sockets, TLS and frames of one connection. */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

enum { READ_BYTES = 64 * 1024, SOURCES = 200 };

static void finish(struct link *link)
{
    const char *reason = link->reason;
    loop_watch(link->loop, &link->watch, 0);
    if (link->ssl)
        SSL_free(link->ssl);
    link->ssl = NULL;
    if (link->watch.fd >= 0)
        close(link->watch.fd);
    link->watch.fd = -1;
    buffer_fini(&link->in);
    buffer_fini(&link->out);
    buffer_fini(&link->fragments);
    link->state = LINK_CLOSED;
    link->events->on_closed(link, reason);
}

void link_end(struct link *link, const char *reason)
{
    if (link->is_ending || link->state == LINK_CLOSED)
        return;
    link->is_ending = true;
    link->reason = reason;
    loop_late(link->loop, &link->flush);
}

static void want(struct link *link, bool writing)
{
    loop_watch(link->loop, &link->watch, EPOLLIN | (writing ? EPOLLOUT : 0));
}

/* -- writing -- */
static ssize_t send_some(struct link *link)
{
    ssize_t sent;
    if (link->ssl) {
        sent = SSL_write(link->ssl, link->out.data, (int)link->out.size);
        if (sent <= 0 && SSL_get_error(link->ssl, (int)sent) == SSL_ERROR_WANT_WRITE)
            errno = EAGAIN;
        else if (sent <= 0)
            errno = EPIPE;
    } else {
        sent = send(link->watch.fd, link->out.data, link->out.size, MSG_NOSIGNAL);
    }
    return sent;
}

static void send_out(struct link *link)
{
    while (link->out.size) {
        ssize_t sent = send_some(link);
        if (sent <= 0 && errno != EAGAIN)
            link_end(link, "cannot write");
        if (sent <= 0)
            break;
        buffer_consume(&link->out, (size_t)sent);
    }
    want(link, link->out.size > 0);
    if (link->loop->release_buffers && !link->out.size)
        buffer_fini(&link->out);
}

static void run_flush(struct late *late)
{
    struct link *link = (struct link *)((char *)late - offsetof(struct link, flush));
    if (link->state >= LINK_UPGRADING)
        send_out(link);
    if (link->is_ending)
        finish(link);
}

void link_write(struct link *link, const char *data, size_t size)
{
    if (link->is_ending || link->state == LINK_CLOSED)
        return;
    if (link->target->websocket && link->state == LINK_OPEN)
        websocket_write_frame(&link->out, FRAME_TEXT, (struct text){ data, size });
    else
        buffer_append(&link->out, data, size);
    loop_late(link->loop, &link->flush);
}

/* -- reading -- */
static void take_frame(struct link *link, const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_TEXT:
    case FRAME_CONTINUATION:
        if (frame->is_final && !link->fragments.size) {
            link->events->on_data(link, frame->payload);
            return;
        }
        buffer_append_text(&link->fragments, frame->payload);
        if (frame->is_final) {
            link->events->on_data(link, buffer_text(&link->fragments));
            buffer_fini(&link->fragments);
        }
        return;
    case FRAME_PING:
        websocket_write_frame(&link->out, FRAME_PONG, frame->payload);
        loop_late(link->loop, &link->flush);
        return;
    case FRAME_CLOSE:
        link_end(link, "closed by the server (WebSocket)");
        return;
    }
}

static size_t take_frames(struct link *link, struct text data)
{
    size_t used = 0, size;
    struct frame frame;
    while (!link->is_ending &&
           (size = websocket_read_frame((struct text){ data.data + used, data.size - used }, &frame)) > 0) {
        take_frame(link, &frame);
        used += size;
    }
    return used;
}

static void take_input(struct link *link)
{
    if (link->state == LINK_UPGRADING) {
        int head = websocket_read_response(buffer_text(&link->in));
        if (head < 0)
            link_end(link, "the server refused the WebSocket");
        if (head <= 0)
            return;
        buffer_consume(&link->in, (size_t)head);
        link->state = LINK_OPEN;
        link->events->on_open(link);
    }
    struct text data = buffer_text(&link->in);
    size_t used = link->target->websocket ? take_frames(link, data) : link->events->on_data(link, data);
    buffer_consume(&link->in, used);
    if (link->loop->release_buffers && !link->in.size)
        buffer_fini(&link->in);
}

static ssize_t receive(struct link *link, char *place, size_t size)
{
    if (!link->ssl)
        return recv(link->watch.fd, place, size, 0);
    int got = SSL_read(link->ssl, place, (int)size);
    if (got > 0)
        return got;
    int why = SSL_get_error(link->ssl, got);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    return 0;
}

static void read_in(struct link *link)
{
    for (;;) {
        char *place = buffer_reserve(&link->in, link->loop->release_buffers ? 4096 : READ_BYTES);
        size_t room = link->in.capacity - link->in.size;
        ssize_t got = receive(link, place, room);
        if (got < 0 && errno == EAGAIN)
            break;
        if (got <= 0) {
            link_end(link, got == 0 ? "closed by the server" : strerror(errno));
            break;
        }
        link->in.size += (size_t)got;
        /* A short read emptied the socket; TLS may hold more records. */
        if (!link->ssl && (size_t)got < room)
            break;
    }
    if (link->in.size && !link->is_ending)
        take_input(link);
    else if (link->loop->release_buffers && !link->in.size)
        buffer_fini(&link->in);
}

/* -- opening -- */
static void upgrade(struct link *link)
{
    if (!link->target->websocket) {
        link->state = LINK_OPEN;
        link->events->on_open(link);
        return;
    }
    link->state = LINK_UPGRADING;
    websocket_write_request(&link->out, link->target->host, link->target->path);
    loop_late(link->loop, &link->flush);
}

static void handshake(struct link *link)
{
    int done = SSL_connect(link->ssl);
    int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(link->ssl, done);
    if (done == 1) {
        want(link, false);
        upgrade(link);
    } else if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        want(link, why == SSL_ERROR_WANT_WRITE);
    } else {
        ERR_print_errors_fp(stderr);
        link_end(link, "TLS handshake failed");
    }
}

static void connected(struct link *link)
{
    int error = 0, one = 1;
    socklen_t size = sizeof error;
    getsockopt(link->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        link_end(link, strerror(error));
        return;
    }
    setsockopt(link->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    want(link, false);
    if (!link->target->tls) {
        upgrade(link);
        return;
    }
    link->state = LINK_TLS;
    link->ssl = SSL_new(link->target->tls);
    SSL_set_fd(link->ssl, link->watch.fd);
    SSL_set_mode(link->ssl,
                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_set_tlsext_host_name(link->ssl, link->target->server_name);
    handshake(link);
}

static void on_events(struct watch *watch, uint32_t events)
{
    struct link *link = (struct link *)((char *)watch - offsetof(struct link, watch));
    if (link->is_ending)
        return;
    if (link->state == LINK_CONNECTING)
        connected(link);
    else if (link->state == LINK_TLS)
        handshake(link);
    else if (events & ~(uint32_t)EPOLLOUT)
        read_in(link);
    if ((events & EPOLLOUT) && !link->is_ending && link->state >= LINK_UPGRADING)
        loop_late(link->loop, &link->flush);
}

/* 127.0.1.0 and the addresses behind it: all of 127.0.0.0/8 is this machine. */
static void bind_source(int fd, unsigned number)
{
    int one = 1;
    struct sockaddr_in source = { .sin_family = AF_INET };
    source.sin_addr.s_addr = htonl(0x7f000101u + number % SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(fd, (struct sockaddr *)&source, sizeof source);
}

void link_open(struct link *link, struct loop *loop, const struct link_target *target, const struct link_events *events,
               unsigned number)
{
    *link = (struct link){ .watch = { .on_events = on_events },
                           .flush = { .run = run_flush },
                           .loop = loop,
                           .target = target,
                           .events = events,
                           .state = LINK_CONNECTING };
    link->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->watch.fd < 0) {
        link_end(link, strerror(errno));
        return;
    }
    if (target->spread_sources)
        bind_source(link->watch.fd, number);
    if (connect(link->watch.fd, (const struct sockaddr *)&target->address, sizeof target->address) < 0 &&
        errno != EINPROGRESS)
        link_end(link, strerror(errno));
    else
        loop_watch(loop, &link->watch, EPOLLOUT);
}

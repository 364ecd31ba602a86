/* probe.c - a GET over a blocking socket with a deadline. */
#include "transports/http/probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 16 * 1024 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the events, no longer than the deadline. 0, or -1 with errno. */
static int await(int fd, short events, int64_t deadline)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };
    int64_t left = deadline - now_ms();
    int ready = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0 ? 0 : -1;
}

/* A listener on every address is asked on loopback. */
static const char *host_to_ask(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static int open_socket(const struct listen_address *where, int64_t deadline)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found;
    char port[8];
    int fd = -1, failed = 0;
    socklen_t size = sizeof failed;

    snprintf(port, sizeof port, "%d", where->port);
    if (getaddrinfo(host_to_ask(where->host), port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0 && errno != EINPROGRESS)
        failed = errno;
    freeaddrinfo(found);
    if (fd >= 0 && !failed && await(fd, POLLOUT, deadline) < 0)
        failed = errno;
    if (fd >= 0 && !failed)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    if (fd >= 0 && failed) {
        close(fd);
        errno = failed;
        fd = -1;
    }
    return fd;
}

static ssize_t converse(int fd, const char *request, char *answer, size_t size, int64_t deadline)
{
    size_t got = 0;
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return -1;
    while (got < size - 1) {
        if (await(fd, POLLIN, deadline) < 0)
            return -1;
        ssize_t more = recv(fd, answer + got, size - 1 - got, 0);
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        got += (size_t)more;
    }
    answer[got] = '\0';
    return (ssize_t)got;
}

int probe_get(void *ctx, const struct listen_address *where, const char *path, int64_t timeout_ms, char *body, size_t size)
{
    char request[256], answer[ANSWER_MAX];
    int64_t deadline = now_ms() + timeout_ms;
    int status = -1;
    (void)ctx;

    int fd = open_socket(where, deadline);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (fd < 0 || converse(fd, request, answer, sizeof answer, deadline) < 0) {
        snprintf(body, size, "%s", strerror(errno));
    } else if (sscanf(answer, "HTTP/1.%*d %d", &status) != 1) {
        status = -1;
        snprintf(body, size, "the answer is no HTTP");
    } else {
        const char *start = strstr(answer, "\r\n\r\n");
        snprintf(body, size, "%s", start ? start + 4 : "");
    }
    if (fd >= 0)
        close(fd);
    return status;
}

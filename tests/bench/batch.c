/* batch.c - blocking sockets for programs with one or two connections. */
#include "batch.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BATCH_BYTES = 256 * 1024 };

static int connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static int connect_tcp(const char *where)
{
    char host[128];
    const char *colon = strrchr(where, ':');
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    int one = 1;
    if (!colon || (size_t)(colon - where) >= sizeof host)
        return -1;
    snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, found->ai_addr, found->ai_addrlen) < 0)
        fd = -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    freeaddrinfo(found);
    return fd;
}

int batch_connect(const char *where)
{
    int fd = where[0] == '/' ? connect_unix(where) : connect_tcp(where);
    if (fd < 0) {
        fprintf(stderr, "cannot connect to %s\n", where);
        exit(1);
    }
    return fd;
}

bool batch_read(int fd, struct buffer *in)
{
    ssize_t got = read(fd, buffer_reserve(in, BATCH_BYTES), BATCH_BYTES);
    if (got <= 0)
        return false;
    in->size += (size_t)got;
    return true;
}

bool batch_write(int fd, struct buffer *out)
{
    for (size_t at = 0; at < out->size;) {
        ssize_t sent = send(fd, out->data + at, out->size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    out->size = 0;
    return true;
}

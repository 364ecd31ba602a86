/* link.h - one connection to a server: TCP, with TLS or without, with WebSocket frames or without.
 * What is written in one turn of the loop goes out in one system call. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "loop.h"
#include "stanzabus/memory.h"

struct link_target {
    struct sockaddr_in address;
    bool spread_sources; /* connect from many addresses of 127.0.0.0/8: thousands of people do not share one */
    SSL_CTX *tls;        /* NULL: plain */
    bool websocket;
    const char *host, *path; /* of the upgrade request */
    const char *server_name; /* SNI */
};

struct link;
struct link_events {
    void (*on_open)(struct link *link);
    /* TCP: bytes of the stream; returns how many were used, the rest comes again with more behind.
     * WebSocket: one whole message, used in any case. */
    size_t (*on_data)(struct link *link, struct text data);
    void (*on_closed)(struct link *link, const char *reason); /* the last call */
};

enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_TLS, LINK_UPGRADING, LINK_OPEN };

struct link {
    struct watch watch;
    struct late flush;
    struct loop *loop;
    const struct link_target *target;
    const struct link_events *events;
    SSL *ssl;
    struct buffer in, out, fragments;
    enum link_state state;
    bool is_ending; /* closed at the end of the turn */
    const char *reason;
};

/* number chooses the source address.  Problems come through on_closed. */
void link_open(struct link *link, struct loop *loop, const struct link_target *target, const struct link_events *events,
               unsigned number);
void link_write(struct link *link, const char *data, size_t size); /* WebSocket: one message */
/* Closes at the end of this turn; on_closed follows. */
void link_end(struct link *link, const char *reason);

#endif

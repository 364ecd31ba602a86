/* tcp.h - clients over TCP: plain with STARTTLS (RFC 6120 3 and 5), and direct TLS (XEP-0368).
 * Implements transport.h with non-blocking sockets on libev.  What is written in a loop turn leaves in one send() at
 * the turn's end; on_drained and on_closed come from there or from a socket event, never from inside a call.
 * Reading order: tcp_listener.c (accept), tcp_connection.c (bytes in and out, the end), tcp_secure.c (the same through
 * TLS), tcp_turn.c (what happens at the end of a turn, and deadlines). */
#ifndef STANZABUS_TRANSPORTS_TCP_H
#define STANZABUS_TRANSPORTS_TCP_H

#include "stanzabus/config.h"
#include "stanzabus/metrics.h"
#include "stanzabus/transport.h"

struct tcp; /* opaque; one a worker: its listeners and all their connections */
struct ev_loop;
struct tls;

/* Everything is borrowed for the life of the object.  tls may be NULL: then STARTTLS is not offered. */
struct tcp *tcp_new(struct ev_loop *loop, const struct connection_callbacks *callbacks, void *ctx, struct tls *tls,
                    const struct log *log, struct metrics *metrics);
/* Closes what is left, with on_closed for each.  Not from inside a callback. */
void tcp_free(struct tcp **tcp);

/* Starts to accept; may be called for several addresses.  is_direct: TLS from the first byte (needs tls).
 * shares_port: SO_REUSEPORT, for worker processes on the same port; who is first must have asked tcp_probe before, as a
 * second instance of the same user would silently share too.  Port 0 takes a free one.
 * The port that is listened on, or -1 with one line in error. */
int tcp_listen(struct tcp *tcp, const struct listen_address *address, bool is_direct, bool shares_port, char *error,
               size_t error_size);
void tcp_stop_listening(struct tcp *tcp); /* open connections stay */

/* Whether the address can be listened on by us alone; nothing stays open.  setting is the key to name in error
 * ("listen.tcp").  0, or -1 with one line in error. */
int tcp_probe(const struct listen_address *address, const char *setting, char *error, size_t error_size);

size_t tcp_connection_count(const struct tcp *tcp);

struct tcp_deadlines {
    int64_t handshake_ms; /* from connect or start_tls until TLS is up */
    int64_t flush_ms;     /* from close() until everything was sent */
    int64_t linger_ms;    /* from then until the peer closes its side */
};
void tcp_set_deadlines(struct tcp *tcp, const struct tcp_deadlines *deadlines); /* default 10 s, 2 s, 1 s */

/* Raises the soft limit of open files to the hard one, at most 1,048,576; returns what holds then. */
unsigned open_files_raise(void);

#endif

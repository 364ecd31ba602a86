/* tcp_inside.h - what the files of transports/tcp share: the objects, and the calls between them.
 *
 *   struct tcp ──┬─ listeners ── accept ──> struct tcp_connection ──┬─ out: plain bytes that wait for the turn's end
 *                ├─ turn: connections with work at its end          └─ secure (TLS only) ─┬─ channel: OpenSSL
 *                └─ waiting: handshakes, flushes, lingerings, by deadline                 └─ records: left over
 */
#ifndef STANZABUS_TRANSPORTS_TCP_INSIDE_H
#define STANZABUS_TRANSPORTS_TCP_INSIDE_H

#include <sys/queue.h>

#include <ev.h>

#include "transports/tcp/out_queue.h"
#include "transports/tcp/tcp.h"
#include "transports/tls/tls_channel.h"
#include "transports/tcp/tcp_connect.h"

enum { TCP_READ_BYTES = 64 * 1024 };

/* Why a connection ended: the words are in tcp_connection.c, some with a detail behind them. */
enum tcp_end {
    TCP_END_PEER,
    TCP_END_TRUNCATED,
    TCP_END_RESET,
    TCP_END_ERRNO,
    TCP_END_OURS,
    TCP_END_FLUSH_TIMEOUT,
    TCP_END_HANDSHAKE,
    TCP_END_HANDSHAKE_TIMEOUT,
    TCP_END_TLS,
    TCP_END_OVERFLOW,
    TCP_END_STOP
};

enum tcp_waiting { TCP_WAIT_HANDSHAKE, TCP_WAIT_FLUSH, TCP_WAIT_LINGER, TCP_WAITS, TCP_WAIT_NONE = TCP_WAITS };

/* The TLS side of a connection. */
struct tcp_secure {
    struct tls_channel *channel; /* NULL until a direct TLS client has said something */
    struct buffer records;       /* bytes for the socket, before anything that is encrypted later */
    size_t records_sent;         /* of them */
    struct buffer held;          /* records that came while reading was paused; rare */
    bool is_direct;
};

/* Whom a connection of ours goes to (tcp_connect.c). */
struct tcp_outgoing {
    char *name, *host, *own; /* owned, as in struct tcp_connect */
    struct tls_pin pins[TCP_CONNECT_PINS_MAX];
    size_t pin_count;
};

struct tcp_connection {
    struct connection base;
    struct tcp *tcp;
    struct ev_io io;
    struct out_queue out;      /* not yet encrypted, where there is TLS */
    struct tcp_secure *secure; /* NULL on a plain connection */
    struct tcp_outgoing *outgoing; /* NULL when the other side connected */
    const char *end_detail;    /* static text or NULL */
    struct tcp_connection *next_in_turn;
    TAILQ_ENTRY(tcp_connection) waiting_entry;
    LIST_ENTRY(tcp_connection) entry;
    double deadline;     /* in the loop's time, of the list that it waits in */
    uint32_t drain_mark; /* on_drained when queued is below; 0: not wanted */
    uint8_t waiting;     /* enum tcp_waiting */
    uint8_t end;         /* enum tcp_end, once has_ended */
    bool is_in_turn : 1;
    bool is_paused : 1;
    bool is_blocked : 1;  /* the kernel took less than offered: EV_WRITE will tell */
    bool is_closing : 1;  /* close() was called: nothing more is taken or given */
    bool is_finished : 1; /* everything was sent, and our side is shut */
    bool was_refused : 1; /* by on_accept: no callback */
    bool has_ended : 1;   /* waits for its last turn */
};

TAILQ_HEAD(tcp_waiting_list, tcp_connection);
LIST_HEAD(tcp_connection_list, tcp_connection);

struct tcp_listener {
    struct tcp *tcp;
    struct ev_io io;
    bool is_direct;
    SLIST_ENTRY(tcp_listener) entry;
};

struct tcp {
    struct ev_loop *loop;
    const struct connection_callbacks *callbacks;
    void *ctx;
    struct tls *tls;
    const struct log *log;
    struct metrics *metrics;
    struct tcp_deadlines deadlines;

    SLIST_HEAD(, tcp_listener) listeners;
    int reserve_fd;         /* given up for a moment to close a client politely when files run out */
    double files_warned;    /* when the log last said that they ran out, in the loop's time */
    struct ev_timer reopen; /* accepting stopped because nothing helped; tried again */

    struct tcp_connection_list connections;
    size_t connection_count;
    struct tcp_connection *turn, **turn_end; /* singly linked, in order of arrival */
    struct ev_prepare at_turn_end;
    struct ev_timer next_turn; /* work is left: do not block */
    bool has_called_back;      /* the core was called since the turn's end began */
    struct tcp_waiting_list waiting[TCP_WAITS];
    struct ev_timer janitor; /* runs while somebody waits */

    char *input;           /* TCP_READ_BYTES, shared by all connections */
    struct buffer plain;   /* what was decrypted of it */
    struct buffer records; /* what was encrypted and is sent next */
    struct out_pool pool;
};

/* tcp_listener.c */
void tcp_listeners_init(struct tcp *tcp);
void tcp_listeners_fini(struct tcp *tcp);

/* tcp_connection.c */
struct sockaddr_storage;
void tcp_connection_accept(struct tcp *tcp, int fd, const struct sockaddr_storage *peer, bool is_direct);
/* One that tcp_connect made; takes outgoing. */
struct connection *tcp_connection_connected(struct tcp *tcp, int fd, const struct sockaddr_storage *peer, bool is_direct,
                                            struct tcp_outgoing *outgoing);
void tcp_connection_end(struct tcp_connection *c, enum tcp_end end, const char *detail);
void tcp_connection_flush(struct tcp_connection *c);  /* may end it, may call on_drained */
void tcp_connection_finish(struct tcp_connection *c); /* on_closed, then its memory goes */
void tcp_connection_watch(struct tcp_connection *c);  /* asks the loop for what it needs now */
void tcp_connection_count_queued(struct tcp_connection *c);
/* Bytes that the kernel took: fewer than size sets is_blocked, or ends the connection. */
size_t tcp_connection_send(struct tcp_connection *c, const char *data, size_t size);
extern const struct connection_ops tcp_connection_ops;

/* tcp_connect.c */
void tcp_outgoing_free(struct tcp_outgoing **outgoing);

/* tcp_secure.c */
void tcp_secure_start(struct tcp_connection *c, bool is_direct, struct text domain);
void tcp_secure_free(struct tcp_secure **secure);
void tcp_secure_receive(struct tcp_connection *c, struct text input);
void tcp_secure_take_held(struct tcp_connection *c);
bool tcp_secure_is_up(const struct tcp_connection *c);
bool tcp_secure_flush(struct tcp_connection *c); /* true when nothing is left that could be sent now */
bool tcp_secure_close(struct tcp_connection *c); /* adds close_notify; true when it is sent */

/* tcp_turn.c */
void tcp_turn_init(struct tcp *tcp);
void tcp_turn_fini(struct tcp *tcp);
void tcp_turn_add(struct tcp_connection *c);
void tcp_turn_run(struct tcp *tcp);
void tcp_wait_start(struct tcp_connection *c, enum tcp_waiting what);
void tcp_wait_stop(struct tcp_connection *c);

#endif

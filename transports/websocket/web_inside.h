/* web_inside.h - what the files of transports/websocket share: the objects, and the calls between them.
 *
 *   struct web ──┬─ listeners ── accept ──> struct web_socket ──> lws (its HTTP, its frames in, its TLS)
 *                ├─ lws context: one virtual host for plain sockets, one for TLS; both live as long as the process
 *                ├─ turn: sockets with something to send at its end
 *                └─ waiting: handshakes and closings, by deadline
 *
 * A web_socket is made at accept and dies with lws' own object, in LWS_CALLBACK_WSI_DESTROY.  In between it is an HTTP
 * connection, and after the upgrade a connection of the core. */
#ifndef STANZABUS_TRANSPORTS_WEB_INSIDE_H
#define STANZABUS_TRANSPORTS_WEB_INSIDE_H

#include <sys/queue.h>

#include <ev.h>
#include <libwebsockets.h>

#include "transports/websocket/network.h"
#include "transports/websocket/web.h"

enum {
    WEB_SEND_BYTES = 64 * 1024,  /* of one send; lws' tx_packet_size */
    WEB_ROOM_BYTES = 16 * 1024,  /* room for gathered frames that is kept for the next connection; larger goes back */
    WEB_ROOMS = 64
};

enum web_waiting { WEB_WAIT_HANDSHAKE, WEB_WAIT_CLOSE, WEB_WAITS, WEB_WAIT_NONE = WEB_WAITS };

/* RFC 6455 7.4.1 */
enum web_close {
    WEB_CLOSE_NORMAL = 1000,
    WEB_CLOSE_NOT_TEXT = 1003,
    WEB_CLOSE_NOT_UTF8 = 1007,
    WEB_CLOSE_TOO_BIG = 1009,
    WEB_CLOSE_TRY_LATER = 1013 /* registered later: "Try Again Later" */
};

struct web_listener {
    struct web *web;
    struct ev_io io;
    bool is_tls;
    http_respond_fn *respond; /* pages only; NULL: clients */
    void *respond_ctx;
    SLIST_ENTRY(web_listener) entry;
};

struct web_socket {
    struct connection base;
    struct web *web;
    struct lws *wsi;
    struct buffer out;     /* whole frames that wait for the turn's end, or for room in the kernel */
    struct buffer message; /* what has come of a message in pieces */
    const char *reason;    /* why it ended: static text */
    http_respond_fn *respond;
    void *respond_ctx;
    TAILQ_ENTRY(web_socket) waiting_entry;
    LIST_ENTRY(web_socket) entry;
    struct web_socket *next_in_turn;
    double deadline;         /* in the loop's time, of the list that it waits in */
    uint32_t in_lws;         /* bytes of base.queued that lws holds because the kernel took only a part: at most so many */
    uint32_t drain_mark;     /* on_drained when queued is below; 0: not wanted */
    uint16_t close_code;     /* enum web_close */
    uint8_t waiting;         /* enum web_waiting */
    bool is_tls : 1;
    bool is_pages : 1;       /* of a listener without WebSocket */
    bool is_trusted : 1;     /* the peer is a trusted proxy */
    bool is_open : 1;        /* the core knows it */
    bool is_in_turn : 1;
    bool is_paused : 1;
    bool is_broken : 1;      /* a violation was reported: nothing more is taken */
    bool is_closing : 1;     /* nothing more is taken or given */
};

TAILQ_HEAD(web_waiting_list, web_socket);
LIST_HEAD(web_socket_list, web_socket);

struct web {
    struct ev_loop *loop;
    struct web_settings settings;
    struct networks trusted;
    struct web_deadlines deadlines;
    struct lws_context *context;
    struct lws_vhost *plain, *tls; /* tls is NULL without certificates */
    struct web_socket *adopting;   /* while lws takes it over: lws may end it in that very call */
    bool is_stopping;

    SLIST_HEAD(, web_listener) listeners;
    struct ev_timer reopen; /* accepting stopped because files ran out; tried again */
    bool is_out_of_files;   /* said so in the log; until an accept works again */

    struct web_socket_list sockets;
    size_t connection_count;
    struct web_socket *turn, **turn_end; /* singly linked, in order of arrival */
    struct ev_prepare at_turn_end;       /* never started: fed, so that it is called once and after everything else */
    struct web_waiting_list waiting[WEB_WAITS];
    struct ev_timer janitor;             /* runs while somebody waits */

    struct buffer rooms[WEB_ROOMS]; /* empty, for the next socket that writes */
    unsigned room_count;
    struct buffer answer, scratch;  /* of one HTTP exchange */
};

/* listener.c */
void web_listeners_init(struct web *web);
void web_listeners_fini(struct web *web);

/* web.c */
struct sockaddr_storage;
void web_adopt(struct web_listener *listener, int fd, const struct sockaddr_storage *peer);
void web_kill(struct web_socket *s); /* ends it soon and without ceremony; from anywhere */

/* upgrade.c: 0 goes on, -1 was answered */
int web_upgrade_check(struct web_socket *s);

/* exchange.c */
int web_exchange(struct web_socket *s, struct text path); /* what lws' callback returns */
void web_exchange_refuse(struct web_socket *s, int status, const char *headers, const char *text);
struct text web_header(struct web_socket *s, enum lws_token_indexes which, char *out, size_t size); /* NULL data: none */
struct text web_custom_header(struct web_socket *s, const char *name, char *out, size_t size);      /* name ends in ':' */
struct text web_host(struct web_socket *s, char *out, size_t size);
bool web_is_encrypted(struct web_socket *s);

/* message.c */
void web_receive(struct web_socket *s, const char *data, size_t size);

/* socket.c */
extern const struct connection_ops web_socket_ops;
int web_socket_open(struct web_socket *s);                     /* after the upgrade; -1: refused */
int web_socket_writable(struct web_socket *s);                 /* from lws' callback; -1: close now */
void web_socket_peer_closes(struct web_socket *s, struct text payload);
void web_socket_flush(struct web_socket *s);                   /* at the end of a turn */
void web_socket_start_close(struct web_socket *s, enum web_close code);
void web_socket_finish(struct web_socket *s);                  /* on_closed, then its memory goes */

/* turn.c */
void web_turn_init(struct web *web);
void web_turn_fini(struct web *web);
void web_turn_add(struct web_socket *s);
void web_turn_remove(struct web_socket *s);
void web_wait_start(struct web_socket *s, enum web_waiting what);
void web_wait_stop(struct web_socket *s);

#endif

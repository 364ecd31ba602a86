/* web_inside.h - what the files of transports/websocket share: the objects, and the calls between them.
 *
 *   struct web ──┬─ entries: one struct tcp for clients, one for each listener of pages
 *                ├─ turn: sockets that hold bytes which may be taken again
 *                └─ waiting: requests and Closes that have not come yet, by deadline
 *
 *   tcp's connection ── layer ──> struct web_socket ── requests ──> exchange ── upgrade ──> messages <──> the core
 *
 * A web_socket is made when tcp accepts and goes when tcp reports the end.  In between it is an HTTP connection, and
 * after the upgrade a WebSocket: only then the core knows of it. */
#ifndef STANZABUS_TRANSPORTS_WEB_INSIDE_H
#define STANZABUS_TRANSPORTS_WEB_INSIDE_H

#include <sys/queue.h>

#include <ev.h>

#include "transports/websocket/frame.h"
#include "transports/websocket/http_head.h"
#include "transports/websocket/network.h"
#include "transports/websocket/web.h"

enum web_waiting { WEB_WAIT_REQUEST, WEB_WAIT_CLOSE, WEB_WAITS, WEB_WAIT_NONE = WEB_WAITS };

/* RFC 6455 7.4.1, and 1013 of IANA's registry */
enum web_close {
    WEB_CLOSE_NORMAL = 1000,
    WEB_CLOSE_PROTOCOL = 1002,
    WEB_CLOSE_NOT_TEXT = 1003,
    WEB_CLOSE_NONE = 1005, /* never on the wire: a Close without a code */
    WEB_CLOSE_NOT_UTF8 = 1007,
    WEB_CLOSE_TOO_BIG = 1009,
    WEB_CLOSE_TRY_LATER = 1013
};

/* A way in: listeners of one kind. */
struct web_entry {
    struct web *web;
    struct tcp *tcp;
    bool is_for_clients; /* WebSockets may be opened */
    http_respond_fn *respond;
    void *respond_ctx;
    SLIST_ENTRY(web_entry) entry;
};

struct web_socket {
    struct connection *connection;      /* tcp's; its layer is this */
    const struct connection_ops *below; /* tcp's operations */
    struct web_entry *entry;
    struct buffer held;    /* bytes not taken yet: half a request, or what came while paused */
    struct frame_in frame; /* the frame that is being read */
    struct buffer message; /* what has come of a message in pieces */
    struct buffer control; /* what has come of a control frame in pieces */
    TAILQ_ENTRY(web_socket) waiting_entry;
    struct web_socket *next_in_turn;
    double deadline;      /* in the loop's time, of the list that it waits in */
    uint16_t close_code;  /* enum web_close: with what we close */
    uint8_t waiting;      /* enum web_waiting */
    uint8_t extensions;   /* times that the request's deadline moved because an answer was still being sent */
    bool is_open : 1;     /* the core knows it */
    bool is_upgraded : 1; /* frames come, not requests */
    bool is_in_turn : 1;
    bool is_paused : 1;  /* by the core */
    bool is_choked : 1;  /* by us: answers pile up because the client does not read them */
    bool is_broken : 1;  /* a violation was reported: nothing more is taken but a Close */
    bool is_closing : 1; /* we sent Close: nothing more is written */
    bool is_done : 1;    /* tcp was told to close: nothing more is taken */
};

TAILQ_HEAD(web_waiting_list, web_socket);

struct web {
    struct ev_loop *loop;
    struct web_settings settings;
    struct networks trusted;
    struct web_deadlines deadlines;
    struct web_entry *clients; /* NULL without callbacks */
    SLIST_HEAD(, web_entry) entries;
    size_t connection_count;

    struct web_socket *turn, **turn_end; /* singly linked, in order of arrival */
    struct ev_prepare at_turn_end;       /* never started but fed: called after what is pending, before tcp's sending */
    struct ev_timer next_turn;           /* the loop must not block: something was done late in this turn */
    struct web_waiting_list waiting[WEB_WAITS];
    struct ev_timer janitor; /* runs while somebody waits */

    struct buffer plain;           /* the message that is being given, unmasked */
    struct buffer answer, scratch; /* of one HTTP exchange */
};

static inline struct web *web_of(const struct web_socket *s)
{
    return s->entry->web;
}

/* Bytes are taken now? */
static inline bool web_takes_input(const struct web_socket *s)
{
    return !s->is_paused && !s->is_choked && !s->is_done;
}

/* web.c */
void web_report_closed(struct web_socket *s, const char *reason); /* to the core, once */
void web_take_held(struct web_socket *s);
void web_done(struct web_socket *s); /* tcp sends what is queued and closes; nothing more is taken */

/* exchange.c: takes whole requests from the front of input; returns the bytes taken */
size_t web_take_requests(struct web_socket *s, struct text input);
struct text web_host(const struct web_socket *s, const struct http_head *head);
bool web_is_trusted(const struct web_socket *s);
bool web_is_encrypted(const struct web_socket *s, const struct http_head *head);
void web_refuse(struct web_socket *s, int status, const char *headers, const char *text);

/* upgrade.c: answers the request; the socket is upgraded then, or done */
void web_upgrade(struct web_socket *s, const struct http_head *head);

/* message.c: takes frames from the front of input until it is paused or done; returns the bytes taken */
size_t web_take_frames(struct web_socket *s, struct text input);

/* socket.c */
void web_socket_open(struct web_socket *s);                       /* after the upgrade was answered */
void web_socket_choke(struct web_socket *s, uint32_t queued_max); /* stops reading while more than that is queued */
void web_socket_unchoke(struct web_socket *s);
void web_socket_start_close(struct web_socket *s);
void web_socket_control(struct web_socket *s, enum frame_opcode opcode, struct text payload);

/* turn.c */
void web_turn_init(struct web *web);
void web_turn_fini(struct web *web);
void web_turn_add(struct web_socket *s);
void web_turn_remove(struct web_socket *s);
void web_wait_start(struct web_socket *s, enum web_waiting what);
void web_wait_stop(struct web_socket *s);

#endif

/* web.h - clients over WebSocket (RFC 7395), and the few HTTP requests beside it, on libwebsockets over libev.
 * Implements transport.h for FRAMING_WEBSOCKET.  Messages written in a loop turn leaves in one send at the turn's end;
 * on_drained and on_closed come from there or from a socket event, never from inside a call.
 * Reading order: web.c (libwebsockets, its callbacks), listener.c (accept), upgrade.c (who may become a WebSocket),
 * message.c (frames in), socket.c (frames out, the end), turn.c (end of a turn, deadlines), exchange.c (HTTP answers). */
#ifndef STANZABUS_TRANSPORTS_WEB_H
#define STANZABUS_TRANSPORTS_WEB_H

#include "stanzabus/config.h"
#include "stanzabus/metrics.h"
#include "stanzabus/transport.h"

struct web; /* opaque; one a process: its listeners and all their connections */
struct ev_loop;
struct tls;

/* A GET or HEAD request, borrowed.  Other methods are answered before. */
struct http_request {
    struct text path;   /* decoded, without arguments */
    struct text host;   /* as the client knows this server: Host, or X-Forwarded-Host of a trusted proxy; may be empty */
    bool is_encrypted;  /* TLS here or at a trusted proxy */
};

/* Comes as 404 with a line of text; what is set is borrowed until the answer is written, which is at once. */
struct http_response {
    int status;
    const char *type;       /* Content-Type */
    const char *headers;    /* more header lines, each with its CRLF; "" for none */
    struct text body;
    struct buffer *scratch; /* empty; for a body that is made */
};

typedef void http_respond_fn(void *ctx, const struct http_request *request, struct http_response *response);

struct web_settings { /* borrowed for the life of the object, but for the lists */
    const struct connection_callbacks *callbacks; /* NULL where no client listener is opened */
    void *ctx;
    struct tls *tls;                  /* NULL: no TLS listener */
    http_respond_fn *respond;         /* what is asked of client listeners beside WebSocket; NULL: all is 404 */
    void *respond_ctx;
    struct text_list origins;         /* http.origins */
    struct text_list trusted_proxies; /* http.trusted_proxies */
    size_t message_bytes;             /* of one message; more is a violation */
    const struct log *log;
    struct metrics *metrics;
};

/* NULL with one line in error.  RLIMIT_NOFILE must be final by now: libwebsockets sizes its tables by it. */
struct web *web_new(struct ev_loop *loop, const struct web_settings *settings, char *error, size_t error_size);
/* Ends what is left at once, with on_closed for each.  Not from inside a callback; the loop must not run afterwards
 * (libwebsockets does not come off a foreign loop cleanly). */
void web_free(struct web **web);

/* Starts to accept clients; several addresses are fine.  shares_port: SO_REUSEPORT, for worker processes on one port.
 * Port 0 takes a free one.  The port that is listened on, or -1 with one line in error. */
int web_listen(struct web *web, const struct listen_address *address, bool is_tls, bool shares_port, char *error,
               size_t error_size);
/* The same for a listener that only answers requests (no WebSocket, no TLS): listen.admin. */
int web_listen_pages(struct web *web, const struct listen_address *address, http_respond_fn *respond, void *ctx,
                     char *error, size_t error_size);
void web_stop_listening(struct web *web); /* clients' listeners; open connections and pages stay */

size_t web_connection_count(const struct web *web); /* open WebSockets */

struct web_deadlines {
    int64_t handshake_ms; /* from connect to the upgrade, and between HTTP requests */
    int64_t close_ms;     /* from close() until everything was sent and the client answered */
};
void web_set_deadlines(struct web *web, const struct web_deadlines *deadlines); /* default 10 s, 3 s */

#endif

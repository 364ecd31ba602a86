/* web.h - clients over WebSocket (RFC 7395), and the few HTTP requests beside it.
 * Implements transport.h for FRAMING_WEBSOCKET, as a layer on transports/tcp: that one has the sockets, TLS, the queue
 * that leaves at the turn's end, and backpressure; here is what the bytes mean.  The connection that the core sees is
 * tcp's own, with the operations of this layer.
 * Reading order: web.c (from tcp's callbacks to here), exchange.c (HTTP requests), upgrade.c (who may become a
 * WebSocket), message.c (frames in), socket.c (messages out, the end), turn.c (what waits). */
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
    struct text path;  /* decoded, without arguments */
    struct text host;  /* as the client knows this server: Host, or X-Forwarded-Host of a trusted proxy; may be empty */
    bool is_encrypted; /* TLS here or at a trusted proxy */
};

/* Comes as 404 with a line of text; what is set is borrowed until the answer is written, which is at once. */
struct http_response {
    int status;
    const char *type;    /* Content-Type */
    const char *headers; /* more header lines, each with its CRLF; "" for none */
    struct text body;
    struct buffer *scratch; /* empty; for a body that is made */
};

typedef void http_respond_fn(void *ctx, const struct http_request *request, struct http_response *response);

struct web_settings {                             /* borrowed for the life of the object, the lists' contents too */
    const struct connection_callbacks *callbacks; /* NULL where no client listener is opened */
    void *ctx;
    struct tls *tls;          /* with ALPN "http/1.1", which is what browsers offer; NULL: no TLS listener */
    http_respond_fn *respond; /* what is asked of client listeners beside WebSocket; NULL: all is 404 */
    void *respond_ctx;
    struct text_list origins;         /* http.origins */
    struct text_list trusted_proxies; /* http.trusted_proxies */
    size_t message_bytes;             /* of one message; more is a violation */
    const struct log *log;
    struct metrics *metrics;
};

/* NULL with one line in error. */
struct web *web_new(struct ev_loop *loop, const struct web_settings *settings, char *error, size_t error_size);
/* Closes what is left, with on_closed for each.  Not from inside a callback. */
void web_free(struct web **web);

/* Starts to accept clients; several addresses are fine.  shares_port as in tcp_listen.  Port 0 takes a free one.
 * The port that is listened on, or -1 with one line in error. */
int web_listen(struct web *web, const struct listen_address *address, bool is_tls, bool shares_port, char *error,
               size_t error_size);
/* The same for a listener that only answers requests (no WebSocket, no TLS).  setting is the key to name in error
 * ("listen.admin"). */
int web_listen_pages(struct web *web, const struct listen_address *address, const char *setting,
                     http_respond_fn *respond, void *ctx, char *error, size_t error_size);
void web_stop_listening(struct web *web); /* for clients; open connections and pages stay */

size_t web_connection_count(const struct web *web); /* open WebSockets */

struct web_deadlines {
    int64_t request_ms; /* from connect to the end of a request, and between requests */
    int64_t close_ms;   /* from our Close to the client's */
};
void web_set_deadlines(struct web *web, const struct web_deadlines *deadlines); /* default 10 s, 3 s */

#endif

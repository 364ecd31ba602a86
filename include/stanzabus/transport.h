/* transport.h - one connection of a client, as the core sees it: a thing that takes bytes and gives bytes.
 * Implemented by transports/tcp (plain, STARTTLS, direct TLS) and transports/websocket; by memory in the tests. */
#ifndef STANZABUS_TRANSPORT_H
#define STANZABUS_TRANSPORT_H

#include "stanzabus/jid.h"
#include "stanzabus/stream.h"

struct connection;

enum channel_binding { BINDING_TLS_EXPORTER, BINDING_TLS_SERVER_END_POINT }; /* RFC 9266, RFC 5929 4 */

/* What the core asks of a connection. */
struct connection_ops {
    /* Queues a copy and sends it at the end of the loop turn (TCP) or at once (WebSocket: data is one message).
     * Never calls back from inside. */
    void (*write)(struct connection *connection, const char *data, size_t size);
    /* Sends what is queued, waits shortly for the peer's end, then closes; on_closed follows, never from inside.
     * On WebSocket the closing handshake is made (RFC 7395 3.6.1). */
    void (*close)(struct connection *connection);
    /* Stops and starts reading from the peer; idempotent.  While it is stopped, the peer's end is not seen either. */
    void (*pause)(struct connection *connection);
    void (*resume)(struct connection *connection);
    /* TLS from the next byte on (RFC 6120 5.4.3.3); what is queued goes out in plain first.  domain chooses the
     * certificate when the client sends no SNI.  NULL where there is no STARTTLS. */
    void (*start_tls)(struct connection *connection, struct text domain);
    /* Bytes of the binding into out: their number, or -1 when there is none. */
    int (*channel_binding)(struct connection *connection, enum channel_binding kind, unsigned char out[64]);
    /* The JIDs (xmppAddr, else none) that a verified client certificate carries, RFC 6120 13.7.1.4.  Fills at most max
     * texts from the arena, returns their number; -1 when no certificate was given or it does not verify. */
    int (*certificate_jids)(struct connection *connection, struct arena *arena, struct text *out, int max);
    /* Between servers: whether the other side's certificate speaks for the domain (an A-label), RFC 9525.  NULL when it
     * does, else the reason, static.  NULL where only clients come. */
    const char *(*peer_fault)(struct connection *connection, const char *domain);
};

struct session;

/* Embedded as the first member of what the transport allocates; lives until the transport's on_closed returned. */
struct connection {
    const struct connection_ops *ops;
    struct session *session; /* the core's; NULL before on_accept and after on_closed */
    enum stream_framing framing;
    bool is_encrypted;   /* TLS here, or at a trusted proxy in front */
    bool can_start_tls;  /* STARTTLS may be offered */
    bool can_certificate; /* a client certificate can be asked for */
    bool is_pinned;       /* to another server: DNS says which certificate it has (RFC 7673), so no TLS or another is its end */
    char peer[64];       /* address:port for logs; the client's own behind a trusted proxy; NUL-terminated */
    uint32_t queued;     /* bytes queued and not yet taken by the kernel; kept by the transport */
    const char *sni;     /* borrowed; the name that the client asked for in TLS, or NULL */
    void *layer;         /* of a transport that stands on another one (WebSocket on TCP); the core leaves it alone */
};

/* What a connection tells the core; one table a process, given to each transport at its creation. */
struct connection_callbacks {
    /* A new client; the core sets connection->session.  False: refused (limit); the transport sends what was written
     * meanwhile, closes it, and calls back no more.  With direct TLS it comes before the handshake: is_encrypted is set,
     * sni and bindings are known from the first bytes on, and what is written waits for them. */
    bool (*on_accept)(void *ctx, struct connection *connection);
    /* Bytes (TCP: a read; WebSocket: one whole text message).  data is borrowed. */
    void (*on_bytes)(void *ctx, struct connection *connection, const char *data, size_t size);
    /* A message that breaks the transport's own rules: binary, too big, not UTF-8 ... the core answers with a stream
     * error and closes.  Only on WebSocket. */
    void (*on_violation)(void *ctx, struct connection *connection, enum stream_condition condition, const char *text);
    /* TLS is up after start_tls. */
    void (*on_encrypted)(void *ctx, struct connection *connection);
    /* queued fell below half of what it was at the last pause(): the core may write again.  Once for each pause() that
     * found bytes queued, whether it was resumed since or not. */
    void (*on_drained)(void *ctx, struct connection *connection);
    /* The last call.  reason is for logs ("closed by peer", "reset", "TLS handshake: ..."). */
    void (*on_closed)(void *ctx, struct connection *connection, const char *reason);
};

#endif

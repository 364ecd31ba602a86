/* tcp_connect.h - the way out: a connection to whichever of several addresses answers first (RFC 8305), by plain TCP or
 * TLS from the first byte.  From then on it is a connection like any other, with this transport's callbacks. */
#ifndef STANZABUS_TRANSPORTS_TCP_CONNECT_H
#define STANZABUS_TRANSPORTS_TCP_CONNECT_H

#include <sys/socket.h>

#include "transports/tcp/tcp.h"
#include "transports/tls/tls_channel.h"

enum { TCP_CONNECT_ADDRESSES_MAX = 8, TCP_CONNECT_PINS_MAX = 8 };

struct tcp_attempt; /* opaque */

struct tcp_connect { /* copied, but for the pins' data, which is copied too */
    struct {
        struct sockaddr_storage address;
        socklen_t size;
    } addresses[TCP_CONNECT_ADDRESSES_MAX]; /* in the order to be tried, 250 ms apart */
    size_t count;
    bool is_direct;       /* TLS from the first byte */
    const char *name;     /* A-label of the domain wanted: SNI */
    const char *host;     /* the SRV target, which a certificate may name instead; NULL: DNSSEC does not vouch for it */
    struct text own;      /* this server's domain, whose certificate is shown */
    const struct tls_pin *pins; /* those that are not usable are left out */
    size_t pin_count;
    int64_t timeout_ms; /* for all addresses together */
};

/* fn is called once, never from inside: with a connection whose session the callee sets, or NULL and the reason (static or
 * alive during the call).  With direct TLS it comes before the handshake, as on_accept does. */
typedef void tcp_connected_fn(void *ctx, struct connection *connection, const char *reason);
struct tcp_attempt *tcp_connect(struct tcp *tcp, const struct tcp_connect *request, tcp_connected_fn *fn, void *ctx);
void tcp_attempt_cancel(struct tcp_attempt **attempt); /* before fn was called */

/* Whether the other side of a connection between servers, whoever made it, showed the certificate of host, to which the domain
 * delegates securely (A-labels), and which has these pins. */
bool tcp_peer_speaks_for(struct connection *connection, const char *domain, const char *host, const struct tls_pin *pins,
                         size_t count);

#endif

/* dialer.h - the way out, as the core sees it: a connection to the server of a domain.  Implemented by transports/s2s (DNS,
 * TCP, TLS), and by memory in the tests. */
#ifndef STANZABUS_DIALER_H
#define STANZABUS_DIALER_H

#include "stanzabus/transport.h"

struct dialer;
struct dial; /* one under way */

enum dial_result {
    DIAL_CONNECTED,
    DIAL_NOT_THERE, /* the domain has no such server, or does not exist */
    DIAL_FAILED     /* none of its servers could be reached: try later */
};
/* connection only with DIAL_CONNECTED; with direct TLS it comes before the handshake (is_encrypted), and its end is told by
 * on_closed as for any other.  reason: alive during the call.  The dial is over. */
typedef void dialed_fn(void *ctx, enum dial_result result, struct connection *connection, const char *reason);

struct proof; /* one under way */
typedef void proved_fn(void *ctx, bool is_proved);

struct dialer_ops {
    /* The server of domain (prepared) for a stream from own, one of this server's domains, whose certificate is shown.  fn is
     * called once, never from inside. */
    struct dial *(*dial)(struct dialer *dialer, struct text domain, struct text own, dialed_fn *fn, void *ctx);
    /* A host that a setting names, without TLS. */
    struct dial *(*dial_host)(struct dialer *dialer, const char *host, int port, dialed_fn *fn, void *ctx);
    void (*cancel)(struct dialer *dialer, struct dial **dial); /* fn will not come */
    /* Whether the certificate that the other side of this encrypted connection showed is that of a server of domain (prepared),
     * as DNSSEC says: by TLSA records (RFC 7712 5.1, RFC 7673), or the name of a host that the domain delegates to.  fn is called once, never from inside, unless cancelled before, as it
     * must be when the connection ends.  NULL: DNS is not trusted for that here. */
    struct proof *(*prove)(struct dialer *dialer, struct text domain, struct connection *connection, proved_fn *fn, void *ctx);
    void (*cancel_proof)(struct proof **proof);
};

struct dialer {
    const struct dialer_ops *ops;
};

#endif

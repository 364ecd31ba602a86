/* admin.h - the operator's listener (listen.admin, on loopback): /healthz, /readyz, /metrics.
 * Works without client listeners too, as in the parent of several workers. */
#ifndef STANZABUS_TRANSPORTS_ADMIN_H
#define STANZABUS_TRANSPORTS_ADMIN_H

#include "transports/websocket/web.h"

struct admin_source { /* borrowed for the listener's life */
    /* Ready to serve?  When not, the reasons, one a line. */
    bool (*is_ready)(void *ctx, struct buffer *reasons);
    void (*write_metrics)(void *ctx, struct buffer *out); /* see metrics_text.h */
    void *ctx;
};

/* The port that is listened on, or -1 with one line in error. */
int admin_listen(struct web *web, const struct listen_address *address, const struct admin_source *source, char *error,
                 size_t error_size);

#endif

/* site.h - what client listeners answer beside WebSocket: host-meta (XEP-0156), and the page to try things with. */
#ifndef STANZABUS_TRANSPORTS_SITE_H
#define STANZABUS_TRANSPORTS_SITE_H

#include "transports/websocket/web.h"

struct site {                  /* borrowed for as long as it answers */
    bool has_page;             /* http.demo */
    struct text domain;        /* where people log in */
    struct text guest_domain;  /* where guests do; empty: no guests */
    struct text_list services; /* addresses that the page suggests to write to */
};

/* An http_respond_fn; ctx is a struct site. */
void site_respond(void *ctx, const struct http_request *request, struct http_response *response);

#endif

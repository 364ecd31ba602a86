/* origin.h - may a page of this origin open a WebSocket here?  RFC 6455 10.2; the setting is http.origins. */
#ifndef STANZABUS_TRANSPORTS_ORIGIN_H
#define STANZABUS_TRANSPORTS_ORIGIN_H

#include "stanzabus/config.h"

/* allowed: exact origins ("https://chat.example.com"), or "*"; none: only the page's own host, which is the one that the
 * request names in Host. */
bool origin_is_allowed(const struct text_list *allowed, struct text origin, struct text host);

#endif

/* mechanisms.h - the mechanisms of SASL and of XEP-0484, and those of them that a session is offered now. */
#ifndef STANZABUS_SESSION_MECHANISMS_H
#define STANZABUS_SESSION_MECHANISMS_H

#include "gateway/session/session_state.h"

enum { MECHANISM_COUNT = 8, FAST_COUNT = 3 };

/* Those that are offered: in the configured order; of XEP-0484, best first.  Their number. */
unsigned negotiate_list_mechanisms(struct session *session, const struct mechanism *offered[MECHANISM_COUNT]);
unsigned negotiate_list_fast(struct session *session, const struct mechanism *offered[FAST_COUNT]);
void negotiate_find_bindings(struct session *session);   /* which kinds of channel binding its connection has */
bool negotiate_offers_bindings(struct session *session); /* a mechanism that needs one is offered */

#endif

/* csi.h - client state indication (XEP-0352): while a client is inactive, presence and chat states are held back, the last
 * of each contact; they come when it wakes up, or in front of something that it is woken for anyway. */
#ifndef STANZABUS_SESSION_CSI_H
#define STANZABUS_SESSION_CSI_H

#include "gateway/session/session_state.h"

#define XMLNS_CSI "urn:xmpp:csi:0"

void csi_element(struct session *session, struct stanza *stanza); /* takes it */
/* True: it is held back.  Else what is held goes out first. */
bool csi_holds(struct session *session, const struct stanza *stanza, struct text xml);
void csi_sleep(struct session *session); /* inactive from now on */
void csi_flush(struct session *session);
void csi_wake(struct session *session); /* active again */
void csi_free(struct session *session);

#endif

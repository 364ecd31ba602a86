/* ask_login.h - logins that a service decides (auth.service). */
#ifndef STANZABUS_ROUTER_ASK_LOGIN_H
#define STANZABUS_ROUTER_ASK_LOGIN_H

#include "gateway/router/router_internal.h"

/* session_login_answered follows, once, perhaps from inside. */
void ask_login(struct router *router, struct session *session, const struct login_question *question);
void ask_login_answered(const struct sender *sender, struct stanza *answer); /* takes it */

#endif

/* bearer.h - JSON Web Tokens, as OAUTHBEARER and PLAIN take them. */
#ifndef STANZABUS_SESSION_BEARER_H
#define STANZABUS_SESSION_BEARER_H

#include "gateway/session/login.h"

/* Checks the token, and sets login->bare by it.  LOGIN_ACCOUNT, then bearer_found; or LOGIN_FAILURE. */
enum login_step bearer_begin(struct login *login, struct text token);
enum login_step bearer_found(struct login *login);
bool bearer_is_token(struct text password); /* by its looks */

#endif

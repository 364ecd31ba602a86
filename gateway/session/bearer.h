/* bearer.h - JSON Web Tokens, as OAUTHBEARER and PLAIN take them. */
#ifndef STANZABUS_SESSION_BEARER_H
#define STANZABUS_SESSION_BEARER_H

#include "gateway/session/login.h"

/* Checks the token, and sets login->bare by it.  LOGIN_ACCOUNT, then bearer_found; or LOGIN_FAILURE. */
enum login_step bearer_begin(struct login *login, struct text token);
enum login_step bearer_found(struct login *login);
/* Sets login->bare from juliet, or juliet@example.com where that is the domain of the stream; false: neither. */
bool bearer_set_name(struct login *login, struct text name);
bool bearer_is_token(struct text password); /* by its looks */

#endif

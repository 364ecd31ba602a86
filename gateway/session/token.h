/* token.h - login tokens (XEP-0484): made of what is stored and the nodes' secret, so that whoever reads one account's keys
 * in the store cannot log in with them. */
#ifndef STANZABUS_SESSION_TOKEN_H
#define STANZABUS_SESSION_TOKEN_H

#include "stanzabus/store.h"

/* What the client holds, 64 hex digits; client: the id of its installation. */
struct text token_text(struct arena *arena, const unsigned char secret[32], struct text bare, struct text client,
                       const struct login_token *token);

#endif

/* password.h - a password from --password, from a terminal without echo, or from the first line of stdin. */
#ifndef STANZABUS_COMMAND_PASSWORD_H
#define STANZABUS_COMMAND_PASSWORD_H

#include "gateway/command/invocation.h"

enum { PASSWORD_MAX = 1023 }; /* bytes, the bound of the other parts of an address (RFC 7622 3) */

struct password {
    char text[PASSWORD_MAX + 2]; /* NUL-terminated; room for the end of the line besides */
};

/* given: the value of --password, or NULL.  COMMAND_FINE, or an exit code after saying why. */
int password_get(struct password *password, const struct invocation *call, const char *given);
void password_fini(struct password *password); /* overwrites it */

/* Prepares the password (RFC 8265 4.2) and makes both sets of SCRAM keys, with fresh salts.  NULL, or what is wrong. */
const char *password_to_keys(struct text password, unsigned iterations, struct account *account);

#endif

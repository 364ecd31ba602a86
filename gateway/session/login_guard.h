/* login_guard.h - failed logins counted, by the client's address and by account, so that guessing gets slow while right
 * logins do not.  A bounded table; what was longest without a failure is forgotten first. */
#ifndef STANZABUS_SESSION_LOGIN_GUARD_H
#define STANZABUS_SESSION_LOGIN_GUARD_H

#include <stdint.h>

#include "stanzabus/text.h"

enum {
    LOGIN_GUARD_WINDOW_MS = 10 * 60 * 1000,
    LOGIN_GUARD_STEP_MS = 250, /* each failure beyond the limit waits that much longer ... */
    LOGIN_GUARD_MAX_MS = 5000, /* ... up to this */
    LOGIN_GUARD_ENTRIES = 65536
};

struct login_guard;

/* failures is what each address and account has free in the window. */
struct login_guard *login_guard_new(unsigned failures);
void login_guard_free(struct login_guard **guard);

/* Counts a failure; account may be empty.  Returns how many milliseconds its answer has to wait. */
int64_t login_guard_failed(struct login_guard *guard, const char *address, struct text account, int64_t now_ms);

/* The client's address without its port; of IPv6 the first 64 bits, which one subscriber has for himself.  out has room
 * for the peer of a connection. */
void login_guard_address(char out[64], const char *peer);

#endif

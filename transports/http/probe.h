/* probe.h - one HTTP GET, blocking: `stanzabus health` asks the admin listener of the running gateway. */
#ifndef STANZABUS_TRANSPORTS_PROBE_H
#define STANZABUS_TRANSPORTS_PROBE_H

#include "stanzabus/config.h"

/* Takes at most timeout_ms.  The start of the answer's body goes to body, NUL-terminated.  Returns the status (200, 503 ...),
 * or -1 with the reason in body.  An address of all zeros is asked on loopback. */
int probe_get(void *ctx, const struct listen_address *where, const char *path, int64_t timeout_ms, char *body, size_t size);

#endif

/* sight.h - a request about an account, and what its sender may see of it (store_sight.h). */
#ifndef STANZABUS_ROUTER_SIGHT_H
#define STANZABUS_ROUTER_SIGHT_H

#include "gateway/router/router_internal.h"
#include "stanzabus/store_sight.h"

/* request is a kept one, gone after the call; sight is borrowed.  Must answer. */
typedef void sight_fn(const struct iq_request *request, const struct sight *sight);
/* Looks at the account that the request is about. */
void sight_take(const struct iq_request *request, sight_fn *fn);

#endif

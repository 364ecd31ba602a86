/* resolver.h - the addresses of redis.url's host, looked up on a thread of its own: the loop never waits for DNS.  What
 * was found is kept, and found again while connecting fails, because a failover may have moved the name. */
#ifndef STANZABUS_TRANSPORTS_REDIS_RESOLVER_H
#define STANZABUS_TRANSPORTS_REDIS_RESOLVER_H

#include <sys/socket.h>

#include "url.h"

struct ev_loop;
struct resolver;

struct resolved {
    struct sockaddr_storage address;
    socklen_t size;
};

/* on_done comes on the loop's thread; error is NULL, or why nothing was found.  A Unix socket or a numeric host is
 * resolved at once, for good. */
struct resolver *resolver_new(struct ev_loop *loop, const struct redis_url *url,
                              void (*on_done)(void *ctx, const char *error), void *ctx);
void resolver_free(struct resolver **resolver); /* a look-up under way ends by itself, unheard */
void resolver_ask(struct resolver *resolver);   /* nothing while one is under way, or where nothing can change */
/* The n-th of the known addresses, round and round; NULL while none is known. */
const struct resolved *resolver_get(const struct resolver *resolver, unsigned n);

#endif

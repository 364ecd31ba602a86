/* srv.h - SRV records as data: read from the wire, and put in the order in which they are to be tried (RFC 2782). */
#ifndef STANZABUS_TRANSPORTS_DNS_SRV_H
#define STANZABUS_TRANSPORTS_DNS_SRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srv {
    uint16_t priority, weight, port;
    bool is_direct;
    char host[256]; /* without the dot at its end; "" is the root: no such service */
};

/* One record's data (RFC 2782, an uncompressed name as a resolver gives it).  False when it is malformed. */
bool srv_read(const unsigned char *data, size_t size, struct srv *out);
/* By priority, within one by weight at random: random gives a number from 0 to bound. */
void srv_order(struct srv *records, size_t count, uint32_t (*random)(void *ctx, uint32_t bound), void *ctx);

#endif

/* network.h - IP addresses and the networks they are in; which hop of X-Forwarded-For is the client.
 * IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 2.5.5.2), so that there is one form. */
#ifndef STANZABUS_TRANSPORTS_NETWORK_H
#define STANZABUS_TRANSPORTS_NETWORK_H

#include "stanzabus/text.h"

struct ip_address {
    unsigned char bytes[16];
};

struct network {
    struct ip_address address;
    unsigned bits; /* of the mapped form: 0 to 128 */
};

struct networks {
    struct network *items;
    size_t count;
};

/* "192.0.2.1", "2001:db8::1"; with a port too: "192.0.2.1:80", "[2001:db8::1]:80".  0, or -1. */
int ip_address_parse(struct text input, struct ip_address *out);
/* "192.0.2.0/24", "2001:db8::/32", or an address, which is a network of one.  0, or -1. */
int network_parse(struct text input, struct network *out);
bool networks_have(const struct networks *networks, const struct ip_address *address);

/* The hop that the first proxy we do not trust, or the client, appended: from the right, trusted ones are passed over.
 * When all are trusted it is the leftmost.  Empty when the hop that is reached is no address. */
struct text network_client_hop(const struct networks *trusted, struct text forwarded_for);

#endif

/* s2s_inside.h - what the files of transports/s2s share. */
#ifndef STANZABUS_TRANSPORTS_S2S_INSIDE_H
#define STANZABUS_TRANSPORTS_S2S_INSIDE_H

#include <stdio.h>

#include "transports/s2s/s2s.h"
#include "transports/tcp/tcp_connect.h"

enum { S2S_NAME_BYTES = 256 }; /* of a host, with its NUL */

void s2s_pins(const struct dns_tlsa *tlsa, size_t count, struct tls_pin *out); /* data stay borrowed */

/* proof.c; as in struct dialer_ops.  domain is an A-label, and is taken. */
struct proof *proof_new(struct dns *dns, char *domain, struct connection *connection, proved_fn *fn, void *ctx);
void proof_cancel(struct proof **proof);

#endif

/* s2s.h - the dialer: from a domain to a connection with one of its servers.
 *   dns (SRV) ──> its targets in order ──> dns (addresses, pins) ──> tcp_connect ──> struct connection */
#ifndef STANZABUS_TRANSPORTS_S2S_H
#define STANZABUS_TRANSPORTS_S2S_H

#include "stanzabus/dialer.h"
#include "transports/dns/dns.h"
#include "transports/tcp/tcp.h"

struct s2s; /* opaque; one a process */

struct s2s *s2s_new(struct dns *dns, int64_t timeout_ms); /* dns is borrowed */
/* Before the first dial; borrowed.  servers has a TLS with a peer_ca, or is NULL: no domain is dialled.  components, for
 * dial_host, has none. */
void s2s_attach(struct s2s *s2s, struct tcp *servers, struct tcp *components);
void s2s_free(struct s2s **s2s); /* no dial may be under way */
struct dialer *s2s_dialer(struct s2s *s2s);

#endif

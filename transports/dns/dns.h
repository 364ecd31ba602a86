/* dns.h - where a domain's XMPP server is: SRV records of both kinds in the order in which they are to be tried (RFC 6120
 * 3.2, RFC 2782, XEP-0368), their addresses, and their TLSA records (RFC 7673).
 * libunbound asks, on a thread of its own; answers come on the loop.  It validates DNSSEC where a trust anchor is given. */
#ifndef STANZABUS_TRANSPORTS_DNS_H
#define STANZABUS_TRANSPORTS_DNS_H

#include <sys/socket.h>

#include "stanzabus/log.h"
#include "stanzabus/memory.h"

struct ev_loop;
struct dns; /* opaque; one a process */

struct dns_settings {
    struct text_list_view {
        const struct text *items; /* ADDRESS or ADDRESS@PORT; none: those of /etc/resolv.conf */
        size_t count;
    } servers;
    struct text trust_anchor; /* file of DNSSEC anchors; empty: nothing is validated, and DANE is off */
    int64_t timeout_ms;       /* of one look-up of a domain, all its steps */
    const struct log *log;    /* borrowed */
};

/* Questions to resolvers that are under way at once, a socket each, by UDP and (long answers) by TCP; others wait for them. */
enum { DNS_UDP_SOCKETS = 128, DNS_TCP_SOCKETS = 16 };

/* NULL with one line in error when a setting cannot be used. */
struct dns *dns_new(struct ev_loop *loop, const struct dns_settings *settings, char *error, size_t error_size);
bool dns_is_validating(const struct dns *dns); /* there is a trust anchor: answers may be secure */
void dns_free(struct dns **dns); /* look-ups under way are not answered any more */

enum { DNS_TARGETS_MAX = 16, DNS_ADDRESSES_MAX = 8, DNS_TLSA_MAX = 8 };

struct dns_target {
    const char *host; /* A-labels, no dot at the end; lives as long as the answer's callback */
    uint16_t port;
    bool is_direct; /* TLS from the first byte: _xmpps-server */
    /* The answer that names it validated (or says that there are no SRV records, and that validated): its host speaks for
     * the domain, by its TLSA records or by its name in a certificate (RFC 7673 3.1, 4.1). */
    bool is_secure;
};
enum dns_result {
    DNS_FOUND,
    DNS_NOT_THERE, /* the domain does not exist, or says that it has no such service (SRV target ".") */
    DNS_FAILED,    /* no answer: try later */
    DNS_BOGUS      /* the answer does not validate, though it should (RFC 4033 5): never to be used; try later */
};
/* targets are in the order to be tried, weights thrown. */
typedef void dns_targets_fn(void *ctx, enum dns_result result, const struct dns_target *targets, size_t count);
/* domain: an A-label.  Without SRV records the domain itself, port 5269, is the one target.  fn is called once, never
 * from inside. */
struct dns_query *dns_find_servers(struct dns *dns, const char *domain, dns_targets_fn *fn, void *ctx);

struct dns_address {
    struct sockaddr_storage address; /* with the port */
    socklen_t size;
};
struct dns_tlsa { /* RFC 6698 2.1 */
    uint8_t usage, selector, matching;
    const unsigned char *data; /* lives as long as the callback */
    size_t size;
};
/* IPv6 and IPv4 take turns, IPv6 first (RFC 8305 4).  tlsa only when the addresses and they validated: with any usable one,
 * the certificate must match one (RFC 7673 4.2). */
typedef void dns_addresses_fn(void *ctx, enum dns_result result, const struct dns_address *addresses, size_t count,
                              const struct dns_tlsa *tlsa, size_t tlsa_count);
/* with_tlsa: of a target that is_secure.  Where its addresses validate, it is not found without an answer about its TLSA
 * records: who could keep that answer away could choose the certificate (RFC 7673 3.4). */
struct dns_query *dns_find_addresses(struct dns *dns, const char *host, uint16_t port, bool with_tlsa, dns_addresses_fn *fn,
                                     void *ctx);

/* Its callback will not come.  The pointer is void from the callback on. */
void dns_cancel(struct dns_query **query);

#endif

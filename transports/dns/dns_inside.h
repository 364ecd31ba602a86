/* dns_inside.h - what the files of transports/dns share. */
#ifndef STANZABUS_TRANSPORTS_DNS_INSIDE_H
#define STANZABUS_TRANSPORTS_DNS_INSIDE_H

#include <ev.h>
#include <sys/queue.h>

#include "transports/dns/dns.h"

enum { DNS_CLASS_IN = 1, DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33, DNS_TLSA = 52 };
enum { DNS_QUESTIONS_MAX = 3, DNS_NAME_MAX = 255 };

struct ub_ctx;
struct ub_result;

struct dns {
    struct ev_loop *loop;
    struct ub_ctx *unbound;
    struct ev_io io;
    const struct log *log;
    int64_t timeout_ms;
    bool is_validating;
    LIST_HEAD(, dns_query) queries;
};

struct dns_question {
    struct dns_query *query;
    struct ub_result *result; /* NULL: no answer */
    int id;
    bool is_open;
};

struct dns_query {
    struct dns *dns;
    void (*finish)(struct dns_query *query); /* reads the answers and calls back; the query is freed behind it */
    LIST_ENTRY(dns_query) entry;
    struct ev_timer timeout;
    struct dns_question questions[DNS_QUESTIONS_MAX];
    unsigned question_count, open;
    dns_targets_fn *on_targets;
    dns_addresses_fn *on_addresses;
    void *ctx;
    uint16_t port;
    char name[DNS_NAME_MAX + 1];
};

struct dns_query *dns_query_new(struct dns *dns, void (*finish)(struct dns_query *query));
void dns_ask(struct dns_query *query, const char *name, int type);
bool dns_is_bogus(const struct dns_query *query);           /* one of the answers is */
bool dns_is_answered(const struct ub_result *result);       /* with records, or by saying that there are none */
bool dns_is_secure(const struct ub_result *result);         /* the same, and it validated */

#endif

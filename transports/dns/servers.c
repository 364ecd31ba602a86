/* servers.c - the servers of a domain: _xmpp-server (STARTTLS) and _xmpps-server (direct TLS) in one order (XEP-0368 2). */
#include <openssl/rand.h>
#include <stdio.h>
#include <unbound.h>

#include "dns_inside.h"
#include "srv.h"

enum { DEFAULT_PORT = 5269 }; /* RFC 6120 3.2.2 */
enum { QUESTION_PLAIN, QUESTION_DIRECT };

static uint32_t draw(void *ctx, uint32_t bound)
{
    uint32_t bytes = 0;
    (void)ctx;
    RAND_bytes((unsigned char *)&bytes, sizeof bytes);
    return bound == UINT32_MAX ? bytes : bytes % (bound + 1);
}

static size_t read_records(const struct ub_result *result, bool is_direct, struct srv *records, size_t room)
{
    size_t count = 0;
    for (int i = 0; result && result->havedata && result->data[i] && count < room; i++) {
        if (!srv_read((const unsigned char *)result->data[i], (size_t)result->len[i], &records[count]))
            continue;
        records[count++].is_direct = is_direct;
    }
    return count;
}

static size_t drop_roots(struct srv *records, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (records[i].host[0])
            records[kept++] = records[i];
    return kept;
}

/* The plain question decides what silence means: without its answer nothing is known. */
static enum dns_result judge(const struct dns_query *query)
{
    const struct ub_result *plain = query->questions[QUESTION_PLAIN].result;
    const struct ub_result *direct = query->questions[QUESTION_DIRECT].result;
    if (dns_is_bogus(query))
        return DNS_BOGUS;
    if (!dns_is_answered(plain))
        return direct && direct->havedata ? DNS_FOUND : DNS_FAILED;
    return DNS_FOUND;
}

static void finish(struct dns_query *query)
{
    const struct ub_result *plain = query->questions[QUESTION_PLAIN].result;
    const struct ub_result *direct = query->questions[QUESTION_DIRECT].result;
    struct srv records[DNS_TARGETS_MAX];
    struct dns_target targets[DNS_TARGETS_MAX];
    enum dns_result result = judge(query);

    size_t all = read_records(plain, false, records, DNS_TARGETS_MAX / 2);
    all += read_records(direct, true, records + all, DNS_TARGETS_MAX - all);
    size_t count = drop_roots(records, all);
    if (result != DNS_FOUND) {
        query->on_targets(query->ctx, result, NULL, 0);
        return;
    }
    if (all == 0) { /* RFC 6120 3.2.2: no records of either kind, so the domain is the host */
        targets[0] = (struct dns_target){ query->name, DEFAULT_PORT, false, dns_is_secure(plain) };
        query->on_targets(query->ctx, DNS_FOUND, targets, 1);
        return;
    }
    srv_order(records, count, draw, NULL);
    for (size_t i = 0; i < count; i++)
        targets[i] = (struct dns_target){ records[i].host, records[i].port, records[i].is_direct,
                                          dns_is_secure(records[i].is_direct ? direct : plain) };
    query->on_targets(query->ctx, count ? DNS_FOUND : DNS_NOT_THERE, targets, count);
}

struct dns_query *dns_find_servers(struct dns *dns, const char *domain, dns_targets_fn *fn, void *ctx)
{
    struct dns_query *query = dns_query_new(dns, finish);
    char name[DNS_NAME_MAX + 32];

    query->on_targets = fn;
    query->ctx = ctx;
    snprintf(query->name, sizeof query->name, "%s", domain);
    snprintf(name, sizeof name, "_xmpp-server._tcp.%s.", query->name);
    dns_ask(query, name, DNS_SRV);
    snprintf(name, sizeof name, "_xmpps-server._tcp.%s.", query->name);
    dns_ask(query, name, DNS_SRV);
    return query;
}

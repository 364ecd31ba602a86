/* proof.c - whether a server that connected is one of its domain's: the domain's servers are looked up as if they were to be dialled,
 * and the TLSA records of each, until its certificate is that of one. */
#include <stdlib.h>

#include "transports/s2s/s2s_inside.h"

struct proof {
    struct dns *dns;
    char *domain;                  /* A-label; owned */
    struct connection *connection; /* borrowed */
    struct {
        char host[S2S_NAME_BYTES];
        uint16_t port;
    } targets[DNS_TARGETS_MAX]; /* those that may speak for the domain */
    size_t count, next;
    struct dns_query *query;
    proved_fn *fn;
    void *ctx;
};

void proof_cancel(struct proof **owned)
{
    struct proof *proof = *owned;
    if (!proof)
        return;
    *owned = NULL;
    dns_cancel(&proof->query);
    free(proof->domain);
    free(proof);
}

static void finish(struct proof *proof, bool is_proved)
{
    proved_fn *fn = proof->fn;
    void *ctx = proof->ctx;
    proof_cancel(&proof);
    fn(ctx, is_proved);
}

static void try_next(struct proof *proof);

static void on_addresses(void *ctx, enum dns_result result, const struct dns_address *addresses, size_t count,
                         const struct dns_tlsa *tlsa, size_t tlsa_count)
{
    struct proof *proof = ctx;
    struct tls_pin pins[DNS_TLSA_MAX];
    (void)addresses;
    (void)count;
    proof->query = NULL;
    const char *host = proof->targets[proof->next - 1].host;
    s2s_pins(tlsa, tlsa_count, pins);
    if (result == DNS_FOUND && tcp_peer_speaks_for(proof->connection, proof->domain, host, pins, tlsa_count))
        finish(proof, true);
    else
        try_next(proof);
}

static void try_next(struct proof *proof)
{
    if (proof->next == proof->count) {
        finish(proof, false);
        return;
    }
    size_t chosen = proof->next++;
    proof->query = dns_find_addresses(proof->dns, proof->targets[chosen].host, proof->targets[chosen].port, true, on_addresses, proof);
}

static void on_targets(void *ctx, enum dns_result result, const struct dns_target *targets, size_t count)
{
    struct proof *proof = ctx;
    proof->query = NULL;
    for (size_t i = 0; result == DNS_FOUND && i < count; i++) {
        if (!targets[i].is_secure)
            continue;
        snprintf(proof->targets[proof->count].host, S2S_NAME_BYTES, "%s", targets[i].host);
        proof->targets[proof->count++].port = targets[i].port;
    }
    try_next(proof);
}

struct proof *proof_new(struct dns *dns, char *domain, struct connection *connection, proved_fn *fn, void *ctx)
{
    struct proof *proof = xcalloc(1, sizeof *proof);
    proof->dns = dns;
    proof->domain = domain;
    proof->connection = connection;
    proof->fn = fn;
    proof->ctx = ctx;
    proof->query = dns_find_servers(dns, domain, on_targets, proof);
    return proof;
}

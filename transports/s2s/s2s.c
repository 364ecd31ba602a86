/* s2s.c - one dial: its targets one after the other, until a connection is there or none is left. */
#include "transports/s2s/s2s_inside.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <idn2.h>

#include "stanzabus/timer.h" /* container_of */

enum { REASON_MAX = 160 };

struct s2s {
    struct dialer dialer;
    struct dns *dns;
    struct tcp *tcp, *component_tcp;
    int64_t timeout_ms;
};

struct target {
    char host[S2S_NAME_BYTES];
    uint16_t port;
    bool is_direct, is_secure; /* as in struct dns_target */
};

struct dial {
    struct s2s *s2s;
    struct tcp *tcp;
    char *name; /* A-label of the domain; owned */
    char *own;  /* owned; NULL for dial_host */
    struct target targets[DNS_TARGETS_MAX];
    size_t target_count, next;
    struct dns_query *query;
    struct tcp_attempt *attempt;
    enum dial_result result; /* so far */
    char reason[REASON_MAX];
    dialed_fn *fn;
    void *ctx;
};

static void dial_free(struct dial *dial)
{
    dns_cancel(&dial->query);
    tcp_attempt_cancel(&dial->attempt);
    free(dial->name);
    free(dial->own);
    free(dial);
}

static void finish(struct dial *dial, enum dial_result result, struct connection *connection)
{
    dial->fn(dial->ctx, result, connection, dial->reason);
    dial_free(dial);
}

/* -- targets -- */

static void try_next(struct dial *dial);

static void explain(struct dial *dial, enum dns_result result, const char *absence, const char *name)
{
    const char *what = result == DNS_FAILED  ? "DNS does not answer for"
                       : result == DNS_BOGUS ? "DNSSEC says not to believe what DNS answers for"
                                             : absence;
    snprintf(dial->reason, sizeof dial->reason, "%s %.80s", what, name);
}

static void on_connected(void *ctx, struct connection *connection, const char *reason)
{
    struct dial *dial = ctx;
    dial->attempt = NULL;
    if (connection) {
        finish(dial, DIAL_CONNECTED, connection);
        return;
    }
    const struct target *target = &dial->targets[dial->next - 1];
    dial->result = DIAL_FAILED;
    snprintf(dial->reason, sizeof dial->reason, "cannot reach %.80s:%u (%s)", target->host, target->port, reason);
    try_next(dial);
}

void s2s_pins(const struct dns_tlsa *tlsa, size_t count, struct tls_pin *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (struct tls_pin){ tlsa[i].usage, tlsa[i].selector, tlsa[i].matching, tlsa[i].data, tlsa[i].size };
}

static void on_addresses(void *ctx, enum dns_result result, const struct dns_address *addresses, size_t count,
                         const struct dns_tlsa *tlsa, size_t tlsa_count)
{
    struct dial *dial = ctx;
    const struct target *target = &dial->targets[dial->next - 1];
    struct tcp_connect request = { .is_direct = target->is_direct, .name = dial->name, .host = target->is_secure ? target->host : NULL,
                                   .own = text_of(dial->own), .timeout_ms = dial->s2s->timeout_ms };
    struct tls_pin pins[DNS_TLSA_MAX];

    dial->query = NULL;
    if (result != DNS_FOUND) {
        dial->result = result == DNS_NOT_THERE && dial->result == DIAL_NOT_THERE ? DIAL_NOT_THERE : DIAL_FAILED;
        explain(dial, result, "there is no host", target->host);
        try_next(dial);
        return;
    }
    for (; request.count < count && request.count < TCP_CONNECT_ADDRESSES_MAX; request.count++) {
        request.addresses[request.count].address = addresses[request.count].address;
        request.addresses[request.count].size = addresses[request.count].size;
    }
    s2s_pins(tlsa, tlsa_count, pins);
    request.pins = pins;
    request.pin_count = tlsa_count;
    dial->attempt = tcp_connect(dial->tcp, &request, on_connected, dial);
}

/* An address needs no DNS. */
static bool read_address(const struct target *target, struct dns_address *out)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(target->port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(target->port) };
    *out = (struct dns_address){ 0 };
    if (inet_pton(AF_INET, target->host, &in.sin_addr) == 1) {
        memcpy(&out->address, &in, sizeof in);
        out->size = sizeof in;
    } else if (inet_pton(AF_INET6, target->host, &in6.sin6_addr) == 1) {
        memcpy(&out->address, &in6, sizeof in6);
        out->size = sizeof in6;
    }
    return out->size > 0;
}

static void try_next(struct dial *dial)
{
    struct dns_address address;
    if (dial->next == dial->target_count) {
        finish(dial, dial->result, NULL);
        return;
    }
    const struct target *target = &dial->targets[dial->next++];
    if (read_address(target, &address))
        on_addresses(dial, DNS_FOUND, &address, 1, NULL, 0);
    else
        dial->query = dns_find_addresses(dial->s2s->dns, target->host, target->port, target->is_secure, on_addresses, dial);
}

static void on_targets(void *ctx, enum dns_result result, const struct dns_target *targets, size_t count)
{
    struct dial *dial = ctx;
    dial->query = NULL;
    dial->result = result == DNS_FAILED || result == DNS_BOGUS ? DIAL_FAILED : DIAL_NOT_THERE;
    explain(dial, result, "there is no XMPP server for", dial->name);
    for (size_t i = 0; result == DNS_FOUND && i < count; i++) {
        struct target *target = &dial->targets[dial->target_count++];
        snprintf(target->host, sizeof target->host, "%s", targets[i].host);
        target->port = targets[i].port;
        target->is_direct = targets[i].is_direct;
        target->is_secure = targets[i].is_secure;
    }
    try_next(dial);
}

/* -- the contract -- */

static struct dial *dial_new(struct s2s *s2s, struct tcp *tcp, dialed_fn *fn, void *ctx)
{
    struct dial *dial = xcalloc(1, sizeof *dial);
    dial->s2s = s2s;
    dial->tcp = tcp;
    dial->fn = fn;
    dial->ctx = ctx;
    return dial;
}

static char *a_label(struct text domain)
{
    char *name = text_dup(domain), *ascii = NULL;
    if (idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) == IDN2_OK) {
        free(name);
        name = xstrdup(ascii);
        idn2_free(ascii);
    }
    return name;
}

static struct dial *dial_domain(struct dialer *dialer, struct text domain, struct text own, dialed_fn *fn, void *ctx)
{
    struct s2s *s2s = container_of(dialer, struct s2s, dialer);
    struct dial *dial = dial_new(s2s, s2s->tcp, fn, ctx);
    dial->name = a_label(domain);
    dial->own = text_dup(own);
    dial->query = dns_find_servers(s2s->dns, dial->name, on_targets, dial);
    return dial;
}

static struct dial *dial_host(struct dialer *dialer, const char *host, int port, dialed_fn *fn, void *ctx)
{
    struct s2s *s2s = container_of(dialer, struct s2s, dialer);
    struct dial *dial = dial_new(s2s, s2s->component_tcp, fn, ctx);
    dial->name = xstrdup(host);
    dial->result = DIAL_FAILED;
    dial->target_count = 1;
    snprintf(dial->targets[0].host, sizeof dial->targets[0].host, "%s", host);
    dial->targets[0].port = (uint16_t)port;
    try_next(dial);
    return dial;
}

static void cancel(struct dialer *dialer, struct dial **dial)
{
    (void)dialer;
    if (*dial)
        dial_free(*dial);
    *dial = NULL;
}

static struct proof *prove(struct dialer *dialer, struct text domain, struct connection *connection, proved_fn *fn, void *ctx)
{
    struct s2s *s2s = container_of(dialer, struct s2s, dialer);
    return dns_is_validating(s2s->dns) ? proof_new(s2s->dns, a_label(domain), connection, fn, ctx) : NULL;
}

static const struct dialer_ops ops = { dial_domain, dial_host, cancel, prove, proof_cancel };

struct s2s *s2s_new(struct dns *dns, int64_t timeout_ms)
{
    struct s2s *s2s = xcalloc(1, sizeof *s2s);
    *s2s = (struct s2s){ { &ops }, dns, NULL, NULL, timeout_ms };
    return s2s;
}

void s2s_attach(struct s2s *s2s, struct tcp *servers, struct tcp *components)
{
    s2s->tcp = servers;
    s2s->component_tcp = components;
}

void s2s_free(struct s2s **s2s)
{
    free(*s2s);
    *s2s = NULL;
}

struct dialer *s2s_dialer(struct s2s *s2s)
{
    return &s2s->dialer;
}

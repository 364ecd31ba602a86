/* addresses.c - the addresses of a host, both families, and its TLSA records. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unbound.h>

#include "dns_inside.h"

enum { QUESTION_AAAA, QUESTION_A, QUESTION_TLSA };
enum { IPV6_BYTES = 16, IPV4_BYTES = 4, TLSA_FIXED_BYTES = 3 };

static size_t count_of(const struct ub_result *result, int size)
{
    size_t count = 0;
    while (result && result->havedata && result->data[count] && result->len[count] == size)
        count++;
    return count;
}

static struct dns_address make_address6(const char *bytes, uint16_t port)
{
    struct dns_address out = { .size = sizeof(struct sockaddr_in6) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memcpy(&in6.sin6_addr, bytes, sizeof in6.sin6_addr);
    memcpy(&out.address, &in6, sizeof in6);
    return out;
}

static struct dns_address make_address4(const char *bytes, uint16_t port)
{
    struct dns_address out = { .size = sizeof(struct sockaddr_in) };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    memcpy(&in.sin_addr, bytes, sizeof in.sin_addr);
    memcpy(&out.address, &in, sizeof in);
    return out;
}

/* RFC 8305 4: the families take turns, so that one that does not work costs one try. */
static size_t interleave(const struct ub_result *v6, const struct ub_result *v4, uint16_t port, struct dns_address *out)
{
    size_t count6 = count_of(v6, IPV6_BYTES), count4 = count_of(v4, IPV4_BYTES), count = 0;
    for (size_t i = 0; (i < count6 || i < count4) && count < DNS_ADDRESSES_MAX; i++) {
        if (i < count6)
            out[count++] = make_address6(v6->data[i], port);
        if (i < count4 && count < DNS_ADDRESSES_MAX)
            out[count++] = make_address4(v4->data[i], port);
    }
    return count;
}

static size_t read_tlsa(const struct ub_result *result, struct dns_tlsa *out)
{
    size_t count = 0;
    for (int i = 0; result->havedata && result->data[i] && count < DNS_TLSA_MAX; i++) {
        const unsigned char *data = (const unsigned char *)result->data[i];
        if (result->len[i] > TLSA_FIXED_BYTES)
            out[count++] = (struct dns_tlsa){ data[0], data[1], data[2], data + TLSA_FIXED_BYTES,
                                              (size_t)result->len[i] - TLSA_FIXED_BYTES };
    }
    return count;
}

static bool is_secure_where_there(const struct ub_result *result)
{
    return !result || !result->havedata || result->secure;
}

static enum dns_result judge(const struct dns_query *query, bool needs_tlsa)
{
    const struct dns_question *questions = query->questions;
    const struct ub_result *v6 = questions[QUESTION_AAAA].result, *v4 = questions[QUESTION_A].result;

    if (dns_is_bogus(query))
        return DNS_BOGUS;
    if (count_of(v6, IPV6_BYTES) == 0 && count_of(v4, IPV4_BYTES) == 0)
        return dns_is_answered(v6) && dns_is_answered(v4) ? DNS_NOT_THERE : DNS_FAILED;
    return needs_tlsa && !dns_is_answered(questions[QUESTION_TLSA].result) ? DNS_FAILED : DNS_FOUND;
}

/* RFC 7673 3.2: TLSA records of a host whose addresses are not signed mean nothing. */
static void finish(struct dns_query *query)
{
    const struct dns_question *questions = query->questions;
    const struct ub_result *v6 = questions[QUESTION_AAAA].result, *v4 = questions[QUESTION_A].result;
    bool needs_tlsa = query->question_count > QUESTION_TLSA && is_secure_where_there(v6) && is_secure_where_there(v4);
    enum dns_result result = judge(query, needs_tlsa);
    struct dns_address addresses[DNS_ADDRESSES_MAX];
    struct dns_tlsa tlsa[DNS_TLSA_MAX];
    size_t count = 0, tlsa_count = 0;

    if (result == DNS_FOUND) {
        count = interleave(v6, v4, query->port, addresses);
        if (needs_tlsa && dns_is_secure(questions[QUESTION_TLSA].result))
            tlsa_count = read_tlsa(questions[QUESTION_TLSA].result, tlsa);
    }
    query->on_addresses(query->ctx, result, addresses, count, tlsa, tlsa_count);
}

struct dns_query *dns_find_addresses(struct dns *dns, const char *host, uint16_t port, bool with_tlsa, dns_addresses_fn *fn,
                                     void *ctx)
{
    struct dns_query *query = dns_query_new(dns, finish);
    char name[DNS_NAME_MAX + 32];

    query->on_addresses = fn;
    query->ctx = ctx;
    query->port = port;
    dns_ask(query, host, DNS_AAAA);
    dns_ask(query, host, DNS_A);
    if (with_tlsa) {
        snprintf(name, sizeof name, "_%u._tcp.%s", port, host);
        dns_ask(query, name, DNS_TLSA);
    }
    return query;
}

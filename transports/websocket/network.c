/* network.c - parses addresses and CIDR networks, compares them bit by bit. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#include "transports/websocket/network.h"

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static struct text trim(struct text t)
{
    while (t.size && (t.data[0] == ' ' || t.data[0] == '\t'))
        t.data++, t.size--;
    while (t.size && (t.data[t.size - 1] == ' ' || t.data[t.size - 1] == '\t'))
        t.size--;
    return t;
}

/* Takes brackets and port away: what is left is for inet_pton. */
static struct text without_port(struct text t)
{
    const char *end = t.size ? memchr(t.data, ']', t.size) : NULL;
    if (t.size && t.data[0] == '[')
        return end ? (struct text){ t.data + 1, (size_t)(end - t.data) - 1 } : (struct text){ 0 };
    const char *colon = t.size ? memchr(t.data, ':', t.size) : NULL;
    if (colon && !memchr(colon + 1, ':', t.size - (size_t)(colon + 1 - t.data)))
        t.size = (size_t)(colon - t.data);
    return t;
}

static int parse_plain(struct text t, struct ip_address *out)
{
    char plain[INET6_ADDRSTRLEN];
    if (t.size == 0 || t.size >= sizeof plain)
        return -1;
    memcpy(plain, t.data, t.size);
    plain[t.size] = '\0';
    if (inet_pton(AF_INET6, plain, out->bytes) == 1)
        return 0;
    memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
    return inet_pton(AF_INET, plain, out->bytes + sizeof mapped_prefix) == 1 ? 0 : -1;
}

int ip_address_parse(struct text input, struct ip_address *out)
{
    return parse_plain(without_port(trim(input)), out);
}

static bool is_mapped(const struct ip_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

static int parse_bits(struct text t, unsigned max, unsigned *out)
{
    *out = 0;
    if (t.size == 0 || t.size > 3)
        return -1;
    for (size_t i = 0; i < t.size; i++) {
        if (!isdigit((unsigned char)t.data[i]))
            return -1;
        *out = *out * 10 + (unsigned)(t.data[i] - '0');
    }
    return *out <= max ? 0 : -1;
}

int network_parse(struct text input, struct network *out)
{
    struct text t = trim(input);
    const char *slash = t.size ? memchr(t.data, '/', t.size) : NULL;
    struct text address = { t.data, slash ? (size_t)(slash - t.data) : t.size };

    if (parse_plain(address, &out->address))
        return -1;
    out->bits = 128;
    if (!slash)
        return 0;
    bool is_ipv4 = is_mapped(&out->address) && !memchr(address.data, ':', address.size);
    struct text bits = { slash + 1, t.size - address.size - 1 };
    if (parse_bits(bits, is_ipv4 ? 32 : 128, &out->bits))
        return -1;
    if (is_ipv4)
        out->bits += 96;
    return 0;
}

static bool network_has(const struct network *network, const struct ip_address *address)
{
    unsigned bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address.bytes, address->bytes, bytes) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned char mask = (unsigned char)(0xff << (8 - rest));
    return ((network->address.bytes[bytes] ^ address->bytes[bytes]) & mask) == 0;
}

bool networks_have(const struct networks *networks, const struct ip_address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_has(&networks->items[i], address))
            return true;
    return false;
}

struct text network_client_hop(const struct networks *trusted, struct text forwarded_for)
{
    struct text left = forwarded_for, hop = { 0 };
    struct ip_address address;
    while (left.size) {
        const char *comma = memrchr(left.data, ',', left.size);
        size_t start = comma ? (size_t)(comma - left.data) + 1 : 0;
        hop = without_port(trim((struct text){ left.data + start, left.size - start }));
        if (parse_plain(hop, &address))
            return (struct text){ 0 };
        if (!networks_have(trusted, &address))
            return hop;
        left.size = comma ? start - 1 : 0;
    }
    return hop;
}

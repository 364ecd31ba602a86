/* ip.c - the two forms of IP addresses, as text. */
#include "stanzabus/ip.h"

enum { V6_GROUPS = 8, V6_GROUP_DIGITS = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool ip_is_v4(struct text t)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        unsigned number = 0;
        size_t start = at;
        while (at < t.size && at - start < 3 && is_digit(t.data[at]))
            number = number * 10 + (unsigned)(t.data[at++] - '0');
        if (at == start || number > 255 || (at - start > 1 && t.data[start] == '0'))
            return false;
        if (part < 3 && (at == t.size || t.data[at++] != '.'))
            return false;
    }
    return at == t.size;
}

bool ip_is_v6(struct text t)
{
    int groups = 0;
    bool has_gap = t.size >= 2 && t.data[0] == ':' && t.data[1] == ':';
    size_t at = has_gap ? 2 : 0;
    while (at < t.size) {
        size_t start = at;
        while (at < t.size && is_hex(t.data[at]))
            at++;
        if (at < t.size && t.data[at] == '.') { /* the last 32 bits as IPv4 */
            groups += 2;
            if (!ip_is_v4((struct text){ t.data + start, t.size - start }))
                return false;
            break;
        }
        if (at == start || at - start > V6_GROUP_DIGITS || ++groups > V6_GROUPS)
            return false;
        if (at == t.size)
            break;
        if (t.data[at++] != ':' || at == t.size)
            return false;
        if (t.data[at] == ':') {
            if (has_gap)
                return false;
            has_gap = true;
            at++;
        }
    }
    return has_gap ? groups < V6_GROUPS : groups == V6_GROUPS;
}

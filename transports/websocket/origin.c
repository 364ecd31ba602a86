/* origin.c - compares origins (RFC 6454 6.1: scheme://host[:port]) with the list and with the page's own host. */
#include <strings.h>

#include "transports/websocket/origin.h"

static bool is_same(struct text a, struct text b)
{
    return a.size == b.size && a.size > 0 && strncasecmp(a.data, b.data, a.size) == 0;
}

/* The scheme's own port may be written or not: "example.com:443" and "example.com" are one host over https. */
static struct text without_port(struct text authority, const char *port)
{
    size_t size = strlen(port);
    if (authority.size > size && memcmp(authority.data + authority.size - size, port, size) == 0)
        authority.size -= size;
    return authority;
}

static bool is_own_host(struct text origin, struct text host)
{
    static const struct {
        struct text scheme;
        const char *port;
    } schemes[] = { { TEXT_INIT("https://"), ":443" }, { TEXT_INIT("http://"), ":80" } };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct text scheme = schemes[i].scheme;
        if (origin.size <= scheme.size || strncasecmp(origin.data, scheme.data, scheme.size) != 0)
            continue;
        struct text authority = { origin.data + scheme.size, origin.size - scheme.size };
        return is_same(without_port(authority, schemes[i].port), without_port(host, schemes[i].port));
    }
    return false;
}

bool origin_is_allowed(const struct text_list *allowed, struct text origin, struct text host)
{
    if (allowed->count == 0)
        return is_own_host(origin, host);
    for (size_t i = 0; i < allowed->count; i++)
        if (text_is(allowed->items[i], "*") || is_same(allowed->items[i], origin))
            return true;
    return false;
}

/* uri.c - an address as its URI: xmpp:romeo@example.com/orchard (RFC 5122 2.2). */
#include "stanzabus/message.h"

enum { IN_LOCAL = 1, IN_DOMAIN = 2, IN_RESOURCE = 4, EVERYWHERE = 7 };

/* What stands as itself besides letters and digits: unreserved (RFC 3986 2.3) everywhere; nodeallow and resallow of
 * RFC 5122 2.2; the colons of an IPv6 address.  Its brackets do not: there is no authority here, and in a path RFC 3986
 * 3.3 has none. */
static const unsigned char allowed[128] = {
    ['-'] = EVERYWHERE,
    ['.'] = EVERYWHERE,
    ['_'] = EVERYWHERE,
    ['~'] = EVERYWHERE,
    ['!'] = IN_LOCAL | IN_RESOURCE,
    ['$'] = IN_LOCAL | IN_RESOURCE,
    ['('] = IN_LOCAL | IN_RESOURCE,
    [')'] = IN_LOCAL | IN_RESOURCE,
    ['*'] = IN_LOCAL | IN_RESOURCE,
    ['+'] = IN_LOCAL | IN_RESOURCE,
    [','] = IN_LOCAL | IN_RESOURCE,
    [';'] = IN_LOCAL | IN_RESOURCE,
    ['='] = IN_LOCAL | IN_RESOURCE,
    ['&'] = IN_RESOURCE,
    ['\''] = IN_RESOURCE,
    [':'] = IN_RESOURCE | IN_DOMAIN,
};

static inline bool stands_as_itself(unsigned char c, unsigned part)
{
    if ((unsigned char)((c | 0x20) - 'a') < 26 || (unsigned char)(c - '0') < 10)
        return true;
    return c < 128 && (allowed[c] & part);
}

static void write_part(struct buffer *out, struct text part, unsigned which)
{
    static const char hex[] = "0123456789ABCDEF";
    char *at = buffer_reserve(out, part.size * 3);
    for (size_t i = 0; i < part.size; i++) {
        unsigned char c = (unsigned char)part.data[i];
        if (stands_as_itself(c, which)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    out->size = (size_t)(at - out->data);
}

void uri_write(struct buffer *out, struct text address)
{
    BUFFER_LITERAL(out, "xmpp:");
    if (address.size == 0)
        return;
    const char *end = address.data + address.size;
    const char *slash = memchr(address.data, '/', address.size);
    const char *bare_end = slash ? slash : end;
    const char *sign = memchr(address.data, '@', (size_t)(bare_end - address.data));
    const char *domain = sign ? sign + 1 : address.data;
    if (sign) {
        write_part(out, (struct text){ address.data, (size_t)(sign - address.data) }, IN_LOCAL);
        buffer_append_char(out, '@');
    }
    write_part(out, (struct text){ domain, (size_t)(bare_end - domain) }, IN_DOMAIN);
    if (slash) {
        buffer_append_char(out, '/');
        write_part(out, (struct text){ slash + 1, (size_t)(end - slash - 1) }, IN_RESOURCE);
    }
}

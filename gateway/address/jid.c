/* jid.c - takes addresses apart and puts them together (RFC 7622 3.1); what each part may be is prepared in domain.c and
 * precis.c.  ASCII in prepared form, which is nearly all there is, is neither copied nor looked at twice. */
#include <assert.h>

#include "gateway/address/bytes.h"
#include "gateway/address/precis.h"

int jid_prepare_local(struct arena *arena, struct text input, struct text *out)
{
    if (input.size == 0)
        return -1;
    unsigned seen = bytes_seen(input);
    if (seen & BYTE_NOT_LOCAL)
        return -1;
    if (seen & BYTE_HIGH) {
        /* Width mapping may have made an excluded character: U+FF20 is an @. */
        return precis_username(arena, input, out) < 0 || (bytes_seen(*out) & BYTE_NOT_LOCAL) ? -1 : 0;
    }
    if (input.size > JID_PART_MAX)
        return -1;
    *out = seen & BYTE_UPPER ? bytes_lower(arena, input) : input;
    return 0;
}

int jid_prepare_resource(struct arena *arena, struct text input, struct text *out)
{
    if (input.size == 0)
        return -1;
    unsigned seen = bytes_seen(input);
    if (seen & BYTE_NOT_RESOURCE)
        return -1;
    if (seen & BYTE_HIGH)
        return precis_opaque(arena, input, out);
    if (input.size > JID_PART_MAX)
        return -1;
    *out = input;
    return 0;
}

int jid_prepare_password(struct arena *arena, struct text input, struct text *out)
{
    return jid_prepare_resource(arena, input, out); /* the same profile and bounds */
}

/* The place of c in t, or t.size. */
static size_t find(struct text t, char c)
{
    const char *place = t.size ? memchr(t.data, c, t.size) : NULL;
    return place ? (size_t)(place - t.data) : t.size;
}

struct parts {
    struct text local, domain, resource; /* data is NULL where the part is absent */
};

/* RFC 7622 3.1: the first slash ends the bare address, the first @ before it ends the localpart. */
static struct parts split(struct text input)
{
    struct parts parts = { .domain = input };
    size_t slash = find(input, '/');
    if (slash < input.size) {
        parts.resource = (struct text){ input.data + slash + 1, input.size - slash - 1 };
        parts.domain.size = slash;
    }
    size_t at = find(parts.domain, '@');
    if (at < parts.domain.size) {
        parts.local = (struct text){ input.data, at };
        parts.domain = (struct text){ input.data + at + 1, parts.domain.size - at - 1 };
    }
    return parts;
}

static bool is_same_place(struct text a, struct text b)
{
    return a.data == b.data && a.size == b.size;
}

int jid_parse(struct arena *arena, struct text input, struct jid *out)
{
    struct parts given = split(input), prepared = given;
    if (given.local.data && jid_prepare_local(arena, given.local, &prepared.local) < 0)
        return -1;
    if (jid_prepare_domain(arena, given.domain, &prepared.domain) < 0)
        return -1;
    if (given.resource.data && jid_prepare_resource(arena, given.resource, &prepared.resource) < 0)
        return -1;

    if (is_same_place(given.local, prepared.local) && is_same_place(given.domain, prepared.domain) &&
        is_same_place(given.resource, prepared.resource)) {
        *out = (struct jid){ .text = input.data,
                             .size = (uint16_t)input.size,
                             .local = (uint16_t)given.local.size,
                             .domain = (uint16_t)given.domain.size,
                             .resource = (uint16_t)given.resource.size };
    } else {
        *out = jid_make(arena, prepared.local, prepared.domain, prepared.resource);
    }
    return 0;
}

struct jid jid_make(struct arena *arena, struct text local, struct text domain, struct text resource)
{
    assert(local.size <= JID_PART_MAX && resource.size <= JID_PART_MAX);
    assert(domain.size > 0 && domain.size <= JID_PART_MAX);
    char *text = arena_alloc(arena, local.size + domain.size + resource.size + 3), *end = text;
    if (local.size) {
        end = mempcpy(end, local.data, local.size);
        *end++ = '@';
    }
    end = mempcpy(end, domain.data, domain.size);
    if (resource.size) {
        *end++ = '/';
        end = mempcpy(end, resource.data, resource.size);
    }
    *end = '\0';
    return (struct jid){ .text = text,
                         .size = (uint16_t)(end - text),
                         .local = (uint16_t)local.size,
                         .domain = (uint16_t)domain.size,
                         .resource = (uint16_t)resource.size };
}

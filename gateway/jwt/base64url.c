/* base64url.c - RFC 4648 5 as RFC 7515 2 wants it: no padding, no white space, no stray bits. */
#include "gateway/jwt/jwt_inside.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

long base64url_decode(unsigned char *out, size_t room, struct text in)
{
    size_t size = in.size / 4 * 3 + (in.size % 4 ? in.size % 4 - 1 : 0), made = 0;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not given out yet */

    if (in.size % 4 == 1 || size > room)
        return -1;
    for (size_t i = 0; i < in.size; i++) {
        int value = value_of(in.data[i]);
        if (value < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)value) & 0xFFFFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[made++] = (unsigned char)(bits >> held);
        }
    }
    return bits & ((1u << held) - 1) ? -1 : (long)made;
}

char *json_copy(struct arena *arena, struct text text)
{
    char *copy = arena_alloc(arena, text.size + JSON_PADDING);
    if (text.size)
        memcpy(copy, text.data, text.size);
    memset(copy + text.size, 0, JSON_PADDING);
    return copy;
}

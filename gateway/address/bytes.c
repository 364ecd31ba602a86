/* bytes.c - the table behind bytes.h, and lower case for ASCII. */
#include "gateway/address/bytes.h"

enum {
    CONTROL = BYTE_NOT_LOCAL | BYTE_NOT_DOMAIN | BYTE_NOT_RESOURCE,
    EXCLUDED = BYTE_NOT_LOCAL | BYTE_NOT_DOMAIN,
    OTHER = BYTE_NOT_DOMAIN
};

const unsigned char byte_classes[256] = {
    [0 ... 0x1f] = CONTROL,
    [' '] = EXCLUDED,
    ['!'] = OTHER,
    ['"'] = EXCLUDED,
    ['#'] = OTHER,
    ['$'] = OTHER,
    ['%'] = OTHER,
    ['&'] = EXCLUDED,
    ['\''] = EXCLUDED,
    ['('] = OTHER,
    [')'] = OTHER,
    ['*'] = OTHER,
    ['+'] = OTHER,
    [','] = OTHER,
    ['/'] = EXCLUDED,
    [':'] = EXCLUDED,
    [';'] = OTHER,
    ['<'] = EXCLUDED,
    ['='] = OTHER,
    ['>'] = EXCLUDED,
    ['?'] = OTHER,
    ['@'] = EXCLUDED,
    ['A' ... 'Z'] = BYTE_UPPER,
    ['[' ... '`'] = OTHER,
    ['{' ... '~'] = OTHER,
    [0x7f] = CONTROL,
    [0x80 ... 0xff] = BYTE_HIGH,
};

struct text bytes_lower(struct arena *arena, struct text t)
{
    char *copy = arena_alloc(arena, t.size + 1);
    for (size_t i = 0; i < t.size; i++)
        copy[i] = (char)(byte_classes[(unsigned char)t.data[i]] & BYTE_UPPER ? t.data[i] + ('a' - 'A') : t.data[i]);
    copy[t.size] = '\0';
    return (struct text){ copy, t.size };
}

/* utf8.c - checks UTF-8 as RFC 3629 4 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#include <stdint.h>
#include <string.h>

#include "transports/websocket/utf8.h"

/* Stanzas are mostly ASCII: eight bytes a step. */
static size_t skip_ascii(const unsigned char *at, size_t size)
{
    size_t done = 0;
    uint64_t eight;
    while (size - done >= sizeof eight) {
        memcpy(&eight, at + done, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
        done += sizeof eight;
    }
    while (done < size && at[done] < 0x80)
        done++;
    return done;
}

/* Bytes of the character at at, which is not ASCII; 0 when it is none. */
static size_t character_size(const unsigned char *at, size_t size)
{
    static const struct {
        unsigned char first, last, low, high, bytes; /* of the first byte; of the second byte; of all */
    } forms[] = {
        { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
        { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (size < forms[i].bytes || at[1] < forms[i].low || at[1] > forms[i].high)
            return 0;
        for (size_t more = 2; more < forms[i].bytes; more++)
            if ((at[more] & 0xc0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

bool utf8_is_valid(const char *data, size_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    for (;;) {
        size_t done = skip_ascii(at, size);
        at += done;
        size -= done;
        if (size == 0)
            return true;
        size_t character = character_size(at, size);
        if (character == 0)
            return false;
        at += character;
        size -= character;
    }
}

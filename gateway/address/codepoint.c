/* codepoint.c - looks a code point's PRECIS class up in the derived table (RFC 8264 8 and 9). */
#include "gateway/address/precis.h"

static const uint32_t runs[] = {
#include "gateway/address/codepoint_classes.inc"
};

enum { RUNS = sizeof runs / sizeof runs[0], CLASS_BITS = 3, CODEPOINT_MAX = 0x10FFFF };

enum codepoint_class codepoint_class(uint32_t c)
{
    size_t low = 0, high = RUNS; /* runs[low] starts at or before c, runs[high] behind it */
    if (c > CODEPOINT_MAX)
        return CODEPOINT_DISALLOWED;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle] >> CLASS_BITS <= c)
            low = middle;
        else
            high = middle;
    }
    return (enum codepoint_class)(runs[low] & ((1u << CLASS_BITS) - 1));
}

/* bidi.c - the Bidi Rule, which keeps text of mixed direction readable in one way only (RFC 5893 2). */
#include <unictype.h>

#include "gateway/address/precis.h"

#define BIDI(class) (1u << UC_BIDI_##class)

static const unsigned rtl_marks = BIDI(R) | BIDI(AL) | BIDI(AN);
static const unsigned neutral = BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM);

static unsigned bidi_bit(uint32_t c)
{
    return 1u << uc_bidi_category(c);
}

bool bidi_has_rtl(const uint32_t *string, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bidi_bit(string[i]) & rtl_marks)
            return true;
    return false;
}

/* The class of the last code point before trailing marks; 0 when all are marks. */
static unsigned last_bit(const uint32_t *string, size_t count)
{
    while (count > 0 && bidi_bit(string[count - 1]) == BIDI(NSM))
        count--;
    return count ? bidi_bit(string[count - 1]) : 0;
}

bool bidi_rule_holds(const uint32_t *string, size_t count)
{
    unsigned seen = 0;
    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        seen |= bidi_bit(string[i]);

    unsigned first = bidi_bit(string[0]), last = last_bit(string, count);
    if (first == BIDI(L)) /* conditions 1, 5 and 6 */
        return !(seen & ~(BIDI(L) | neutral)) && (last & (BIDI(L) | BIDI(EN)));
    if (!(first & (BIDI(R) | BIDI(AL))))
        return false;
    if ((seen & BIDI(EN)) && (seen & BIDI(AN))) /* condition 4 */
        return false;
    return !(seen & ~(rtl_marks | neutral)) && (last & (rtl_marks | BIDI(EN))); /* 2 and 3 */
}

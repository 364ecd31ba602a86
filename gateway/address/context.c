/* context.c - the rules for code points that are valid only beside certain others (RFC 5892 appendix A). */
#include <unictype.h>

#include "gateway/address/precis.h"

enum {
    MIDDLE_DOT = 0x00B7,
    GREEK_LOWER_NUMERAL_SIGN = 0x0375,
    HEBREW_GERESH = 0x05F3,
    HEBREW_GERSHAYIM = 0x05F4,
    ZERO_WIDTH_NON_JOINER = 0x200C,
    ZERO_WIDTH_JOINER = 0x200D,
    KATAKANA_MIDDLE_DOT = 0x30FB,
    ARABIC_INDIC_ZERO = 0x0660,
    EXTENDED_ARABIC_INDIC_ZERO = 0x06F0
};

static bool is_digit_from(uint32_t c, uint32_t zero)
{
    return c >= zero && c <= zero + 9;
}

static bool is_of_script(uint32_t c, const char *name)
{
    const uc_script_t *script = uc_script(c);
    return script && strcmp(script->name, name) == 0;
}

static bool is_cjk(uint32_t c)
{
    return is_of_script(c, "Hiragana") || is_of_script(c, "Katakana") || is_of_script(c, "Han");
}

static bool follows_virama(const uint32_t *string, size_t at)
{
    return at > 0 && uc_combining_class(string[at - 1]) == UC_CCC_VR;
}

/* A.1: something that joins to the left, transparent ones, ZWNJ, transparent ones, something that joins to the right. */
static bool stands_between_joiners(const uint32_t *string, size_t count, size_t at)
{
    size_t before = at, after = at + 1;
    while (before > 0 && uc_joining_type(string[before - 1]) == UC_JOINING_TYPE_T)
        before--;
    while (after < count && uc_joining_type(string[after]) == UC_JOINING_TYPE_T)
        after++;
    if (before == 0 || after == count)
        return false;
    int left = uc_joining_type(string[before - 1]), right = uc_joining_type(string[after]);
    return (left == UC_JOINING_TYPE_L || left == UC_JOINING_TYPE_D) &&
           (right == UC_JOINING_TYPE_R || right == UC_JOINING_TYPE_D);
}

static bool any_is_cjk(const uint32_t *string, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_cjk(string[i]))
            return true;
    return false;
}

static bool has_digit_from(const uint32_t *string, size_t count, uint32_t zero)
{
    for (size_t i = 0; i < count; i++)
        if (is_digit_from(string[i], zero))
            return true;
    return false;
}

bool context_rule_holds(const uint32_t *string, size_t count, size_t at)
{
    uint32_t c = string[at];
    switch (c) {
    case ZERO_WIDTH_NON_JOINER: /* A.1 */
        return follows_virama(string, at) || stands_between_joiners(string, count, at);
    case ZERO_WIDTH_JOINER: /* A.2 */
        return follows_virama(string, at);
    case MIDDLE_DOT: /* A.3: Catalan, between two l */
        return at > 0 && at + 1 < count && string[at - 1] == 'l' && string[at + 1] == 'l';
    case GREEK_LOWER_NUMERAL_SIGN: /* A.4 */
        return at + 1 < count && is_of_script(string[at + 1], "Greek");
    case HEBREW_GERESH:    /* A.5 */
    case HEBREW_GERSHAYIM: /* A.6 */
        return at > 0 && is_of_script(string[at - 1], "Hebrew");
    case KATAKANA_MIDDLE_DOT: /* A.7 */
        return any_is_cjk(string, count);
    default: /* A.8, A.9: the two sets of Arabic digits do not mix */
        if (is_digit_from(c, ARABIC_INDIC_ZERO))
            return !has_digit_from(string, count, EXTENDED_ARABIC_INDIC_ZERO);
        if (is_digit_from(c, EXTENDED_ARABIC_INDIC_ZERO))
            return !has_digit_from(string, count, ARABIC_INDIC_ZERO);
        return true;
    }
}

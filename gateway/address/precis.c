/* precis.c - the two profiles of RFC 8265: UsernameCaseMapped for localparts, OpaqueString for resources and passwords. */
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>
#include <unictype.h>

#include "gateway/address/precis.h"

enum {
    CAPITAL_I_WITH_DOT = 0x0130,
    COMBINING_DOT_ABOVE = 0x0307,
    IDEOGRAPHIC_FULL_STOP = 0x3002,
    NFC_ALWAYS_BELOW =
        0x0300, /* no code point below takes part in composition as a second one, or is decomposed by NFC */
    MAPPING_ROUNDS = 4
};

static int from_utf8(struct text input, struct codepoints *out)
{
    if (input.size == 0 || input.size > PRECIS_INPUT_MAX)
        return -1;
    size_t room = PRECIS_INPUT_MAX; /* a code point takes a byte at least, so the room is enough */
    uint32_t *result = u8_to_u32((const uint8_t *)input.data, input.size, out->items, &room);
    if (!result)
        return -1;
    out->count = room;
    return 0;
}

static uint32_t without_width(uint32_t c)
{
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    int tag = 0;
    int count = uc_decomposition(c, &tag, parts);
    return count == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW) ? parts[0] : c;
}

/* Cherokee had no case when IDNA2008 was made: its capitals are valid there, its small letters fold to them. */
static uint32_t cherokee_capital(uint32_t c)
{
    if (c >= 0xAB70 && c <= 0xABBF)
        return c - 0xAB70 + 0x13A0;
    return c >= 0x13F8 && c <= 0x13FD ? c - 8 : c;
}

static void append(struct codepoints *out, uint32_t c)
{
    if (out->count < PRECIS_INPUT_MAX)
        out->items[out->count] = c;
    out->count++;
}

static void map_one(uint32_t c, unsigned mappings, struct codepoints *out)
{
    if (mappings & MAP_WIDTH)
        c = without_width(c);
    if ((mappings & MAP_SPACES) && c >= 0x80 && uc_is_general_category(c, UC_SPACE_SEPARATOR))
        c = ' ';
    if ((mappings & MAP_DOMAIN) && c == IDEOGRAPHIC_FULL_STOP)
        c = '.';
    if (!(mappings & MAP_CASE)) {
        append(out, c);
    } else if (c == CAPITAL_I_WITH_DOT) { /* in lower case always two code points, the only one (SpecialCasing.txt) */
        append(out, 'i');
        append(out, COMBINING_DOT_ABOVE);
    } else {
        c = uc_tolower(c); /* context-free: a capital sigma becomes U+03C3 also at the end, RFC 8265 3.5 */
        append(out, mappings & MAP_DOMAIN ? cherokee_capital(c) : c);
    }
}

/* NFC of from in *to.  0; -1 when it is too long. */
static int compose(const struct codepoints *from, struct codepoints *to)
{
    size_t room = PRECIS_INPUT_MAX;
    uint32_t *result = u32_normalize(UNINORM_NFC, from->items, from->count, to->items, &room);
    if (result != to->items) {
        free(result);
        return -1;
    }
    to->count = room;
    return 0;
}

/* One round of the mappings, in the order of RFC 8264 7.  1 when it changed *string, 0 when not, -1 when it is too long. */
static int map_once(struct codepoints *string, unsigned mappings)
{
    struct codepoints mapped, composed;
    uint32_t highest = 0;
    mapped.count = 0;
    for (size_t i = 0; i < string->count; i++)
        map_one(string->items[i], mappings, &mapped);
    if (mapped.count > PRECIS_INPUT_MAX)
        return -1;
    for (size_t i = 0; i < mapped.count; i++)
        highest = mapped.items[i] > highest ? mapped.items[i] : highest;

    const struct codepoints *result = &mapped;
    if (highest >= NFC_ALWAYS_BELOW) {
        if (compose(&mapped, &composed) < 0)
            return -1;
        result = &composed;
    }
    if (result->count == string->count && memcmp(result->items, string->items, string->count * sizeof(uint32_t)) == 0)
        return 0;
    memcpy(string->items, result->items, result->count * sizeof(uint32_t));
    string->count = result->count;
    return 1;
}

int precis_map(struct text input, unsigned mappings, struct codepoints *out)
{
    if (from_utf8(input, out) < 0)
        return -1;
    for (int round = 0; round < MAPPING_ROUNDS; round++) {
        int changed = map_once(out, mappings);
        if (changed <= 0)
            return changed;
    }
    return -1;
}

int precis_take(struct arena *arena, const struct codepoints *string, struct text input, struct text *out)
{
    uint8_t bytes[JID_PART_MAX];
    size_t size = sizeof bytes;
    uint8_t *result = u32_to_u8(string->items, string->count, bytes, &size);
    if (result != bytes) { /* did not fit, so it came from the heap */
        free(result);
        return -1;
    }
    struct text text = { (const char *)bytes, size };
    if (size == 0)
        return -1;
    *out = text_equal(text, input) ? input : arena_text(arena, text);
    return 0;
}

/* RFC 8264 7 puts this check behind all mappings, so that text which is canonically the same fares the same. */
static bool is_of_class(const struct codepoints *string, bool freeform)
{
    for (size_t i = 0; i < string->count; i++) {
        switch (codepoint_class(string->items[i])) {
        case CODEPOINT_PVALID:
            break;
        case CODEPOINT_FREE_PVAL:
            if (!freeform)
                return false;
            break;
        case CODEPOINT_CONTEXTJ:
        case CODEPOINT_CONTEXTO:
            if (!context_rule_holds(string->items, string->count, i))
                return false;
            break;
        default:
            return false;
        }
    }
    return true;
}

int precis_username(struct arena *arena, struct text input, struct text *out)
{
    struct codepoints string;
    if (precis_map(input, MAP_WIDTH | MAP_CASE, &string) < 0 || !is_of_class(&string, false))
        return -1;
    if (bidi_has_rtl(string.items, string.count) && !bidi_rule_holds(string.items, string.count))
        return -1;
    return precis_take(arena, &string, input, out);
}

int precis_opaque(struct arena *arena, struct text input, struct text *out)
{
    struct codepoints string;
    if (precis_map(input, MAP_SPACES, &string) < 0 || !is_of_class(&string, true))
        return -1;
    return precis_take(arena, &string, input, out);
}

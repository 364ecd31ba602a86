/* domain.c - prepares a domainpart: an IP literal, or a domain name of IDNA2008 in the form of its U-labels, lower case,
 * without the final dot (RFC 7622 3.2). */
#include <idn2.h>

#include "gateway/address/bytes.h"
#include "stanzabus/ip.h"
#include "gateway/address/precis.h"

/* RFC 1035 2.3.4: 255 bytes on the wire are 253 characters written without the final dot. */
enum { LABEL_MAX = 63, NAME_MAX_BYTES = 253 };

enum labels { LABELS_BAD, LABELS_PLAIN, LABELS_ENCODED /* at least one A-label */ };

static struct text without_final_dot(struct text t)
{
    if (t.size > 1 && t.data[t.size - 1] == '.')
        t.size--;
    return t;
}

/* RFC 5890 2.3.1: letters, digits and hyphens, none of them at an end; a pair of hyphens in the third place is reserved
 * for A-labels. */
static enum labels check_label(const char *label, size_t size)
{
    if (size == 0 || size > LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
        return LABELS_BAD;
    if (size < 4 || label[2] != '-' || label[3] != '-')
        return LABELS_PLAIN;
    return size > 4 && label[0] == 'x' && label[1] == 'n' ? LABELS_ENCODED : LABELS_BAD;
}

/* name is lower case ASCII. */
static enum labels check_labels(struct text name)
{
    enum labels result = LABELS_PLAIN;
    size_t start = 0;
    if (name.size == 0 || name.size > NAME_MAX_BYTES || (bytes_seen(name) & (BYTE_NOT_DOMAIN | BYTE_UPPER | BYTE_HIGH)))
        return LABELS_BAD;
    for (size_t i = 0; i <= name.size; i++) {
        if (i < name.size && name.data[i] != '.')
            continue;
        enum labels label = check_label(name.data + start, i - start);
        if (label == LABELS_BAD)
            return LABELS_BAD;
        if (label == LABELS_ENCODED)
            result = LABELS_ENCODED;
        start = i + 1;
    }
    return result;
}

static int prepare_ip_literal(struct arena *arena, struct text input, struct text *out)
{
    if (input.size < 4 || input.data[input.size - 1] != ']')
        return -1;
    if (!ip_is_v6((struct text){ input.data + 1, input.size - 2 }))
        return -1;
    *out = bytes_seen(input) & BYTE_UPPER ? bytes_lower(arena, input) : input;
    return 0;
}

/* What libidn2 leaves to its caller: hyphens at the ends and in the third place, the contextual rules. */
static bool is_good_ulabel(const uint32_t *label, size_t size)
{
    if (size == 0 || label[0] == '-' || label[size - 1] == '-')
        return false;
    if (size >= 4 && label[2] == '-' && label[3] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        enum codepoint_class class = codepoint_class(label[i]);
        if ((class == CODEPOINT_CONTEXTJ || class == CODEPOINT_CONTEXTO) && !context_rule_holds(label, size, i))
            return false;
    }
    return true;
}

/* RFC 5893 1.4: where one label of a name is right-to-left, the rule holds for each. */
static bool are_good_ulabels(const struct codepoints *name)
{
    bool has_rtl = bidi_has_rtl(name->items, name->count);
    size_t start = 0;
    for (size_t i = 0; i <= name->count; i++) {
        if (i < name->count && name->items[i] != '.')
            continue;
        if (!is_good_ulabel(name->items + start, i - start))
            return false;
        if (has_rtl && !bidi_rule_holds(name->items + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

/* ascii is a name with A-labels; its U-labels go to *out. */
static int decode_labels(struct arena *arena, const char *ascii, struct text input, struct text *out)
{
    struct codepoints name;
    char *unicode = NULL;
    int result = -1;
    if (idn2_to_unicode_8z8z(ascii, &unicode, 0) != IDN2_OK)
        return -1;
    if (precis_map(text_of(unicode), MAP_WIDTH | MAP_CASE | MAP_DOMAIN, &name) == 0 && are_good_ulabels(&name))
        result = precis_take(arena, &name, input, out);
    idn2_free(unicode);
    return result;
}

/* By way of the A-labels, because encoding them is what checks a label against IDNA2008 (RFC 5891 5). */
static int prepare_international(struct arena *arena, struct text input, struct text *out)
{
    struct codepoints string;
    struct text mapped;
    uint8_t *ascii = NULL;
    int result = -1;
    if (precis_map(input, MAP_WIDTH | MAP_CASE | MAP_DOMAIN, &string) < 0 ||
        precis_take(arena, &string, input, &mapped) < 0)
        return -1;
    mapped = arena_text(arena, without_final_dot(mapped));
    if (idn2_lookup_u8((const uint8_t *)mapped.data, &ascii, IDN2_NFC_INPUT | IDN2_NO_TR46) != IDN2_OK)
        return -1;
    struct text name = text_of((const char *)ascii);
    if (check_labels(name) != LABELS_BAD)
        result = decode_labels(arena, name.data, input, out);
    idn2_free(ascii);
    return result;
}

int jid_prepare_domain(struct arena *arena, struct text input, struct text *out)
{
    if (input.size == 0 || input.size > PRECIS_INPUT_MAX)
        return -1;
    if (input.data[0] == '[')
        return prepare_ip_literal(arena, input, out);

    unsigned seen = bytes_seen(input);
    if (seen & BYTE_NOT_DOMAIN)
        return -1;
    if (seen & BYTE_HIGH)
        return prepare_international(arena, input, out);

    struct text name = without_final_dot(input);
    if (name.size > NAME_MAX_BYTES)
        return -1;
    if (seen & BYTE_UPPER)
        name = bytes_lower(arena, name);
    switch (check_labels(name)) {
    case LABELS_PLAIN:
        *out = name;
        return 0;
    case LABELS_ENCODED:
        return prepare_international(arena, name, out);
    default:
        return -1;
    }
}

/* precis.h - preparation of internationalised strings (PRECIS, RFC 8264) for the parts of an address: what a code point
 * is worth, the rules that look at its neighbours, and the two profiles of RFC 8265.  Used inside gateway/address only. */
#ifndef STANZABUS_ADDRESS_PRECIS_H
#define STANZABUS_ADDRESS_PRECIS_H

#include "stanzabus/jid.h"

/* RFC 8264 8; the numbers are those of derive_classes.py. */
enum codepoint_class {
    CODEPOINT_UNASSIGNED,
    CODEPOINT_DISALLOWED,
    CODEPOINT_PVALID,    /* valid in both string classes */
    CODEPOINT_FREE_PVAL, /* valid in the FreeformClass, not in the IdentifierClass */
    CODEPOINT_CONTEXTJ,  /* valid where its contextual rule holds */
    CODEPOINT_CONTEXTO
};
enum codepoint_class codepoint_class(uint32_t c);

/* The contextual rule of string[at] holds, or it has none (RFC 5892 appendix A). */
bool context_rule_holds(const uint32_t *string, size_t count, size_t at);

/* RFC 5893 2.  The rule is asked for only where something right-to-left is in the string (or the domain name). */
bool bidi_has_rtl(const uint32_t *string, size_t count);
bool bidi_rule_holds(const uint32_t *string, size_t count);

/* What a peer may send for one part, in bytes.  Width mapping and composition shrink text to a third at best, so nothing
 * longer can become a part of JID_PART_MAX bytes. */
enum { PRECIS_INPUT_MAX = 3 * JID_PART_MAX };

struct codepoints {
    size_t count;
    uint32_t items[PRECIS_INPUT_MAX];
};

enum precis_mapping {
    MAP_WIDTH = 1,
    MAP_SPACES = 2,
    MAP_CASE = 4,
    MAP_DOMAIN = 8 /* ideographic dots separate labels, and Cherokee goes to capitals */
};

/* UTF-8 to code points with the mappings and NFC applied until nothing changes (RFC 8264 7).  0; -1 when it is not
 * UTF-8, does not settle, or is too long. */
int precis_map(struct text input, unsigned mappings, struct codepoints *out);

/* The text of code points: input itself when it says the same, else a copy in the arena.  0, or -1 when it is empty or
 * longer than JID_PART_MAX bytes. */
int precis_take(struct arena *arena, const struct codepoints *string, struct text input, struct text *out);

/* Whole profiles; the result is borrowed from input when it is already prepared.  0, or -1. */
int precis_username(struct arena *arena, struct text input, struct text *out); /* UsernameCaseMapped, RFC 8265 3.3 */
int precis_opaque(struct arena *arena, struct text input, struct text *out);   /* OpaqueString, RFC 8265 4.2 */

#endif

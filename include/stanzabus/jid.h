/* jid.h - an XMPP address (RFC 7622): localpart@domainpart/resourcepart, prepared and bounded.
 * The text is the full address; the parts are slices of it, so that bare and full are slices too. */
#ifndef STANZABUS_JID_H
#define STANZABUS_JID_H

#include <stdint.h>

#include "stanzabus/memory.h"

enum { JID_PART_MAX = 1023, JID_MAX = 3071 }; /* bytes, RFC 7622 3.2-3.4 */

struct jid {
    const char *text;  /* borrowed from the arena or the input that it was parsed from; not NUL-terminated by promise */
    uint16_t size;     /* bytes of the whole */
    uint16_t local;    /* bytes of the localpart; 0 = none */
    uint16_t domain;   /* bytes of the domainpart; never 0 in a parsed address */
    uint16_t resource; /* bytes of the resourcepart; 0 = none */
};

/* Parses and prepares (IDNA2008 for the domain, UsernameCaseMapped for the localpart, OpaqueString for the resource).
 * ASCII that is already in prepared form is not copied: *out then points into input; anything else is made in the arena.
 * 0, or -1 when it is no address. */
int jid_parse(struct arena *arena, struct text input, struct jid *out);

/* Prepare one part; the result is borrowed from input or made in the arena.  0, or -1. */
int jid_prepare_local(struct arena *arena, struct text input, struct text *out);    /* RFC 7622 3.3 */
int jid_prepare_domain(struct arena *arena, struct text input, struct text *out);   /* RFC 7622 3.2: to U-labels, lower case; IP literals pass */
int jid_prepare_resource(struct arena *arena, struct text input, struct text *out); /* RFC 7622 3.4 */
int jid_prepare_password(struct arena *arena, struct text input, struct text *out); /* RFC 8265 4.2 OpaqueString; for SASL */

/* Joins prepared parts in the arena; empty local or resource leaves the part out. */
struct jid jid_make(struct arena *arena, struct text local, struct text domain, struct text resource);

static inline struct text jid_text(const struct jid *j) { return (struct text){ j->text, j->size }; }
static inline struct text jid_local(const struct jid *j) { return (struct text){ j->text, j->local }; }
static inline struct text jid_domain(const struct jid *j)
{
    return (struct text){ j->text + (j->local ? j->local + 1u : 0u), j->domain };
}
static inline struct text jid_resource(const struct jid *j)
{
    return (struct text){ j->text + (j->size - j->resource), j->resource };
}
static inline struct text jid_bare(const struct jid *j)
{
    return (struct text){ j->text, (j->local ? j->local + 1u : 0u) + j->domain };
}
static inline bool jid_is_bare(const struct jid *j) { return j->resource == 0; }

#endif

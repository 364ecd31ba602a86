/* avatar.h - the picture of an account, kept once and seen in three ways: as items of its pubsub nodes (XEP-0084), in its
 * vCard (XEP-0054; XEP-0398 3), and by its hash in its presence (XEP-0153; XEP-0398 4). */
#ifndef STANZABUS_ROUTER_AVATAR_H
#define STANZABUS_ROUTER_AVATAR_H

#include "gateway/router/account/documents.h"
#include "gateway/router/pep/pubsub.h"

#define AVATAR_DATA "urn:xmpp:avatar:data"
#define AVATAR_METADATA "urn:xmpp:avatar:metadata"

#define VCARD_DOCUMENT "vcard"
#define VCARD_FIELD "xml"

enum { AVATAR_ID_SIZE = 40 }; /* SHA-1 in hex */

/* -- avatar.c -- */
struct avatar_info {
    struct text id, type; /* id: empty when there is no picture here (none, or only elsewhere) */
};
/* What a metadata item says: the first <info/> that is not elsewhere. */
struct avatar_info avatar_read(const struct element *item);
/* The item of AVATAR_METADATA is this now (NULL: gone): the account's nodes are told the hash. */
void avatar_published(struct router *router, struct text bare, const struct element *item, const struct pep_config *config);

/* -- avatar_vcard.c -- */
/* Reads the vCard, and calls found as document_get does; the picture is in the request, for avatar_vcard_compose. */
void avatar_vcard_get(const struct iq_request *request, document_found_fn *found);
/* The vCard (NULL: none) with the picture, in found's request (asked is its payload); NULL: neither. */
struct element *avatar_vcard_compose(struct arena *arena, const struct element *asked, const struct element *vcard);
/* Takes the picture out of the vCard to the nodes; then next, with the request that is left (borrowed), or it was refused. */
void avatar_vcard_set(const struct iq_request *request, void (*next)(const struct iq_request *request));

/* -- avatar_presence.c -- */
void avatar_open(struct router *router, struct session *session);  /* it was bound */
void avatar_close(struct router *router, struct session *session); /* it has ended */
/* A presence of the session, with or without address: an available one gets the hash.  False: it waits until the hash is
 * known, or those before it are gone, and goes through router_route then; it was taken. */
bool avatar_stamp(struct router *router, const struct sender *sender, struct stanza *presence);
/* A line of the account's mailbox, "avatar HASH": presence is said again, with the new hash. */
void avatar_changed(struct router *router, struct text bare, struct text payload);
void avatars_forget(struct router *router); /* changes may have been missed */
void avatars_free(struct router *router);

#endif

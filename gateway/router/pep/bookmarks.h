/* bookmarks.h - the rooms that an account remembers, kept once, as items of a node (XEP-0402), and seen in the two older
 * ways as well: one list in private XML (XEP-0048 on XEP-0049), and the same list as the one item of a node (XEP-0048). */
#ifndef STANZABUS_ROUTER_BOOKMARKS_H
#define STANZABUS_ROUTER_BOOKMARKS_H

#include "gateway/router/account/documents.h"
#include "gateway/router/pep/pubsub.h"

#define BOOKMARKS "urn:xmpp:bookmarks:1"
#define BOOKMARKS_OLD "storage:bookmarks" /* namespace of the list, and name of its node */

/* -- bookmarks.c -- */
/* Appends to storage (<storage xmlns='storage:bookmarks'/>) a <conference/> for each item. */
void bookmarks_list(struct router *router, struct arena *arena, const struct pep_answer *items, struct element *storage);
/* Reads all items. */
void bookmarks_read(struct router *router, struct text bare, store_pep_fn *fn, void *ctx);
/* The items become what storage lists: those that differ are published, those that are missing taken back.  done: with
 * what went wrong, NULL when nothing did.  storage is borrowed until then. */
typedef void bookmarks_done_fn(void *ctx, enum bus_status status, const char *problem);
void bookmarks_write(struct router *router, struct text bare, const struct element *storage, bookmarks_done_fn *done, void *ctx);
/* The items have changed: who wishes for the node of the list is told. */
void bookmarks_changed(struct router *router, struct text bare);

/* -- bookmarks_old.c -- */
/* The list in private XML: as handle_private.c's two requests; name: of the documents there. */
void bookmarks_private_get(const struct iq_request *request, const char *name);
void bookmarks_private_set(const struct iq_request *request, const char *name, struct document_limits limits);
/* The list as the item of its node, for its owner. */
void bookmarks_items(struct pubsub *pubsub);
void bookmarks_publish(struct pubsub *pubsub);

#endif

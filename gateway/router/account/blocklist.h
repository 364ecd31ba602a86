/* blocklist.h - whom the accounts with sessions on this node have blocked (XEP-0191): what their clients send is held
 * against it here; what comes for them, where it is routed (store_blocklist.h).  An account that blocks nobody has no
 * entry, and costs nothing. */
#ifndef STANZABUS_ROUTER_BLOCKLIST_H
#define STANZABUS_ROUTER_BLOCKLIST_H

#include "gateway/router/router_internal.h"

enum blocked { BLOCKED_NOT, BLOCKED_YES, BLOCKED_UNKNOWN };

/* May this account write to the address? */
enum blocked blocklist_find(const struct router *router, struct text bare, const struct jid *address);
/* With BLOCKED_YES: says so.  Takes the stanza. */
void blocklist_refuse(struct router *router, const struct sender *sender, struct stanza *stanza);
/* With BLOCKED_UNKNOWN: the list is read, and the stanza goes through router_route once it is there.  Takes the stanza. */
void blocklist_wait(struct router *router, struct text bare, const struct sender *sender, struct stanza *stanza);

/* A session was bound: flags of the account, as its rows have them. */
void blocklist_open(struct router *router, struct text bare, struct text flags);
/* A session has ended; when it was the account's last on this node, its list is forgotten. */
void blocklist_close(struct router *router, const struct session *session);
/* A line of the account's mailbox: it has changed.  Shown to those sessions that have asked for the list. */
void blocklist_changed(struct router *router, struct text bare, struct text payload);
/* These addresses (a line each) were blocked or unblocked now: those of them that may see the account's presence see it go
 * or come (blocked_presence.c). */
void blocked_presence(struct router *router, struct text bare, struct text addresses, bool is_block);
/* Changes may have been missed: all are read again when they are needed. */
void blocklists_forget(struct router *router);
void blocklists_free(struct router *router);

#endif

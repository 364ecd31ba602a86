/* mailbox.h - handing out: what came off an account's mailbox, or was read from its log, goes to its sessions here. */
#ifndef STANZABUS_ROUTER_MAILBOX_H
#define STANZABUS_ROUTER_MAILBOX_H

#include "gateway/router/resident.h"

/* An entry of the log that was missed: to those sessions of this node that hold it. */
void mailbox_catch_up(struct router *router, struct text bare, const struct log_entry *entry);

/* The same as XML for one session; in router->xml until the next one is written.  Empty: it cannot be read. */
struct text mailbox_write_entry(struct router *router, struct text bare, const struct log_entry *entry,
                                enum stanza_scope scope);

/* -- carbon.c -- */
/* The copy (XEP-0280) that this session gets of a message, which its account sent or received.  Owned by the caller. */
struct stanza *carbon_make(const struct stanza *message, const struct session *session, bool is_sent);

#endif

/* channel.h - the names on the bus (the table of the bus in the README).  Inside the braces { } * ? [ ] \ % of an
 * address are percent-encoded; the braces themselves are Redis hash tags. */
#ifndef STANZABUS_CHANNEL_H
#define STANZABUS_CHANNEL_H

#include "stanzabus/memory.h"


/* Each appends the name to out. */
void channel_to(struct buffer *out, struct text prefix, struct text address);                     /* xmpp:to:{address} */
void channel_from(struct buffer *out, struct text prefix, struct text address);                   /* xmpp:from:{address} */
void channel_from_node(struct buffer *out, struct text prefix, struct text address, struct text node); /* xmpp:from:{address}:node */
void channel_key(struct buffer *out, struct text prefix, struct text address, const char *name);  /* xmpp:{address}:name */

enum channel_kind { CHANNEL_TO, CHANNEL_FROM, CHANNEL_FROM_NODE, CHANNEL_NODE, CHANNEL_OTHER };
/* Takes a channel's name apart; address is decoded into the arena (or borrowed when nothing was encoded); node is empty
 * unless CHANNEL_FROM_NODE or CHANNEL_NODE.  Strict: a name that the functions above would not write is CHANNEL_OTHER. */
enum channel_kind channel_parse(struct arena *arena, struct text prefix, struct text channel, struct text *address, struct text *node);

#endif

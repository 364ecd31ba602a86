/* namespaces.h - the namespaces that clients use daily, as texts that live for ever: a tree needs no copy of them. */
#ifndef STANZABUS_STREAM_NAMESPACES_H
#define STANZABUS_STREAM_NAMESPACES_H

#include "stanzabus/text.h"

/* The lasting text that equals this one, or NULL data when it is none of the daily ones. */
struct text namespace_known(struct text xmlns);

#endif

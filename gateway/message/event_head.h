/* event_head.h - the part that all events have in common; inside this stage. */
#ifndef STANZABUS_MESSAGE_EVENT_HEAD_H
#define STANZABUS_MESSAGE_EVENT_HEAD_H

#include "stanzabus/message.h"

/* {"specversion":"1.0",...,"data":{"kind":"<type>"  - the caller goes on with a comma, and closes both objects. */
void event_head_write(struct buffer *out, const struct event_head *head, struct text type);

#endif

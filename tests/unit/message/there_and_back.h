/* there_and_back.h - one stanza through event_write and event_read, and what comes out through XML again. */
#ifndef TESTS_MESSAGE_THERE_AND_BACK_H
#define TESTS_MESSAGE_THERE_AND_BACK_H

#include "stanzabus/message.h"

extern const struct event_limits generous_limits;

/* The event of a stanza, with a fixed head. */
void write_sample(struct buffer *out, const struct stanza *stanza);
/* NULL when all of it is as promised, or what is not.  json gets the event. */
const char *there_and_back(const struct stanza *stanza, struct buffer *json);

#endif

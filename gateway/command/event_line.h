/* event_line.h - one event of an observer channel as one line for a person. */
#ifndef STANZABUS_COMMAND_EVENT_LINE_H
#define STANZABUS_COMMAND_EVENT_LINE_H

#include "stanzabus/memory.h"

struct event_line {
    struct text from, to; /* addresses as in the event; empty when it names none.  In the arena */
    struct buffer line;   /* "14:40:00.123 message  a@x/1 → b@x  chat \"hi\"", no line end */
};

/* kind: the word in the second column.  What is no event is shown as far as it can be, with the reason.  All characters
 * that could steer a terminal are escaped. */
void event_line_make(struct event_line *out, struct arena *arena, const char *kind, struct text json, bool in_colour);
void event_line_fini(struct event_line *line);

#endif

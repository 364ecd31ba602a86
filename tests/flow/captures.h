/* captures.h - values that a pattern has taken out of what came, by name: {id} in a pattern takes, {id} in a later line gives. */
#ifndef TESTS_FLOW_CAPTURES_H
#define TESTS_FLOW_CAPTURES_H

#include "stanzabus/memory.h"

enum { CAPTURES_MAX = 64 };

struct captures {
    struct capture {
        char *name, *value;
    } items[CAPTURES_MAX];
    unsigned count;
};

/* "*": anything; {name}: what the name stands for, or from now on stands for; else the two must be equal. */
bool captures_match(struct captures *captures, struct text pattern, struct text actual);
void captures_truncate(struct captures *captures, unsigned count); /* forgets those taken since */
/* The line with every known {name} replaced, NUL-ended; escaped as XML wants it where the line is XML. */
void captures_expand(const struct captures *captures, const char *line, bool is_xml, struct buffer *out);

#endif

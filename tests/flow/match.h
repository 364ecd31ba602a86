/* match.h - does what came fit what the dialogue expects?  Expected is a pattern: what it does not mention may be there. */
#ifndef TESTS_FLOW_MATCH_H
#define TESTS_FLOW_MATCH_H

#include "captures.h"
#include "stanzabus/stanza.h"

/* Attributes of the pattern must be equal ("*": present, "": absent); child elements of the pattern must come in this
 * order among the children, and one with absent='absent' (and its other attributes) must not be among them at all; its text
 * ("*": any) must be equal, white space around it aside.  A value {name} is taken (captures.h) when all of it matches. */
bool match_element(struct captures *captures, const struct element *pattern, const struct element *actual);
/* Members of the pattern must match ("*": any value, null: absent); arrays have the same length.  {name} as above. */
bool match_json(struct captures *captures, const char *pattern, struct text actual, const char **why);

#endif

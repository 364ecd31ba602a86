/* compare.h - are two stanzas the same, but for what the neutral message may change: prefixes, the order of children
 * with a field of their own, white space between direct children. */
#ifndef TESTS_MESSAGE_COMPARE_H
#define TESTS_MESSAGE_COMPARE_H

#include "stanzabus/stanza.h"

/* NULL, or what differs. */
const char *stanza_difference(const struct stanza *a, const struct stanza *b);
/* In full: order of attributes is free, neighbouring texts are one; everything else counts. */
bool elements_same(const struct element *a, const struct element *b);

/* Empties every element of jabber:iq:auth and jabber:iq:register, as events show them. */
void blank_secrets(struct element *element);
/* What is in the namespace of the stanza itself (jabber:server ...) as in jabber:client. */
void become_client(struct element *element, struct text content);
/* Takes out text that is only white space from every element that has child elements: what a client sends that does not
 * format its XML for readers. */
void drop_formatting(struct element *element);

#endif

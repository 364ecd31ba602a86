/* words.h - the namespaces and the closed lists of words that have fields of their own in the neutral message. */
#ifndef STANZABUS_MESSAGE_WORDS_H
#define STANZABUS_MESSAGE_WORDS_H

#include "stanzabus/stanza.h"

#define XMLNS_CHAT_STATES "http://jabber.org/protocol/chatstates" /* XEP-0085 */
#define XMLNS_RECEIPTS "urn:xmpp:receipts"                        /* XEP-0184 */
#define XMLNS_MARKERS "urn:xmpp:chat-markers:0"                   /* XEP-0333 */
#define XMLNS_REPLY "urn:xmpp:reply:0"                            /* XEP-0461 */
#define XMLNS_CORRECT "urn:xmpp:message-correct:0"                /* XEP-0308 */
#define XMLNS_REACTIONS "urn:xmpp:reactions:0"                    /* XEP-0444 */
#define XMLNS_DELAY "urn:xmpp:delay"                              /* XEP-0203 */
#define XMLNS_OOB "jabber:x:oob"                                  /* XEP-0066 */
#define XMLNS_SID "urn:xmpp:sid:0"                                /* XEP-0359 */
#define XMLNS_HINTS "urn:xmpp:hints"                              /* XEP-0334 */

enum { PRIORITY_LEAST = -128, PRIORITY_MOST = 127 }; /* RFC 6121 4.7.2.3 */
enum { CODE_LEAST = 100, CODE_MOST = 999 };          /* XEP-0086 */

/* Lists end with a NULL. */
extern const char *const words_show[];       /* RFC 6121 4.7.2.1 */
extern const char *const words_chat_state[]; /* XEP-0085 5 */
extern const char *const words_marker[];     /* XEP-0333, with the two that older versions had; each refers to an id */
extern const char *const words_hint[];       /* XEP-0334 */
extern const char *const words_error_type[]; /* RFC 6120 8.3.2 */
const char *const *words_type(enum stanza_kind kind); /* RFC 6121 5.2.2, 4.7.1; RFC 6120 8.2.3 */

bool words_hold(const char *const *words, struct text word);

/* A date and time as RFC 3339 5.6 and XEP-0082 write it; only the form is looked at. */
bool is_date_time(struct text text);
/* An integer in its one canonical form ("0", "-5", "127"; not "+1", "05", "-0") from least to most. */
bool is_canonical_integer(struct text text, long least, long most);
/* Letters, digits and hyphens (RFC 5646 2.1), or nothing at all (XML 1.0 2.12). */
bool is_language(struct text text);
bool is_white_space(struct text text); /* XML 1.0 2.3; also when empty */

#endif

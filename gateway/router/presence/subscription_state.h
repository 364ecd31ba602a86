/* subscription_state.h - the subscription between an account and a contact as a pure table (RFC 6121 3, appendix A).
 * A state is a set of subscription_bits; nine combinations of the first four are possible, each with or without the last. */
#ifndef STANZABUS_SUBSCRIPTION_STATE_H
#define STANZABUS_SUBSCRIPTION_STATE_H

#include "stanzabus/store_roster.h"

enum { SUBSCRIPTION_STATES = 32 };

enum subscription_kind { SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, UNSUBSCRIBED, SUBSCRIPTION_KINDS };
enum subscription_side { OUTBOUND, INBOUND, SUBSCRIPTION_SIDES };

enum subscription_action {
    SUBSCRIPTION_PASS = 1, /* outbound: the stanza goes on to the contact; inbound: to the account's clients */
    SUBSCRIPTION_REPLY = 2 /* the server answers subscribed on the account's behalf */
};
struct subscription_step {
    unsigned next;    /* state */
    unsigned actions; /* subscription_action bits */
};

bool subscription_state_is_valid(unsigned state);
/* state is valid. */
struct subscription_step subscription_step(enum subscription_side side, enum subscription_kind kind, unsigned state);
/* The kind that a presence type is, or -1. */
int subscription_kind_of(struct text type);
const char *subscription_kind_name(enum subscription_kind kind);

/* All steps of one stanza as text, two signs a state: '@' + next, '0' + actions; states that cannot be stay.  That is
 * how the table travels to where the state is. */
enum { SUBSCRIPTION_TABLE_SIZE = SUBSCRIPTION_STATES * 2 };
void subscription_table(enum subscription_side side, enum subscription_kind kind, char out[SUBSCRIPTION_TABLE_SIZE]);

#endif

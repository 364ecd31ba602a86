/* asking.h - settings and Redis for one command; one question at a time, waited for. */
#ifndef STANZABUS_COMMAND_ASKING_H
#define STANZABUS_COMMAND_ASKING_H

#include "gateway/command/invocation.h"

struct asking {
    const struct invocation *call;
    struct config *config; /* owned */
    struct command_parts parts;
    bool is_open;
    /* the answer to the last question */
    bool is_answered;
    enum bus_status status;
    int64_t result;
    bool is_found; /* of asking_account */
    struct account account;
};

/* Loads the settings.  Always to be followed by asking_close.  COMMAND_FINE, or an exit code after saying why. */
int asking_load(struct asking *asking, const struct invocation *call);
/* Opens Redis.  The same. */
int asking_open(struct asking *asking);
void asking_close(struct asking *asking);

/* Each asks and waits; COMMAND_FINE when Redis answered. */
int asking_account(struct asking *asking, struct text bare);
int asking_put(struct asking *asking, struct text bare, const struct account *account, enum account_put how);
int asking_delete(struct asking *asking, struct text bare);
/* result: sessions that were told to end; -1: no such account. */
int asking_block(struct asking *asking, struct text bare, enum account_block how);
int asking_list(struct asking *asking, struct text domain, store_each_fn *each); /* each gets the asking as its ctx */
int asking_publish(struct asking *asking, struct text channel, struct text payload); /* result: receivers */

/* Runs the loop until asking->is_answered; for commands that ask in ways of their own. */
int asking_wait(struct asking *asking);
/* Says what a status other than BUS_OK means; COMMAND_FAILED. */
int asking_explain(const struct asking *asking, enum bus_status status);

/* The address of an account of this server, prepared: with a localpart, without a resource, in one of the domains.
 * NULL, or what is wrong with it (in the arena). */
const char *account_address(struct arena *arena, const struct config *config, struct text input, struct text *bare);

#endif

/* account.c - accounts, in memory. */
#include <assert.h>

#include "tests/fuzz/sessions/world.h"

struct account_of *account_find(struct text bare)
{
    for (int i = 0; i < ACCOUNTS_MAX; i++)
        if (text_is(bare, world.accounts[i].bare))
            return &world.accounts[i];
    return NULL;
}

void account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe(ANSWER_ACCOUNT, ctx);
    struct account_of *account = account_find(bare);
    (void)store;
    answer->account_fn = fn;
    answer->is_there = account && world_take_twist() == NO_TWIST;
    if (account)
        answer->account = account->account;
}

void account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                 store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    (void)store;
    assert(how == ACCOUNT_CREATE);
    for (int i = 0; i < ACCOUNTS_MAX && !answer->is_away && !account_find(bare); i++) {
        struct account_of *place = &world.accounts[i];
        if (place->bare[0])
            continue;
        copy_text(place->bare, sizeof place->bare, bare);
        place->account = *account;
        place->account.generation = 1;
        answer->result = 1;
    }
}

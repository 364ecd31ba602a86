/* attempt_store.c - what an attempt to log in asks the store: the account, its tokens, how many guests an address has. */
#include <openssl/rand.h>

#include "gateway/session/session_state.h"

/* -- account -- */

static void on_account(void *ctx, enum bus_status status, const struct account *account)
{
    struct session *session = ctx;
    const struct parts *parts = session->sessions->parts;
    if (session->state != STATE_ENDED) {
        struct login *login = session->negotiation->login;
        if (status == BUS_OK) {
            if (config_is_service_account(parts->config, login->bare)) {
                account = NULL; /* a bot's mailbox is its service's: nobody logs in there */
                login->may_create = false;
            }
            login_set_account(login, account, parts->secret, parts->config->auth_iterations);
            attempt_step(session, login->mechanism->found(login));
        } else {
            attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
        }
    }
    session_step_done(session);
}

void attempt_get_account(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    session_step_begin(session);
    store->ops->account_get(store, session->negotiation->login->bare, on_account, session);
}

/* The second look is for the generation, and finds what another login made meanwhile as well. */
static void on_created(void *ctx, enum bus_status status, int64_t result)
{
    struct session *session = ctx;
    (void)result;
    if (session->state != STATE_ENDED) {
        session->negotiation->login->may_create = false;
        if (status == BUS_OK)
            attempt_get_account(session);
        else
            attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

void attempt_create_account(struct session *session)
{
    static const struct account without_password;
    struct store *store = session->sessions->parts->store;
    session_step_begin(session);
    store->ops->account_put(store, session->negotiation->login->bare, &without_password, ACCOUNT_CREATE, on_created,
                            session);
}

/* -- tokens -- */

static void on_tokens(void *ctx, enum bus_status status, const struct login_token *fresh,
                      const struct login_token *current)
{
    struct session *session = ctx;
    if (session->state != STATE_ENDED) {
        struct login *login = session->negotiation->login;
        if (status == BUS_OK)
            attempt_step(session, login->mechanism->tokens(login, fresh, current));
        else
            attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

void attempt_get_tokens(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    const struct login *login = session->negotiation->login;
    session_step_begin(session);
    store->login->tokens_get(store, login->bare, login->client, on_tokens, session);
}

static void on_used(void *ctx, enum bus_status status, int64_t result)
{
    struct session *session = ctx;
    if (session->state != STATE_ENDED) {
        struct login *login = session->negotiation->login;
        if (status == BUS_OK)
            attempt_step(session, login->mechanism->used(login, result == 1));
        else
            attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

void attempt_use_token(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    const struct login *login = session->negotiation->login;
    session_step_begin(session);
    store->login->token_use(store, login->bare, login->client, &login->token, login->count, login->ends_token, on_used,
                            session);
}

/* -- guests -- */

/* A guest's token is good as long as what is kept of the guest (store_login.h: guest_keep); the end in it is only the last
 * resort. */
enum { GUEST_TOKEN_DAYS = 366 };

void attempt_keep_token(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    struct login *login = session->negotiation->login;
    struct login_token *token = &login->token;
    *token = (struct login_token){ .expires_ms = login->wall_ms + GUEST_TOKEN_DAYS * 86400000ll };
    memcpy(token->mechanism, login->mechanism->name, strlen(login->mechanism->name));
    if (RAND_bytes(token->nonce, sizeof token->nonce) != 1) {
        attempt_step(session, login->mechanism->used(login, false));
        return;
    }
    session_step_begin(session);
    store->login->token_put(store, login->bare, login->client, token, 0, 1, on_used, session);
}

static void on_counted(void *ctx, enum bus_status status, int64_t result)
{
    struct session *session = ctx;
    if (session->state != STATE_ENDED) {
        struct login *login = session->negotiation->login;
        if (status == BUS_OK)
            attempt_step(session, login->mechanism->counted(login, result <= config_of(session)->limits_guests_per_address));
        else
            attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

void attempt_count_guest(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    char address[64];
    login_guard_address(address, session->connection->peer);
    session_step_begin(session);
    store->login->count(store, "guests", text_of(address), config_of(session)->auth_anonymous_keep_ms, on_counted,
                        session);
}

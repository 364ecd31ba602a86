/* attempt.c - drives one attempt to log in: fetches the account and tokens, has the password hashed, tells success and
 * failure.  The same for SASL, SASL2 and XEP-0078; only how it is told differs. */
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "gateway/session/session_state.h"

/* RFC 6120 6.4.5 wants 2 to 5 tries.  DELAYED_MAX: failures of all sessions that may wait to be told. */
enum { FAILURES_MAX = 5, DELAYED_MAX = 1000, NONCE_SIZE = 24 /* of 32 signs: 120 bits */ };

static void fail(struct session *session, enum sasl_condition condition, const char *reason)
{
    attempt_step(session, login_fail(session->negotiation->login, condition, reason));
}

/* -- the beginning -- */

static struct text make_nonce(struct arena *arena)
{
    static const char signs[] = "abcdefghijklmnopqrstuvwxyz234567";
    char *nonce = arena_alloc(arena, NONCE_SIZE);
    RAND_bytes((unsigned char *)nonce, NONCE_SIZE);
    for (int i = 0; i < NONCE_SIZE; i++)
        nonce[i] = signs[(unsigned char)nonce[i] & 31];
    return (struct text){ nonce, NONCE_SIZE };
}

static void find_binding(struct session *session, struct login *login, enum channel_binding kind)
{
    struct connection *connection = session->connection;
    login->binding[kind].size = connection->ops->channel_binding(connection, kind, login->binding[kind].bytes);
}

static void take_jwt_settings(struct login *login, const struct parts *parts)
{
    const struct config *config = parts->config;
    if (!parts->jwt_keys)
        return;
    login->jwt_keys = &parts->jwt_keys;
    login->jwt_rules = (struct jwt_rules){ .issuer = config->auth_jwt_issuer,
                                           .audience = config->auth_jwt_audience,
                                           .claim = config->auth_jwt_claim,
                                           .skew_ms = config->auth_jwt_skew_ms };
    login->takes_jwt_for_password = config->auth_jwt_plain;
    login->may_create = config->auth_jwt_create;
}

struct login *attempt_open(struct session *session, const struct mechanism *mechanism,
                           const struct login_profile *profile)
{
    struct connection *connection = session->connection;
    struct negotiation *negotiation = session->negotiation;
    const struct parts *parts = session->sessions->parts;
    struct login *login = login_new(mechanism, session_domain(session));

    login->profile = profile;
    login->secret = parts->secret;
    login->wall_ms = parts->wall_ms(parts->wall_ctx);
    login->claimed = text_of(negotiation->claimed);
    login->is_for_guests = negotiate_is_for_guests(session);
    login->asks_service = parts->config->auth_service.size > 0;
    take_jwt_settings(login, parts);
    login->nonce = make_nonce(&login->arena);
    login->offered_binding = negotiate_offers(session, &mechanism_scram_sha256_plus) ||
                             negotiate_offers(session, &mechanism_scram_sha1_plus);
    login->advertised = negotiate_advertised(session, &login->arena);
    for (int kind = BINDING_TLS_EXPORTER; kind <= BINDING_TLS_SERVER_END_POINT; kind++)
        if (mechanism->is_plus || (mechanism->is_token && mechanism->binding == kind))
            find_binding(session, login, (enum channel_binding)kind);
    if (mechanism->needs_certificate)
        login->certificate_count = connection->ops->certificate_jids(connection, &login->arena, login->certificate_jids,
                                                                     LOGIN_CERTIFICATE_JIDS_MAX);
    negotiation->login = login;
    session->mechanism = mechanism->name;
    return login;
}

static bool decode(struct login *login, struct text encoded, struct text *out)
{
    unsigned char *bytes = arena_alloc(&login->arena, encoded.size + 1);
    long size = credential_base64_decode(bytes, encoded.size, encoded);
    *out = (struct text){ (const char *)bytes, size < 0 ? 0 : (size_t)size };
    return size >= 0;
}

void attempt_answer(struct session *session, struct text encoded)
{
    struct login *login = session->negotiation->login;
    struct text input;
    if (decode(login, encoded, &input))
        attempt_step(session, login->mechanism->answer(login, input));
    else
        attempt_step(session, login_fail(login, SASL_ERROR_INCORRECT_ENCODING, "incorrect-encoding"));
}

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
            fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
        }
    }
    session_step_done(session);
}

static void get_account(struct session *session)
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
            get_account(session);
        else
            fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

static void create_account(struct session *session)
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
            fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

static void get_tokens(struct session *session)
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
            fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

static void use_token(struct session *session)
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

static void keep_token(struct session *session)
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
            fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "store-away");
    }
    session_step_done(session);
}

static void count_guest(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    char address[64];
    login_guard_address(address, session->connection->peer);
    session_step_begin(session);
    store->login->count(store, "guests", text_of(address), config_of(session)->auth_anonymous_keep_ms, on_counted,
                        session);
}

/* -- hash -- */

struct hash_job {
    struct work_job job;
    struct session *session;
    enum credential_hash hash;
    struct scram_keys keys;
    bool is_done;
    size_t password_size;
    char password[];
};

static void run_hash(struct work_job *job)
{
    struct hash_job *hash = container_of(job, struct hash_job, job);
    hash->is_done =
        credential_derive_keys(&hash->keys, hash->hash, (struct text){ hash->password, hash->password_size }) == 0;
}

static void free_hash(struct hash_job *hash)
{
    OPENSSL_cleanse(hash, sizeof *hash + hash->password_size);
    free(hash);
}

static void on_hashed(struct work_job *job)
{
    struct hash_job *hash = container_of(job, struct hash_job, job);
    struct session *session = hash->session;
    if (session->state != STATE_ENDED) {
        struct login *login = session->negotiation->login;
        login->derived = hash->keys;
        if (hash->is_done)
            attempt_step(session, login->mechanism->hashed(login));
        else
            fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "not-hashed");
    }
    free_hash(hash);
    session_step_done(session);
}

static void start_hash(struct session *session)
{
    const struct parts *parts = session->sessions->parts;
    const struct login *login = session->negotiation->login;
    struct hash_job *hash = xcalloc(1, sizeof *hash + login->password.size);

    hash->job = (struct work_job){ .run = run_hash, .done = on_hashed };
    hash->session = session;
    hash->hash = login->derived_hash;
    hash->keys = login->derived;
    hash->password_size = login->password.size;
    memcpy(hash->password, login->password.data, login->password.size);
    session_step_begin(session);
    if (work_submit(parts->work, &hash->job) == 0)
        return;
    metric_add(parts->metrics, METRIC_WORK_REFUSED, 1);
    free_hash(hash);
    fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "too-many-logins");
    session_step_done(session);
}

/* -- the end of an attempt -- */

void attempt_count_failure(struct session *session)
{
    if (++session->negotiation->failures >= FAILURES_MAX)
        session_end(session, STREAM_ERROR_POLICY_VIOLATION, "too many failed logins");
}

void attempt_tell_failure(struct session *session)
{
    struct login *login = session->negotiation->login;

    attempt_drop_delay(session);
    session->negotiation->login = NULL;
    session_happened(session, EVENT_LOGIN_OVER);
    login->profile->failure(session, login);
    login_free(&login);
    attempt_count_failure(session);
    session_unpause(session, PAUSE_STEP);
}

void attempt_drop_delay(struct session *session)
{
    if (session->negotiation && session->negotiation->answer_ms) {
        session->negotiation->answer_ms = 0;
        session->sessions->delayed--;
    }
}

/* Guessing gets slow: the answer to a wrong password waits longer and longer.  To a right one it never does. */
static void delay_failure(struct session *session, int64_t delay_ms)
{
    struct sessions *sessions = session->sessions;
    metric_add(sessions->parts->metrics, METRIC_LOGINS_DELAYED, 1);
    if (sessions->delayed >= DELAYED_MAX) {
        session_end(session, STREAM_ERROR_POLICY_VIOLATION, "too many failed logins");
        return;
    }
    sessions->delayed++;
    session->negotiation->answer_ms = timers_now(sessions->parts->timers) + delay_ms;
    session_pause(session, PAUSE_STEP);
    alive_schedule(session);
}

/* A right name with a wrong proof, or a name that does not exist: that is what guessing looks like. */
static bool is_a_guess(enum sasl_condition condition)
{
    return condition == SASL_ERROR_NOT_AUTHORIZED || condition == SASL_ERROR_ACCOUNT_DISABLED ||
           condition == SASL_ERROR_INVALID_AUTHZID;
}

static int64_t note_guess(struct session *session, const struct login *login)
{
    struct sessions *sessions = session->sessions;
    char address[64];

    login_guard_address(address, session->connection->peer);
    metric_add(sessions->parts->metrics, METRIC_LOGIN_FAILURES, 1);
    if (sessions->callbacks->on_login_failed)
        sessions->callbacks->on_login_failed(sessions->ctx, session, login->bare, login->reason);
    return login_guard_failed(sessions->guard, address, login->bare, timers_now(sessions->parts->timers));
}

static void attempt_failed(struct session *session)
{
    const struct login *login = session->negotiation->login;
    log_info(session->sessions->parts->log, &session->subject, "login-failed",
             "mechanism=%s user=%s condition=%s reason=%s", session->mechanism,
             log_quote(login->bare.data, login->bare.size), sasl_condition_name(login->condition), login->reason);
    int64_t delay_ms = is_a_guess(login->condition) ? note_guess(session, login) : 0;
    if (delay_ms > 0)
        delay_failure(session, delay_ms);
    else
        attempt_tell_failure(session);
}

static void attempt_succeeded(struct session *session)
{
    struct negotiation *negotiation = session->negotiation;
    struct login *login = negotiation->login;
    struct jid jid = { login->bare.data, (uint16_t)login->bare.size, 0, (uint16_t)login->domain.size, 0 };

    jid.local = (uint16_t)(jid.size - jid.domain - 1);
    negotiation->login = NULL;
    session_set_jid(session, &jid);
    session->is_guest = login->is_for_guests;
    session->generation = session->is_guest ? 0 : login->account.generation;
    if (login->expires_ms)
        session->expires_ms = timers_now(session->sessions->parts->timers) + login->expires_ms - login->wall_ms;
    metric_add(session->sessions->parts->metrics, METRIC_LOGINS, 1);
    stream_set_limits(session->stream, &config_of(session)->limits);
    login->profile->success(session, login);
    login_free(&login);
}

void attempt_step(struct session *session, enum login_step step)
{
    switch (step) {
    case LOGIN_CHALLENGE:
        session->negotiation->login->profile->challenge(session, session->negotiation->login);
        break;
    case LOGIN_ACCOUNT:
        get_account(session);
        break;
    case LOGIN_ASK:
        ask_begin(session);
        break;
    case LOGIN_CREATE:
        create_account(session);
        break;
    case LOGIN_COUNT:
        count_guest(session);
        break;
    case LOGIN_KEEP:
        keep_token(session);
        break;
    case LOGIN_TOKENS:
        get_tokens(session);
        break;
    case LOGIN_USE:
        use_token(session);
        break;
    case LOGIN_HASH:
        start_hash(session);
        break;
    case LOGIN_SUCCESS:
        attempt_succeeded(session);
        break;
    case LOGIN_FAILURE:
        attempt_failed(session);
        break;
    }
}

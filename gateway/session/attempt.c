/* attempt.c - drives one attempt to log in, by the steps that its mechanism wants (attempt_store.c, attempt_hash.c, ask.c), and
 * tells success and failure.  The same for SASL, SASL2 and XEP-0078; only how it is told differs. */
#include <openssl/rand.h>

#include "gateway/session/session_state.h"

/* RFC 6120 6.4.5 wants 2 to 5 tries.  DELAYED_MAX: failures of all sessions that may wait to be told. */
enum { FAILURES_MAX = 5, DELAYED_MAX = 1000, NONCE_SIZE = 24 /* of 32 signs: 120 bits */ };

void attempt_fail(struct session *session, enum sasl_condition condition, const char *reason)
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
        attempt_get_account(session);
        break;
    case LOGIN_ASK:
        ask_begin(session);
        break;
    case LOGIN_CREATE:
        attempt_create_account(session);
        break;
    case LOGIN_COUNT:
        attempt_count_guest(session);
        break;
    case LOGIN_KEEP:
        attempt_keep_token(session);
        break;
    case LOGIN_TOKENS:
        attempt_get_tokens(session);
        break;
    case LOGIN_USE:
        attempt_use_token(session);
        break;
    case LOGIN_HASH:
        attempt_start_hash(session);
        break;
    case LOGIN_SUCCESS:
        attempt_succeeded(session);
        break;
    case LOGIN_FAILURE:
        attempt_failed(session);
        break;
    }
}

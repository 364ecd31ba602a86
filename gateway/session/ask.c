/* ask.c - a login that a service decides (auth.service): asked through the router, waited for, and then as if the proof had
 * been right or wrong here.  The account is made when there is none: the service says who exists. */
#include "gateway/session/bearer.h"
#include "gateway/session/session_state.h"

void ask_begin(struct session *session)
{
    struct sessions *sessions = session->sessions;
    const struct login *login = session->negotiation->login;
    struct login_question question = { .domain = login->domain,
                                       .user = login->bare,
                                       .mechanism = session->mechanism,
                                       .secret = login->asked_secret,
                                       .is_token = login->asks_by_token,
                                       .peer = session->connection->peer };
    session_step_begin(session);
    sessions->callbacks->on_login_asked(sessions->ctx, session, &question);
}

static enum login_step fail(struct login *login, enum login_verdict verdict)
{
    return verdict == LOGIN_DENIED ? login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "denied-by-service")
                                   : login_fail(login, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "service-away");
}

/* The service may name the account, and has to where a token was asked about. */
static enum login_step take(struct login *login, const struct login_ruling *ruling)
{
    struct text asked = login->bare;
    if (ruling->verdict != LOGIN_ALLOWED)
        return fail(login, ruling->verdict);
    if (ruling->user.size && !bearer_set_name(login, ruling->user))
        return login_fail(login, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "service-names-no-account");
    if (!login->bare.size || (asked.size && !text_equal(asked, login->bare)))
        return login_fail(login, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "service-names-another-account");
    if (!login_may_act_as(login, login->asked_authzid))
        return login_fail(login, SASL_ERROR_INVALID_AUTHZID, "invalid-authzid");
    if (ruling->expires_s)
        login->expires_ms = login->wall_ms + ruling->expires_s * 1000;
    login->by_token = login->may_create = true;
    return LOGIN_ACCOUNT;
}

void session_login_answered(struct session *session, const struct login_ruling *ruling)
{
    if (session->state != STATE_ENDED)
        attempt_step(session, take(session->negotiation->login, ruling));
    session_step_done(session);
}

/* legacy_auth.c - jabber:iq:auth for clients older than SASL (XEP-0078): login and binding in one iq.  Only the form
 * with the password: the one with a digest would need the password itself, and only SCRAM keys are kept. */
#include <stdio.h>

#include "gateway/session/session_state.h"

#define XMLNS_OLD_AUTH "jabber:iq:auth"

bool legacy_is_request(const struct stanza *stanza)
{
    return element_child(stanza->root, "query", XMLNS_OLD_AUTH) != NULL;
}

static void send_answer(struct session *session, struct stanza *answer)
{
    session_send(session, answer);
    stanza_free(&answer);
}

/* These clients read the number (XEP-0078 3.1, XEP-0086). */
static void legacy_refuse(struct session *session, const struct stanza *request, enum stanza_condition condition,
                   const char *text)
{
    char code[8];
    struct stanza *error = stanza_error(request, condition, text);
    if (!error)
        return;
    snprintf(code, sizeof code, "%d", stanza_condition_code(condition));
    element_set(&error->arena, element_child(error->root, "error", NULL), "code", text_of(code));
    metric_add(session->sessions->parts->metrics, METRIC_STANZA_ERRORS, 1);
    send_answer(session, error);
}

static enum stanza_condition legacy_condition(enum sasl_condition condition)
{
    return condition == SASL_ERROR_TEMPORARY_AUTH_FAILURE ? STANZA_ERROR_RESOURCE_CONSTRAINT
                                                          : STANZA_ERROR_NOT_AUTHORIZED;
}

/* Without an attempt to remember. */
static void refuse_request(struct session *session, struct stanza *stanza, enum stanza_condition condition,
                           const char *text)
{
    session_happened(session, EVENT_LOGIN_OVER);
    legacy_refuse(session, stanza, condition, text);
    stanza_free(&stanza);
    attempt_count_failure(session);
}

static void send_fields(struct session *session, struct stanza *stanza)
{
    struct stanza *answer = stanza_reply(stanza);
    struct arena *arena = &answer->arena;
    struct element *query = element_add(arena, answer->root, TEXT("query"), TEXT(XMLNS_OLD_AUTH));
    element_add(arena, query, TEXT("username"), TEXT(XMLNS_OLD_AUTH));
    element_add(arena, query, TEXT("password"), TEXT(XMLNS_OLD_AUTH));
    element_add(arena, query, TEXT("resource"), TEXT(XMLNS_OLD_AUTH));
    session_happened(session, EVENT_LOGIN_OVER);
    send_answer(session, answer);
    stanza_free(&stanza);
}

static struct text field(struct stanza *stanza, const char *name)
{
    const struct element *query = element_child(stanza->root, "query", XMLNS_OLD_AUTH);
    const struct element *child = element_child(query, name, XMLNS_OLD_AUTH);
    return child ? element_text(&stanza->arena, child) : (struct text){ NULL, 0 };
}

static void begin(struct session *session, struct stanza *stanza)
{
    struct text name = field(stanza, "username"), password = field(stanza, "password"),
                resource = field(stanza, "resource");
    struct login *login;

    if (!name.size || !password.size || !resource.size ||
        jid_prepare_resource(&stanza->arena, resource, &resource) < 0) {
        refuse_request(session, stanza, STANZA_ERROR_NOT_ACCEPTABLE, "username, password and resource are needed");
        return;
    }
    login = attempt_open(session, &mechanism_plain, &profile_legacy);
    login->request = stanza;
    login->resource = resource;
    session->mechanism = XMLNS_OLD_AUTH;
    attempt_step(session, plain_begin(login, name, password));
}

void legacy_request(struct session *session, struct stanza *stanza)
{
    struct negotiation *negotiation = session->negotiation;
    struct text type = element_get(stanza->root, "type");

    if (!config_of(session)->auth_legacy || negotiate_is_for_guests(session)) {
        refuse_request(session, stanza, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
    } else if (negotiation->has_tried_sasl && negotiation->failures) {
        stanza_free(&stanza);
        session_end(session, STREAM_ERROR_POLICY_VIOLATION,
                    "no " XMLNS_OLD_AUTH " after a failed login with SASL"); /* XEP-0078 3.1 */
    } else if (!negotiate_may_log_in(session)) {
        refuse_request(session, stanza, STANZA_ERROR_POLICY_VIOLATION, "encryption is required");
    } else if (text_is(type, "get")) {
        send_fields(session, stanza);
    } else if (text_is(type, "set")) {
        begin(session, stanza);
    } else {
        refuse_request(session, stanza, STANZA_ERROR_BAD_REQUEST, NULL);
    }
}

/* -- how it is spoken -- */

/* PLAIN asks nothing. */
static void tell_challenge(struct session *session, const struct login *login)
{
    (void)session;
    (void)login;
}

static void tell_success(struct session *session, struct login *login)
{
    struct stanza *request = login->request;
    login->request = NULL;
    session_happened(session, EVENT_OLD_LOGGED_IN);
    bind_start(session, login->resource, request, &binding_legacy);
}

static void tell_failure(struct session *session, const struct login *login)
{
    legacy_refuse(session, login->request, legacy_condition(login->condition), NULL);
}

const struct login_profile profile_legacy = {
    .challenge = tell_challenge,
    .success = tell_success,
    .failure = tell_failure,
};

static void answer_binding(struct session *session, const struct negotiation *negotiation)
{
    send_answer(session, stanza_reply(negotiation->request));
}

static void refuse_binding(struct session *session, const struct stanza *request, enum stanza_condition condition,
                           const char *text)
{
    session_happened(session, EVENT_OLD_BIND_REFUSED);
    legacy_refuse(session, request, condition, text);
}

const struct bind_profile binding_legacy = { .answer = answer_binding, .refuse = refuse_binding };

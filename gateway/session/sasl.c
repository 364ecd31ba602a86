/* sasl.c - the XML of SASL (RFC 6120 6.4): <auth/>, <challenge/>, <response/>, <abort/>, <success/>, <failure/>. */
#include "gateway/session/session_state.h"

static void failure(struct session *session, enum sasl_condition condition)
{
    struct buffer *out = outbound_begin(session);
    buffer_printf(out, "<failure xmlns='" XMLNS_SASL "'><%s/></failure>", sasl_condition_name(condition));
    outbound_send(session);
}

/* "=" stands for nothing, where an empty element would say that there is no initial response (RFC 6120 6.4.2). */
static void answer(struct session *session, struct text encoded)
{
    attempt_answer(session, text_is(encoded, "=") ? TEXT("") : encoded);
}

/* RFC 6120 6.5: without an attempt to remember. */
static void refuse_mechanism(struct session *session, enum sasl_condition condition)
{
    session_happened(session, EVENT_LOGIN_OVER);
    failure(session, condition);
    attempt_count_failure(session);
}

void sasl_auth(struct session *session, struct stanza *stanza)
{
    const struct mechanism *mechanism = negotiate_find_mechanism(element_get(stanza->root, "mechanism"));
    struct text initial = element_text(&stanza->arena, stanza->root);

    session->negotiation->has_tried_sasl = true;
    if (!negotiate_may_log_in(session)) {
        refuse_mechanism(session, SASL_ERROR_ENCRYPTION_REQUIRED);
    } else if (!mechanism || !negotiate_offers(session, mechanism)) {
        refuse_mechanism(session, SASL_ERROR_INVALID_MECHANISM);
    } else {
        struct login *login = attempt_open(session, mechanism, &profile_sasl);
        if (initial.size)
            answer(session, initial);
        else if (mechanism->is_guests)
            answer(session, TEXT("=")); /* XEP-0175 clients have nothing to say, and wait for success */
        else
            login->profile->challenge(session, login); /* empty: in all of these mechanisms the client speaks first */
    }
    stanza_free(&stanza);
}

/* SASL and SASL2 do not mix. */
static bool is_mine(struct session *session)
{
    if (session->negotiation->login->profile == &profile_sasl)
        return true;
    session_end(session, STREAM_ERROR_POLICY_VIOLATION, "not at this point of the stream");
    return false;
}

void sasl_response(struct session *session, struct stanza *stanza)
{
    if (is_mine(session))
        answer(session, element_text(&stanza->arena, stanza->root));
    stanza_free(&stanza);
}

void sasl_abort(struct session *session, struct stanza *stanza)
{
    stanza_free(&stanza);
    if (is_mine(session))
        attempt_step(session, login_fail(session->negotiation->login, SASL_ERROR_ABORTED, "aborted"));
}

/* -- what is sent -- */

static void send_data(struct session *session, const char *name, struct text data)
{
    struct buffer *out = outbound_begin(session);
    buffer_printf(out, "<%s xmlns='" XMLNS_SASL "'", name);
    if (data.size) {
        BUFFER_LITERAL(out, ">");
        size_t room = credential_base64_room(data.size);
        out->size += credential_base64(buffer_reserve(out, room), room, data.data, data.size);
        buffer_printf(out, "</%s>", name);
    } else {
        BUFFER_LITERAL(out, "/>");
    }
    outbound_send(session);
}

static void tell_challenge(struct session *session, const struct login *login)
{
    send_data(session, "challenge", login->output);
}

/* The stream begins anew (RFC 6120 6.4.6). */
static void tell_success(struct session *session, struct login *login)
{
    session_happened(session, EVENT_LOGGED_IN);
    send_data(session, "success", login->output);
    session->is_header_sent = false;
    if (session->state != STATE_ENDED)
        stream_restart(session->stream);
}

static void tell_failure(struct session *session, const struct login *login)
{
    failure(session, login->condition);
}

const struct login_profile profile_sasl = {
    .challenge = tell_challenge,
    .success = tell_success,
    .failure = tell_failure,
};

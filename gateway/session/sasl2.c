/* sasl2.c - the XML of SASL2 (XEP-0388): <authenticate/>, <challenge/>, <response/>, <abort/>, <success/>, <failure/>.
 * After the proof: a token (token.c), a binding (bind2.c), then <success/> with all of it, and the next features; no new
 * stream. */
#include <stdlib.h>
#include <time.h>

#include "gateway/session/session_state.h"
#include "gateway/session/sm.h"

enum { CLIENT_ID_SIZE = 36 };

static void send_failure(struct session *session, enum sasl_condition condition, const char *application, const char *text)
{
    struct buffer *out = outbound_begin(session);
    buffer_printf(out, "<failure xmlns='" XMLNS_SASL2 "'><%s xmlns='" XMLNS_SASL "'/>", sasl_condition_name(condition));
    if (application)
        buffer_printf(out, "<%s xmlns='" XMLNS_STANZA_ERRORS "'/>", application);
    if (text)
        buffer_printf(out, "<text>%s</text>", text);
    BUFFER_LITERAL(out, "</failure>");
    outbound_send(session);
}

static void write_data(struct buffer *out, struct text data)
{
    size_t room = credential_base64_room(data.size);
    out->size += credential_base64(buffer_reserve(out, room), room, data.data, data.size);
}

/* -- what the client says -- */

/* A UUID as XEP-0388 2.4 wants it; empty when it is none. */
static struct text client_id(const struct element *request)
{
    const struct element *agent = element_child(request, "user-agent", XMLNS_SASL2);
    struct text id = agent ? element_get(agent, "id") : (struct text){ NULL, 0 };
    for (size_t i = 0; i < id.size; i++) {
        char c = (char)(id.data[i] | 0x20);
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? id.data[i] != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return (struct text){ NULL, 0 };
    }
    return id.size == CLIENT_ID_SIZE ? id : (struct text){ NULL, 0 };
}

static bool is_true(struct text value)
{
    return text_is(value, "true") || text_is(value, "1");
}

/* False: the count is none (XEP-0484 3.4). */
static bool read_fast(struct login *login, const struct element *fast)
{
    struct text count = element_get(fast, "count");
    login->ends_token = is_true(element_get(fast, "invalidate"));
    if (!count.data)
        return true;
    login->count = 0;
    for (size_t i = 0; i < count.size; i++) {
        if (count.data[i] < '0' || count.data[i] > '9' || i >= 15)
            return false;
        login->count = login->count * 10 + (count.data[i] - '0');
    }
    return count.size > 0;
}

static void begin(struct session *session, const struct mechanism *mechanism, struct stanza *stanza)
{
    struct login *login = attempt_open(session, mechanism, &profile_sasl2);
    const struct element *initial = element_child(stanza->root, "initial-response", XMLNS_SASL2),
                         *fast = element_child(stanza->root, "fast", XMLNS_FAST);

    login->request = stanza;
    login->client = client_id(stanza->root);
    if (mechanism->is_token && (!fast || !login->client.size || !read_fast(login, fast)))
        attempt_step(session, login_fail(login, SASL_ERROR_MALFORMED_REQUEST, "malformed-request"));
    else if (initial)
        attempt_answer(session, element_text(&login->arena, initial));
    else if (mechanism->is_guests)
        attempt_answer(session, (struct text){ NULL, 0 });
    else
        login->profile->challenge(session, login);
}

/* Without an attempt to remember. */
static void refuse_mechanism(struct session *session, enum sasl_condition condition)
{
    session_happened(session, EVENT_LOGIN_OVER);
    send_failure(session, condition, NULL, NULL);
    attempt_count_failure(session);
}

void sasl2_authenticate(struct session *session, struct stanza *stanza)
{
    struct text name = element_get(stanza->root, "mechanism");
    const struct mechanism *mechanism = negotiate_find_mechanism(name);

    if (!mechanism)
        mechanism = negotiate_find_fast(name);
    session->negotiation->has_tried_sasl = true;
    if (negotiate_may_log_in(session) && mechanism && negotiate_offers(session, mechanism)) {
        begin(session, mechanism, stanza);
        return;
    }
    stanza_free(&stanza);
    refuse_mechanism(session, negotiate_may_log_in(session) ? SASL_ERROR_INVALID_MECHANISM
                                                            : SASL_ERROR_ENCRYPTION_REQUIRED);
}

/* SASL and SASL2 do not mix. */
static bool is_mine(struct session *session)
{
    if (session->negotiation->login->profile == &profile_sasl2)
        return true;
    session_end(session, STREAM_ERROR_POLICY_VIOLATION, "not at this point of the stream");
    return false;
}

void sasl2_response(struct session *session, struct stanza *stanza)
{
    if (is_mine(session))
        attempt_answer(session, element_text(&stanza->arena, stanza->root));
    stanza_free(&stanza);
}

void sasl2_abort(struct session *session, struct stanza *stanza)
{
    stanza_free(&stanza);
    if (is_mine(session))
        attempt_step(session, login_fail(session->negotiation->login, SASL_ERROR_ABORTED, "aborted"));
}

/* -- what it is told -- */

static void tell_challenge(struct session *session, const struct login *login)
{
    struct buffer *out = outbound_begin(session);
    BUFFER_LITERAL(out, "<challenge xmlns='" XMLNS_SASL2 "'>");
    write_data(out, login->output);
    BUFFER_LITERAL(out, "</challenge>");
    outbound_send(session);
}

static void tell_failure(struct session *session, const struct login *login)
{
    send_failure(session, login->condition, NULL, NULL);
}

static void tell_success(struct session *session, struct login *login)
{
    struct negotiation *negotiation = session->negotiation;
    struct sasl2 *sasl2 = xcalloc(1, sizeof *sasl2);

    sasl2->data = arena_text(&sasl2->arena, login->output);
    sasl2->client = arena_text(&sasl2->arena, login->client);
    negotiation->sasl2 = sasl2;
    negotiation->request = login->request;
    login->request = NULL;
    session_happened(session, EVENT_LOGGED_IN2);
    token_give(session, login, negotiation->request->root);
}

const struct login_profile profile_sasl2 = {
    .challenge = tell_challenge,
    .success = tell_success,
    .failure = tell_failure,
};

static void bind_or_wait(struct session *session)
{
    struct negotiation *negotiation = session->negotiation;
    const struct element *bind = element_child(negotiation->request->root, "bind", XMLNS_BIND2);

    if (bind) {
        session_happened(session, EVENT_BINDS2);
        bind2_start(session, bind);
        return;
    }
    session_happened(session, EVENT_NOT_BOUND2);
    sasl2_tell_success(session, negotiation, (struct text){ NULL, 0 });
    stanza_free(&negotiation->request);
    sasl2_free(&negotiation->sasl2);
}

/* XEP-0198 6.2: then it is bound already, and there are no features. */
static void on_resumed(struct session *session, const struct negotiation *negotiation, bool is_resumed, struct text answer)
{
    struct sasl2 *sasl2 = negotiation->sasl2;
    sasl2->resumption = arena_text(&sasl2->arena, answer);
    if (is_resumed) {
        sasl2_tell_success(session, negotiation, (struct text){ NULL, 0 });
    } else {
        session->state = STATE_ACCEPTED;
        bind_or_wait(session);
    }
}

void sasl2_go_on(struct session *session)
{
    const struct element *resume = element_child(session->negotiation->request->root, "resume", XMLNS_SM);
    if (resume) {
        session_happened(session, EVENT_BINDS2);
        stream_management_resume(session, resume, on_resumed);
    } else {
        bind_or_wait(session);
    }
}

/* XEP-0388 2.6.2: the stream is as it was before. */
void sasl2_undo(struct session *session, enum stanza_condition condition, const char *text)
{
    session_happened(session, EVENT_UNDONE2);
    sasl2_free(&session->negotiation->sasl2);
    session_set_jid(session, &(struct jid){ 0 });
    session->generation = 0;
    session->expires_ms = 0;
    session->is_guest = false;
    stream_set_limits(session->stream, &config_of(session)->login_limits);
    send_failure(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, stanza_condition_name(condition), text);
}

static void write_token(struct buffer *out, const struct sasl2 *sasl2)
{
    time_t seconds = (time_t)(sasl2->token_ends_ms / 1000);
    struct tm date;
    char expiry[32];
    gmtime_r(&seconds, &date);
    strftime(expiry, sizeof expiry, "%Y-%m-%dT%H:%M:%SZ", &date);
    buffer_printf(out, "<token xmlns='" XMLNS_FAST "' expiry='%s' token='%.*s'/>", expiry, TEXT_ARGS(sasl2->token));
}

void sasl2_tell_success(struct session *session, const struct negotiation *negotiation, struct text inner)
{
    const struct sasl2 *sasl2 = negotiation->sasl2;
    struct buffer *out = outbound_begin(session);

    BUFFER_LITERAL(out, "<success xmlns='" XMLNS_SASL2 "'>");
    if (sasl2->data.size) {
        BUFFER_LITERAL(out, "<additional-data>");
        write_data(out, sasl2->data);
        BUFFER_LITERAL(out, "</additional-data>");
    }
    BUFFER_LITERAL(out, "<authorization-identifier>");
    xml_write_value(out, jid_text(&session->jid));
    BUFFER_LITERAL(out, "</authorization-identifier>");
    buffer_append_text(out, sasl2->resumption);
    buffer_append_text(out, inner);
    if (sasl2->token.size)
        write_token(out, sasl2);
    BUFFER_LITERAL(out, "</success>");
    outbound_send(session);
    if (session->state != STATE_BOUND || inner.size)
        negotiate_send_features(session);
}

void sasl2_free(struct sasl2 **pointer)
{
    struct sasl2 *sasl2 = *pointer;
    *pointer = NULL;
    if (!sasl2)
        return;
    arena_fini(&sasl2->arena);
    free(sasl2);
}

/* session.c - the life of a session as a table: in this state, when that happens, go there and do this.  What is in no
 * row is refused by refuse(). */
#include "gateway/session/csi.h"
#include "gateway/session/session_state.h"
#include "gateway/session/sm.h"

/* clang-format off */
static const struct rule {
    enum session_state state;
    enum session_event event;
    enum session_state next; /* entered before the handler runs; what the handler waits for ends in a rule of its own */
    void (*handle)(struct session *session, struct stanza *stanza); /* takes the stanza */
} rules[] = {
    { STATE_CONNECTED,      EVENT_HEADER,           STATE_NEGOTIATING,    NULL }, /* negotiate_header */
    { STATE_NEGOTIATING,    EVENT_STARTTLS,         STATE_ENCRYPTING,     negotiate_start_tls },
    { STATE_ENCRYPTING,     EVENT_ENCRYPTED,        STATE_CONNECTED,      NULL },

    { STATE_NEGOTIATING,    EVENT_AUTH,             STATE_AUTHENTICATING, sasl_auth },
    { STATE_AUTHENTICATING, EVENT_RESPONSE,         STATE_AUTHENTICATING, sasl_response },
    { STATE_AUTHENTICATING, EVENT_ABORT,            STATE_AUTHENTICATING, sasl_abort },
    { STATE_AUTHENTICATING, EVENT_LOGIN_OVER,       STATE_NEGOTIATING,    NULL },
    { STATE_AUTHENTICATING, EVENT_LOGGED_IN,        STATE_AUTHENTICATED,  NULL },
    { STATE_AUTHENTICATED,  EVENT_HEADER,           STATE_READY,          NULL }, /* negotiate_header */
    { STATE_READY,          EVENT_IQ,               STATE_BINDING,        bind_request },
    { STATE_READY,          EVENT_MANAGEMENT,       STATE_READY,          sm_element_unbound },
    { STATE_NEGOTIATING,    EVENT_MANAGEMENT,       STATE_NEGOTIATING,    sm_element_too_early },
    { STATE_BINDING,        EVENT_BIND_REFUSED,     STATE_READY,          NULL },

    { STATE_NEGOTIATING,    EVENT_AUTHENTICATE,     STATE_AUTHENTICATING, sasl2_authenticate },
    { STATE_AUTHENTICATING, EVENT_RESPONSE2,        STATE_AUTHENTICATING, sasl2_response },
    { STATE_AUTHENTICATING, EVENT_ABORT2,           STATE_AUTHENTICATING, sasl2_abort },
    { STATE_AUTHENTICATING, EVENT_LOGGED_IN2,       STATE_ACCEPTED,       NULL }, /* sasl2_go_on */
    { STATE_ACCEPTED,       EVENT_NOT_BOUND2,       STATE_READY,          NULL },
    { STATE_ACCEPTED,       EVENT_BINDS2,           STATE_BINDING,        NULL }, /* bind2_start */
    { STATE_BINDING,        EVENT_UNDONE2,          STATE_NEGOTIATING,    NULL },

    { STATE_NEGOTIATING,    EVENT_REGISTER,         STATE_REGISTERING,    register_request },
    { STATE_REGISTERING,    EVENT_REGISTERED,       STATE_NEGOTIATING,    NULL },

    { STATE_NEGOTIATING,    EVENT_OLD_AUTH,         STATE_AUTHENTICATING, legacy_request },
    { STATE_AUTHENTICATING, EVENT_OLD_LOGGED_IN,    STATE_BINDING,        NULL },
    { STATE_BINDING,        EVENT_OLD_BIND_REFUSED, STATE_NEGOTIATING,    NULL },

    { STATE_BINDING,        EVENT_BOUND,            STATE_BOUND,          NULL },
    { STATE_BOUND,          EVENT_STANZA,           STATE_BOUND,          inbound_stanza },
    { STATE_BOUND,          EVENT_IQ,               STATE_BOUND,          inbound_stanza },
    { STATE_BOUND,          EVENT_OLD_AUTH,         STATE_BOUND,          inbound_stanza },
    { STATE_BOUND,          EVENT_REGISTER,         STATE_BOUND,          inbound_stanza },
    { STATE_BOUND,          EVENT_MANAGEMENT,       STATE_BOUND,          sm_element },
    { STATE_BOUND,          EVENT_CLIENT_STATE,     STATE_BOUND,          csi_element },
};
/* clang-format on */

static const struct rule *find_rule(const struct session *session, enum session_event event)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].state == session->state && rules[i].event == event)
            return &rules[i];
    return NULL;
}

static enum session_event event_of(const struct stanza *stanza)
{
    const struct element *root = stanza->root;
    if (text_is(root->xmlns, XMLNS_CLIENT)) {
        if (stanza->kind == STANZA_IQ)
            return legacy_is_request(stanza)     ? EVENT_OLD_AUTH
                   : register_is_request(stanza) ? EVENT_REGISTER
                                                 : EVENT_IQ;
        return stanza->kind == STANZA_NONE ? EVENT_UNKNOWN : EVENT_STANZA;
    }
    if (text_is(root->xmlns, XMLNS_SASL))
        return text_is(root->name, "auth")       ? EVENT_AUTH
               : text_is(root->name, "response") ? EVENT_RESPONSE
               : text_is(root->name, "abort")    ? EVENT_ABORT
                                                 : EVENT_UNKNOWN;
    if (text_is(root->xmlns, XMLNS_SASL2))
        return text_is(root->name, "authenticate") ? EVENT_AUTHENTICATE
               : text_is(root->name, "response")   ? EVENT_RESPONSE2
               : text_is(root->name, "abort")      ? EVENT_ABORT2
                                                   : EVENT_UNKNOWN;
    if (text_is(root->xmlns, XMLNS_SM))
        return EVENT_MANAGEMENT;
    if (text_is(root->xmlns, XMLNS_CSI))
        return EVENT_CLIENT_STATE;
    if (element_is(root, "starttls", XMLNS_TLS))
        return EVENT_STARTTLS;
    if (text_is(root->name, "message") || text_is(root->name, "presence") || text_is(root->name, "iq"))
        return EVENT_FOREIGN;
    return EVENT_UNKNOWN;
}

/* RFC 6120 4.9.3.10, 4.9.3.12, 4.9.3.14 and 4.9.3.24. */
static void refuse(struct session *session, enum session_event event)
{
    bool is_logged_in = session->state == STATE_READY || session->state == STATE_BOUND;
    switch (event) {
    case EVENT_FOREIGN:
        session_end(session, STREAM_ERROR_INVALID_NAMESPACE, "stanzas of clients are in " XMLNS_CLIENT);
        break;
    case EVENT_STARTTLS:
    case EVENT_AUTH:
    case EVENT_RESPONSE:
    case EVENT_ABORT:
    case EVENT_AUTHENTICATE:
    case EVENT_RESPONSE2:
    case EVENT_ABORT2:
        session_end(session, STREAM_ERROR_POLICY_VIOLATION, "not at this point of the stream");
        break;
    case EVENT_UNKNOWN:
        if (is_logged_in)
            session_end(session, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, "no such element is known here");
        else
            session_end(session, STREAM_ERROR_NOT_AUTHORIZED, "log in first");
        break;
    default:
        session_end(session, STREAM_ERROR_NOT_AUTHORIZED, is_logged_in ? "bind a resource first" : "log in first");
    }
}

void session_happened(struct session *session, enum session_event event)
{
    const struct rule *rule = find_rule(session, event);
    if (rule)
        session->state = (uint8_t)rule->next;
}

/* -- from the stream -- */

static void on_open(void *ctx, const struct stream_header *header)
{
    struct session *session = ctx;
    session_happened(session, EVENT_HEADER);
    negotiate_header(session, header);
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct session *session = ctx;
    enum session_event event = event_of(stanza);
    const struct rule *rule = find_rule(session, event);
    if (!rule || !rule->handle) {
        stanza_free(&stanza);
        refuse(session, event);
        return;
    }
    session->state = (uint8_t)rule->next;
    rule->handle(session, stanza);
}

static void on_close(void *ctx)
{
    session_close(ctx, "closed by the client");
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    session_end(ctx, condition, text);
}

const struct stream_callbacks session_stream_callbacks = {
    .on_open = on_open,
    .on_stanza = on_stanza,
    .on_close = on_close,
    .on_error = on_error,
};

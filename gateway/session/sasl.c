/* sasl.c - the XML of SASL (RFC 6120 6.4): <auth/>, <challenge/>, <response/>, <abort/>, <success/>, <failure/>. */
#include <openssl/rand.h>

#include "gateway/session/session_state.h"

enum { NONCE_SIZE = 24 }; /* of 32 signs: 120 bits */

static struct text make_nonce(struct arena *arena)
{
    static const char signs[] = "abcdefghijklmnopqrstuvwxyz234567";
    char *nonce = arena_alloc(arena, NONCE_SIZE);
    RAND_bytes((unsigned char *)nonce, NONCE_SIZE);
    for (int i = 0; i < NONCE_SIZE; i++)
        nonce[i] = signs[(unsigned char)nonce[i] & 31];
    return (struct text){ nonce, NONCE_SIZE };
}

static struct login *open_login(struct session *session, const struct mechanism *mechanism)
{
    struct connection *connection = session->connection;
    struct negotiation *negotiation = session->negotiation;
    struct login *login = login_new(mechanism, session_domain(session));

    login->nonce = make_nonce(&login->arena);
    login->offered_binding = negotiate_offers(session, &mechanism_scram_sha256_plus) ||
                             negotiate_offers(session, &mechanism_scram_sha1_plus);
    for (int kind = BINDING_TLS_EXPORTER; mechanism->is_plus && kind <= BINDING_TLS_SERVER_END_POINT; kind++)
        login->binding[kind].size =
            connection->ops->channel_binding(connection, (enum channel_binding)kind, login->binding[kind].bytes);
    if (mechanism->needs_certificate)
        login->certificate_count = connection->ops->certificate_jids(connection, &login->arena, login->certificate_jids,
                                                                     LOGIN_CERTIFICATE_JIDS_MAX);
    negotiation->login = login;
    session->mechanism = mechanism->name;
    return login;
}

/* "=" stands for nothing, where an empty element would say that there is no initial response (RFC 6120 6.4.2). */
static bool decode(struct login *login, struct text encoded, struct text *out)
{
    if (text_is(encoded, "="))
        encoded.size = 0;
    unsigned char *bytes = arena_alloc(&login->arena, encoded.size + 1);
    long size = credential_base64_decode(bytes, encoded.size, encoded);
    *out = (struct text){ (const char *)bytes, size < 0 ? 0 : (size_t)size };
    return size >= 0;
}

static void answer(struct session *session, struct text encoded)
{
    struct login *login = session->negotiation->login;
    struct text input;
    if (decode(login, encoded, &input))
        attempt_step(session, login->mechanism->answer(login, input));
    else
        attempt_step(session, login_fail(login, SASL_ERROR_INCORRECT_ENCODING, "incorrect-encoding"));
}

/* RFC 6120 6.5: without an attempt to remember. */
static void refuse_mechanism(struct session *session, enum sasl_condition condition)
{
    session_happened(session, EVENT_LOGIN_OVER);
    sasl_failure(session, condition);
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
        struct login *login = open_login(session, mechanism);
        if (initial.size)
            answer(session, initial);
        else if (mechanism->is_guests)
            answer(session, TEXT("=")); /* XEP-0175 clients have nothing to say, and wait for success */
        else
            sasl_challenge(session, login); /* empty: in all of these mechanisms the client speaks first */
    }
    stanza_free(&stanza);
}

void sasl_response(struct session *session, struct stanza *stanza)
{
    answer(session, element_text(&stanza->arena, stanza->root));
    stanza_free(&stanza);
}

void sasl_abort(struct session *session, struct stanza *stanza)
{
    stanza_free(&stanza);
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

void sasl_challenge(struct session *session, const struct login *login)
{
    send_data(session, "challenge", login->output);
}

void sasl_success(struct session *session, const struct login *login)
{
    send_data(session, "success", login->output);
}

void sasl_failure(struct session *session, enum sasl_condition condition)
{
    struct buffer *out = outbound_begin(session);
    buffer_printf(out, "<failure xmlns='" XMLNS_SASL "'><%s/></failure>", sasl_condition_name(condition));
    outbound_send(session);
}

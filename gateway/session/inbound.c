/* inbound.c - a stanza of a bound session, checked and stamped before it goes on (RFC 6120 8.1, 8.2.3). */
#include "gateway/session/sm.h"

/* Answers with an error if it may be, and lets go of the stanza.  From is stamped: the answer goes back to it. */
static void refuse(struct session *session, struct stanza *stanza, enum stanza_condition condition, const char *text)
{
    struct stanza *error = stanza_error(stanza, condition, text);
    stanza_free(&stanza);
    if (!error)
        return;
    metric_add(session->sessions->parts->metrics, METRIC_STANZA_ERRORS, 1);
    session_send(session, error);
    stanza_free(&error);
}

/* RFC 6120 8.1.2.1: absent, the full or the bare address. */
static bool from_is_right(const struct session *session, struct stanza *stanza)
{
    struct text from = element_get(stanza->root, "from");
    struct jid jid;
    if (!from.data || text_equal(from, jid_text(&session->jid)) || text_equal(from, jid_bare(&session->jid)))
        return true;
    if (jid_parse(&stanza->arena, from, &jid) < 0)
        return false;
    return text_equal(jid_text(&jid), jid_is_bare(&jid) ? jid_bare(&session->jid) : jid_text(&session->jid));
}

/* The address in its prepared form; false when it is none. */
static bool prepare_to(struct stanza *stanza)
{
    struct text to = element_get(stanza->root, "to");
    struct jid jid;
    if (!to.data)
        return true;
    if (jid_parse(&stanza->arena, to, &jid) < 0)
        return false;
    if (jid.text != to.data || jid.size != to.size)
        element_set(&stanza->arena, stanza->root, "to", jid_text(&jid));
    return true;
}

static void stamp(const struct session *session, struct stanza *stanza)
{
    struct arena *arena = &stanza->arena;
    element_set(arena, stanza->root, "from", arena_text(arena, jid_text(&session->jid)));
    if (session->lang && !element_lang(stanza->root).data)
        element_set_ns(arena, stanza->root, TEXT(XMLNS_XML), TEXT("lang"), arena_text(arena, text_of(session->lang)));
}

/* RFC 6120 8.2.3: an id, one of four types, exactly one payload in a request and at most one in a result.  NULL when it
 * is so. */
static const char *iq_problem(const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    bool is_request = text_is(type, "get") || text_is(type, "set");
    unsigned payloads = 0;

    for (const struct node *node = stanza->root->children; node; node = node->next)
        payloads += node->element != NULL;
    if (!is_request && !text_is(type, "result") && !text_is(type, "error"))
        return "the type of an iq is get, set, result or error";
    if (!element_get(stanza->root, "id").size)
        return "an iq has an id";
    if (is_request && payloads != 1)
        return "a request has exactly one child element";
    if (text_is(type, "result") && payloads > 1)
        return "a result has at most one child element";
    return NULL;
}

/* Whoever answers a request has it, though the acknowledgement is still to come. */
static void note_answer(struct session *session, const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    if (session->sm && (text_is(type, "result") || text_is(type, "error")))
        unacked_answered(&session->sm->unacked, element_get(stanza->root, "to"), element_get(stanza->root, "id"));
}

/* What a session answers itself: a second binding (RFC 6120 7.1: one a stream here), and the session of RFC 3921 3.
 * True: it was answered. */
static bool is_own_request(struct session *session, struct stanza *stanza)
{
    struct text to = element_get(stanza->root, "to");
    if (!text_is(element_get(stanza->root, "type"), "set") || (to.data && !text_equal(to, jid_domain(&session->jid))))
        return false;
    if (element_child(stanza->root, "bind", XMLNS_BIND)) {
        refuse(session, stanza, STANZA_ERROR_NOT_ALLOWED, "a resource is bound already");
        return true;
    }
    if (!element_child(stanza->root, "session", XMLNS_SESSION))
        return false;
    struct stanza *result = stanza_reply(stanza);
    session_send(session, result);
    stanza_free(&result);
    stanza_free(&stanza);
    return true;
}

void inbound_stanza(struct session *session, struct stanza *stanza)
{
    struct sessions *sessions = session->sessions;
    const char *problem = NULL;

    metric_add(sessions->parts->metrics, METRIC_STANZAS_IN, 1);
    sm_stanza_begins(session);
    uint64_t number = session_stanza_number(session);
    if (!from_is_right(session, stanza)) {
        stanza_free(&stanza);
        session_end(session, STREAM_ERROR_INVALID_FROM, "from is not the address of this session");
        return;
    }
    bool has_address = prepare_to(stanza);
    stamp(session, stanza);
    if (stanza->kind == STANZA_IQ) {
        problem = iq_problem(stanza);
        note_answer(session, stanza);
    }

    if (!has_address) {
        refuse(session, stanza, STANZA_ERROR_JID_MALFORMED, NULL);
    } else if (problem) {
        refuse(session, stanza, STANZA_ERROR_BAD_REQUEST, problem);
    } else if (stanza->kind == STANZA_IQ && alive_is_pong(session, stanza)) {
        stanza_free(&stanza);
    } else if (stanza->kind != STANZA_IQ || !is_own_request(session, stanza)) {
        sessions->callbacks->on_stanza(sessions->ctx, session, stanza);
        return;
    }
    session_handled(session, number);
}

/* -- requests that wait for the store -- */

enum { REQUESTS_MAX = 16 };

void session_request_begins(struct session *session)
{
    if (++session->open_requests == REQUESTS_MAX)
        session_pause(session, PAUSE_REQUESTS);
}

void session_request_ends(struct session *session)
{
    if (--session->open_requests == REQUESTS_MAX / 2)
        session_unpause(session, PAUSE_REQUESTS);
}

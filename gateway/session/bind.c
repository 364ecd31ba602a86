/* bind.c - resource binding (RFC 6120 7).  The mailbox is subscribed and confirmed before the session row is written:
 * whoever reads the row finds somebody listening; at the end the other way round (unbind.c). */
#include <openssl/rand.h>
#include <stdlib.h>

#include "gateway/session/session_state.h"
#include "stanzabus/channel.h"

enum { CHOSEN_SIZE = 16 }; /* signs of a resource that the server chooses: 80 bits */

/* -- refusing -- */

/* The client may try again. */
static void refuse(struct session *session, enum stanza_condition condition, const char *text)
{
    struct negotiation *negotiation = session->negotiation;
    struct stanza *request = negotiation->request;
    struct jid bare = session->jid;

    negotiation->request = NULL;
    bare.size = (uint16_t)jid_bare(&session->jid).size;
    bare.resource = 0;
    session_set_jid(session, &bare);
    negotiation->binding->refuse(session, request, condition, text);
    stanza_free(&request);
    attempt_count_failure(session);
}

static void refuse_result(struct session *session, int result)
{
    if (result == BIND_BLOCKED)
        session_end(session, STREAM_ERROR_NOT_AUTHORIZED, "the login is not valid any more");
    else if (result == BIND_TOO_MANY)
        refuse(session, STANZA_ERROR_RESOURCE_CONSTRAINT, "too many sessions of this account");
    else
        refuse(session, STANZA_ERROR_CONFLICT, NULL);
}

/* The row may be there, and go later: what is bound by the next try must not go with it, so it has another number. */
static void refuse_for_now(struct session *session)
{
    session_renumber(session);
    refuse(session, STANZA_ERROR_RESOURCE_CONSTRAINT, "the server cannot reach its store now");
}

/* -- entries of the log that come before the binding is done -- */

static bool is_expected(const struct session *session, struct text bare, struct text resource, struct text uid)
{
    return session->is_row_open && text_equal(jid_bare(&session->jid), bare) &&
           ((resource.size && text_equal(jid_resource(&session->jid), resource)) ||
            (uid.size && text_equal(session_uid(session), uid)));
}

static void note_early(struct session *session, uint64_t entry)
{
    if (!session->early || entry < session->early)
        session->early = entry;
}

bool sessions_came_early(struct sessions *sessions, struct text bare, struct text resource, struct text uid, uint64_t entry)
{
    bool is_noted = false;
    if (!sessions->open_rows)
        return false;
    for (struct session *session = sessions->first; session; session = session->next) {
        if (!is_expected(session, bare, resource, uid))
            continue;
        note_early(session, entry);
        is_noted = true;
    }
    return is_noted;
}

uint64_t session_early(const struct session *session)
{
    return session->early;
}

void session_caught_up(struct session *session)
{
    session->early = 0;
}

static void tell_early(struct session *session)
{
    struct sessions *sessions = session->sessions;
    if (session->early && session->state != STATE_ENDED && sessions->callbacks->on_early)
        sessions->callbacks->on_early(sessions->ctx, session, session->early);
}

/* It is not bound: what came may be for the session that has the resource. */
static void leave_early(struct session *session)
{
    struct session *old = sessions_find(session->sessions, jid_bare(&session->jid), jid_resource(&session->jid));
    if (old && session->early) {
        note_early(old, session->early);
        tell_early(old);
    }
    session->early = 0;
}

/* -- success -- */

static void bound(struct session *session, const struct bind_answer *answer)
{
    struct sessions *sessions = session->sessions;
    struct negotiation *negotiation = session->negotiation;
    struct session *old = sessions_find(sessions, jid_bare(&session->jid), jid_resource(&session->jid));

    if (old)
        session_end(old, STREAM_ERROR_CONFLICT, "replaced by a new session of the same resource");
    session_happened(session, EVENT_BOUND);
    session->negotiation = NULL;
    session_add_bound(session);
    if (session->is_guest)
        sessions->parts->store->login->guest_keep(sessions->parts->store, jid_bare(&session->jid), 0);
    alive_schedule(session);
    log_info(sessions->parts->log, &session->subject, "bound", "mechanism=%s tls=%s transport=%s", session->mechanism,
             session->connection->is_encrypted ? "yes" : "no", is_websocket(session) ? "websocket" : "tcp");
    if (sessions->callbacks->on_bound)
        sessions->callbacks->on_bound(sessions->ctx, session, answer);
    tell_early(session);
    negotiation->binding->answer(session, negotiation);
    negotiation_free(&negotiation);
}

/* The other session of this resource: here it is found by its address, elsewhere its node has to be told. */
static void replace(struct session *session, struct text node, uint64_t number)
{
    struct sessions *sessions = session->sessions;
    if (!text_equal(node, sessions->parts->node) && sessions->callbacks->on_replaced)
        sessions->callbacks->on_replaced(sessions->ctx, node, number, jid_bare(&session->jid),
                                         jid_resource(&session->jid));
}

/* -- the steps -- */

static void write_row(struct session *session);

static void on_room(void *ctx)
{
    struct session *session = ctx;
    if (session->state != STATE_ENDED)
        write_row(session);
    else
        bind_unsubscribe(session->sessions, jid_bare(&session->jid));
    session_step_done(session);
}

/* Sessions without a connection, which clients leave behind, give way to one that is there. */
static bool may_make_room(const struct session *session)
{
    return session->state != STATE_ENDED && !session->negotiation->has_made_room;
}

static void make_room(struct session *session)
{
    session->negotiation->has_made_room = true;
    session_step_begin(session);
    detach_make_room(session, -1, on_room, session);
}

/* BUS_AWAY says that nothing is known: the row may be there. */
static void on_row(void *ctx, enum bus_status status, const struct bind_answer *answer)
{
    struct session *session = ctx;
    bool is_written = status == BUS_OK && answer->result > 0;

    session->is_row_open = false;
    session->sessions->open_rows--;
    if (!is_written || session->state == STATE_ENDED)
        leave_early(session);
    if (is_written && answer->result == BIND_REPLACED)
        replace(session, answer->replaced_node, answer->replaced_session);
    if (is_written && session->state != STATE_ENDED) {
        bound(session, answer);
    } else if (status == BUS_OK && answer->result == BIND_TOO_MANY && may_make_room(session)) {
        make_room(session);
    } else {
        if (status == BUS_OK && answer->result < 0)
            bind_unsubscribe(session->sessions, jid_bare(&session->jid));
        else
            bind_undo(session);
        if (session->state != STATE_ENDED && status == BUS_OK)
            refuse_result(session, answer->result);
        else if (session->state != STATE_ENDED)
            refuse_for_now(session);
    }
    session_step_done(session);
}

static void name_session(struct session *session)
{
    struct buffer *name = outbound_begin(session);
    buffer_printf(name, "%.*s.%llu", TEXT_ARGS(session->sessions->parts->node), (unsigned long long)session->subject.session);
    free(session->uid);
    session->uid = text_dup(buffer_text(name));
}

static void write_row(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    name_session(session);
    struct session_row row = session_row(session);
    session->is_row_open = true;
    session->sessions->open_rows++;
    session_step_begin(session);
    store->ops->session_bind(store, &row, BIND_REPLACE, config_of(session)->limits_sessions_per_account, on_row,
                             session);
}

static void on_subscribed(void *ctx, enum bus_status status)
{
    struct session *session = ctx;
    if (session->state != STATE_ENDED && status == BUS_OK) {
        write_row(session);
    } else {
        bind_unsubscribe(session->sessions, jid_bare(&session->jid));
        if (session->state != STATE_ENDED)
            refuse_for_now(session);
    }
    session_step_done(session);
}

struct text bind_choose_resource(struct arena *arena)
{
    static const char signs[] = "abcdefghijklmnopqrstuvwxyz234567";
    char *chosen = arena_alloc(arena, CHOSEN_SIZE);
    RAND_bytes((unsigned char *)chosen, CHOSEN_SIZE);
    for (int i = 0; i < CHOSEN_SIZE; i++)
        chosen[i] = signs[(unsigned char)chosen[i] & 31];
    return (struct text){ chosen, CHOSEN_SIZE };
}

void bind_start(struct session *session, struct text resource, struct stanza *request,
                const struct bind_profile *profile)
{
    struct bus *bus = session->sessions->parts->bus;
    struct jid full = jid_make(&request->arena, jid_local(&session->jid), jid_domain(&session->jid), resource);

    session->negotiation->request = request;
    session->negotiation->binding = profile;
    session_set_jid(session, &full);
    session_step_begin(session);
    struct buffer *name = outbound_begin(session);
    channel_to(name, config_of(session)->bus_prefix, jid_bare(&session->jid));
    bus->ops->subscribe(bus, buffer_text(name), on_subscribed, session);
}

/* -- as an iq (RFC 6120 7.6 and 7.7) -- */

static void answer_iq(struct session *session, const struct negotiation *negotiation)
{
    struct stanza *result = stanza_reply(negotiation->request);
    struct arena *arena = &result->arena;
    struct element *bind = element_add(arena, result->root, TEXT("bind"), TEXT(XMLNS_BIND));
    element_add_text(arena, element_add(arena, bind, TEXT("jid"), TEXT(XMLNS_BIND)), jid_text(&session->jid));
    session_send(session, result);
    stanza_free(&result);
}

static void refuse_iq(struct session *session, const struct stanza *request, enum stanza_condition condition,
                      const char *text)
{
    struct stanza *error = stanza_error(request, condition, text);
    session_happened(session, EVENT_BIND_REFUSED);
    metric_add(session->sessions->parts->metrics, METRIC_STANZA_ERRORS, 1);
    session_send(session, error);
    stanza_free(&error);
}

const struct bind_profile binding_iq = { .answer = answer_iq, .refuse = refuse_iq };

static void refuse_request(struct session *session, struct stanza *stanza, enum stanza_condition condition)
{
    session->negotiation->request = stanza;
    session->negotiation->binding = &binding_iq;
    refuse(session, condition, NULL);
}

void bind_request(struct session *session, struct stanza *stanza)
{
    const struct element *bind = element_child(stanza->root, "bind", XMLNS_BIND);
    const struct element *wanted = bind ? element_child(bind, "resource", XMLNS_BIND) : NULL;
    struct text resource = wanted ? element_text(&stanza->arena, wanted) : (struct text){ NULL, 0 };

    if (!bind) {
        stanza_free(&stanza);
        session_end(session, STREAM_ERROR_NOT_AUTHORIZED, "bind a resource first");
    } else if (!text_is(element_get(stanza->root, "type"), "set") || !element_get(stanza->root, "id").size) {
        refuse_request(session, stanza, STANZA_ERROR_BAD_REQUEST);
    } else if (resource.size == 0) {
        bind_start(session, bind_choose_resource(&stanza->arena), stanza, &binding_iq);
    } else if (jid_prepare_resource(&stanza->arena, resource, &resource) < 0) {
        refuse_request(session, stanza, STANZA_ERROR_BAD_REQUEST);
    } else {
        bind_start(session, resource, stanza, &binding_iq);
    }
}

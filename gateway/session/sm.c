/* sm.c - what a client says in stream management (XEP-0198 3, 4): <enable/>, <r/>, <a/>, and the count of its stanzas. */
#include "gateway/session/sm.h"

#include <stdlib.h>

#include "stanzabus/store_sm.h"

enum { HELD_TURNS = 2 }; /* @xmpp/client begins to count a moment after it has <enabled/> */

struct sm *sm_new(struct session *session)
{
    struct sm *sm = xcalloc(1, sizeof *sm);
    sm->session = session;
    session->sm = sm;
    return sm;
}

void sm_free(struct session *session)
{
    struct sm *sm = session->sm;
    if (!sm)
        return;
    if (sm->is_in_turn)
        TAILQ_REMOVE(&session->sessions->turn, sm, turn);
    catch_up_free(session);
    handled_fini(&sm->handled);
    unacked_fini(&sm->unacked);
    buffer_fini(&sm->waiting);
    free(sm);
    session->sm = NULL;
}

/* -- texts -- */

bool sm_read_h(const struct element *element, uint32_t *h)
{
    struct text digits = element_get(element, "h");
    uint64_t number = 0;
    if (!digits.size || digits.size > 10)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    }
    *h = (uint32_t)number;
    return number <= UINT32_MAX;
}

static bool is_true(struct text value)
{
    return text_is(value, "true") || text_is(value, "1");
}

void sm_write_failed(struct buffer *out, const char *condition, const uint64_t *handled)
{
    BUFFER_LITERAL(out, "<failed xmlns='" XMLNS_SM "'");
    if (handled)
        buffer_printf(out, " h='%u'", (uint32_t)*handled);
    buffer_printf(out, "><%s xmlns='" XMLNS_STANZA_ERRORS "'/></failed>", condition);
}

static void send_failed(struct session *session, const char *condition)
{
    sm_write_failed(outbound_begin(session), condition, NULL);
    outbound_send(session);
}

/* -- enabling -- */

/* The client's wish counts when it is shorter than ours. */
void sm_read_max(struct sm *sm, const struct element *enable)
{
    struct text max = element_get(enable, "max");
    int64_t ms = config_of(sm->session)->sm_resume_ms, seconds = 0;
    for (size_t i = 0; i < max.size && i < 8 && max.data[i] >= '0' && max.data[i] <= '9'; i++)
        seconds = seconds * 10 + (max.data[i] - '0');
    sm->resume_ms = (uint32_t)(seconds > 0 && seconds * 1000 < ms ? seconds * 1000 : ms);
}

static void write_enabled(struct buffer *out, const struct session *session)
{
    const struct sm *sm = session->sm;
    BUFFER_LITERAL(out, "<enabled xmlns='" XMLNS_SM "'");
    if (sm->is_resumable) {
        BUFFER_LITERAL(out, " resume='true' id='");
        buffer_append_text(out, text_of(session->uid));
        buffer_printf(out, "' max='%u'", sm->resume_ms / 1000);
    }
    BUFFER_LITERAL(out, "/>");
}

/* Redis has the notes begun before anything else of this session that it is asked. */
static void on_started(void *ctx, enum bus_status status, int64_t result)
{
    struct session *session = ctx;
    session->open_notes--;
    if (session->state == STATE_ENDED) {
        detach_hand_over(session);
        session_release(session);
    } else if (status != BUS_OK || result != 1) {
        sm_break(session);
    }
}

static void start_notes(struct session *session)
{
    struct store *store = session->sessions->parts->store;
    struct session_row row = session_row(session);
    session->open_notes++;
    store->sm->start(store, &row, session->sm->resume_ms, &(struct sm_notes){ 0 }, on_started, session);
}

void stream_management_enable(struct session *session, const struct element *enable, struct buffer *out)
{
    struct sm *sm = sm_new(session);
    sm_read_max(sm, enable);
    sm->is_resumable = is_true(element_get(enable, "resume")) && sm->resume_ms && !session->is_guest;
    sm->held_turns = HELD_TURNS;
    sm_turn_add(sm);
    if (sm->is_resumable)
        start_notes(session);
    write_enabled(out, session);
    metric_add(session->sessions->parts->metrics, METRIC_SM_ENABLED, 1);
}

/* XEP-0198 3: a second one ends the stream. */
static void enable(struct session *session, struct stanza *stanza)
{
    if (!session->sm) {
        stream_management_enable(session, stanza->root, outbound_begin(session));
        outbound_send(session);
        return;
    }
    send_failed(session, "unexpected-request");
    session_end(session, STREAM_ERROR_POLICY_VIOLATION, "stream management is enabled already");
}

/* -- counting (XEP-0198 4) -- */

uint64_t session_stanza_number(const struct session *session)
{
    return session->sm ? session->sm->handled.received : 0;
}

/* The next stanza's number.  A client that is far ahead of what is done has to wait. */
void sm_stanza_begins(struct session *session)
{
    struct sm *sm = session->sm;
    if (!sm)
        return;
    handled_begin(&sm->handled);
    if (handled_is_full(&sm->handled))
        session_pause(session, PAUSE_OPEN);
}

void session_handled(struct session *session, uint64_t number)
{
    struct sm *sm = session->sm;
    if (sm && handled_end(&sm->handled, number) &&
        (sm->told < sm->asked || (session->paused & PAUSE_OPEN) || (sm->is_resumable && sm_must_note(sm))))
        sm_turn_add(sm);
}

void sm_tell_handled(struct session *session)
{
    struct sm *sm = session->sm;
    sm->told = sm->is_resumable ? sm->safe : sm->handled.done;
    buffer_printf(outbound_begin(session), "<a xmlns='" XMLNS_SM "' h='%u'/>", (uint32_t)sm->told);
    outbound_send(session);
}

/* Answered at once, with what holds now; what is still open is told when it is done. */
static void request(struct session *session)
{
    struct sm *sm = session->sm;
    sm->asked = sm->handled.received;
    sm_tell_handled(session);
    if (session->state != STATE_ENDED && sm->told < sm->handled.done)
        sm_turn_add(sm);
}

static void collect(void *ctx, uint64_t entry)
{
    buffer_append(ctx, (const char *)&entry, sizeof entry);
}

void sm_acked(struct session *session, uint64_t number)
{
    struct sessions *sessions = session->sessions;
    struct sm *sm = session->sm;
    struct buffer *numbers = &sessions->numbers;

    numbers->size = 0;
    unacked_ack(&sm->unacked, number, collect, numbers);
    if (numbers->size && sessions->callbacks->on_delivered)
        sessions->callbacks->on_delivered(sessions->ctx, session, (const uint64_t *)(const void *)numbers->data,
                                          numbers->size / sizeof(uint64_t));
    if (sm->is_resumable && sm->unacked.gone_count)
        sm_turn_add(sm);
}

/* XEP-0198 4 */
static void too_high(struct session *session, uint32_t h)
{
    struct stanza *detail = stanza_make("handled-count-too-high", XMLNS_SM);
    char count[12], sent[12];
    snprintf(count, sizeof count, "%u", h);
    snprintf(sent, sizeof sent, "%u", (uint32_t)session->sm->written);
    element_set(&detail->arena, detail->root, "h", text_of(count));
    element_set(&detail->arena, detail->root, "send-count", text_of(sent));
    session_end_with(session, STREAM_ERROR_UNDEFINED_CONDITION, "more was acknowledged than was sent", detail->root);
    stanza_free(&detail);
}

static void acknowledgement(struct session *session, const struct element *a)
{
    struct sm *sm = session->sm;
    uint64_t number;
    uint32_t h;
    if (!sm_read_h(a, &h)) {
        session_end(session, STREAM_ERROR_POLICY_VIOLATION, "an acknowledgement has a number h");
    } else if (!unacked_find(&sm->unacked, h, sm->written, &number)) {
        too_high(session, h);
    } else {
        sm->is_asked = false;
        sm->ask_ms = 0;
        sm_acked(session, number);
        sm_ask(session);
    }
}

/* -- the elements -- */

void sm_element(struct session *session, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    struct sm *sm = session->sm;
    if (text_is(root->name, "enable"))
        enable(session, stanza);
    else if (sm && text_is(root->name, "r"))
        request(session);
    else if (sm && text_is(root->name, "a"))
        acknowledgement(session, root);
    else if (text_is(root->name, "resume"))
        send_failed(session, "unexpected-request");
    else
        session_end(session, STREAM_ERROR_POLICY_VIOLATION, "stream management is not enabled");
    stanza_free(&stanza);
}

/* XEP-0198 3: not before the login, and but for <resume/> not before the binding. */
void sm_element_too_early(struct session *session, struct stanza *stanza)
{
    stanza_free(&stanza);
    send_failed(session, "unexpected-request");
}

/* sm_out.c - what goes to a client with stream management: counted and kept until it is acknowledged; what a resumable
 * session is sent is noted in Redis first, once a turn of the loop, and written when Redis has it. */
#include "gateway/session/sm.h"
#include "stanzabus/store_log.h"

/* The client is asked what it has after so many stanzas, so much of them, or that long after one. */
enum { ASK_EVERY = 32, ASK_BYTES = 128 * 1024, ASK_MS = 1000 };

/* -- pieces: one each, because on WebSocket each is a message -- */

void sm_append(struct buffer *pieces, struct text xml)
{
    uint32_t size = (uint32_t)xml.size;
    buffer_append(pieces, (const char *)&size, sizeof size);
    buffer_append_text(pieces, xml);
}

void sm_write(struct session *session, struct buffer *pieces, uint64_t number)
{
    for (size_t at = 0; at < pieces->size && session->state == STATE_BOUND;) {
        uint32_t size;
        memcpy(&size, pieces->data + at, sizeof size);
        outbound_write(session, (struct text){ pieces->data + at + sizeof size, size });
        at += sizeof size + size;
    }
    pieces->size = 0;
    if (session->state != STATE_BOUND)
        return;
    session->sm->written = number;
    sm_ask(session);
}

void sm_write_scoped(struct buffer *out, struct text xml, enum stanza_scope scope)
{
    const struct text declared = TEXT(" xmlns='" XMLNS_CLIENT "'");
    size_t name = 1;
    while (name < xml.size && !memchr(" />", xml.data[name], 3))
        name++;
    buffer_append(out, xml.data, name);
    xml = (struct text){ xml.data + name, xml.size - name };
    bool is_declared = text_starts_with(xml, declared);
    if (is_declared && scope == SCOPE_STREAM)
        xml = (struct text){ xml.data + declared.size, xml.size - declared.size };
    else if (!is_declared && scope == SCOPE_SELF_CONTAINED)
        buffer_append_text(out, declared);
    buffer_append_text(out, xml);
}

/* -- asking -- */

void sm_ask(struct session *session)
{
    struct sm *sm = session->sm;
    uint64_t open = sm->written - sm->unacked.acked;
    if (sm->is_asked || open == 0 || sm->written < sm->unacked.acked)
        return;
    int64_t now = timers_now(session->sessions->parts->timers);
    if (open >= ASK_EVERY || sm->unacked.bytes >= ASK_BYTES || (sm->ask_ms && now >= sm->ask_ms)) {
        sm->is_asked = true;
        sm->ask_ms = 0;
        BUFFER_LITERAL(outbound_begin(session), "<r xmlns='" XMLNS_SM "'/>");
        outbound_send(session);
    } else if (!sm->ask_ms) {
        sm->ask_ms = now + ASK_MS;
        alive_schedule(session);
    }
}

int64_t sm_deadline(const struct session *session)
{
    const struct sm *sm = session->sm;
    int64_t deadline = sm->ask_ms ? sm->ask_ms : INT64_MAX;
    if (sm->is_broken && sm->tried_ms + SM_MEND_MS < deadline)
        deadline = sm->tried_ms + SM_MEND_MS;
    if (session->state == STATE_DETACHED && sm->lost_ms < deadline)
        deadline = sm->lost_ms;
    return sm->too_much ? 0 : deadline;
}

void sm_timer(struct session *session)
{
    if (session->sm->too_much) {
        metric_add(session->sessions->parts->metrics, METRIC_SM_OVERFLOWS, 1);
        session_end(session, STREAM_ERROR_RESOURCE_CONSTRAINT, session->sm->too_much);
        return;
    }
    if (session->state == STATE_BOUND)
        sm_ask(session);
    if (session->sm->is_broken && session->state != STATE_ENDED)
        sm_turn_add(session->sm);
}

/* Instead of a ping: it is answered by the client's library, and counts as no stanza. */
void sm_ping(struct session *session)
{
    session->sm->is_asked = true;
    BUFFER_LITERAL(outbound_begin(session), "<r xmlns='" XMLNS_SM "'/>");
    outbound_send(session);
}

/* -- sending -- */

/* Whoever never acknowledges, or stays away while much comes, is given up: what is logged is delivered otherwise. */
static bool is_too_much(const struct session *session)
{
    const struct sm *sm = session->sm;
    const struct config *config = config_of(session);
    return unacked_count(&sm->unacked) > config->limits_sm_queue || sm->unacked.bytes > config->limits_sm_bytes;
}

bool sm_has_room(const struct session *session)
{
    const struct unacked *unacked = &session->sm->unacked;
    const struct config *config = config_of(session);
    return unacked_count(unacked) < config->limits_sm_queue / 2 && unacked->bytes < config->limits_sm_bytes / 2;
}

void sm_give_up(struct session *session, const char *too_much)
{
    session->sm->too_much = too_much;
    alive_schedule(session);
}

void sm_send(struct session *session, struct text xml, uint64_t entry)
{
    if (!catch_up_keeps(session, xml, entry))
        sm_push(session, xml, entry);
}

void sm_push(struct session *session, struct text xml, uint64_t entry)
{
    struct sm *sm = session->sm;
    if (entry && unacked_has_entry(&sm->unacked, entry))
        return; /* read from the log again, by somebody who did not know */
    if (entry)
        unacked_add_entry(&sm->unacked, entry);
    else
        unacked_add_stanza(&sm->unacked, xml);
    if ((entry & ~LOG_SHARED) > sm->entry)
        sm->entry = entry & ~LOG_SHARED;
    if (session->state == STATE_BOUND && sm->waiting.size == 0 && !sm->held_turns &&
        (!sm->is_resumable || sm->is_broken)) {
        outbound_write(session, xml);
        if (session->state == STATE_BOUND) {
            sm->written = sm->unacked.sent;
            sm_ask(session);
        }
    } else if (session->state == STATE_BOUND) {
        sm_append(&sm->waiting, xml);
        sm_turn_add(sm);
    } else {
        sm_turn_add(sm);
    }
    if (session->state != STATE_ENDED && !sm->too_much && is_too_much(session))
        sm_give_up(session, "the client does not acknowledge");
}

/* -- the end of a turn -- */

void sm_turn_add(struct sm *sm)
{
    if (sm->is_in_turn || sm->session->state == STATE_ENDED)
        return;
    sm->is_in_turn = true;
    TAILQ_INSERT_TAIL(&sm->session->sessions->turn, sm, turn);
}

static void end_turn(struct session *session)
{
    struct sm *sm = session->sm;
    if (sm->held_turns && --sm->held_turns) {
        sm_turn_add(sm);
        return;
    }
    if (sm->is_resumable && session->sessions->parts->bus->is_away)
        sm_break(session);
    if (sm->is_resumable && sm->is_broken)
        sm_mend(session);
    else if (sm->is_resumable && sm_must_note(sm))
        sm_note(session);
    if (sm->waiting.size)
        sm_write(session, &sm->waiting, sm->unacked.sent);
    if (session->state == STATE_BOUND && sm->told < sm->asked &&
        sm->told < (sm->is_resumable ? sm->safe : sm->handled.done))
        sm_tell_handled(session);
    if ((session->paused & PAUSE_OPEN) && !handled_is_full(&sm->handled))
        session_unpause(session, PAUSE_OPEN);
}

void sessions_turn(struct sessions *sessions)
{
    struct sm *sm;
    size_t count = 0; /* who is put in again meanwhile waits for the next */
    TAILQ_FOREACH(sm, &sessions->turn, turn)
    count++;
    for (; count > 0 && (sm = TAILQ_FIRST(&sessions->turn)); count--) {
        TAILQ_REMOVE(&sessions->turn, sm, turn);
        sm->is_in_turn = false;
        if (sm->session->state != STATE_ENDED)
            end_turn(sm->session);
    }
    sessions_release(sessions);
}

/* sm_resume.c - a client goes on with a stream that it had before (XEP-0198 5), on this node or another: its row is taken
 * over in one step, whoever had it is told to let go, and the notes say what goes on. */
#include "gateway/session/sm_resume.h"

#include <stdlib.h>

#include "gateway/session/csi.h"
#include "gateway/session/sm.h"
#include "stanzabus/channel.h"
#include "stanzabus/store_sm.h"

enum { UID_MAX = 256 };

void resumption_free(struct resumption **pointer)
{
    struct resumption *resumption = *pointer;
    if (!resumption)
        return;
    buffer_fini(&resumption->answer);
    free(resumption->uid);
    free(resumption);
    *pointer = NULL;
}

/* -- how it ends -- */

static void tell(struct session *session, bool is_resumed)
{
    struct negotiation *negotiation = session->negotiation;
    struct resumption *resumption = negotiation->resumption;
    negotiation->resumption = NULL;
    if (is_resumed)
        session->negotiation = NULL;
    resumption->fn(session, negotiation, is_resumed, buffer_text(&resumption->answer));
    if (is_resumed)
        negotiation_free(&negotiation);
    resumption_free(&resumption);
}

/* The client may bind a resource instead, as if it had not asked. */
static void fail(struct session *session, const char *condition)
{
    struct resumption *resumption = session->negotiation->resumption;
    struct jid bare = session->jid;
    bare.size = (uint16_t)jid_bare(&session->jid).size;
    bare.resource = 0;
    session_set_jid(session, &bare);
    sm_free(session);
    sm_write_failed(&resumption->answer, condition, resumption->has_handled ? &resumption->handled : NULL);
    metric_add(session->sessions->parts->metrics, METRIC_SM_NOT_RESUMED, 1);
    log_info(session->sessions->parts->log, &session->subject, "not-resumed", "stream=%s reason=%s",
             log_quote(resumption->uid, strlen(resumption->uid)), condition);
    tell(session, false);
}

static void not_found(struct session *session)
{
    fail(session, "item-not-found");
}

/* -- taken -- */

static void load(struct session *session, const struct sm_taken *taken)
{
    struct sm *sm = sm_new(session);
    sm->is_resumable = true;
    sm->resume_ms = taken->resume_ms;
    sm->handled.received = sm->handled.done = sm->told = sm->asked = sm->safe = sm->noted.handled = taken->handled;
    sm->entry = taken->entry;
    sm->unacked.acked = sm->unacked.sent = taken->line_count ? taken->lines[0].number - 1 : taken->sent;
    for (size_t i = 0; i < taken->line_count; i++) {
        const struct sm_line *line = &taken->lines[i];
        if (line->xml.size)
            unacked_add_stanza(&sm->unacked, line->xml);
        else
            unacked_add_run(&sm->unacked, line->entry, line->count);
        unacked_run(&sm->unacked, sm->unacked.run_count - 1)->line = line->number;
    }
    sm->noted.sent = sm->written = sm->kept = sm->unacked.sent;
}

/* Whoever had it: here it is found by its address, elsewhere its node is told. */
static void dismiss(struct session *session, const struct sm_taken *taken)
{
    struct sessions *sessions = session->sessions;
    struct session *old = sessions_find(sessions, jid_bare(&session->jid), jid_resource(&session->jid));
    if (old && old != session)
        session_drop(old, "resumed by another connection");
    if (!text_equal(taken->answer.replaced_node, sessions->parts->node) && sessions->callbacks->on_taken)
        sessions->callbacks->on_taken(sessions->ctx, taken->answer.replaced_node, taken->answer.replaced_session,
                                      jid_bare(&session->jid), jid_resource(&session->jid));
}

/* Its notes are no use: it ends here, like one that nobody resumed. */
static void end_unusable(struct session *session, const struct sm_taken *taken)
{
    struct sessions *sessions = session->sessions;
    session->is_available = taken->is_available;
    log_warning(sessions->parts->log, &session->subject, "notes-unusable", "sent=%llu lines=%zu whole=%d",
                (unsigned long long)taken->sent, taken->line_count, taken->is_whole);
    detach_give_back(session);
    bind_undo(session);
    if (sessions->callbacks->on_lost)
        sessions->callbacks->on_lost(sessions->ctx, session);
    session_renumber(session); /* the row that goes must not be taken for the one that the client binds next */
    not_found(session);
}

static void resumed(struct session *session, const struct sm_taken *taken, uint64_t number)
{
    struct sessions *sessions = session->sessions;
    struct resumption *resumption = session->negotiation->resumption;
    struct sm *sm = session->sm;

    session->is_available = taken->is_available;
    session->has_carbons = taken->has_carbons;
    session->is_interested = taken->is_interested;
    session->priority = taken->priority;
    free(session->uid);
    session->uid = resumption->uid;
    resumption->uid = NULL;
    session->state = STATE_BOUND;
    session_add_bound(session);
    alive_schedule(session);
    buffer_printf(&resumption->answer, "<resumed xmlns='" XMLNS_SM "' previd='%s' h='%u'/>", session->uid,
                  (uint32_t)taken->handled);
    metric_add(sessions->parts->metrics, METRIC_SM_RESUMED, 1);
    log_info(sessions->parts->log, &session->subject, "resumed", "stream=%s unacknowledged=%llu",
             log_quote(session->uid, strlen(session->uid)), (unsigned long long)(sm->unacked.sent - number));
    if (sessions->callbacks->on_resumed)
        sessions->callbacks->on_resumed(sessions->ctx, session, taken);
    sm_acked(session, number);
    catch_up_start(session);
    tell(session, true); /* what follows is written in later turns */
}

static void on_taken(void *ctx, enum bus_status status, const struct sm_taken *taken)
{
    struct session *session = ctx;
    struct sessions *sessions = session->sessions;
    uint64_t number;

    if (status != BUS_OK) {
        bind_undo(session); /* nothing is known: it may be ours now */
        if (session->state != STATE_ENDED) {
            session_renumber(session);
            fail(session, "internal-server-error");
        }
    } else if (!taken->answer.result) {
        bind_unsubscribe(sessions, jid_bare(&session->jid));
        if (session->state != STATE_ENDED)
            not_found(session);
    } else {
        dismiss(session, taken);
        if (session->state == STATE_ENDED) {
            bind_leave(session, taken->resume_ms); /* it can be resumed once more */
        } else {
            load(session, taken);
            session->negotiation->resumption->handled = taken->handled;
            session->negotiation->resumption->has_handled = true;
            uint32_t h = session->negotiation->resumption->h;
            if (taken->is_whole && unacked_find(&session->sm->unacked, h, session->sm->unacked.sent, &number) &&
                (uint32_t)number == h) /* not less than it has acknowledged before */
                resumed(session, taken, number);
            else
                end_unusable(session, taken);
        }
    }
    session_step_done(session);
}

/* -- the steps -- */

static void on_subscribed(void *ctx, enum bus_status status)
{
    struct session *session = ctx;
    struct store *store = session->sessions->parts->store;
    if (session->state != STATE_ENDED && status == BUS_OK) {
        struct session_row row = session_row(session);
        row.uid = text_of(session->negotiation->resumption->uid);
        session_step_begin(session);
        store->sm->take(store, &row, on_taken, session);
    } else {
        bind_unsubscribe(session->sessions, jid_bare(&session->jid));
        if (session->state != STATE_ENDED)
            fail(session, "internal-server-error");
    }
    session_step_done(session);
}

/* The old session of this node may hold something back that is not noted. */
static void note_rest(struct session *session)
{
    struct session *old = sessions_find(session->sessions, jid_bare(&session->jid), jid_resource(&session->jid));
    if (!old || !old->sm || !old->sm->is_resumable)
        return;
    csi_wake(old);
    if (old->state != STATE_ENDED && sm_must_note(old->sm))
        sm_note(old);
}

static void on_found(void *ctx, enum bus_status status, const struct sm_found *found)
{
    struct session *session = ctx;
    struct bus *bus = session->sessions->parts->bus;
    if (session->state == STATE_ENDED) {
        session_step_done(session);
        return;
    }
    session->negotiation->resumption->handled = found->handled;
    session->negotiation->resumption->has_handled = status == BUS_OK && found->has_handled;
    if (status == BUS_OK && found->is_there) {
        struct arena arena = { 0 };
        struct jid full = jid_make(&arena, jid_local(&session->jid), jid_domain(&session->jid), found->resource);
        session_set_jid(session, &full);
        arena_fini(&arena);
        note_rest(session);
        session_step_begin(session);
        struct buffer *name = outbound_begin(session);
        channel_to(name, config_of(session)->bus_prefix, jid_bare(&session->jid));
        bus->ops->subscribe(bus, buffer_text(name), on_subscribed, session);
    } else if (status == BUS_OK) {
        not_found(session);
    } else {
        fail(session, "internal-server-error");
    }
    session_step_done(session);
}

static bool is_uid(struct text uid)
{
    for (size_t i = 0; i < uid.size; i++)
        if ((unsigned char)uid.data[i] <= ' ' || (unsigned char)uid.data[i] > '~' || memchr("{}<>&'\"", uid.data[i], 7))
            return false;
    return uid.size > 0 && uid.size <= UID_MAX;
}

void stream_management_resume(struct session *session, const struct element *resume, stream_resumed_fn *fn)
{
    struct store *store = session->sessions->parts->store;
    struct resumption *resumption = xcalloc(1, sizeof *resumption);
    struct text uid = element_get(resume, "previd");

    session->negotiation->resumption = resumption;
    resumption->uid = text_dup(uid);
    resumption->fn = fn;
    if (!sm_read_h(resume, &resumption->h) || !uid.size) {
        fail(session, "bad-request");
    } else if (config_of(session)->sm_resume_ms == 0) {
        fail(session, "feature-not-implemented");
    } else if (!is_uid(uid)) {
        not_found(session);
    } else {
        session_step_begin(session);
        store->sm->find(store, jid_bare(&session->jid), uid, on_found, session);
    }
}

/* -- asked for by itself, without SASL2 -- */

static void send_answer(struct session *session, const struct negotiation *negotiation, bool is_resumed,
                        struct text answer)
{
    (void)negotiation;
    if (!is_resumed) {
        session->state = STATE_READY;
        attempt_count_failure(session);
    }
    if (session->state == STATE_ENDED)
        return;
    buffer_append_text(outbound_begin(session), answer);
    outbound_send(session);
}

void sm_element_unbound(struct session *session, struct stanza *stanza)
{
    if (!text_is(stanza->root->name, "resume")) {
        sm_element_too_early(session, stanza);
        return;
    }
    session->state = STATE_BINDING;
    stream_management_resume(session, stanza->root, send_answer);
    stanza_free(&stanza);
}

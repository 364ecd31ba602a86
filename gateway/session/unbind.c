/* unbind.c - the end of a binding: the session row goes, then the mailbox is unsubscribed, so that whoever reads the row
 * finds somebody listening.  What Redis could not do now is tried again until it is done: a row that stays would draw
 * messages to nobody, and count against limits.sessions_per_account, for as long as this node lives. */
#include <limits.h>
#include <stdlib.h>

#include "gateway/session/session_state.h"
#include "stanzabus/channel.h"
#include "stanzabus/store_sm.h"

enum { AGAIN_MS = 2000 };

struct unbinding { /* outlives its session; no more of them than there were bindings when Redis went away */
    LIST_ENTRY(unbinding) entry;
    struct sessions *sessions;
    struct timer timer; /* runs between two tries */
    uint64_t session;
    uint32_t resume_ms; /* not 0: the row stays, and may be resumed so long */
    struct jid jid; /* text is behind it */
    char text[];
};

static void end_unbinding(struct unbinding *unbinding)
{
    timer_stop(&unbinding->timer);
    LIST_REMOVE(unbinding, entry);
    free(unbinding);
}

void bind_unsubscribe(struct sessions *sessions, struct text bare)
{
    struct bus *bus = sessions->parts->bus;
    sessions->out.size = 0;
    channel_to(&sessions->out, sessions->parts->config->bus_prefix, bare);
    bus->ops->unsubscribe(bus, buffer_text(&sessions->out));
}

void session_guest_left(const struct parts *parts, const struct jid *jid)
{
    const struct config *config = parts->config;
    if (config->auth_anonymous_domain.size && text_equal(jid_domain(jid), config->auth_anonymous_domain))
        parts->store->login->guest_keep(parts->store, jid_bare(jid), config->auth_anonymous_keep_ms);
}

static timer_fn on_again;

static void on_removed(void *ctx, enum bus_status status, int64_t result)
{
    struct unbinding *unbinding = ctx;
    struct sessions *sessions = unbinding->sessions;
    if (status != BUS_OK) {
        timer_start(sessions->parts->timers, &unbinding->timer, AGAIN_MS, on_again);
        return;
    }
    bind_unsubscribe(sessions, jid_bare(&unbinding->jid));
    session_guest_left(sessions->parts, &unbinding->jid);
    if (sessions->callbacks->on_unbound) /* result 0: it was another's by now, or had gone */
        sessions->callbacks->on_unbound(sessions->ctx, jid_bare(&unbinding->jid), result == 2);
    end_unbinding(unbinding);
}

static void remove_row(struct unbinding *unbinding)
{
    const struct parts *parts = unbinding->sessions->parts;
    struct session_row row = { .bare = jid_bare(&unbinding->jid),
                               .resource = jid_resource(&unbinding->jid),
                               .node = parts->node,
                               .session = unbinding->session };
    if (unbinding->resume_ms)
        parts->store->sm->detach(parts->store, &row, unbinding->resume_ms, INT_MAX, NULL, on_removed, unbinding);
    else
        parts->store->ops->session_remove(parts->store, &row, on_removed, unbinding);
}

static void on_again(struct timer *timer)
{
    remove_row(container_of(timer, struct unbinding, timer));
}

static void unbind(struct session *session, uint32_t resume_ms)
{
    const struct jid *jid = &session->jid;
    struct unbinding *unbinding = xcalloc(1, sizeof *unbinding + jid->size);

    unbinding->sessions = session->sessions;
    unbinding->resume_ms = resume_ms;
    unbinding->session = session->subject.session;
    memcpy(unbinding->text, jid->text, jid->size);
    unbinding->jid = *jid;
    unbinding->jid.text = unbinding->text;
    LIST_INSERT_HEAD(&session->sessions->unbindings, unbinding, entry);
    if (session->sessions->callbacks->on_unbinding)
        session->sessions->callbacks->on_unbinding(session->sessions->ctx, jid_bare(&unbinding->jid));
    remove_row(unbinding);
}

void bind_undo(struct session *session)
{
    unbind(session, 0);
}

void bind_leave(struct session *session, uint32_t resume_ms)
{
    unbind(session, resume_ms);
}

bool sessions_are_unbound(const struct sessions *sessions)
{
    return LIST_EMPTY(&sessions->unbindings);
}

void bind_forget_undone(struct sessions *sessions)
{
    while (!LIST_EMPTY(&sessions->unbindings))
        end_unbinding(LIST_FIRST(&sessions->unbindings));
}

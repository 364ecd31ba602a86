/* mailbox.c - hand out: an event off a mailbox goes to those sessions of this node that it names.  The node that routed
 * it decided for whom it is ("edge": hops, then node/resource, a line each); here nothing is decided again. */
#include <stdio.h>
#include <stdlib.h>

#include "blocklist.h"
#include "presence.h"

enum { HOPS_MAX = 1 };

struct hand_out {
    struct router *router;
    struct stanza *stanza;
    struct text bare, channel;
    struct text event;   /* without its edge: what others may see */
    unsigned hops, targets;
    unsigned missing;    /* targets of this node that have gone */
    bool is_written[2];  /* router->xml[scope] holds the stanza */
};

/* {"edge":"...",<rest>: the event as it was written, with the brace back. */
static struct text without_edge(struct router *router, struct text payload)
{
    const struct text start = TEXT("{\"edge\":\"");
    if (!text_starts_with(payload, start))
        return payload;
    size_t i = start.size;
    while (i < payload.size && payload.data[i] != '"')
        i += payload.data[i] == '\\' ? 2 : 1;
    i += 2; /* the quote and the comma */
    if (i >= payload.size)
        return payload;
    router->event.size = 0;
    BUFFER_LITERAL(&router->event, "{");
    buffer_append(&router->event, payload.data + i, payload.size - i);
    return buffer_text(&router->event);
}

static unsigned count_targets(struct text lines)
{
    unsigned count = 0;
    while (lines.size) {
        text_take_line(&lines);
        count++;
    }
    return count;
}

static void give(struct hand_out *out, struct session *session)
{
    if (!presence_may_give(session, out->stanza))
        return;
    enum stanza_scope scope = session_scope(session);
    struct buffer *xml = &out->router->xml[scope];
    if (!out->is_written[scope]) {
        xml->size = 0;
        element_write(xml, out->stanza->root, scope);
        out->is_written[scope] = true;
    }
    session_send_xml(session, buffer_text(xml));
    if (session_watches_events(session))
        observe_watch(session, out->channel, "in", without_edge(out->router, out->event));
}

/* RFC 6121 8.5.3.2 for one that has just gone: presence and answers are nobody's any more. */
static void refuse_gone(struct hand_out *out)
{
    struct stanza *error = stanza_error(out->stanza, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
    metric_add(out->router->parts->metrics, METRIC_UNDELIVERABLE, 1);
    if (error && out->stanza->kind == STANZA_PRESENCE)
        stanza_free(&error);
    router_say(out->router, error);
}

/* Resources had gone before the event came: when they were all that it was for, it is routed once more, by today's table.
 * Else it has reached the others, and must not reach them twice. */
static void gone(struct hand_out *out)
{
    struct jid to;
    struct text address = element_get(out->stanza->root, "to");

    if (out->missing < out->targets || jid_parse(&out->stanza->arena, address, &to) < 0) {
        metric_add(out->router->parts->metrics, METRIC_UNDELIVERABLE, 1);
    } else if (out->hops >= HOPS_MAX) {
        refuse_gone(out);
    } else {
        metric_add(out->router->parts->metrics, METRIC_REROUTED, 1);
        to_account_again(out->router, stanza_copy(out->stanza), &to, without_edge(out->router, out->event), out->hops + 1);
    }
}

static void hand_to(struct hand_out *out, struct text line)
{
    struct text node = out->router->parts->node;
    if (line.size <= node.size || !text_starts_with(line, node) || line.data[node.size] != '/')
        return; /* another node's */
    struct text resource = { line.data + node.size + 1, line.size - node.size - 1 };
    struct session *session = sessions_find(out->router->sessions, out->bare, resource);
    if (session)
        give(out, session);
    else
        out->missing++;
}

void mailbox_hand_out(struct router *router, struct text bare, struct text channel, struct text payload)
{
    struct event event = { 0 };
    struct refusal why = { 0 };

    if (text_starts_with(payload, TEXT("block")) || text_starts_with(payload, TEXT("unblock"))) {
        blocklist_changed(router, bare, payload);
        return;
    }

    if (event_read(payload, EVENT_FROM_NODE, &router->limits, &event, &why) < 0) {
        log_warning(router->parts->log, NULL, "mailbox-unreadable", "reason=%s text=%s", why.reason,
                    log_quote(why.text, strlen(why.text)));
        metric_add(router->parts->metrics, METRIC_UNDELIVERABLE, 1);
        return;
    }
    struct text lines = event.edge;
    struct text hops = text_take_line(&lines);
    struct hand_out out = { .router = router,
                            .stanza = event.stanza,
                            .bare = bare,
                            .channel = channel,
                            .event = payload,
                            .hops = hops.size ? (unsigned)(hops.data[0] - '0') : 0,
                            .targets = count_targets(lines) };
    while (lines.size)
        hand_to(&out, text_take_line(&lines));
    if (out.missing > 0)
        gone(&out);
    stanza_free(&event.stanza);
}

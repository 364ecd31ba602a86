/* mailbox.c - hand out: an event off a mailbox goes to those sessions of this node that it names.  The node that routed
 * it decided for whom it is ("edge": store_log.h); here nothing is decided again. */
#include "gateway/router/mailbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/router/pep/avatar.h"
#include "gateway/router/account/blocklist.h"
#include "gateway/router/presence/presence.h"

enum { HOPS_MAX = 1, LATE_MS = 1000 };

struct hand_out {
    struct router *router;
    struct stanza *stanza;
    struct text bare, channel;
    struct text event;   /* without its edge: what others may see */
    unsigned hops, targets;
    unsigned missing;    /* targets of this node that have gone */
    uint64_t number;     /* in the log, with LOG_SHARED; 0: not in it */
    struct text archive_id; /* empty: not in the archive */
    bool is_late, is_copy_of_sent;
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


/* -- what is added to a message (XEP-0359, XEP-0203) -- */

static void add_stanza_id(struct hand_out *out)
{
    struct arena *arena = &out->stanza->arena;
    struct element *id = element_add(arena, out->stanza->root, TEXT("stanza-id"), TEXT("urn:xmpp:sid:0"));
    element_set(arena, id, "by", arena_text(arena, out->bare));
    element_set(arena, id, "id", archive_id_show(out->router->archive_ids, arena, out->bare, out->archive_id));
}

/* The stamp is the time of the archive, where it is in it: so that both agree. */
static void add_delay(struct hand_out *out, struct text time)
{
    struct arena *arena = &out->stanza->arena;
    int64_t ms;
    if (!date_time_read(time, &ms) || router_wall_ms(out->router) - ms < LATE_MS)
        return;
    struct buffer stamp = { 0 };
    struct archive_id id;
    struct jid jid;
    json_write_time(&stamp, out->archive_id.size && archive_id_parse(out->archive_id, &id) ? id.ms : ms);
    struct element *delay = element_add(arena, out->stanza->root, TEXT("delay"), TEXT("urn:xmpp:delay"));
    if (jid_parse(arena, out->bare, &jid) == 0)
        element_set(arena, delay, "from", jid_domain(&jid));
    element_set(arena, delay, "stamp", arena_text(arena, buffer_text(&stamp)));
    buffer_fini(&stamp);
}

static void complete(struct hand_out *out, struct text time)
{
    if (out->archive_id.size)
        add_stanza_id(out);
    if (out->is_late)
        add_delay(out, time);
}

/* -- giving -- */

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
    if (out->number)
        session_send_logged(session, buffer_text(xml), out->number);
    else
        session_send_written(session, out->stanza, buffer_text(xml));
    if (session_watches_events(session))
        observe_watch(session, out->channel, "in", without_edge(out->router, out->event));
}

static void give_copy(struct hand_out *out, struct session *session)
{
    struct stanza *copy = carbon_make(out->stanza, session, out->is_copy_of_sent);
    session_send(session, copy);
    stanza_free(&copy);
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
    bool is_copy = out->is_copy_of_sent;
    if (line.size && line.data[0] == '+') {
        is_copy = true;
        line = (struct text){ line.data + 1, line.size - 1 };
    }
    if (line.size <= node.size || !text_starts_with(line, node) || line.data[node.size] != '/')
        return; /* another node's */
    struct text resource = { line.data + node.size + 1, line.size - node.size - 1 };
    struct session *session = sessions_find(out->router->sessions, out->bare, resource);
    if (out->number && !is_copy &&
        sessions_came_early(out->router->sessions, out->bare, resource, (struct text){ 0 }, out->number & ~LOG_SHARED))
        return;
    if (session && is_copy)
        give_copy(out, session);
    else if (session)
        give(out, session);
    else if (!is_copy)
        out->missing++;
}

/* -- the edge -- */

static struct text take_word(struct text *rest)
{
    const char *blank = rest->size ? memchr(rest->data, ' ', rest->size) : NULL;
    struct text word = { rest->data, blank ? (size_t)(blank - rest->data) : rest->size };
    size_t used = word.size + (blank ? 1 : 0);
    rest->data += used;
    rest->size -= used;
    return word;
}

static uint64_t to_number(struct text digits)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size && digits.data[i] >= '0' && digits.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    return number;
}

/* hops n archive-id flags; a route that knows no log says hops only. */
static void read_edge(struct hand_out *out, struct text line)
{
    out->hops = (unsigned)to_number(take_word(&line));
    out->number = to_number(take_word(&line));
    struct text archive_id = take_word(&line), flags = take_word(&line);
    if (archive_id.size && !text_is(archive_id, "-"))
        out->archive_id = archive_id;
    out->is_late = flags.size && memchr(flags.data, 'd', flags.size);
    out->is_copy_of_sent = flags.size && memchr(flags.data, 's', flags.size);
}

static unsigned count_targets(struct text lines)
{
    unsigned count = 0;
    while (lines.size)
        count += text_take_line(&lines).data[0] != '+';
    return count;
}

static void told(struct router *router, struct text bare, struct text line)
{
    if (text_starts_with(line, TEXT("block")) || text_starts_with(line, TEXT("unblock")))
        blocklist_changed(router, bare, line);
    else if (text_starts_with(line, TEXT("avatar ")))
        avatar_changed(router, bare, line);
    else
        resident_told(router, bare, line);
}

static bool read_payload(struct router *router, struct text payload, struct event *event)
{
    struct refusal why = { 0 };
    if (event_read(payload, EVENT_FROM_NODE, &router->limits, event, &why) == 0)
        return true;
    log_warning(router->parts->log, NULL, "mailbox-unreadable", "reason=%s text=%s", why.reason,
                log_quote(why.text, strlen(why.text)));
    metric_add(router->parts->metrics, METRIC_UNDELIVERABLE, 1);
    return false;
}

static void hand_out(struct hand_out *out, struct text lines, struct text time)
{
    complete(out, time);
    out->targets = count_targets(lines);
    if (out->number && out->targets > 1)
        out->number |= LOG_SHARED;
    while (lines.size)
        hand_to(out, text_take_line(&lines));
    if (out->missing > 0 && !out->number) /* an entry of the log is routed again when its session's row goes */
        gone(out);
}

void mailbox_hand_out(struct router *router, struct text bare, struct text channel, struct text payload)
{
    struct event event = { 0 };
    if (!payload.size || payload.data[0] != '{') {
        told(router, bare, payload);
        return;
    }
    if (!read_payload(router, payload, &event))
        return;
    struct hand_out out = { .router = router, .stanza = event.stanza, .bare = bare, .channel = channel, .event = payload };
    struct resident *resident = resident_find(router, bare);
    struct text lines = event.edge;
    read_edge(&out, text_take_line(&lines));
    if (!out.number || !resident || resident_takes(resident, out.number))
        hand_out(&out, lines, event.time);
    stanza_free(&event.stanza);
}

/* A session may end over it, and the account may have none here then. */
static void give_again(struct hand_out *out, struct text uid, uint64_t number)
{
    const struct resident *resident = resident_find(out->router, out->bare);
    struct session *session = resident ? resident_session(resident, uid) : NULL;
    if (session && (number > resident->again || session_early(session)))
        give(out, session);
    else if (!session)
        sessions_came_early(out->router->sessions, out->bare, (struct text){ 0 }, uid, number);
}

void mailbox_catch_up(struct router *router, struct text bare, const struct log_entry *entry)
{
    struct event event = { 0 };
    struct text holders = entry->holders, channel = { 0 };
    if (!read_payload(router, entry->event, &event))
        return;
    struct hand_out out = { .router = router,
                            .stanza = event.stanza,
                            .bare = bare,
                            .channel = channel,
                            .event = entry->event,
                            .number = entry->number,
                            .archive_id = entry->archive_id,
                            .is_late = true };
    complete(&out, event.time);
    if (memchr(holders.data ? holders.data : "", ' ', holders.size))
        out.number |= LOG_SHARED;
    while (holders.size)
        give_again(&out, take_word(&holders), entry->number);
    stanza_free(&event.stanza);
}

struct text mailbox_write_entry(struct router *router, struct text bare, const struct log_entry *entry,
                                enum stanza_scope scope)
{
    struct event event = { 0 };
    struct buffer *xml = &router->xml[scope];
    if (!read_payload(router, entry->event, &event))
        return (struct text){ 0 };
    struct hand_out out = { .router = router,
                            .stanza = event.stanza,
                            .bare = bare,
                            .event = entry->event,
                            .archive_id = entry->archive_id,
                            .is_late = true };
    complete(&out, event.time);
    xml->size = 0;
    element_write(xml, event.stanza->root, scope);
    stanza_free(&event.stanza);
    return buffer_text(xml);
}

/* peer.c - one stream with another server or component: its life, what its other side says to it, its one end. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/federation/peer.h"

/* -- from the stream -- */

bool peer_is_called(const struct peer *peer)
{
    return peer->role == &role_incoming || peer->role == &role_component;
}

static void on_open(void *ctx, const struct stream_header *header)
{
    struct peer *peer = ctx;
    peer->role->on_header(peer, header);
}

/* RFC 6120 4.9.1.1: who sends a stream error has ended the stream.  One that was called has nothing more to do. */
static bool take_error(struct peer *peer, struct stanza *stanza)
{
    const struct element *condition = element_first(stanza->root);
    char reason[80];
    if (!peer_is_called(peer) || !element_is(stanza->root, "error", XMLNS_STREAM))
        return false;
    snprintf(reason, sizeof reason, "stream error of the other side: %.*s", condition ? (int)condition->name.size : 0,
             condition ? condition->name.data : "");
    stanza_free(&stanza);
    peer_close(peer, reason);
    return true;
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct peer *peer = ctx;
    if (!take_error(peer, stanza) && !peer_take_management(peer, stanza))
        peer->role->on_element(peer, stanza);
}

static void on_close(void *ctx)
{
    peer_close(ctx, "closed by the other side");
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    peer_end(ctx, condition, text);
}

static const struct stream_callbacks stream_callbacks = { on_open, on_stanza, on_close, on_error };

/* -- life -- */

struct peer *peer_new(struct peers *peers, const struct peer_role *role, struct connection *connection)
{
    const struct config *config = peers->parts->config;
    struct peer *peer = xcalloc(1, sizeof *peer);

    peer->peers = peers;
    peer->role = role;
    peer->connection = connection;
    peer->number = ++peers->last_number;
    peer->subject = (struct log_subject){ .session = peer->number, .peer = connection->peer };
    peer->heard_ms = peers_now(peers);
    snprintf(peer->uid, sizeof peer->uid, "%.*s.s%llu", TEXT_ARGS(peers->parts->node), (unsigned long long)peer->number);
    peer->stream = stream_new(peers->parts->streams, FRAMING_TCP, &config->login_limits, &stream_callbacks, peer);
    stream_set_content(peer->stream, text_of(role->content));
    connection->session = (struct session *)peer; /* the transport keeps it for us and asks nothing of it */
    peer->next = peers->first;
    peer->place = &peers->first;
    if (peer->next)
        peer->next->place = &peer->next;
    peers->first = peer;
    HASH_ADD(hh, peers->by_number, number, sizeof peer->number, peer);
    peers->count++;
    metric_add(peers->parts->metrics, METRIC_PEERS, 1);
    return peer;
}

struct peer *peer_find(const struct peers *peers, uint64_t number)
{
    struct peer *peer;
    HASH_FIND(hh, peers->by_number, &number, sizeof number, peer);
    return peer && peer->state != PEER_ENDED ? peer : NULL;
}

void peer_finish(struct peer *peer, const char *reason)
{
    if (peer->state == PEER_ENDED)
        return;
    log_at(peer->peers->parts->log, peer->state == PEER_READY ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, &peer->subject, "peer-ended",
           "role=%s own=%s other=%s reason=%s", peer->role->name, peer->own ? peer->own : "-", peer->other ? peer->other : "-",
           log_quote(reason, strlen(reason)));
    peer->state = PEER_ENDED;
    timer_stop(&peer->timer);
    stream_free(&peer->stream);
    if (peer->connection)
        peer->connection->ops->close(peer->connection);
    if (peer->proof)
        peer->peers->dialer->ops->cancel_proof(&peer->proof);
    verify_forget(peer);
    peer_forget_received(peer);
    while (!LIST_EMPTY(&peer->links))
        link_detach(LIST_FIRST(&peer->links), reason);
    if (peer->role->on_ended)
        peer->role->on_ended(peer, reason);
}

void peer_free(struct peer *peer)
{
    struct peers *peers = peer->peers;
    HASH_DEL(peers->by_number, peer);
    *peer->place = peer->next;
    if (peer->next)
        peer->next->place = peer->place;
    peers->count--;
    metric_add(peers->parts->metrics, METRIC_PEERS, -1);
    peer_free_pairs(peer);
    free(peer->flights.ring);
    free(peer->own);
    free(peer->other);
    free(peer->proof_domain);
    free(peer);
}

void peer_close(struct peer *peer, const char *reason)
{
    if (peer->state == PEER_ENDED || peer->is_ending)
        return;
    peer->is_ending = true;
    if (peer->is_header_sent)
        peer_write(peer, TEXT("</stream:stream>"));
    peer_finish(peer, reason);
}

/* RFC 6120 4.9.1.2: an error before the header was sent has a header all the same. */
void peer_end(struct peer *peer, enum stream_condition condition, const char *text)
{
    char reason[256];
    if (peer->state == PEER_ENDED || peer->is_ending)
        return;
    peer->is_ending = true;
    if (!peer->is_header_sent)
        peer_write_header(peer, peer->own ? peer->own : peer->peers->parts->config->domains.items[0].data, peer->other, true);
    struct stanza *error = stanza_make("error", XMLNS_STREAM);
    element_add(&error->arena, error->root, text_of(stream_condition_name(condition)), TEXT(XMLNS_STREAM_ERRORS));
    if (text)
        element_add_text(&error->arena, element_add(&error->arena, error->root, TEXT("text"), TEXT(XMLNS_STREAM_ERRORS)), text_of(text));
    peer_write_element(peer, error->root);
    stanza_free(&error);
    peer_write(peer, TEXT("</stream:stream>"));
    metric_add(peer->peers->parts->metrics, METRIC_STREAM_ERRORS, 1);
    snprintf(reason, sizeof reason, "%s%s%s", stream_condition_name(condition), text ? ": " : "", text ? text : "");
    peer_finish(peer, reason);
}

/* -- what changes on the way -- */

static void replace(char **place, struct text text)
{
    if (text.size == 0)
        return;
    char *old = *place;
    *place = text_dup(text);
    free(old);
}

void peer_set_domains(struct peer *peer, struct text own, struct text other)
{
    replace(&peer->own, own);
    replace(&peer->other, other);
    peer->subject.jid = peer->other;
}

void peer_restart(struct peer *peer)
{
    stream_restart(peer->stream);
    peer->is_header_sent = false;
    peer->state = PEER_OPENING;
}

/* inbound.c - what a peer says once it is ready: stanzas whose addresses are its own to use, and acknowledgements (XEP-0198). */
#include <stdlib.h>

#include "gateway/federation/peer.h"

/* So many stanzas may be under way of all peers together, so that Redis has no more of theirs to do before what people here say;
 * a peer that has its share of that is not read until it has half of it.  The share is never less than OPEN_LEAST. */
enum { OPEN_ALL = 256, OPEN_LEAST = 16 };

/* -- how many are under way -- */

static uint64_t open_count(const struct peer *peer)
{
    return peer->received.handled.received - peer->received.handled.done;
}

static unsigned open_share(const struct peers *peers)
{
    unsigned share = OPEN_ALL / (peers->busy ? peers->busy : 1);
    return share > OPEN_LEAST ? share : OPEN_LEAST;
}

static void set_busy(struct peer *peer, bool is_busy)
{
    if (is_busy && !peer->received.is_busy)
        peer->peers->busy++;
    else if (!is_busy && peer->received.is_busy)
        peer->peers->busy--;
    peer->received.is_busy = is_busy;
}

void peer_forget_received(struct peer *peer)
{
    set_busy(peer, false);
    handled_fini(&peer->received.handled);
}

static uint64_t count_received(struct peer *peer)
{
    uint64_t number = handled_begin(&peer->received.handled);
    peer->received.is_told = false;
    set_busy(peer, true);
    if (open_count(peer) >= open_share(peer->peers) && !peer->is_paused) {
        peer->is_paused = true;
        metric_add(peer->peers->parts->metrics, METRIC_PEER_PAUSES, 1);
        stream_pause(peer->stream);
        peer->connection->ops->pause(peer->connection);
    }
    return number;
}

/* Resuming the stream reads at once what has waited, and may end the peer: it comes last. */
void peers_handled(struct peers *peers, uint64_t peer_number, uint64_t number)
{
    struct peer *peer = peer_find(peers, peer_number);
    if (!peer || !handled_end(&peer->received.handled, number))
        return;
    set_busy(peer, open_count(peer) > 0);
    if (open_count(peer) == 0 && peer->received.is_acknowledged && !peer->received.is_told)
        peer_acknowledge(peer);
    if (peer->is_paused && open_count(peer) < open_share(peer->peers) / 2 && peer->state == PEER_READY) {
        peer->is_paused = false;
        peer->connection->ops->resume(peer->connection);
        stream_resume(peer->stream);
    }
}

/* -- acknowledgements for the other side -- */

void peer_begin_acknowledging(struct peer *peer)
{
    peer->received.is_acknowledged = peer->received.is_told = true;
    peer->received.before = peer->received.handled.received;
}

void peer_acknowledge(struct peer *peer)
{
    struct peer_received *received = &peer->received;
    struct buffer *out = &peer->peers->out;
    uint64_t done = received->handled.done > received->before ? received->handled.done - received->before : 0;
    out->size = 0;
    buffer_printf(out, "<a xmlns='" XMLNS_SM "' h='%u'/>", (uint32_t)done);
    received->is_told = open_count(peer) == 0;
    peer_write(peer, buffer_text(out));
}

/* -- acknowledgements of the other side -- */

static void take_acknowledgement(struct peer *peer, const struct stanza *stanza)
{
    char digits[16] = "", *end;
    struct text h = element_get(stanza->root, "h");
    memcpy(digits, h.data ? h.data : "", h.size < sizeof digits ? h.size : sizeof digits - 1);
    uint32_t value = (uint32_t)strtoul(digits, &end, 10), risen = value - peer->acknowledged;
    if (*end || !digits[0] || risen > peer->sent - peer->acknowledged) {
        peer_end(peer, STREAM_ERROR_UNDEFINED_CONDITION, "more was acknowledged than sent");
        return;
    }
    peer->acknowledged = value;
    peer->asked_ms = 0;
    queue_acknowledged(peer, risen);
}

static void enable(struct peer *peer)
{
    if (peer->received.is_acknowledged || peer->state != PEER_READY) {
        peer_write(peer, TEXT("<failed xmlns='" XMLNS_SM "'><unexpected-request xmlns='" XMLNS_STANZA_ERRORS "'/></failed>"));
        return;
    }
    peer_begin_acknowledging(peer);
    peer->sends_acks = peer->has_bidi; /* both sides count, and only then is there anything of ours */
    peer_write(peer, TEXT("<enabled xmlns='" XMLNS_SM "'/>"));
}

bool peer_take_management(struct peer *peer, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    if (!text_is(root->xmlns, XMLNS_SM) || peer->state != PEER_READY)
        return false;
    if (text_is(root->name, "enable")) {
        enable(peer);
    } else if (text_is(root->name, "r") && peer->received.is_acknowledged) {
        peer_acknowledge(peer);
    } else if (text_is(root->name, "a") && peer->sends_acks) {
        take_acknowledgement(peer, stanza);
    } else {
        return false;
    }
    stanza_free(&stanza);
    return true;
}

/* -- stanzas -- */

static bool prepare(struct stanza *stanza, const char *attribute, struct jid *out)
{
    struct text text = element_get(stanza->root, attribute);
    if (!text.data || jid_parse(&stanza->arena, text, out) < 0)
        return false;
    element_set(&stanza->arena, stanza->root, attribute, arena_text(&stanza->arena, jid_text(out)));
    return true;
}

static bool may_say(const struct peer *peer, struct text from, struct text to)
{
    if (peer->role == &role_component)
        return text_is(from, peer->other);
    if (peer->role == &role_upstream)
        return text_is(to, peer->own) && !text_is(from, peer->own);
    return (peer->role == &role_incoming || peer->has_bidi) && peer_has_pair(peer, from, to);
}

/* A component speaks for many: what one of them calls an address ends nobody's stream. */
static void refuse_address(struct peer *peer, const struct stanza *stanza)
{
    struct stanza *error = stanza_error(stanza, STANZA_ERROR_JID_MALFORMED, "A stanza needs a 'to' that is an address.");
    if (!error)
        return;
    element_set(&error->arena, error->root, "from", peer_config(peer)->domains.items[0]);
    metric_add(peer->peers->parts->metrics, METRIC_STANZA_ERRORS, 1);
    peer_write_element(peer, error->root);
    stanza_free(&error);
}

/* Both are addresses; else it is answered, or the stream ends (RFC 6120 8.1.1.2). */
static bool prepare_both(struct peer *peer, struct stanza *stanza, struct jid *from, struct jid *to)
{
    bool has_from = prepare(stanza, "from", from);
    if (has_from && prepare(stanza, "to", to))
        return true;
    if (has_from && peer->role == &role_component && text_is(jid_domain(from), peer->other))
        refuse_address(peer, stanza);
    else
        peer_end(peer, STREAM_ERROR_IMPROPER_ADDRESSING, "between servers, each stanza has from and to");
    return false;
}

void peer_take_stanza(struct peer *peer, struct stanza *stanza)
{
    struct peers *peers = peer->peers;
    struct jid from, to;

    metric_add(peers->parts->metrics, METRIC_PEER_STANZAS_IN, 1);
    if (stanza->kind == STANZA_NONE) {
        stanza_free(&stanza);
        peer_end(peer, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, "no such element is known here");
        return;
    }
    if (!prepare_both(peer, stanza, &from, &to)) {
        stanza_free(&stanza);
        return;
    }
    if (!may_say(peer, jid_domain(&from), jid_domain(&to))) {
        bool is_from = peer->role != &role_upstream;
        stanza_free(&stanza);
        peer_end(peer, is_from ? STREAM_ERROR_INVALID_FROM : STREAM_ERROR_HOST_UNKNOWN, "this stream was not proved for that pair of domains");
        return;
    }
    uint64_t number = count_received(peer);
    peers->callbacks->on_stanza(peers->ctx, stanza, peer->number, number);
}

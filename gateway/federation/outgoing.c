/* outgoing.c - we connected to another server (RFC 6120 4 to 6), to carry what waits for it: STARTTLS, our certificate by
 * EXTERNAL, else dialback; then acknowledgements (XEP-0198) where they are offered. */
#include "gateway/federation/peer.h"

#include "stanzabus/credential.h"

/* One that is not ready has a single link: the one that it was made for. */
static void give_up(struct peer *peer, bool is_for_good, enum stanza_condition condition, const char *reason)
{
    struct link *link = LIST_FIRST(&peer->links);
    if (peer->state != PEER_READY && link) {
        link_leave(link);
        link_failed(link, is_for_good, condition, reason);
    }
    peer_close(peer, reason);
}

void outgoing_start(struct link *link, struct connection *connection)
{
    struct peer *peer = peer_new(link->peers, &role_outgoing, connection);
    link_join(link, peer);
    peer_set_domains(peer, text_of(link->own), text_of(link->other));
    peer_expect(peer, peer_config(peer)->s2s_timeout_ms);
    peer_write_header(peer, peer->own, peer->other, true);
}

static void send_key(struct peer *peer)
{
    peer->state = PEER_AUTHENTICATING;
    dialback_show(peer, text_of(peer->own), text_of(peer->other));
}

/* RFC 6120 6: the identity is told in full, as servers of old times want it (XEP-0178 3, step 9). */
static void send_external(struct peer *peer)
{
    struct buffer *out = &peer->peers->out;
    size_t size = strlen(peer->own), room = credential_base64_room(size);
    peer->has_tried_external = true;
    peer->state = PEER_AUTHENTICATING;
    out->size = 0;
    BUFFER_LITERAL(out, "<auth xmlns='" XMLNS_SASL "' mechanism='EXTERNAL'>");
    out->size += credential_base64(buffer_reserve(out, room), room, peer->own, size);
    BUFFER_LITERAL(out, "</auth>");
    peer_write(peer, buffer_text(out));
}

static bool offers_external(const struct element *features)
{
    const struct element *mechanisms = element_child(features, "mechanisms", XMLNS_SASL);
    for (const struct node *n = mechanisms ? mechanisms->children : NULL; n; n = n->next) {
        struct arena arena = { 0 };
        bool found = n->element && text_is(n->element->name, "mechanism") && text_is(element_text(&arena, n->element), "EXTERNAL");
        arena_fini(&arena);
        if (found)
            return true;
    }
    return false;
}

/* The stream is ours to use; what the other side says is acknowledged is kept until then. */
static void ready(struct peer *peer)
{
    peer_add_pair(peer, text_of(peer->other), text_of(peer->own));
    peer_ready(peer);
    if (!LIST_EMPTY(&peer->links))
        link_attach(LIST_FIRST(&peer->links), peer);
}

static void go_on(struct peer *peer)
{
    if (peer->sends_acks)
        peer_write(peer, TEXT("<enable xmlns='" XMLNS_SM "'/>")); /* ready once it is answered */
    else
        ready(peer);
}

/* RFC 7673 3.4: a server with TLSA records is one with TLS. */
static bool must_encrypt(const struct peer *peer)
{
    return peer_config(peer)->s2s_tls_required || peer->connection->is_pinned;
}

static void take_features(struct peer *peer, const struct element *features)
{
    bool is_encrypted = peer->connection->is_encrypted;
    bool may_dial_back = peer_config(peer)->s2s_dialback && !peer->connection->is_pinned;
    const struct element *dialback = element_child(features, "dialback", XMLNS_DIALBACK_FEATURE);
    const char *fault;

    peer->knows_dialback = dialback != NULL;
    peer->takes_dialback_errors = dialback && element_child(dialback, "errors", XMLNS_DIALBACK_FEATURE);
    if (peer->has_external) { /* behind <success/> */
        peer->sends_acks = element_child(features, "sm", XMLNS_SM) != NULL;
        go_on(peer);
        return;
    }
    if (!is_encrypted && peer->connection->can_start_tls && element_child(features, "starttls", XMLNS_TLS)) {
        peer_write(peer, TEXT("<starttls xmlns='" XMLNS_TLS "'/>"));
        return;
    }
    if (!is_encrypted && must_encrypt(peer)) {
        give_up(peer, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, "the server of that domain offers no TLS, and this one asks for it");
        return;
    }
    fault = peer_certificate_fault(peer, text_of(peer->other));
    if (fault && !may_dial_back) {
        give_up(peer, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, fault);
        return;
    }
    if (element_child(features, "bidi", XMLNS_BIDI_FEATURE)) {
        peer->has_bidi = true;
        peer_write(peer, TEXT("<bidi xmlns='" XMLNS_BIDI "'/>"));
    }
    if (is_encrypted && offers_external(features) && !peer->has_tried_external)
        send_external(peer);
    else
        send_key(peer);
}

static void on_header(struct peer *peer, const struct stream_header *header)
{
    if (header->id.size == 0 || header->id.size > PEER_ID_MAX) {
        peer_end(peer, STREAM_ERROR_UNDEFINED_CONDITION, "a stream has an id");
        return;
    }
    peer_set_other_id(peer, header->id);
    peer->state = PEER_NEGOTIATING;
    if (header->version.data)
        return; /* features follow */
    if (must_encrypt(peer))
        give_up(peer, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, "the server of that domain knows no TLS, and this one asks for it");
    else
        send_key(peer);
}

static void start_tls(struct peer *peer)
{
    peer->state = PEER_ENCRYPTING;
    stream_drop_input(peer->stream);
    stream_restart(peer->stream);
    peer->connection->ops->start_tls(peer->connection, text_of(peer->own));
}

static void on_encrypted(struct peer *peer)
{
    peer_restart(peer);
    peer_write_header(peer, peer->own, peer->other, true);
}

static void take_result(struct peer *peer, const struct element *root)
{
    if (!text_is(element_get(root, "type"), "valid")) {
        give_up(peer, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, "the server of that domain does not believe who we are (dialback)");
        return;
    }
    peer->knows_dialback = true;
    ready(peer);
}

/* Refused certificates leave dialback, on a new stream: this one is over (RFC 6120 6.4.5). */
static void external_failed(struct peer *peer)
{
    if (peer_config(peer)->s2s_dialback)
        send_key(peer);
    else
        give_up(peer, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, "the server of that domain does not take our certificate");
}

static void on_element(struct peer *peer, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    bool is_waiting = peer->state == PEER_AUTHENTICATING;

    if (stanza->kind != STANZA_NONE && peer->state == PEER_READY) {
        peer_take_stanza(peer, stanza);
        return;
    }
    if (element_is(root, "error", XMLNS_STREAM)) {
        const struct element *condition = element_first(root);
        give_up(peer, false, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND,
                condition && text_is(condition->name, "host-unknown") ? "that server does not serve the domain" : "the other server ended the stream");
    } else if (peer->state == PEER_NEGOTIATING && element_is(root, "features", XMLNS_STREAM)) {
        take_features(peer, root);
    } else if (peer->state == PEER_NEGOTIATING && element_is(root, "proceed", XMLNS_TLS) && !peer->connection->is_encrypted) {
        start_tls(peer);
    } else if (peer->state == PEER_NEGOTIATING && peer->has_external && text_is(root->xmlns, XMLNS_SM)) {
        peer->sends_acks = text_is(root->name, "enabled");
        if (peer->sends_acks) /* from here on both sides count (XEP-0198 3) */
            peer_begin_acknowledging(peer);
        ready(peer);
    } else if (is_waiting && element_is(root, "success", XMLNS_SASL)) {
        peer->has_external = true;
        peer_restart(peer);
        peer_write_header(peer, peer->own, peer->other, true);
    } else if (is_waiting && element_is(root, "failure", XMLNS_SASL)) {
        external_failed(peer);
    } else if (is_waiting && element_is(root, "result", XMLNS_DIALBACK)) {
        take_result(peer, root);
    } else if (peer->state == PEER_READY && element_is(root, "result", XMLNS_DIALBACK) && element_get(root, "type").data) {
        piggyback_answered(peer, root);
    } else if (peer->state == PEER_READY && peer->has_bidi && dialback_take(peer, stanza)) {
        ; /* XEP-0288 3: the other side asks, though it was called */
    } else {
        peer_end(peer, STREAM_ERROR_POLICY_VIOLATION, "not at this point of the stream");
    }
    stanza_free(&stanza);
}

const struct peer_role role_outgoing = { "outgoing", XMLNS_SERVER, on_header, on_element, on_encrypted, NULL };

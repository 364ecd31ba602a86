/* incoming.c - another server connected (RFC 6120 4 to 6): STARTTLS, then its certificate by EXTERNAL, or dialback, which
 * may go on later for more domains. */
#include "gateway/federation/peer.h"

#include "stanzabus/credential.h"

/* -- header and features -- */

static void write_features(struct peer *peer)
{
    const struct config *config = peer_config(peer);
    struct buffer *out = &peer->peers->out;
    bool is_encrypted = peer->connection->is_encrypted;

    out->size = 0;
    BUFFER_LITERAL(out, "<stream:features>");
    if (!is_encrypted && peer->connection->can_start_tls) {
        BUFFER_LITERAL(out, "<starttls xmlns='" XMLNS_TLS "'>");
        if (config->s2s_tls_required)
            BUFFER_LITERAL(out, "<required/>");
        BUFFER_LITERAL(out, "</starttls>");
    } else if (is_encrypted && peer->other && !peer->pairs && !peer_certificate_fault(peer, text_of(peer->other))) {
        BUFFER_LITERAL(out, "<mechanisms xmlns='" XMLNS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>");
    }
    if (is_encrypted || !config->s2s_tls_required) {
        BUFFER_LITERAL(out, "<dialback xmlns='" XMLNS_DIALBACK_FEATURE "'><errors/></dialback>"
                            "<bidi xmlns='" XMLNS_BIDI_FEATURE "'/>");
        BUFFER_LITERAL(out, "<sm xmlns='" XMLNS_SM "'/>");
    }
    BUFFER_LITERAL(out, "</stream:features>");
    peer_write(peer, buffer_text(out));
}

static void on_proved(void *ctx, bool is_proved)
{
    struct peer *peer = ctx;
    peer->proof = NULL;
    peer->is_proved = is_proved;
    if (peer->state == PEER_NEGOTIATING) /* else it did not wait: dialback is through */
        write_features(peer);
}

/* RFC 7712 5.1: EXTERNAL is offered to whom DNS vouches for, though no authority does.  True: features follow later. */
static bool ask_for_proof(struct peer *peer)
{
    struct dialer *dialer = peer->peers->dialer;
    if (!dialer || !peer->connection->is_encrypted || !peer->other || peer->pairs || peer->proof_domain ||
        !peer_certificate_fault(peer, text_of(peer->other)))
        return false;
    peer->proof_domain = xstrdup(peer->other);
    peer->proof = dialer->ops->prove(dialer, text_of(peer->other), peer->connection, on_proved, peer);
    return peer->proof != NULL;
}

/* NULL: the header may stand. */
static const char *take_header(struct peer *peer, const struct stream_header *header, struct arena *arena,
                               enum stream_condition *condition)
{
    struct text own = { 0 }, other = { 0 };
    *condition = STREAM_ERROR_HOST_UNKNOWN;
    if (header->to.size && (jid_prepare_domain(arena, header->to, &own) < 0 || !peer_is_authority(peer->peers, own)))
        return "this server does not serve that host";
    *condition = STREAM_ERROR_IMPROPER_ADDRESSING;
    if (header->from.size && jid_prepare_domain(arena, header->from, &other) < 0)
        return "from is no domain";
    *condition = STREAM_ERROR_INVALID_FROM;
    if (other.size && peer_is_authority(peer->peers, other))
        return "that domain is ours";
    if (peer->pairs && peer->other && other.size && !text_is(other, peer->other))
        return "another domain than the one that was proved";
    *condition = STREAM_ERROR_POLICY_VIOLATION;
    if (other.size && !peer_is_allowed(peer->peers, other))
        return "that domain is not let in here";
    peer_set_domains(peer, own, other);
    return NULL;
}

void incoming_proved(struct peer *peer, struct text own, struct text other)
{
    if (peer->has_bidi)
        link_offer(peer, own, other);
    peers_mend(peer->peers, own, other);
}

void incoming_ready(struct peer *peer)
{
    peer_ready(peer);
    incoming_proved(peer, text_of(peer->own), text_of(peer->other));
}

static void on_header(struct peer *peer, const struct stream_header *header)
{
    struct arena arena = { 0 };
    enum stream_condition condition;
    const char *wrong = take_header(peer, header, &arena, &condition);
    bool has_version = header->version.data != NULL;

    arena_fini(&arena);
    if (wrong) {
        peer_end(peer, condition, wrong);
        return;
    }
    peer_make_id(peer);
    peer_write_header(peer, peer->own ? peer->own : peer_config(peer)->domains.items[0].data, peer->other, has_version);
    peer->state = PEER_NEGOTIATING;
    if (has_version && !ask_for_proof(peer))
        write_features(peer);
    if (peer->pairs)
        incoming_ready(peer);
}

/* -- SASL EXTERNAL (RFC 6120 6, XEP-0178) -- */

static void fail(struct peer *peer, const char *condition)
{
    struct buffer *out = &peer->peers->out;
    out->size = 0;
    buffer_printf(out, "<failure xmlns='" XMLNS_SASL "'><%s/></failure>", condition);
    peer_write(peer, buffer_text(out));
    peer_close(peer, "EXTERNAL refused");
}

static void authenticate(struct peer *peer, struct stanza *stanza)
{
    struct text encoded = element_text(&stanza->arena, stanza->root), domain = text_of(peer->other);
    unsigned char wanted[JID_PART_MAX + 1];
    long size = encoded.size && !text_is(encoded, "=") ? credential_base64_decode(wanted, sizeof wanted, encoded) : 0;

    if (!text_is(element_get(stanza->root, "mechanism"), "EXTERNAL")) {
        fail(peer, "invalid-mechanism");
        return;
    }
    if (size > 0 && jid_prepare_domain(&stanza->arena, (struct text){ (char *)wanted, (size_t)size }, &domain) < 0)
        size = -1;
    if (size < 0 || !domain.size || !peer->own || !peer->connection->is_encrypted) {
        fail(peer, "invalid-authzid");
    } else if (peer_certificate_fault(peer, domain) || !peer_is_allowed(peer->peers, domain) || peer_is_authority(peer->peers, domain)) {
        fail(peer, "not-authorized");
    } else {
        peer_set_domains(peer, (struct text){ 0 }, domain); /* which may be the text of peer->other, and is gone now */
        peer_add_pair(peer, text_of(peer->other), text_of(peer->own));
        peer_write(peer, TEXT("<success xmlns='" XMLNS_SASL "'/>"));
        peer_restart(peer);
    }
}

/* -- what comes -- */

static void start_tls(struct peer *peer)
{
    struct connection *connection = peer->connection;
    if (!connection->can_start_tls || connection->is_encrypted) {
        peer_write(peer, TEXT("<failure xmlns='" XMLNS_TLS "'/>"));
        peer_close(peer, "STARTTLS is not offered");
        return;
    }
    peer_write(peer, TEXT("<proceed xmlns='" XMLNS_TLS "'/>"));
    peer->state = PEER_ENCRYPTING;
    stream_drop_input(peer->stream);
    stream_restart(peer->stream);
    peer->is_header_sent = false;
    connection->ops->start_tls(connection, text_of(peer->own));
}

static void on_element(struct peer *peer, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    bool is_open = peer->state == PEER_NEGOTIATING || peer->state == PEER_READY;

    if (stanza->kind != STANZA_NONE && peer->state == PEER_READY) {
        peer_take_stanza(peer, stanza);
        return;
    }
    if (is_open && dialback_take(peer, stanza))
        ; /* perhaps the first pair is proved now */
    else if (is_open && element_is(root, "bidi", XMLNS_BIDI) && !peer->pairs)
        peer->has_bidi = true;
    else if (peer->state == PEER_NEGOTIATING && element_is(root, "starttls", XMLNS_TLS))
        start_tls(peer);
    else if (peer->state == PEER_NEGOTIATING && element_is(root, "auth", XMLNS_SASL))
        authenticate(peer, stanza);
    else
        peer_end(peer, peer->state == PEER_READY ? STREAM_ERROR_UNSUPPORTED_STANZA_TYPE : STREAM_ERROR_NOT_AUTHORIZED,
                 peer->state == PEER_READY ? "no such element is known here" : "prove your domain first");
    stanza_free(&stanza);
}

static void on_encrypted(struct peer *peer)
{
    peer_restart(peer);
}

const struct peer_role role_incoming = { "incoming", XMLNS_SERVER, on_header, on_element, on_encrypted, NULL };

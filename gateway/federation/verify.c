/* verify.c - a key that an incoming stream showed, checked with the domain's own server (XEP-0220 2.3): dialled like any
 * outgoing stream, asked one thing, and closed.  Bounded; one at a time for a stream and a pair. */
#include <stdlib.h>

#include "gateway/federation/peer.h"

struct verify {
    struct verify *next;
    struct peers *peers;
    uint64_t incoming; /* the peer's number: it may end first */
    char *own, *other, *key, *id; /* owned */
    struct dial *dial;
    struct peer *verifier; /* once connected */
    struct timer timer;
};

static void unlink_verify(struct verify *verify)
{
    struct verify **place = &verify->peers->verifies;
    while (*place != verify)
        place = &(*place)->next;
    *place = verify->next;
    verify->peers->verify_count--;
}

static void destroy(struct verify *verify)
{
    struct peers *peers = verify->peers;
    unlink_verify(verify);
    timer_stop(&verify->timer);
    if (verify->dial)
        peers->dialer->ops->cancel(peers->dialer, &verify->dial);
    if (verify->verifier) {
        verify->verifier->verify = NULL;
        peer_close(verify->verifier, "asked and answered");
    }
    free(verify->own);
    free(verify->other);
    free(verify->key);
    free(verify->id);
    free(verify);
}

/* type: valid, invalid or error.  The answer may end the incoming stream, which forgets what it still waits for: so this one
 * goes first. */
static void finish(struct verify *verify, const char *type, const char *condition)
{
    struct peer *incoming = peer_find(verify->peers, verify->incoming);
    char *own = verify->own, *other = verify->other;
    verify->own = verify->other = NULL;
    destroy(verify);
    if (incoming) {
        incoming->verifying--;
        dialback_result(incoming, text_of(own), text_of(other), type, condition);
    }
    free(own);
    free(other);
}

static void on_dialed(void *ctx, enum dial_result result, struct connection *connection, const char *reason)
{
    struct verify *verify = ctx;
    (void)reason;
    verify->dial = NULL;
    if (result != DIAL_CONNECTED) {
        finish(verify, "error", result == DIAL_NOT_THERE ? "item-not-found" : "remote-server-timeout");
        return;
    }
    struct peer *peer = verify->verifier = peer_new(verify->peers, &role_verifier, connection);
    peer->verify = verify;
    peer_set_domains(peer, text_of(verify->own), text_of(verify->other));
    peer_write_header(peer, verify->own, verify->other, true);
}

static void on_late(struct timer *timer)
{
    finish(container_of(timer, struct verify, timer), "error", "remote-server-timeout");
}

void verify_start(struct peer *incoming, struct text own, struct text other, struct text key)
{
    struct peers *peers = incoming->peers;
    const struct config *config = peers->parts->config;

    if (!peers->dialer || incoming->verifying >= PEER_PAIRS_MAX || peers->verify_count >= config->limits_peers) {
        dialback_result(incoming, own, other, "error", "resource-constraint");
        return;
    }
    struct verify *verify = xcalloc(1, sizeof *verify);
    verify->peers = peers;
    verify->incoming = incoming->number;
    verify->own = text_dup(own);
    verify->other = text_dup(other);
    verify->key = text_dup(key);
    verify->id = xstrdup(incoming->id);
    verify->next = peers->verifies;
    peers->verifies = verify;
    peers->verify_count++;
    incoming->verifying++;
    timer_start(peers->parts->timers, &verify->timer, config->s2s_timeout_ms, on_late);
    verify->dial = peers->dialer->ops->dial(peers->dialer, other, own, on_dialed, verify);
}

void verify_forget(struct peer *incoming)
{
    for (struct verify *verify = incoming->peers->verifies, *next; verify; verify = next) {
        next = verify->next;
        if (verify->incoming == incoming->number)
            destroy(verify);
    }
}

void verify_free(struct peers *peers)
{
    while (peers->verifies)
        destroy(peers->verifies);
}

/* -- the verifier's stream: header, STARTTLS if it is offered, then the question -- */

static void ask(struct peer *peer)
{
    struct verify *verify = peer->verify;
    struct stanza *question = stanza_new();
    struct arena *arena = &question->arena;
    stanza_set_root(question, element_new(arena, TEXT("verify"), TEXT(XMLNS_DIALBACK)));
    element_set(arena, question->root, "from", text_of(verify->own));
    element_set(arena, question->root, "to", text_of(verify->other));
    element_set(arena, question->root, "id", text_of(verify->id));
    element_add_text(arena, question->root, text_of(verify->key));
    peer->state = PEER_AUTHENTICATING;
    peer_write_element(peer, question->root);
    stanza_free(&question);
}

/* Whom DNSSEC names by its certificate (RFC 7673) is asked with that certificate or not at all. */
static void ask_if_known(struct peer *peer)
{
    const char *fault = peer->connection->is_pinned ? peer_certificate_fault(peer, text_of(peer->other)) : NULL;
    if (fault)
        peer_close(peer, fault);
    else if (peer->verify)
        ask(peer);
}

/* RFC 6120 4.3.2 says features follow a version; a server of old times has neither. */
static void on_header(struct peer *peer, const struct stream_header *header)
{
    peer->state = PEER_NEGOTIATING;
    if (!header->version.data)
        ask_if_known(peer);
}

static void answer(struct peer *peer, const struct element *root)
{
    struct verify *verify = peer->verify;
    struct text type = element_get(root, "type");
    bool fits = verify && text_is(element_get(root, "id"), verify->id) && text_is(element_get(root, "from"), verify->other);
    if (fits)
        finish(verify, text_is(type, "valid") ? "valid" : text_is(type, "invalid") ? "invalid" : "error",
               text_is(type, "error") ? "item-not-found" : NULL);
    else
        peer_end(peer, STREAM_ERROR_POLICY_VIOLATION, "an answer to another question");
}

static void on_element(struct peer *peer, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    bool may_encrypt = !peer->connection->is_encrypted && peer->connection->can_start_tls;

    if (peer->state == PEER_NEGOTIATING && element_is(root, "features", XMLNS_STREAM)) {
        if (may_encrypt && element_child(root, "starttls", XMLNS_TLS))
            peer_write(peer, TEXT("<starttls xmlns='" XMLNS_TLS "'/>"));
        else
            ask_if_known(peer);
    } else if (peer->state == PEER_NEGOTIATING && may_encrypt && element_is(root, "proceed", XMLNS_TLS)) {
        peer->state = PEER_ENCRYPTING;
        stream_drop_input(peer->stream);
        stream_restart(peer->stream);
        peer->connection->ops->start_tls(peer->connection, text_of(peer->own));
    } else if (peer->state == PEER_AUTHENTICATING && element_is(root, "verify", XMLNS_DIALBACK)) {
        answer(peer, root);
    } else {
        peer_end(peer, STREAM_ERROR_POLICY_VIOLATION, "not at this point of the stream");
    }
    stanza_free(&stanza);
}

static void on_encrypted(struct peer *peer)
{
    peer_restart(peer);
    peer_write_header(peer, peer->own, peer->other, true);
}

static void on_ended(struct peer *peer, const char *reason)
{
    (void)reason;
    if (!peer->verify)
        return;
    struct verify *verify = peer->verify;
    peer->verify = NULL;
    verify->verifier = NULL;
    finish(verify, "error", "remote-connection-failed");
}

const struct peer_role role_verifier = { "verifier", XMLNS_SERVER, on_header, on_element, on_encrypted, on_ended };

/* dialback.c - the keys of XEP-0220: ours, made by XEP-0185 from the secret that all nodes share, so that any of them can say
 * whether one is right; and the other side's, which its certificate may stand for (XEP-0344). */
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "gateway/federation/peer.h"

static void write_hex(char *out, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* XEP-0185 3: HMAC-SHA256 under the hash of the secret, in hexadecimal, of "receiving originating id". */
void dialback_key(struct text shared, struct text receiving, struct text originating, struct text id, char out[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH], mac[SHA256_DIGEST_LENGTH];
    char secret[2 * SHA256_DIGEST_LENGTH + 1];
    struct buffer data = { 0 };

    SHA256((const unsigned char *)shared.data, shared.size, digest);
    write_hex(secret, digest, sizeof digest);
    buffer_append_text(&data, receiving);
    buffer_append_char(&data, ' ');
    buffer_append_text(&data, originating);
    buffer_append_char(&data, ' ');
    buffer_append_text(&data, id);
    HMAC(EVP_sha256(), secret, sizeof secret - 1, (const unsigned char *)data.data, data.size, mac, NULL);
    buffer_fini(&data);
    write_hex(out, mac, sizeof mac);
}

/* -- ours -- */

void dialback_show(struct peer *peer, struct text own, struct text other)
{
    struct stanza *result = stanza_new();
    struct arena *arena = &result->arena;
    char key[65];
    dialback_key(peers_secret(peer->peers), other, own, text_of(peer->id), key);
    stanza_set_root(result, element_new(arena, TEXT("result"), TEXT(XMLNS_DIALBACK)));
    element_set(arena, result->root, "from", own);
    element_set(arena, result->root, "to", other);
    element_add_text(arena, result->root, text_of(key));
    peer_write_element(peer, result->root);
    stanza_free(&result);
}

/* -- the other side's -- */

static void write_result(struct peer *peer, struct text own, struct text other, const char *type, const char *condition)
{
    struct stanza *result = stanza_new();
    struct arena *arena = &result->arena;
    stanza_set_root(result, element_new(arena, TEXT("result"), TEXT(XMLNS_DIALBACK)));
    element_set(arena, result->root, "from", own);
    element_set(arena, result->root, "to", other);
    element_set(arena, result->root, "type", text_of(type));
    if (condition) {
        struct element *error = element_add(arena, result->root, TEXT("error"), TEXT(XMLNS_CLIENT));
        element_set(arena, error, "type", TEXT("cancel"));
        element_add(arena, error, text_of(condition), TEXT(XMLNS_STANZA_ERRORS));
    }
    peer_write_element(peer, result->root);
    stanza_free(&result);
}

void dialback_result(struct peer *peer, struct text own, struct text other, const char *type, const char *condition)
{
    bool is_valid = strcmp(type, "valid") == 0;
    if (is_valid && !peer_add_pair(peer, other, own)) {
        is_valid = false;
        type = "error";
        condition = "resource-constraint";
    }
    if (is_valid && peer->state != PEER_READY)
        peer_set_domains(peer, own, other);
    write_result(peer, own, other, type, condition);
    if (is_valid && peer->state != PEER_READY)
        incoming_ready(peer);
    else if (is_valid)
        incoming_proved(peer, own, other);
    if (strcmp(type, "invalid") == 0) /* XEP-0220 2.2.1 */
        peer_close(peer, "a wrong dialback key");
}

/* XEP-0344: a certificate that proves the domain needs no call back. */
static void take_key(struct peer *peer, struct stanza *stanza)
{
    const struct config *config = peer_config(peer);
    struct text own, other, key = element_text(&stanza->arena, stanza->root);

    if (jid_prepare_domain(&stanza->arena, element_get(stanza->root, "to"), &own) < 0 ||
        jid_prepare_domain(&stanza->arena, element_get(stanza->root, "from"), &other) < 0 || own.size == 0 || other.size == 0) {
        peer_end(peer, STREAM_ERROR_IMPROPER_ADDRESSING, "a dialback key has from and to");
        return;
    }
    if (!peer_is_authority(peer->peers, own))
        dialback_result(peer, own, other, "error", "item-not-found");
    else if (peer_is_authority(peer->peers, other) || !peer_is_allowed(peer->peers, other))
        dialback_result(peer, own, other, "error", "not-allowed");
    else if (config->s2s_tls_required && !peer->connection->is_encrypted)
        dialback_result(peer, own, other, "error", "policy-violation");
    else if (!peer_certificate_fault(peer, other))
        dialback_result(peer, own, other, "valid", NULL);
    else if (!config->s2s_dialback)
        dialback_result(peer, own, other, "error", "not-authorized");
    else
        verify_start(peer, own, other, key);
}

/* Somebody got a key that claims to be ours: any node can tell (XEP-0220 2.4). */
static void check_key(struct peer *peer, struct stanza *stanza)
{
    struct text from = element_get(stanza->root, "from"), to = element_get(stanza->root, "to"), receiving, originating;
    struct text id = element_get(stanza->root, "id"), key = element_text(&stanza->arena, stanza->root);
    char right[65];
    bool is_valid = false;

    if (jid_prepare_domain(&stanza->arena, from, &receiving) == 0 && jid_prepare_domain(&stanza->arena, to, &originating) == 0 &&
        peer_is_authority(peer->peers, originating)) {
        dialback_key(peers_secret(peer->peers), receiving, originating, id, right);
        is_valid = text_is(key, right);
    }
    struct stanza *answer = stanza_new();
    struct arena *arena = &answer->arena;
    stanza_set_root(answer, element_new(arena, TEXT("verify"), TEXT(XMLNS_DIALBACK)));
    element_set(arena, answer->root, "from", to);
    element_set(arena, answer->root, "to", from);
    element_set(arena, answer->root, "id", id);
    element_set(arena, answer->root, "type", is_valid ? TEXT("valid") : TEXT("invalid"));
    peer_write_element(peer, answer->root);
    stanza_free(&answer);
}

bool dialback_take(struct peer *peer, struct stanza *stanza)
{
    const struct element *root = stanza->root;
    if (element_get(root, "type").data)
        return false;
    if (element_is(root, "result", XMLNS_DIALBACK))
        take_key(peer, stanza);
    else if (element_is(root, "verify", XMLNS_DIALBACK))
        check_key(peer, stanza);
    else
        return false;
    return true;
}

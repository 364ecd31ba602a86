/* component.c - a component connected (XEP-0114): it proves by the secret that a domain is its own, and speaks for all of it.
 * One connection holds the domain's link; further ones share the load, of this node and of others (share.h), or stand by
 * (components.share). */
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "gateway/federation/share.h"

enum { HEX_SIZE = 2 * SHA_DIGEST_LENGTH };

static const struct component_secret *find_secret(const struct peers *peers, struct text domain)
{
    const struct config *config = peers->parts->config;
    for (size_t i = 0; i < config->component_count; i++)
        if (text_equal(config->components[i].domain, domain))
            return &config->components[i];
    return NULL;
}

bool peers_is_component(const struct peers *peers, struct text domain)
{
    return find_secret(peers, domain) != NULL;
}

void component_hash(struct text id, struct text secret, char out[HEX_SIZE + 1])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    struct buffer joined = { 0 };
    buffer_append_text(&joined, id);
    buffer_append_text(&joined, secret);
    SHA1((const unsigned char *)joined.data, joined.size, digest);
    buffer_fini(&joined);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* XEP-0114 3: 'to' is the component's own name, and the answer's 'from' repeats it. */
static void on_header(struct peer *peer, const struct stream_header *header)
{
    struct arena arena = { 0 };
    struct text domain;
    bool is_known = header->to.size && jid_prepare_domain(&arena, header->to, &domain) == 0 && peers_is_component(peer->peers, domain);
    if (is_known)
        peer_set_domains(peer, (struct text){ 0 }, domain);
    arena_fini(&arena);
    if (!is_known) {
        peer_end(peer, STREAM_ERROR_HOST_UNKNOWN, "no component of that name is expected: see components");
        return;
    }
    peer_write_header(peer, peer->other, NULL, false);
    peer->state = PEER_NEGOTIATING;
}

static bool is_right(struct peer *peer, struct stanza *stanza)
{
    char right[HEX_SIZE + 1];
    struct text said = element_text(&stanza->arena, stanza->root);
    const struct component_secret *component = find_secret(peer->peers, text_of(peer->other));
    component_hash(text_of(peer->id), component->secret, right);
    return said.size == HEX_SIZE && CRYPTO_memcmp(said.data, right, HEX_SIZE) == 0;
}

static void shake_hands(struct peer *peer, struct stanza *stanza)
{
    struct link *link;
    if (!is_right(peer, stanza)) {
        log_warning(peer->peers->parts->log, &peer->subject, "component-refused", "domain=%s", peer->other);
        peer_end(peer, STREAM_ERROR_NOT_AUTHORIZED, "the handshake does not fit the secret");
        return;
    }
    peer_write(peer, TEXT("<handshake/>"));
    peer_ready(peer);
    link = link_get(peer->peers, (struct text){ 0 }, text_of(peer->other));
    if (!link)
        peer_end(peer, STREAM_ERROR_RESOURCE_CONSTRAINT, "too many links");
    else if (!link->peer)
        link_attach(link, peer);
    else
        borrow_tell(link, component_count(link));
}

static void on_element(struct peer *peer, struct stanza *stanza)
{
    if (peer->state == PEER_READY) {
        peer_take_stanza(peer, stanza);
        return;
    }
    if (peer->state == PEER_NEGOTIATING && element_is(stanza->root, "handshake", XMLNS_CLIENT))
        shake_hands(peer, stanza);
    else
        peer_end(peer, STREAM_ERROR_NOT_AUTHORIZED, "shake hands first");
    stanza_free(&stanza);
}

static void on_ended(struct peer *peer, const char *reason)
{
    struct link *link = peer->other ? link_find(peer->peers, text_of(peer->other)) : NULL;
    (void)reason;
    if (!link)
        return;
    borrow_peer_gone(link);
    if (link->has_more)
        queue_read(link); /* which may have waited for this one */
}

const struct peer_role role_component = { "component", XMLNS_COMPONENT, on_header, on_element, NULL, on_ended };

/* -- several connections of one domain -- */

static bool serves(const struct peer *peer, const struct link *link)
{
    return peer->role == &role_component && peer->state == PEER_READY && !peer->is_overflowing && strcmp(peer->other, link->key) == 0;
}

void component_gone(struct link *link)
{
    for (struct peer *peer = link->peers->first; peer; peer = peer->next)
        if (serves(peer, link)) {
            link_attach(link, peer);
            return;
        }
    link_give_back(link); /* what waits is read by the next that comes */
}

static uint64_t mixed(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u; /* SplitMix64 */
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

uint64_t component_hash_of(struct text text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211u;
    return mixed(hash);
}

/* The highest of all is chosen (rendezvous hashing): who comes takes from all, who goes leaves to all, and nobody else's
 * people are moved by it; and all nodes come to the same choice. */
uint64_t component_score(uint64_t sender, uint64_t node, unsigned place)
{
    return mixed(sender ^ mixed(node + place));
}

static uint64_t hash_of_sender(const struct stanza *stanza)
{
    struct jid from;
    struct arena arena = { 0 };
    bool is_address = stanza && jid_parse(&arena, element_get(stanza->root, "from"), &from) == 0;
    uint64_t hash = is_address ? component_hash_of(jid_bare(&from)) : 0;
    arena_fini(&arena);
    return hash;
}

unsigned component_count(const struct link *link)
{
    unsigned count = 0;
    for (const struct peer *peer = link->peers->first; peer; peer = peer->next)
        count += serves(peer, link);
    return count;
}

/* Places are counted from the oldest, whose place stays when others come; the list begins with the newest. */
static struct peer *best_own(const struct link *link, uint64_t sender, uint64_t *best)
{
    struct peer *chosen = NULL;
    uint64_t node = component_hash_of(link->peers->parts->node);
    unsigned place = component_count(link);
    *best = 0;
    for (struct peer *peer = link->peers->first; peer; peer = peer->next) {
        if (!serves(peer, link))
            continue;
        uint64_t score = component_score(sender, node, --place);
        if (chosen && score <= *best)
            continue;
        *best = score;
        chosen = peer;
    }
    return chosen;
}

struct peer *component_own(const struct link *link, const struct stanza *stanza)
{
    uint64_t best;
    return best_own(link, hash_of_sender(stanza), &best);
}

static bool is_shared(const struct link *link)
{
    return link->peer->role == &role_component && link->peers->parts->config->components_share;
}

/* The stanzas of one person to a component go one way, so that their order holds. */
struct peer *component_choose(const struct link *link, const struct stanza *stanza, struct share **share)
{
    uint64_t sender, best;
    *share = NULL;
    if (!is_shared(link))
        return link->peer;
    sender = hash_of_sender(stanza);
    struct peer *own = best_own(link, sender, &best);
    *share = share_choose(link, sender, best);
    return *share ? NULL : own ? own : link->peer;
}

static bool has_enough(const struct peer *peer, const struct link *link)
{
    return serves(peer, link) && peer->connection && peer->connection->queued > peer_config(peer)->limits_client_queue;
}

bool component_has_room(const struct link *link)
{
    if (!is_shared(link))
        return true;
    for (const struct peer *peer = link->peers->first; peer; peer = peer->next)
        if (has_enough(peer, link))
            return false;
    return share_has_room(link);
}

void component_wait_for_room(const struct link *link)
{
    for (struct peer *peer = link->peers->first; peer; peer = peer->next)
        if (has_enough(peer, link))
            peer_want_drained(peer);
}

void component_drained(struct peer *peer)
{
    struct link *link = link_find(peer->peers, text_of(peer->other));
    if (link && link->has_more)
        queue_read(link);
    if (link)
        borrow_drained(link);
}

/* upstream.c - this server as a component of another one (XEP-0114), for a domain whose addresses belong to services here: a
 * site that has a server gets the bus without moving an account.  One node holds the connection; the others wait for its
 * lease. */
#include "gateway/federation/peer.h"

static const struct component_upstream *find_upstream(const struct peers *peers, struct text domain)
{
    const struct config *config = peers->parts->config;
    for (size_t i = 0; i < config->upstream_count; i++)
        if (text_equal(config->upstreams[i].domain, domain))
            return &config->upstreams[i];
    return NULL;
}

bool upstream_has(const struct peers *peers, struct text domain)
{
    return find_upstream(peers, domain) != NULL;
}

void upstream_start(struct peers *peers)
{
    const struct config *config = peers->parts->config;
    for (size_t i = 0; i < config->upstream_count && peers->dialer; i++) {
        struct link *link = link_get(peers, config->upstreams[i].domain, (struct text){ 0 });
        if (link)
            link_want(link);
    }
}

struct dial *upstream_dial(struct link *link, dialed_fn *fn)
{
    struct dialer *dialer = link->peers->dialer;
    const struct component_upstream *upstream = find_upstream(link->peers, text_of(link->own));
    return dialer->ops->dial_host(dialer, upstream->server.host, upstream->server.port, fn, link);
}

void upstream_connected(struct link *link, struct connection *connection)
{
    struct peer *peer = peer_new(link->peers, &role_upstream, connection);
    link_join(link, peer);
    peer_set_domains(peer, text_of(link->own), text_of(link->own));
    peer_expect(peer, peer_config(peer)->s2s_timeout_ms);
    peer_write_header(peer, NULL, peer->own, false);
}

static void on_header(struct peer *peer, const struct stream_header *header)
{
    const struct component_upstream *upstream = find_upstream(peer->peers, text_of(peer->own));
    struct buffer *out = &peer->peers->out;
    char hash[41];
    if (header->id.size == 0) {
        peer_end(peer, STREAM_ERROR_UNDEFINED_CONDITION, "a stream has an id");
        return;
    }
    component_hash(header->id, upstream->secret, hash);
    out->size = 0;
    buffer_printf(out, "<handshake>%s</handshake>", hash);
    peer->state = PEER_AUTHENTICATING;
    peer_write(peer, buffer_text(out));
}

static void on_element(struct peer *peer, struct stanza *stanza)
{
    if (peer->state == PEER_READY && stanza->kind != STANZA_NONE) {
        peer_take_stanza(peer, stanza);
        return;
    }
    if (element_is(stanza->root, "error", XMLNS_STREAM)) {
        const struct element *condition = element_first(stanza->root);
        log_error(peer->peers->parts->log, &peer->subject, "upstream-refused", "domain=%s condition=%.*s text=%s", peer->own,
                  condition ? (int)condition->name.size : 0, condition ? condition->name.data : "",
                  log_quote("does the other server expect this component, with this secret? see components.connect", 85));
        peer_close(peer, "the other server ended the stream");
    } else if (peer->state == PEER_AUTHENTICATING && element_is(stanza->root, "handshake", XMLNS_CLIENT)) {
        peer_ready(peer);
        if (!LIST_EMPTY(&peer->links))
            link_attach(LIST_FIRST(&peer->links), peer);
    } else {
        peer_end(peer, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, "no such element is known here");
    }
    stanza_free(&stanza);
}

const struct peer_role role_upstream = { "upstream", XMLNS_COMPONENT, on_header, on_element, NULL, NULL };

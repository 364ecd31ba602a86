/* outbound.c - what is written to a peer: stanzas, headers with their ids, and how much may wait for it. */
#include <stdio.h>

#include <openssl/rand.h>

#include "gateway/federation/peer.h"

bool peer_write(struct peer *peer, struct text xml)
{
    if (!peer->connection || peer->state == PEER_ENDED || (peer->is_overflowing && !peer->is_ending))
        return false;
    metric_add(peer->peers->parts->metrics, METRIC_BYTES_OUT, (int64_t)xml.size);
    peer->connection->ops->write(peer->connection, xml.data, xml.size);
    peer->written += xml.size;
    if (peer->connection->queued > 2 * peer_config(peer)->limits_client_queue && !peer->is_ending)
        peer_overflow(peer);
    return true;
}

/* The transport tells when half of what is queued at a pause has gone. */
void peer_want_drained(struct peer *peer)
{
    if (!peer->connection || peer->connection->queued == 0)
        return;
    peer->connection->ops->pause(peer->connection);
    if (!peer->is_paused)
        peer->connection->ops->resume(peer->connection);
}

bool peer_write_element(struct peer *peer, const struct element *element)
{
    struct buffer *out = &peer->peers->out;
    out->size = 0;
    element_write(out, element, strcmp(peer->role->content, XMLNS_SERVER) == 0 ? SCOPE_SERVERS : SCOPE_STREAM);
    return peer_write(peer, buffer_text(out));
}

/* The id must be one that nobody can foresee (RFC 6120 4.7.3): dialback keys are made of it. */
void peer_make_id(struct peer *peer)
{
    unsigned char random[PEER_ID_SIZE / 2];
    RAND_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(peer->id + 2 * i, 3, "%02x", random[i]);
}

void peer_set_other_id(struct peer *peer, struct text id)
{
    memcpy(peer->id, id.data, id.size);
    peer->id[id.size] = '\0';
}

static void write_attribute(struct buffer *out, const char *name, const char *value)
{
    if (!value)
        return;
    buffer_printf(out, " %s='", name);
    for (const char *c = value; *c; c++) {
        if (strchr("&<>'\"", *c))
            buffer_printf(out, "&#%d;", *c);
        else
            buffer_append_char(out, *c);
    }
    BUFFER_LITERAL(out, "'");
}

void peer_write_header(struct peer *peer, const char *from, const char *to, bool with_version)
{
    struct buffer *out = &peer->peers->out;
    out->size = 0;
    BUFFER_LITERAL(out, "<?xml version='1.0'?><stream:stream xmlns='");
    buffer_append_text(out, text_of(peer->role->content));
    BUFFER_LITERAL(out, "' xmlns:stream='" XMLNS_STREAM "'");
    if (strcmp(peer->role->content, XMLNS_SERVER) == 0)
        BUFFER_LITERAL(out, " xmlns:db='" XMLNS_DIALBACK "'");
    write_attribute(out, "from", from);
    write_attribute(out, "to", to);
    if (peer_is_called(peer))
        write_attribute(out, "id", peer->id);
    if (with_version)
        BUFFER_LITERAL(out, " version='1.0'");
    BUFFER_LITERAL(out, " xml:lang='en'>");
    peer->is_header_sent = true;
    peer_write(peer, buffer_text(out));
}

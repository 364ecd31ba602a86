/* peer.c - one stream with another server or component: its bytes, its headers, its one end. */
#include <stdio.h>
#include <stdlib.h>

#include <idn2.h>
#include <openssl/rand.h>

#include "gateway/federation/peer.h"

/* -- from the stream -- */

static bool is_called(const struct peer *peer)
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
    if (!is_called(peer) || !element_is(stanza->root, "error", XMLNS_STREAM))
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

static void peer_finish(struct peer *peer, const char *reason)
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

static void peer_free(struct peer *peer)
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

/* -- writing -- */

/* A server that does not read is let go: what waits for it waits in Redis. */
void peer_write(struct peer *peer, struct text xml)
{
    if (!peer->connection || peer->state == PEER_ENDED)
        return;
    metric_add(peer->peers->parts->metrics, METRIC_BYTES_OUT, (int64_t)xml.size);
    peer->connection->ops->write(peer->connection, xml.data, xml.size);
    peer->written += xml.size;
    if (peer->connection->queued > 2 * peer_config(peer)->limits_client_queue && !peer->is_ending) {
        metric_add(peer->peers->parts->metrics, METRIC_CLIENT_QUEUE_OVERFLOWS, 1);
        peer_end(peer, STREAM_ERROR_RESOURCE_CONSTRAINT, "the other side does not read");
    }
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

void peer_write_element(struct peer *peer, const struct element *element)
{
    struct buffer *out = &peer->peers->out;
    out->size = 0;
    element_write(out, element, strcmp(peer->role->content, XMLNS_SERVER) == 0 ? SCOPE_SERVERS : SCOPE_STREAM);
    peer_write(peer, buffer_text(out));
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
    if (is_called(peer))
        write_attribute(out, "id", peer->id);
    if (with_version)
        BUFFER_LITERAL(out, " version='1.0'");
    BUFFER_LITERAL(out, " xml:lang='en'>");
    peer->is_header_sent = true;
    peer_write(peer, buffer_text(out));
}

void peer_restart(struct peer *peer)
{
    stream_restart(peer->stream);
    peer->is_header_sent = false;
    peer->state = PEER_OPENING;
}

/* -- small things -- */

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

static void on_late(struct timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, timer);
    peer_end(peer, STREAM_ERROR_CONNECTION_TIMEOUT, "not ready in time");
}

void peer_expect(struct peer *peer, int64_t ms)
{
    timer_start(peer->peers->parts->timers, &peer->timer, ms, on_late);
}

/* It has much, and took nothing of it for limits.client_stall: what waits for it goes another way, or waits in Redis. */
static bool is_stalled(struct peer *peer, int64_t now)
{
    const struct config *config = peer_config(peer);
    uint64_t taken = peer->written - peer->connection->queued;
    if (peer->connection->queued <= config->limits_client_queue / 2 || taken != peer->taken)
        peer->took_ms = now;
    peer->taken = taken;
    return now - peer->took_ms >= config->limits_client_stall_ms;
}

/* Silence is asked about, and silence after that ends the stream; an idle one is closed (RFC 6120 4.6).  One that is not read
 * says nothing that could be heard. */
static void on_silence(struct timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, timer);
    const struct config *config = peer_config(peer);
    int64_t now = peers_now(peer->peers);

    if (peer->is_paused) {
        peer->heard_ms = now;
        peer->asked_ms = peer->asked_ms ? now : 0;
    }
    if (peer->asked_ms && now - peer->asked_ms >= config->ping_timeout_ms) {
        peer_end(peer, STREAM_ERROR_CONNECTION_TIMEOUT, "silence");
        return;
    }
    if (is_stalled(peer, now)) {
        metric_add(peer->peers->parts->metrics, METRIC_CLIENT_QUEUE_OVERFLOWS, 1);
        peer_end(peer, STREAM_ERROR_RESOURCE_CONSTRAINT, "the other side does not read");
        return;
    }
    if (peer->role != &role_component && peer->role != &role_upstream && now - peer->heard_ms >= config->s2s_idle_ms &&
        peer->flights.count == 0) {
        peer_close(peer, "idle");
        return;
    }
    if (peer->sends_acks && !peer->asked_ms && peer->sent != peer->acknowledged) {
        peer->asked_ms = now;
        peer_write(peer, TEXT("<r xmlns='" XMLNS_SM "'/>"));
    } else if (config->ping_interval_ms > 0 && now - peer->heard_ms >= config->ping_interval_ms &&
               now - peer->spaced_ms >= config->ping_interval_ms) {
        peer->spaced_ms = now;
        peer_write(peer, TEXT(" ")); /* the kernel finds out whether anybody is there */
    }
    if (peer->state != PEER_ENDED)
        timer_start(peer->peers->parts->timers, timer, 1000, on_silence);
}

void peer_ready(struct peer *peer)
{
    peer->state = PEER_READY;
    stream_set_limits(peer->stream, &peer_config(peer)->limits);
    log_info(peer->peers->parts->log, &peer->subject, "peer-ready", "role=%s own=%s other=%s tls=%s", peer->role->name,
             peer->own ? peer->own : "-", peer->other ? peer->other : "-", peer->connection->is_encrypted ? "yes" : "no");
    peer->took_ms = peers_now(peer->peers);
    timer_start(peer->peers->parts->timers, &peer->timer, 1000, on_silence);
}

static bool is_listed(const struct text_list *list, struct text domain)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_equal(list->items[i], domain))
            return true;
    return false;
}

bool peer_is_allowed(const struct peers *peers, struct text domain)
{
    const struct config *config = peers->parts->config;
    return !is_listed(&config->s2s_block, domain) && (config->s2s_allow.count == 0 || is_listed(&config->s2s_allow, domain));
}

bool peer_is_authority(const struct peers *peers, struct text domain)
{
    const struct config *config = peers->parts->config;
    if (config->auth_anonymous_domain.size && text_equal(domain, config->auth_anonymous_domain))
        return false; /* guests never go out */
    return config_has_domain(config, domain) || peers_is_component(peers, domain) ||
           (config_is_service_domain(config, domain) && config->s2s_services);
}

const char *peer_certificate_fault(const struct peer *peer, struct text domain)
{
    if (peer->is_proved && text_is(domain, peer->proof_domain))
        return NULL;
    char *name = text_dup(domain), *ascii = NULL;
    const char *fault = "no TLS";
    bool is_ascii = idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) == IDN2_OK;
    if (peer->connection->is_encrypted && peer->connection->ops->peer_fault)
        fault = peer->connection->ops->peer_fault(peer->connection, is_ascii ? ascii : name);
    if (is_ascii)
        idn2_free(ascii);
    free(name);
    return fault;
}

/* -- from the transport -- */

static bool accept_as(struct peers *peers, const struct peer_role *role, struct connection *connection)
{
    const struct config *config = peers->parts->config;
    if (peers->is_stopping || peers->count >= config->limits_peers) {
        metric_add(peers->parts->metrics, METRIC_CONNECTIONS_REFUSED, 1);
        return false;
    }
    struct peer *peer = peer_new(peers, role, connection);
    peer_make_id(peer);
    peer_expect(peer, config->limits_login_ms);
    return true;
}

static bool on_accept_server(void *ctx, struct connection *connection)
{
    return accept_as(ctx, &role_incoming, connection);
}

static bool on_accept_component(void *ctx, struct connection *connection)
{
    return accept_as(ctx, &role_component, connection);
}

static struct peer *peer_of(const struct connection *connection)
{
    return (struct peer *)connection->session;
}

static void on_bytes(void *ctx, struct connection *connection, const char *data, size_t size)
{
    struct peer *peer = peer_of(connection);
    struct peers *peers = ctx;
    metric_add(peers->parts->metrics, METRIC_BYTES_IN, (int64_t)size);
    if (peer->state == PEER_ENDED)
        return;
    peer->heard_ms = peers_now(peers);
    stream_feed(peer->stream, data, size);
}

static void on_encrypted(void *ctx, struct connection *connection)
{
    struct peer *peer = peer_of(connection);
    (void)ctx;
    if (peer->state == PEER_ENCRYPTING)
        peer->role->on_encrypted(peer);
}

static void on_drained(void *ctx, struct connection *connection)
{
    struct peer *peer = peer_of(connection);
    (void)ctx;
    if (peer->state == PEER_READY)
        queue_go_on(peer);
    if (peer->state == PEER_READY && peer->role == &role_component)
        component_drained(peer);
}

static void on_closed(void *ctx, struct connection *connection, const char *reason)
{
    struct peer *peer = peer_of(connection);
    (void)ctx;
    connection->session = NULL;
    peer_finish(peer, reason);
    peer->connection = NULL;
    peer_free(peer);
}

const struct connection_callbacks peers_server_callbacks = {
    .on_accept = on_accept_server,
    .on_bytes = on_bytes,
    .on_encrypted = on_encrypted,
    .on_drained = on_drained,
    .on_closed = on_closed,
};
const struct connection_callbacks peers_component_callbacks = {
    .on_accept = on_accept_component,
    .on_bytes = on_bytes,
    .on_encrypted = on_encrypted,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

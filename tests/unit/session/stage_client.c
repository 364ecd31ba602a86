/* stage_client.c - the clients of a stage: what they say and hear, and the usual ways to log in. */
#include "stage.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM \
    "' to='example.com' version='1.0'>"
#define OPEN "<open xmlns='" XMLNS_FRAMING "' to='example.com' version='1.0'/>"

/* -- connections -- */

static struct client *client_of(struct connection *connection)
{
    return (struct client *)connection;
}

static void on_write(struct connection *connection, const char *data, size_t size)
{
    struct client *client = client_of(connection);
    assert_false(client->wants_close);
    if (connection->framing == FRAMING_WEBSOCKET && client->out.size)
        buffer_append_char(&client->out, '\n');
    buffer_append(&client->out, data, size);
    connection->queued += client->queued_per_write;
}

static void on_close(struct connection *connection)
{
    assert_false(client_of(connection)->wants_close);
    client_of(connection)->wants_close = true;
}

static void on_pause(struct connection *connection)
{
    client_of(connection)->is_paused = true;
    client_of(connection)->pauses++;
}

static void on_resume(struct connection *connection)
{
    client_of(connection)->is_paused = false;
}

static void start_tls(struct connection *connection, struct text domain)
{
    assert_true(text_is(domain, "example.com"));
    client_of(connection)->has_started_tls = true;
}

static int channel_binding(struct connection *connection, enum channel_binding kind, unsigned char out[64])
{
    int size = client_of(connection)->binding_size[kind];
    if (!connection->is_encrypted || !size)
        return -1;
    memset(out, kind == BINDING_TLS_EXPORTER ? 'x' : 'e', (size_t)size);
    return size;
}

static int certificate_jids(struct connection *connection, struct arena *arena, struct text *out, int max)
{
    struct client *client = client_of(connection);
    int count = 0;
    while (count < max && client->certificate[count]) {
        out[count] = arena_text(arena, text_of(client->certificate[count]));
        count++;
    }
    return count ? count : -1;
}

static const struct connection_ops ops = {
    .write = on_write,
    .close = on_close,
    .pause = on_pause,
    .resume = on_resume,
    .start_tls = start_tls,
    .channel_binding = channel_binding,
    .certificate_jids = certificate_jids,
};

struct client *client_open_from(struct stage *stage, enum stream_framing framing, const char *peer)
{
    struct client *client = xcalloc(1, sizeof *client);
    client->stage = stage;
    client->connection.ops = &ops;
    client->connection.framing = framing;
    client->connection.can_start_tls = framing == FRAMING_TCP;
    snprintf(client->connection.peer, sizeof client->connection.peer, "%s", peer);
    client->is_refused = !sessions_connection_callbacks.on_accept(stage->sessions, &client->connection);
    return client;
}

struct client *client_open(struct stage *stage, enum stream_framing framing)
{
    return client_open_from(stage, framing, "192.0.2.1:4711");
}

void client_drop(struct client *client)
{
    if (!client->is_closed && !client->is_refused)
        sessions_connection_callbacks.on_closed(client->stage->sessions, &client->connection, "reset by peer");
    client->is_closed = true;
}

void client_free(struct client *client)
{
    client_drop(client);
    buffer_fini(&client->out);
    free(client);
}

void client_encrypt(struct client *client, bool with_bindings)
{
    client->connection.is_encrypted = true;
    if (with_bindings)
        client->binding_size[BINDING_TLS_EXPORTER] = client->binding_size[BINDING_TLS_SERVER_END_POINT] = 32;
    if (client->has_started_tls)
        sessions_connection_callbacks.on_encrypted(client->stage->sessions, &client->connection);
}

void says(struct client *client, const char *format, ...)
{
    struct buffer text = { 0 };
    char line[8192];
    va_list list;

    va_start(list, format);
    int size = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    assert_true(size >= 0 && (size_t)size < sizeof line);
    buffer_append(&text, line, (size_t)size);
    assert_false(client->is_closed);
    sessions_connection_callbacks.on_bytes(client->stage->sessions, &client->connection, text.data, text.size);
    buffer_fini(&text);
    if (!client->stage->is_held)
        stage_settle(client->stage);
}

const char *heard(struct client *client)
{
    buffer_append_char(&client->out, '\0');
    client->out.size = 0;
    return client->out.data;
}

void hears_at(struct client *client, const char *pattern, const char *file, int line)
{
    const char *text = heard(client);
    if (fnmatch(pattern, text, 0) == 0)
        return;
    print_error("wanted %s\n heard %s\n", pattern, text);
    _fail(file, line);
}

/* -- the usual ways -- */

void client_header(struct client *client)
{
    says(client, "%s", client->connection.framing == FRAMING_WEBSOCKET ? OPEN : HEADER);
    heard(client);
}

void base64_of(char *out, size_t room, const char *data, size_t size)
{
    credential_base64(out, room, data, size);
}

void client_says_plain(struct client *client, const char *name, const char *password)
{
    char plain[256], encoded[512];
    int size = snprintf(plain, sizeof plain, "%c%s%c%s", 0, name, 0, password);
    base64_of(encoded, sizeof encoded, plain, (size_t)size);
    says(client, "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>", XMLNS_SASL, encoded);
    stage_await_hash(client->stage);
}

void client_log_in(struct client *client, const char *name, const char *password)
{
    client_header(client);
    client_says_plain(client, name, password);
    hears(client, "<success xmlns='" XMLNS_SASL "'/>");
    client_header(client);
}

void client_bind(struct client *client, const char *resource)
{
    if (resource)
        says(client, "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='%s'><resource>%s</resource></bind></iq>",
             XMLNS_BIND, resource);
    else
        says(client, "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='%s'/></iq>", XMLNS_BIND);
}

struct client *client_bound(struct stage *stage, enum stream_framing framing, const char *name, const char *resource)
{
    struct client *client = client_open(stage, framing);
    client_log_in(client, name, "secret");
    client_bind(client, resource);
    hears(client, "<iq*type='result'*<jid>*</jid></bind></iq>");
    return client;
}

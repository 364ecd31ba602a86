/* web.c - from tcp's callbacks to requests and frames; listeners, beginning and end. */
#include <stdio.h>
#include <stdlib.h>

#include "transports/tcp/tcp.h"
#include "transports/websocket/web_inside.h"

/* -- bytes -- */

/* Requests until one of them is the upgrade, frames from then on; returns the bytes taken. */
static size_t take(struct web_socket *s, struct text input)
{
    size_t taken = 0;
    if (!s->is_upgraded)
        taken = web_take_requests(s, input);
    if (s->is_upgraded && !s->is_done)
        taken += web_take_frames(s, (struct text){ input.data + taken, input.size - taken });
    return s->is_done ? input.size : taken;
}

void web_take_held(struct web_socket *s)
{
    struct buffer held = s->held;
    if (!web_takes_input(s))
        return;
    s->held = (struct buffer){ 0 };
    buffer_consume(&held, take(s, buffer_text(&held)));
    if (held.size > 0 && !s->is_done)
        s->held = held;
    else
        buffer_fini(&held);
}

static void on_bytes(void *ctx, struct connection *connection, const char *data, size_t size)
{
    struct web_socket *s = connection->layer;
    (void)ctx;
    if (s->is_done)
        return;
    if (s->held.size > 0 || !web_takes_input(s)) {
        buffer_append(&s->held, data, size);
        web_take_held(s);
        return;
    }
    size_t taken = take(s, (struct text){ data, size });
    buffer_append(&s->held, data + taken, size - taken);
}

static void on_drained(void *ctx, struct connection *connection)
{
    struct web_socket *s = connection->layer;
    const struct web_entry *entry = ctx;
    web_socket_unchoke(s);
    if (s->is_open && s->is_paused)
        entry->web->settings.callbacks->on_drained(entry->web->settings.ctx, connection);
}

/* -- a connection's beginning and end -- */

static bool on_accept(void *ctx, struct connection *connection)
{
    struct web_socket *s = xcalloc(1, sizeof *s);
    s->entry = ctx;
    s->connection = connection;
    s->below = connection->ops;
    s->waiting = WEB_WAIT_NONE;
    connection->layer = s;
    web_wait_start(s, WEB_WAIT_REQUEST);
    return true;
}

void web_done(struct web_socket *s)
{
    if (s->is_done)
        return;
    s->is_done = true;
    web_wait_stop(s);
    buffer_fini(&s->held);
    s->below->close(s->connection);
}

void web_report_closed(struct web_socket *s, const char *reason)
{
    struct web *web = web_of(s);
    if (!s->is_open)
        return;
    s->is_open = false;
    web->connection_count--;
    web->settings.callbacks->on_closed(web->settings.ctx, s->connection, reason);
    s->connection->session = NULL;
}

static void on_closed(void *ctx, struct connection *connection, const char *reason)
{
    struct web_socket *s = connection->layer;
    (void)ctx;
    web_report_closed(s, reason);
    web_turn_remove(s);
    web_wait_stop(s);
    buffer_fini(&s->held);
    buffer_fini(&s->message);
    buffer_fini(&s->control);
    connection->layer = NULL;
    free(s);
}

/* tcp has no messages that could break a rule, and STARTTLS is not asked for here. */
static const struct connection_callbacks tcp_callbacks = {
    .on_accept = on_accept,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* -- listeners -- */

static struct web_entry *entry_new(struct web *web, bool is_for_clients, http_respond_fn *respond, void *ctx)
{
    const struct web_settings *settings = &web->settings;
    struct web_entry *entry = xcalloc(1, sizeof *entry);
    entry->web = web;
    entry->is_for_clients = is_for_clients;
    entry->respond = respond;
    entry->respond_ctx = ctx;
    entry->tcp = tcp_new(web->loop, &tcp_callbacks, entry, is_for_clients ? settings->tls : NULL, settings->log,
                         settings->metrics);
    SLIST_INSERT_HEAD(&web->entries, entry, entry);
    return entry;
}

/* tcp names its own settings in an error; the operator wants to read ours. */
static int listen_as(struct web_entry *entry, const struct listen_address *address, bool is_tls, bool shares_port,
                     const char *setting, char *error, size_t error_size)
{
    char text[512] = "";
    int port = tcp_listen(entry->tcp, address, is_tls, shares_port, text, sizeof text);
    if (port >= 0)
        return port;
    const char *own = is_tls ? "listen.tls" : "listen.tcp", *at = strstr(text, own);
    if (at)
        snprintf(error, error_size, "%.*s%s%s", (int)(at - text), text, setting, at + strlen(own));
    else
        snprintf(error, error_size, "%s", text);
    return -1;
}

int web_listen(struct web *web, const struct listen_address *address, bool is_tls, bool shares_port, char *error,
               size_t error_size)
{
    if (is_tls && !web->settings.tls) {
        snprintf(error, error_size, "listen.https needs a certificate: set tls.certificate and tls.key");
        return -1;
    }
    return listen_as(web->clients, address, is_tls, shares_port, is_tls ? "listen.https" : "listen.http", error,
                     error_size);
}

int web_listen_pages(struct web *web, const struct listen_address *address, const char *setting,
                     http_respond_fn *respond, void *ctx, char *error, size_t error_size)
{
    return listen_as(entry_new(web, false, respond, ctx), address, false, false, setting, error, error_size);
}

void web_stop_listening(struct web *web)
{
    if (web->clients)
        tcp_stop_listening(web->clients->tcp);
}

/* -- beginning and end -- */

static int parse_trusted(struct web *web, char *error, size_t error_size)
{
    const struct text_list *list = &web->settings.trusted_proxies;
    web->trusted.items = xcalloc(list->count + 1, sizeof *web->trusted.items);
    for (size_t i = 0; i < list->count; i++) {
        if (network_parse(list->items[i], &web->trusted.items[i])) {
            snprintf(error, error_size,
                     "http.trusted_proxies: '%.*s' is neither an address nor a network (192.0.2.0/24)",
                     TEXT_ARGS(list->items[i]));
            return -1;
        }
        web->trusted.count++;
    }
    return 0;
}

struct web *web_new(struct ev_loop *loop, const struct web_settings *settings, char *error, size_t error_size)
{
    struct web *web = xcalloc(1, sizeof *web);
    web->loop = loop;
    web->settings = *settings;
    SLIST_INIT(&web->entries);
    web_turn_init(web);
    if (parse_trusted(web, error, error_size)) {
        web_free(&web);
        return NULL;
    }
    if (settings->callbacks)
        web->clients = entry_new(web, true, settings->respond, settings->respond_ctx);
    return web;
}

void web_free(struct web **owned)
{
    struct web *web = *owned;
    if (!web)
        return;
    *owned = NULL;
    while (!SLIST_EMPTY(&web->entries)) {
        struct web_entry *entry = SLIST_FIRST(&web->entries);
        SLIST_REMOVE_HEAD(&web->entries, entry);
        tcp_free(&entry->tcp);
        free(entry);
    }
    web_turn_fini(web);
    buffer_fini(&web->plain);
    buffer_fini(&web->answer);
    buffer_fini(&web->scratch);
    free(web->trusted.items);
    free(web);
}

size_t web_connection_count(const struct web *web)
{
    return web->connection_count;
}

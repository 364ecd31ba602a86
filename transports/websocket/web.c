/* web.c - libwebsockets on our libev loop: its one context, two virtual hosts, and the callback where everything comes in.
 *
 * What was measured about lws 4.1 shows here: sockets are accepted by us and adopted (listener.c); rx_buffer_size is
 * held by each WebSocket, so it is small; there is no per-connection timer while a WebSocket is open; compression and
 * HTTP/2 are off.  The two virtual hosts have different "ports" (both mean: do not listen), because lws moves a
 * connection to another virtual host of the same port when a request's Host names it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "transports/tls/tls.h"
#include "transports/websocket/web_inside.h"

enum {
    READ_BYTES = 640,          /* of one read of a WebSocket, and kept by it: fits a chat message */
    SHARED_READ_BYTES = 4096,  /* of one read of a request; one a process */
    REQUEST_HEAD_BYTES = 8192, /* of a request's header fields */
    REQUESTS_AT_ONCE = 512     /* heads that are being read; others wait for their turn */
};

/* lws logs by a function without a context, one a process: the one global that this needs. */
static const struct log *lws_log_target;

/* Clients can provoke most of these lines at will, so they are for debugging; what we refuse we log ourselves. */
static void on_lws_line(int level, const char *line)
{
    size_t size = strcspn(line, "\n");
    (void)level;
    if (lws_log_target)
        log_debug(lws_log_target, NULL, "libwebsockets", "line=%s", log_quote(line, size));
}

/* -- what lws tells -- */

static int on_confirm_upgrade(struct web_socket *s, const char *protocol)
{
    char path[512];
    if (strcasecmp(protocol, "websocket") == 0)
        return web_upgrade_check(s);
    /* RFC 9110 7.8: an upgrade that is not known (h2c) is ignored.  lws cannot go on from here, so it is the last. */
    struct text uri = web_header(s, WSI_TOKEN_GET_URI, path, sizeof path);
    (void)web_exchange(s, uri);
    return -1;
}

static int on_socket_event(struct web_socket *s, enum lws_callback_reasons what, void *in, size_t size)
{
    switch (what) {
    case LWS_CALLBACK_HTTP:
        return web_exchange(s, (struct text){ in, size });
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_confirm_upgrade(s, in);
    case LWS_CALLBACK_ESTABLISHED:
        return web_socket_open(s);
    case LWS_CALLBACK_RECEIVE:
        web_receive(s, in, size);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return web_socket_writable(s);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        web_socket_peer_closes(s, (struct text){ in, size });
        return 0;
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: /* lws begins to close, maybe because a frame was malformed */
        web_socket_start_close(s, WEB_CLOSE_NORMAL);
        return 0;
    case LWS_CALLBACK_RAW_ADOPT: /* the method CONNECT, which lws takes for the wish to speak something else */
    case LWS_CALLBACK_HTTP_BODY:
        return -1;
    case LWS_CALLBACK_WSI_DESTROY:
        if (s->web->adopting == s)
            s->web->adopting = NULL;
        web_socket_finish(s);
        return 0;
    default:
        return 0;
    }
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons what, void *user, void *in, size_t size)
{
    (void)user;
    if (what == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        struct web *web = lws_context_user(lws_get_context(wsi));
        SSL_CTX *context = user;
        tls_adopt(web->settings.tls, context);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
        /* lws' own would choose a virtual host by name; certificates are chosen by tls_adopt. */
        SSL_CTX_set_tlsext_servername_callback(context, NULL);
        return 0;
    }
    struct web_socket *s = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!s)
        return 0;
    s->wsi = wsi;
    return on_socket_event(s, what, in, size);
}

/* The name is the subprotocol.  lws tells of a beginning close only where it keeps user data: so it keeps one byte. */
static const struct lws_protocols protocols[] = {
    { .name = "xmpp", .callback = on_lws, .per_session_data_size = 1, .rx_buffer_size = READ_BYTES,
      .tx_packet_size = WEB_SEND_BYTES },
    { 0 },
};

/* -- a new client -- */

static void name_peer(struct web_socket *s, const struct sockaddr_storage *peer)
{
    char address[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in = (const void *)peer;
    const struct sockaddr_in6 *in6 = (const void *)peer;
    bool is_ipv6 = peer->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    const void *bytes = peer->ss_family == AF_INET ? (const void *)&in->sin_addr :
                        is_ipv6                    ? (const void *)&in6->sin6_addr :
                                                     (const void *)&in6->sin6_addr.s6_addr[12];

    inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, bytes, address, sizeof address);
    /* The port is at the same place in both forms. */
    snprintf(s->base.peer, sizeof s->base.peer, is_ipv6 ? "[%s]:%u" : "%s:%u", address, ntohs(in->sin_port));
    struct ip_address ip;
    s->is_trusted = ip_address_parse(text_of(address), &ip) == 0 && networks_have(&s->web->trusted, &ip);
}

void web_adopt(struct web_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct web *web = listener->web;
    struct web_socket *s = xcalloc(1, sizeof *s);

    s->web = web;
    s->is_tls = listener->is_tls;
    s->is_pages = listener->respond != NULL;
    s->respond = listener->respond;
    s->respond_ctx = listener->respond_ctx;
    s->waiting = WEB_WAIT_NONE;
    s->reason = "connection lost";
    name_peer(s, peer);
    LIST_INSERT_HEAD(&web->sockets, s, entry);
    web_wait_start(s, WEB_WAIT_HANDSHAKE);

    const lws_adopt_desc_t wanted = {
        .vh = s->is_tls ? web->tls : web->plain,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
        .fd.sockfd = fd,
        .opaque = s,
    };
    web->adopting = s;
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&wanted);
    if (wsi)
        s->wsi = wsi;
    else if (web->adopting)
        web_socket_finish(s); /* else lws had it and told of its end */
    web->adopting = NULL;
}

void web_kill(struct web_socket *s)
{
    lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    lws_cancel_service(s->web->context); /* lws looks at its timers only after an event */
}

/* -- beginning and end -- */

static void *const *loops_of(struct web *web)
{
    return (void *const *)&web->loop;
}

static struct lws_context *new_context(struct web *web)
{
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                   (web->settings.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .foreign_loops = (void **)(uintptr_t)loops_of(web),
        .user = web,
        .pt_serv_buf_size = SHARED_READ_BYTES,
        .max_http_header_data = REQUEST_HEAD_BYTES,
        .max_http_header_pool = REQUESTS_AT_ONCE,
    };
    return lws_create_context(&info);
}

static struct lws_vhost *new_host(struct web *web, bool is_tls)
{
    static const lws_retry_bo_t no_pings; /* all zero: neither pings nor idle timers, which each connection would hold */
    const struct lws_context_creation_info info = {
        .port = is_tls ? CONTEXT_PORT_NO_LISTEN_SERVER : CONTEXT_PORT_NO_LISTEN,
        .vhost_name = is_tls ? "tls" : "plain",
        .protocols = protocols,
        .retry_and_idle_policy = &no_pings,
        .alpn = "http/1.1",
        .options = is_tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX : 0,
    };
    return lws_create_vhost(web->context, &info);
}

static int parse_trusted(struct web *web, char *error, size_t error_size)
{
    const struct text_list *list = &web->settings.trusted_proxies;
    web->trusted.items = xcalloc(list->count + 1, sizeof *web->trusted.items);
    for (size_t i = 0; i < list->count; i++) {
        if (network_parse(list->items[i], &web->trusted.items[i])) {
            snprintf(error, error_size, "http.trusted_proxies: '%.*s' is neither an address nor a network (192.0.2.0/24)",
                     TEXT_ARGS(list->items[i]));
            return -1;
        }
        web->trusted.count++;
    }
    return 0;
}

static int start_lws(struct web *web, char *error, size_t error_size)
{
    lws_log_target = web->settings.log;
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_line);
    web->context = new_context(web);
    if (!web->context) {
        snprintf(error, error_size, "libwebsockets does not start: is libwebsockets-evlib-ev installed? (log.level debug "
                                    "shows what it says)");
        return -1;
    }
    web->plain = new_host(web, false);
    web->tls = web->settings.tls ? new_host(web, true) : NULL;
    if (web->plain && (web->tls || !web->settings.tls))
        return 0;
    snprintf(error, error_size, "libwebsockets cannot set up its virtual hosts (log.level debug shows what it says)");
    return -1;
}

struct web *web_new(struct ev_loop *loop, const struct web_settings *settings, char *error, size_t error_size)
{
    struct web *web = xcalloc(1, sizeof *web);
    web->loop = loop;
    web->settings = *settings;
    LIST_INIT(&web->sockets);
    web_turn_init(web);
    web_listeners_init(web);
    if (parse_trusted(web, error, error_size) == 0 && start_lws(web, error, error_size) == 0)
        return web;
    web_free(&web);
    return NULL;
}

void web_free(struct web **web_pointer)
{
    struct web *web = *web_pointer;
    if (!web)
        return;
    *web_pointer = NULL;
    web_listeners_fini(web);
    if (web->context)
        lws_context_destroy(web->context); /* ends every connection, with its callback */
    web_turn_fini(web);
    while (web->room_count > 0)
        buffer_fini(&web->rooms[--web->room_count]);
    buffer_fini(&web->answer);
    buffer_fini(&web->scratch);
    free(web->trusted.items);
    free(web);
    lws_log_target = NULL;
}

size_t web_connection_count(const struct web *web)
{
    return web->connection_count;
}

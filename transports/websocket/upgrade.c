/* upgrade.c - who may become a WebSocket: the handshake's form (RFC 6455 4.2.1), the subprotocol (RFC 7395 3.1), the
 * page's origin (RFC 6455 10.2), and who the client is when a trusted proxy stands in between.
 * lws checks some of this again, but answers with silence. */
#include <strings.h>

#include "transports/websocket/origin.h"
#include "transports/websocket/web_inside.h"

enum { LWS_LIST_MAX = 126 }; /* lws reads no longer list of subprotocols or connection options */

static const char websocket_path[] = "/xmpp-websocket";

/* Is word in a comma-separated list? */
static bool list_has(struct text list, const char *word, bool ignores_case)
{
    size_t size = strlen(word);
    while (list.size) {
        const char *comma = memchr(list.data, ',', list.size);
        struct text item = { list.data, comma ? (size_t)(comma - list.data) : list.size };
        list = comma ? (struct text){ comma + 1, list.size - item.size - 1 } : (struct text){ 0 };
        while (item.size && (item.data[0] == ' ' || item.data[0] == '\t'))
            item.data++, item.size--;
        while (item.size && (item.data[item.size - 1] == ' ' || item.data[item.size - 1] == '\t'))
            item.size--;
        if (item.size == size &&
            (ignores_case ? strncasecmp(item.data, word, size) : memcmp(item.data, word, size)) == 0)
            return true;
    }
    return false;
}

struct refusal {
    int status; /* 0: none */
    const char *headers, *text;
};

static struct refusal check_form(struct web_socket *s)
{
    char value[256];
    if (s->is_pages || !text_is(web_header(s, WSI_TOKEN_GET_URI, value, sizeof value), websocket_path))
        return (struct refusal){ 404, "", "There is no WebSocket here; it is at /xmpp-websocket." };
    struct text connection = web_header(s, WSI_TOKEN_CONNECTION, value, sizeof value);
    if (!list_has(connection, "upgrade", true) || connection.size > LWS_LIST_MAX)
        return (struct refusal){ 400, "", "A WebSocket handshake needs \"Connection: Upgrade\"." };
    if (!text_is(web_header(s, WSI_TOKEN_VERSION, value, sizeof value), "13"))
        return (struct refusal){ 426, "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n",
                                 "This server speaks version 13 of WebSocket." };
    if (web_header(s, WSI_TOKEN_KEY, value, sizeof value).size != 24)
        return (struct refusal){ 400, "", "Sec-WebSocket-Key must be 16 bytes in base64." };
    struct text protocols = web_header(s, WSI_TOKEN_PROTOCOL, value, sizeof value);
    if (!list_has(protocols, "xmpp", false) || protocols.size > LWS_LIST_MAX)
        return (struct refusal){ 400, "",
                                 "The request must offer the WebSocket subprotocol \"xmpp\" (RFC 7395 3.1)." };
    return (struct refusal){ 0 };
}

static struct refusal check_origin(struct web_socket *s)
{
    char origin_value[512], host_value[512];
    struct text origin = web_header(s, WSI_TOKEN_ORIGIN, origin_value, sizeof origin_value);
    struct text host = web_host(s, host_value, sizeof host_value);
    if (host.size == 0)
        return (struct refusal){ 400, "", "The request names no Host." };
    if (!origin.data || origin_is_allowed(&s->web->settings.origins, origin, host))
        return (struct refusal){ 0 };
    const struct log_subject who = { .peer = s->base.peer };
    log_info(s->web->settings.log, &who, "origin_refused", "origin=%s host=%s advice=\"set http.origins\"",
             log_quote(origin.data, origin.size), log_quote(host.data, host.size));
    return (struct refusal){ 403, "", "Pages of this origin may not connect here." };
}

/* What a trusted proxy says of the client in front of it. */
static void take_forwarded(struct web_socket *s)
{
    char value[512];
    struct text hop = network_client_hop(&s->web->trusted,
                                         web_header(s, WSI_TOKEN_X_FORWARDED_FOR, value, sizeof value));
    if (hop.size == 0)
        return;
    bool is_ipv6 = memchr(hop.data, ':', hop.size) != NULL;
    snprintf(s->base.peer, sizeof s->base.peer, is_ipv6 ? "[%.*s]:0" : "%.*s:0", TEXT_ARGS(hop));
}

int web_upgrade_check(struct web_socket *s)
{
    if (s->is_trusted)
        take_forwarded(s);
    s->base.is_encrypted = web_is_encrypted(s);
    struct refusal refusal = check_form(s);
    if (refusal.status == 0)
        refusal = check_origin(s);
    if (refusal.status == 0)
        return 0;
    metric_add(s->web->settings.metrics, METRIC_WEBSOCKETS_REFUSED, 1);
    web_exchange_refuse(s, refusal.status, refusal.headers, refusal.text);
    return -1;
}

/* upgrade.c - who may become a WebSocket: the handshake's form (RFC 6455 4.2), the subprotocol (RFC 7395 3.1), the page's
 * origin (RFC 6455 10.2); and who the client is when a trusted proxy stands in between. */
#include <stdio.h>

#include <openssl/evp.h>

#include "transports/websocket/origin.h"
#include "transports/websocket/web_inside.h"

static const char websocket_path[] = "/xmpp-websocket";

struct refusal {
    int status; /* 0: none */
    const char *headers, *text;
};

/* 16 bytes in base64 (4.2.1). */
static bool is_key(struct text key)
{
    unsigned char decoded[24];
    return key.size == 24 && text_equal((struct text){ key.data + 22, 2 }, TEXT("==")) && key.data[21] != '=' &&
           EVP_DecodeBlock(decoded, (const unsigned char *)key.data, 24) == 18;
}

static struct refusal check_form(const struct web_socket *s, const struct http_head *head)
{
    if (!s->entry->is_for_clients || !text_is(head->path, websocket_path))
        return (struct refusal){ 404, "", "There is no WebSocket here; it is at /xmpp-websocket.\n" };
    if (!text_is(head->method, "GET") || head->is_old || head->has_body)
        return (struct refusal){ 400, "", "A WebSocket handshake is a GET of HTTP/1.1 without a body.\n" };
    if (!http_list_has(head->fields[HTTP_CONNECTION], "upgrade", true))
        return (struct refusal){ 400, "", "A WebSocket handshake needs \"Connection: Upgrade\".\n" };
    if (!text_is(head->fields[HTTP_VERSION], "13"))
        return (struct refusal){ 426, "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n",
                                 "This server speaks version 13 of WebSocket.\n" };
    if (!is_key(head->fields[HTTP_KEY]))
        return (struct refusal){ 400, "", "Sec-WebSocket-Key must be 16 bytes in base64.\n" };
    if (!http_list_has(head->fields[HTTP_PROTOCOL], "xmpp", false))
        return (struct refusal){ 400, "",
                                 "The request must offer the WebSocket subprotocol \"xmpp\" (RFC 7395 3.1).\n" };
    return (struct refusal){ 0 };
}

static struct refusal check_origin(const struct web_socket *s, const struct http_head *head)
{
    struct text origin = head->fields[HTTP_ORIGIN], host = web_host(s, head);
    if (host.size == 0)
        return (struct refusal){ 400, "", "The request names no Host.\n" };
    if (!origin.data || origin_is_allowed(&web_of(s)->settings.origins, origin, host))
        return (struct refusal){ 0 };
    const struct log_subject who = { .peer = s->connection->peer };
    log_info(web_of(s)->settings.log, &who, "origin_refused", "origin=%s host=%s advice=\"set http.origins\"",
             log_quote(origin.data, origin.size), log_quote(host.data, host.size));
    return (struct refusal){ 403, "", "Pages of this origin may not connect here.\n" };
}

/* From here on the connection is the client's own, as far as a trusted proxy tells. */
static void take_forwarded(struct web_socket *s, const struct http_head *head)
{
    struct connection *connection = s->connection;
    bool is_encrypted = web_is_encrypted(s, head);
    struct text hop = network_client_hop(&web_of(s)->trusted, head->fields[HTTP_FORWARDED_FOR]);
    if (hop.size > 0 && web_is_trusted(s)) {
        bool is_ipv6 = memchr(hop.data, ':', hop.size) != NULL;
        snprintf(connection->peer, sizeof connection->peer, is_ipv6 ? "[%.*s]:0" : "%.*s:0", TEXT_ARGS(hop));
    }
    connection->is_encrypted = is_encrypted;
}

/* RFC 6455 4.2.2: SHA-1 of the key and a fixed text, in base64. */
static void accept_key(char out[32], struct text key)
{
    static const char fixed[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[24 + sizeof fixed];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size;

    memcpy(text, key.data, 24);
    memcpy(text + 24, fixed, sizeof fixed);
    if (!EVP_Digest(text, sizeof text - 1, digest, &size, EVP_sha1(), NULL))
        abort(); /* SHA-1 itself cannot fail */
    EVP_EncodeBlock((unsigned char *)out, digest, (int)size);
}

static void accept_upgrade(struct web_socket *s, const struct http_head *head)
{
    char key[32], answer[256];
    accept_key(key, head->fields[HTTP_KEY]);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
                        key);
    s->below->write(s->connection, answer, (size_t)size);
    take_forwarded(s, head);
    web_socket_open(s);
}

void web_upgrade(struct web_socket *s, const struct http_head *head)
{
    struct refusal refusal = check_form(s, head);
    if (refusal.status == 0)
        refusal = check_origin(s, head);
    if (refusal.status == 0) {
        accept_upgrade(s, head);
        return;
    }
    metric_add(web_of(s)->settings.metrics, METRIC_WEBSOCKETS_REFUSED, 1);
    web_refuse(s, refusal.status, refusal.headers, refusal.text);
}

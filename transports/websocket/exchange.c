/* exchange.c - HTTP requests and their answers, up to the one that makes a WebSocket of the connection. */
#include <strings.h>

#include "transports/websocket/web_inside.h"

/* Many small requests for big files must not fill the memory: above this the client reads first. */
enum { ANSWERS_QUEUED_MAX = 256 * 1024 };

/* -- what a trusted proxy may say -- */

bool web_is_trusted(const struct web_socket *s)
{
    struct ip_address address;
    const struct networks *trusted = &web_of(s)->trusted;
    return trusted->count > 0 && ip_address_parse(text_of(s->connection->peer), &address) == 0 &&
           networks_have(trusted, &address);
}

/* The first of a comma-separated list: what the proxy nearest to the client said. */
static struct text first_of(struct text list)
{
    const char *comma = list.size ? memchr(list.data, ',', list.size) : NULL;
    if (comma)
        list.size = (size_t)(comma - list.data);
    return list;
}

/* Only what can stand in a URL and in XML as it is; anything else is no host. */
static bool is_host(struct text host)
{
    static const char marks[] = "-._:[]";
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && !memchr(marks, c, sizeof marks - 1))
            return false;
    }
    return host.size > 0;
}

struct text web_host(const struct web_socket *s, const struct http_head *head)
{
    struct text host = head->fields[HTTP_HOST];
    if (head->fields[HTTP_FORWARDED_HOST].size && web_is_trusted(s))
        host = first_of(head->fields[HTTP_FORWARDED_HOST]);
    return is_host(host) ? host : (struct text){ 0 };
}

/* The connection was told whether it is TLS here when it was accepted. */
bool web_is_encrypted(const struct web_socket *s, const struct http_head *head)
{
    struct text scheme = first_of(head->fields[HTTP_FORWARDED_PROTO]);
    if (s->connection->is_encrypted || scheme.size != 5 || strncasecmp(scheme.data, "https", 5) != 0)
        return s->connection->is_encrypted;
    return web_is_trusted(s);
}

/* -- the answer -- */

static const char *status_words(int status)
{
    static const struct {
        int status;
        const char *words;
    } rows[] = {
        { 200, "OK" },
        { 400, "Bad Request" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 426, "Upgrade Required" },
        { 431, "Request Header Fields Too Large" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].words;
    return "Error";
}

static void write_answer(struct web_socket *s, const struct http_response *response, bool is_head, bool is_last)
{
    struct buffer *answer = &web_of(s)->answer;
    answer->size = 0;
    buffer_printf(answer, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", response->status,
                  status_words(response->status), response->type, response->body.size);
    buffer_printf(answer, "X-Content-Type-Options: nosniff\r\n%s%s\r\n", response->headers,
                  is_last ? "Connection: close\r\n" : "");
    s->below->write(s->connection, answer->data, answer->size);
    if (!is_head && response->body.size > 0)
        s->below->write(s->connection, response->body.data, response->body.size);
    if (is_last)
        web_done(s);
}

static struct http_response plain_response(int status, const char *headers, const char *text)
{
    return (struct http_response){
        .status = status, .type = "text/plain; charset=utf-8", .headers = headers, .body = text_of(text)
    };
}

void web_refuse(struct web_socket *s, int status, const char *headers, const char *text)
{
    struct http_response response = plain_response(status, headers, text);
    write_answer(s, &response, false, true);
}

static bool is_last_request(const struct http_head *head)
{
    return head->is_old || head->has_body || http_list_has(head->fields[HTTP_CONNECTION], "close", true);
}

static void answer_request(struct web_socket *s, const struct http_head *head)
{
    struct web_entry *entry = s->entry;
    struct buffer *scratch = &web_of(s)->scratch;
    struct http_response response = plain_response(404, "", "There is nothing here.\n");
    const struct http_request request = { head->path, web_host(s, head), web_is_encrypted(s, head) };

    scratch->size = 0;
    response.scratch = scratch;
    if (entry->respond)
        entry->respond(entry->respond_ctx, &request, &response);
    write_answer(s, &response, text_is(head->method, "HEAD"), is_last_request(head));
    buffer_fini(scratch);
}

/* -- the request -- */

static void take_request(struct web_socket *s, struct text head_text)
{
    struct arena arena = { 0 };
    struct http_head head;
    int status = http_head_parse(&arena, head_text, &head);

    web_wait_start(s, WEB_WAIT_REQUEST);
    s->extensions = 0;
    if (status == 505)
        web_refuse(s, 505, "", "This server speaks HTTP/1.1.\n");
    else if (status)
        web_refuse(s, status, "", "This is no HTTP request that this server understands.\n");
    else if (!text_is(head.method, "GET") && !text_is(head.method, "HEAD"))
        web_refuse(s, 405, "Allow: GET, HEAD\r\n", "Only GET and HEAD are answered here.\n");
    else if (http_list_has(head.fields[HTTP_UPGRADE], "websocket", true))
        web_upgrade(s, &head);
    else
        answer_request(s, &head); /* RFC 9110 7.8: other upgrades (h2c) are ignored */
    arena_fini(&arena);
}

size_t web_take_requests(struct web_socket *s, struct text input)
{
    size_t taken = 0;
    while (!s->is_upgraded && web_takes_input(s)) {
        struct text rest = { input.data + taken, input.size - taken };
        size_t size = http_head_size(rest);
        if (size > HTTP_HEAD_MAX || (size == 0 && rest.size > HTTP_HEAD_MAX)) {
            web_refuse(s, 431, "", "The request is too long.\n");
            break;
        }
        if (size == 0)
            break;
        take_request(s, (struct text){ rest.data, size });
        taken += size;
        web_socket_choke(s, ANSWERS_QUEUED_MAX);
    }
    return taken;
}

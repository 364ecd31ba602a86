/* exchange.c - one HTTP request and its answer.  The head is written here and not by lws: its helpers add what we do
 * not want, and can only write into a small buffer. */
#include <stdio.h>
#include <strings.h>

#include "transports/websocket/web_inside.h"

/* -- the request -- */

struct text web_header(struct web_socket *s, enum lws_token_indexes which, char *out, size_t size)
{
    int length = lws_hdr_total_length(s->wsi, which);
    if (length <= 0 || lws_hdr_copy(s->wsi, out, (int)size, which) < 0)
        return (struct text){ 0 };
    return (struct text){ out, strlen(out) };
}

struct text web_custom_header(struct web_socket *s, const char *name, char *out, size_t size)
{
    int length = lws_hdr_custom_copy(s->wsi, out, (int)size, name, (int)strlen(name));
    return length > 0 ? (struct text){ out, (size_t)length } : (struct text){ 0 };
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

struct text web_host(struct web_socket *s, char *out, size_t size)
{
    struct text host = { 0 };
    if (s->is_trusted)
        host = first_of(web_custom_header(s, "x-forwarded-host:", out, size));
    if (host.size == 0)
        host = web_header(s, WSI_TOKEN_HOST, out, size);
    return is_host(host) ? host : (struct text){ 0 };
}

bool web_is_encrypted(struct web_socket *s)
{
    char value[64];
    if (s->is_tls || !s->is_trusted)
        return s->is_tls;
    struct text scheme = first_of(web_custom_header(s, "x-forwarded-proto:", value, sizeof value));
    return scheme.size == 5 && strncasecmp(scheme.data, "https", 5) == 0;
}

/* -- the answer -- */

static const char *status_words(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 426: return "Upgrade Required";
    case 503: return "Service Unavailable";
    default: return "Error";
    }
}

static int write_answer(struct web_socket *s, const struct http_response *response, bool is_head, bool is_last)
{
    struct buffer *answer = &s->web->answer;
    answer->size = 0;
    buffer_printf(answer, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", response->status,
                  status_words(response->status), response->type, response->body.size);
    buffer_printf(answer, "X-Content-Type-Options: nosniff\r\n%s%s\r\n", response->headers,
                  is_last ? "Connection: close\r\n" : "");
    if (!is_head)
        buffer_append_text(answer, response->body);
    int written = lws_write(s->wsi, (unsigned char *)answer->data, answer->size, LWS_WRITE_RAW);
    buffer_fini(answer);
    return written < 0 ? -1 : 0;
}

static struct http_response plain_response(int status, const char *headers, const char *text)
{
    return (struct http_response){ .status = status, .type = "text/plain; charset=utf-8", .headers = headers,
                                   .body = text_of(text) };
}

void web_exchange_refuse(struct web_socket *s, int status, const char *headers, const char *text)
{
    char line[256];
    snprintf(line, sizeof line, "%s\n", text);
    struct http_response response = plain_response(status, headers, line);
    (void)write_answer(s, &response, false, true); /* it is closed anyhow */
}

static int answer_request(struct web_socket *s, struct text path, bool is_head)
{
    char host[256];
    const struct http_request request = { path, web_host(s, host, sizeof host), web_is_encrypted(s) };
    struct http_response response = plain_response(404, "", "There is nothing here.\n");
    http_respond_fn *respond = s->is_pages ? s->respond : s->web->settings.respond;

    response.scratch = &s->web->scratch;
    response.scratch->size = 0;
    if (respond)
        respond(s->is_pages ? s->respond_ctx : s->web->settings.respond_ctx, &request, &response);
    int result = write_answer(s, &response, is_head, false);
    buffer_fini(&s->web->scratch);
    return result;
}

int web_exchange(struct web_socket *s, struct text path)
{
    char *uri;
    int uri_size, method = lws_http_get_uri_and_method(s->wsi, &uri, &uri_size);
    if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD) {
        web_exchange_refuse(s, 405, "Allow: GET, HEAD\r\n", "Only GET and HEAD are answered here.");
        return -1;
    }
    web_wait_start(s, WEB_WAIT_HANDSHAKE);
    if (answer_request(s, path, method == LWSHUMETH_HEAD))
        return -1;
    return lws_http_transaction_completed(s->wsi) ? -1 : 0;
}

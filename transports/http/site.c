/* site.c - one table of paths, and the two forms of host-meta. */
#include "transports/http/page_files.h"
#include "transports/http/site.h"

/* Everything comes from here and nothing from elsewhere; no inline script, no frame around it. */
static const char page_headers[] = "Cache-Control: no-cache\r\n"
                                   "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
                                   "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                                   "frame-ancestors 'none'\r\n"
                                   "Referrer-Policy: no-referrer\r\n";
/* XEP-0156 2: pages of any origin may read it. */
static const char host_meta_headers[] = "Access-Control-Allow-Origin: *\r\nCache-Control: max-age=600\r\n";

typedef void respond_fn(const struct site *site, const struct http_request *request, struct http_response *response);

static void append_url(struct buffer *out, const struct http_request *request)
{
    buffer_printf(out, "%s://%.*s/xmpp-websocket", request->is_encrypted ? "wss" : "ws", TEXT_ARGS(request->host));
}

static bool has_host(const struct http_request *request, struct http_response *response)
{
    if (request->host.size > 0)
        return true;
    response->status = 400;
    response->body = TEXT("The request names no Host, which the address would be made of.\n");
    return false;
}

static void finish(struct http_response *response, const char *type, const char *headers)
{
    response->status = 200;
    response->type = type;
    response->headers = headers;
    response->body = buffer_text(response->scratch);
}

/* XEP-0156 3.1 */
static void respond_host_meta(const struct site *site, const struct http_request *request,
                              struct http_response *response)
{
    (void)site;
    if (!has_host(request, response))
        return;
    BUFFER_LITERAL(response->scratch, "<?xml version='1.0' encoding='utf-8'?>\n"
                                      "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
                                      "  <Link rel='urn:xmpp:alt-connections:websocket' href='");
    append_url(response->scratch, request);
    BUFFER_LITERAL(response->scratch, "'/>\n</XRD>\n");
    finish(response, "application/xrd+xml; charset=utf-8", host_meta_headers);
}

/* XEP-0156 3.2 */
static void respond_host_meta_json(const struct site *site, const struct http_request *request,
                                   struct http_response *response)
{
    (void)site;
    if (!has_host(request, response))
        return;
    BUFFER_LITERAL(response->scratch, "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:websocket\",\"href\":\"");
    append_url(response->scratch, request);
    BUFFER_LITERAL(response->scratch, "\"}]}\n");
    finish(response, "application/json", host_meta_headers);
}

/* Domains are prepared, so this is more than they need; but what writes JSON escapes. */
static void append_json(struct buffer *out, struct text t)
{
    buffer_append_char(out, '"');
    for (size_t i = 0; i < t.size; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c < 0x20)
            buffer_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else
            buffer_append_char(out, (char)c);
    }
    buffer_append_char(out, '"');
}

/* What the page must know of this server. */
static void respond_demo(const struct site *site, const struct http_request *request, struct http_response *response)
{
    struct buffer *out = response->scratch;
    (void)request;
    if (!site->has_page)
        return;
    BUFFER_LITERAL(out, "{\"domain\":");
    append_json(out, site->domain);
    BUFFER_LITERAL(out, ",\"guest_domain\":");
    append_json(out, site->guest_domain);
    BUFFER_LITERAL(out, ",\"services\":[");
    for (size_t i = 0; i < site->services.count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        append_json(out, site->services.items[i]);
    }
    BUFFER_LITERAL(out, "]}\n");
    finish(response, "application/json", "Cache-Control: no-store\r\n");
}

static void respond_page(const struct site *site, const struct http_request *request, struct http_response *response)
{
    if (!site->has_page)
        return;
    for (const struct page_file *file = page_files; file->path; file++) {
        if (!text_is(request->path, file->path))
            continue;
        response->status = 200;
        response->type = file->type;
        response->headers = page_headers;
        response->body = file->content;
        return;
    }
}

void site_respond(void *ctx, const struct http_request *request, struct http_response *response)
{
    static const struct {
        const char *path;
        respond_fn *respond;
    } places[] = {
        { "/.well-known/host-meta", respond_host_meta },
        { "/.well-known/host-meta.json", respond_host_meta_json },
        { "/demo.json", respond_demo },
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (text_is(request->path, places[i].path)) {
            places[i].respond(ctx, request, response);
            return;
        }
    }
    respond_page(ctx, request, response);
}

/* admin.c - the three questions that an operator's tools ask. */
#include "transports/http/admin.h"

static void finish(struct http_response *response, int status, const char *type)
{
    response->status = status;
    response->type = type;
    response->headers = "Cache-Control: no-store\r\n";
    response->body = buffer_text(response->scratch);
}

static void respond_ready(const struct admin_source *source, struct http_response *response)
{
    bool is_ready = source->is_ready(source->ctx, response->scratch);
    if (is_ready) {
        response->scratch->size = 0;
        BUFFER_LITERAL(response->scratch, "ready\n");
    }
    finish(response, is_ready ? 200 : 503, "text/plain; charset=utf-8");
}

static void respond(void *ctx, const struct http_request *request, struct http_response *response)
{
    const struct admin_source *source = ctx;
    if (text_is(request->path, "/healthz")) { /* that the loop answers is the answer */
        BUFFER_LITERAL(response->scratch, "ok\n");
        finish(response, 200, "text/plain; charset=utf-8");
    } else if (text_is(request->path, "/readyz")) {
        respond_ready(source, response);
    } else if (text_is(request->path, "/metrics")) {
        source->write_metrics(source->ctx, response->scratch);
        finish(response, 200, "text/plain; version=0.0.4; charset=utf-8");
    }
}

int admin_listen(struct web *web, const struct listen_address *address, const struct admin_source *source, char *error,
                 size_t error_size)
{
    /* The responder takes the source back as what it is: it only reads it. */
    return web_listen_pages(web, address, "listen.admin", respond, (void *)(uintptr_t)source, error, error_size);
}

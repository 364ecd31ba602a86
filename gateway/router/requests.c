/* requests.c - iq get and set to services that wait for their answer (RFC 6120 8.2.3).
 * A request is (asking full JID, id, asked address, service).  The first answer of that service closes it; no answer
 * within services.timeout is answered with remote-server-timeout.  Bounded by services.pending. */
#include <stdlib.h>

#include "gateway/router/router_internal.h"

struct request {
    struct timer timer;
    struct router *router;
    struct sender asker;
    const struct service *service;
    struct text asked; /* the request's 'to'; NULL data when it had none */
    struct text lang;
    UT_hash_handle hh;
    size_t key_size;
    char key[]; /* asker NUL id NUL service, then the bytes of asked */
};

struct key { /* of the hash; built in an arena of the stanza in hand */
    const char *data;
    size_t size;
};

static struct key make_key(struct stanza *stanza, struct text asker, struct text id, const struct service *service)
{
    struct buffer joined = { 0 };
    buffer_append_text(&joined, asker);
    buffer_append_char(&joined, '\0');
    buffer_append_text(&joined, id);
    buffer_append_char(&joined, '\0');
    buffer_append_text(&joined, service->address);
    struct text kept = arena_text(&stanza->arena, buffer_text(&joined));
    buffer_fini(&joined);
    return (struct key){ kept.data, kept.size };
}

static void close_request(struct request *request)
{
    struct router *router = request->router;
    timer_stop(&request->timer);
    HASH_DEL(router->requests, request);
    router->request_count--;
    metric_set(router->parts->metrics, METRIC_REQUESTS_PENDING, (int64_t)router->request_count);
    free(request);
}

/* The answer that the service did not give. */
static void on_timeout(struct timer *timer)
{
    struct request *request = container_of(timer, struct request, timer);
    struct router *router = request->router;
    struct sender asker = request->asker;
    struct stanza *asked = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &asked->arena;
    struct text from = text_of(request->key);
    struct text id = text_of(request->key + from.size + 1);

    element_set(arena, asked->root, "type", TEXT("get"));
    element_set(arena, asked->root, "from", arena_text(arena, from));
    element_set(arena, asked->root, "id", arena_text(arena, id));
    if (request->asked.data)
        element_set(arena, asked->root, "to", arena_text(arena, request->asked));
    log_info(router->parts->log, NULL, "request-timeout", "service=%.*s", TEXT_ARGS(request->service->address));
    metric_add(router->parts->metrics, METRIC_REQUEST_TIMEOUTS, 1);
    close_request(request);
    router_refuse(router, &asker, asked, STANZA_ERROR_REMOTE_SERVER_TIMEOUT, "The service did not answer in time.");
    stanza_free(&asked);
}

enum request_result request_open(struct router *router, const struct sender *sender, const struct stanza *stanza,
                                 const struct service *service)
{
    struct text asked = element_get(stanza->root, "to");
    struct key key = make_key((struct stanza *)stanza, element_get(stanza->root, "from"), element_get(stanza->root, "id"), service);
    struct request *request;

    HASH_FIND(hh, router->requests, key.data, key.size, request);
    if (request && request->asker.session_number == sender->session_number)
        return REQUEST_DUPLICATE;
    if (request)
        close_request(request); /* of a session that had this address before, and counted its ids from the same start */
    if (router->request_count >= router->parts->config->services_pending)
        return REQUEST_TOO_MANY;

    request = xcalloc(1, sizeof *request + key.size + asked.size + 1);
    request->router = router;
    request->asker = *sender;
    request->asker.session = NULL;
    request->service = service;
    request->key_size = key.size;
    memcpy(request->key, key.data, key.size);
    if (asked.data) {
        memcpy(request->key + key.size, asked.data, asked.size);
        request->asked = (struct text){ request->key + key.size, asked.size };
    }
    HASH_ADD(hh, router->requests, key, key.size, request);
    router->request_count++;
    metric_set(router->parts->metrics, METRIC_REQUESTS_PENDING, (int64_t)router->request_count);
    timer_start(router->parts->timers, &request->timer,
                sender->kind == SENDER_LOGIN ? router->parts->config->auth_service_wait_ms
                                             : router->parts->config->services_timeout_ms,
                on_timeout);
    return REQUEST_WAITS;
}

static struct request *find_request(struct router *router, struct stanza *stanza, const char *asker, const struct service *service)
{
    struct key key = make_key(stanza, element_get(stanza->root, asker), element_get(stanza->root, "id"), service);
    struct request *request;
    HASH_FIND(hh, router->requests, key.data, key.size, request);
    return request;
}

void request_cancel(struct router *router, const struct stanza *stanza, const struct service *service)
{
    struct request *request = find_request(router, (struct stanza *)stanza, "from", service);
    if (request)
        close_request(request);
}

/* The answer's from: left out, or the service's own address, or exactly what was asked.  What goes out is what was
 * asked, so that the client recognises its answer (RFC 6120 8.1.2.1). */
bool request_answer(struct router *router, struct stanza *answer, const struct service *service, struct sender *asker,
                    const char **why)
{
    struct request *request = find_request(router, answer, "to", service);
    struct text from = element_get(answer->root, "from");

    if (!request) {
        *why = "no request with this id and address waits here: it was answered before, timed out, or came through "
               "another node (answer on the channel of its replyto)";
        return false;
    }
    if (from.data && !text_equal(from, service->address) && !(request->asked.data && text_equal(from, request->asked))) {
        *why = "from is not the address that was asked: leave it out, or repeat the request's 'to'";
        return false;
    }
    element_set(&answer->arena, answer->root, "from",
                request->asked.data ? arena_text(&answer->arena, request->asked) : (struct text){ 0 });
    *asker = request->asker;
    close_request(request);
    return true;
}

void requests_free(struct router *router)
{
    struct request *request, *next;
    HASH_ITER(hh, router->requests, request, next)
        close_request(request);
}

/* handle_last.c - XEP-0012: for how long the server runs, and since when an account is not there, for those who may see its
 * presence. */
#include "gateway/router/presence/sight.h"

static void give_seconds(const struct iq_request *request, int64_t ms, struct text status)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct arena *arena = &answer->arena;
    struct element *query = element_add(arena, answer->root, TEXT("query"), TEXT("jabber:iq:last"));
    element_set(arena, query, "seconds", arena_printf(arena, "%lld", (long long)(ms < 0 ? 0 : ms / 1000)));
    if (status.size)
        element_add_text(arena, query, arena_text(arena, status));
    iq_answer(request, answer);
}

/* The event of its last unavailable presence says when, and with which words. */
static void give_gone(const struct iq_request *request, struct text json)
{
    struct event event = { 0 };
    struct refusal why = { 0 };
    int64_t gone_ms = 0;
    if (!json.size || event_read(json, EVENT_FROM_NODE, &request->router->limits, &event, &why) < 0) {
        iq_refuse(request, STANZA_ERROR_ITEM_NOT_FOUND, "Nothing is known of when this account was there.");
        return;
    }
    const struct element *status = element_child(event.stanza->root, "status", XMLNS_CLIENT);
    date_time_read(event.time, &gone_ms);
    give_seconds(request, router_wall_ms(request->router) - gone_ms,
                 status ? element_text(&event.stanza->arena, status) : (struct text){ 0 });
    stanza_free(&event.stanza);
}

static void give_account(const struct iq_request *request, const struct sight *sight)
{
    if (!sight->may_see)
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL); /* XEP-0012 4 */
    else if (sight->is_connected)
        give_seconds(request, 0, (struct text){ 0 });
    else
        give_gone(request, sight->gone);
}

void handle_last(const struct iq_request *request)
{
    const struct router *router = request->router;
    if (request->scope == SCOPE_SERVER)
        give_seconds(request, router_wall_ms(router) - router->parts->metrics->started_ms, (struct text){ 0 });
    else
        sight_take(request, give_account);
}

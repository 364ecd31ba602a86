/* handle_archive_preferences.c - XEP-0441: what an account wants to be kept of its messages.  The scripts that write the
 * archive look at it (store_log.h: flags). */
#include <stdlib.h>

#include "gateway/router/archive/archive.h"

enum { EXCEPTIONS_MAX = 1000 };

static const struct {
    char keeps;
    const char *name;
} choices[] = { [ARCHIVE_ALWAYS] = { 'A', "always" }, [ARCHIVE_ROSTER] = { 'R', "roster" }, [ARCHIVE_NEVER] = { 'N', "never" } };
enum { CHOICE_COUNT = sizeof choices / sizeof *choices };

static bool is_owner(const struct iq_request *request)
{
    if (request->scope == SCOPE_OWN_ACCOUNT)
        return true;
    iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL);
    return false;
}

/* -- telling -- */

static const char *choice_name(const struct iq_request *request, char keeps)
{
    for (unsigned i = 0; i < CHOICE_COUNT; i++)
        if (choices[i].keeps == keeps)
            return choices[i].name;
    return choices[request->router->parts->config->archive_default].name;
}

static void add_list(struct stanza *answer, struct element *prefs, const char *name, const struct text *addresses, unsigned count)
{
    struct arena *arena = &answer->arena;
    struct element *list = element_add(arena, prefs, text_of(name), TEXT(XMLNS_MAM));
    for (unsigned i = 0; i < count; i++)
        element_add_text(arena, element_add(arena, list, TEXT("jid"), TEXT(XMLNS_MAM)), arena_text(arena, addresses[i]));
}

static void on_preferences(void *ctx, enum bus_status status, const struct archive_preferences *preferences)
{
    struct iq_request *request = ctx;
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *prefs = element_add(&answer->arena, answer->root, TEXT("prefs"), TEXT(XMLNS_MAM));
    element_set(&answer->arena, prefs, "default", text_of(choice_name(request, preferences->keeps)));
    add_list(answer, prefs, "always", preferences->always, preferences->always_count);
    add_list(answer, prefs, "never", preferences->never, preferences->never_count);
    iq_answer(request, answer);
    iq_done(&request);
}

static void tell(struct iq_request *kept)
{
    struct store *store = kept->router->parts->store;
    store->archive->preferences_get(store, iq_account(kept), on_preferences, kept);
}

void handle_archive_preferences_get(const struct iq_request *request)
{
    if (is_owner(request))
        tell(iq_keep(request));
}

/* -- setting -- */

static char read_choice(const struct element *prefs)
{
    struct text name = element_get(prefs, "default");
    for (unsigned i = 0; i < CHOICE_COUNT; i++)
        if (text_is(name, choices[i].name))
            return choices[i].keeps;
    return 0;
}

/* The addresses of one list, prepared, in the arena.  False: one of them is none, or there are too many. */
static bool read_list(struct arena *arena, const struct element *prefs, const char *name, struct text **addresses,
                      unsigned *count, enum stanza_condition *condition)
{
    const struct element *list = element_child(prefs, name, XMLNS_MAM);
    *addresses = arena_alloc(arena, EXCEPTIONS_MAX * sizeof **addresses);
    for (const struct node *n = list ? list->children : NULL; n; n = n->next) {
        struct jid jid;
        if (!n->element || !element_is(n->element, "jid", XMLNS_MAM))
            continue;
        *condition = STANZA_ERROR_POLICY_VIOLATION;
        if (*count == EXCEPTIONS_MAX)
            return false;
        *condition = STANZA_ERROR_JID_MALFORMED;
        if (jid_parse(arena, element_text(arena, n->element), &jid) < 0)
            return false;
        (*addresses)[(*count)++] = jid_text(&jid);
    }
    return true;
}

static void on_set(void *ctx, enum bus_status status, int64_t result)
{
    struct iq_request *request = ctx;
    if (status != BUS_OK) {
        iq_fail(&request, status);
    } else if (result == 0) {
        iq_refuse(request, STANZA_ERROR_NOT_ALLOWED, "Only accounts have an archive of their own.");
        iq_done(&request);
    } else {
        tell(request); /* the applied preferences are the answer (2.1) */
    }
}

void handle_archive_preferences_set(const struct iq_request *request)
{
    struct arena *arena = &request->stanza->arena;
    struct store *store = request->router->parts->store;
    struct archive_preferences preferences = { .keeps = read_choice(request->payload) };
    enum stanza_condition condition = STANZA_ERROR_BAD_REQUEST;

    if (!is_owner(request))
        return;
    if (!preferences.keeps ||
        !read_list(arena, request->payload, "always", &preferences.always, &preferences.always_count, &condition) ||
        !read_list(arena, request->payload, "never", &preferences.never, &preferences.never_count, &condition)) {
        iq_refuse(request, condition, NULL);
        return;
    }
    store->archive->preferences_set(store, iq_account(request), &preferences, on_set, iq_keep(request));
}

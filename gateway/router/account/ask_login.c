/* ask_login.c - a login asked of a service (auth.service): a request on that service's own mailbox, as any other; its answer
 * goes to the session that waits for it.  What it asks holds a secret, so it is no stanza that observers see.
 *   asked     iq set <login xmlns='urn:stanzabus:login' user= mechanism= password= | token= peer=/>
 *   allowed   iq result, perhaps with <allowed xmlns='urn:stanzabus:login' user= expires=/>
 *   denied    iq error: not-authorized or forbidden; any other error says that nothing is known now */
#include "gateway/router/account/ask_login.h"

#define XMLNS_LOGIN "urn:stanzabus:login"

void ask_login(struct router *router, struct session *session, const struct login_question *question)
{
    const struct config *config = router->parts->config;
    struct service *service = router_find_service(router, config->auth_service);
    struct stanza *stanza = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &stanza->arena;
    struct sender sender = { .kind = SENDER_LOGIN, .login = session };

    element_set(arena, stanza->root, "type", TEXT("set"));
    element_set(arena, stanza->root, "id", arena_printf(arena, "login-%llu", (unsigned long long)++router->logins_asked));
    element_set(arena, stanza->root, "from", arena_text(arena, question->domain));
    element_set(arena, stanza->root, "to", config->auth_service);
    struct element *login = element_add(arena, stanza->root, TEXT("login"), TEXT(XMLNS_LOGIN));
    if (question->user.size)
        element_set(arena, login, "user", arena_text(arena, question->user));
    element_set(arena, login, "mechanism", text_of(question->mechanism));
    element_set(arena, login, question->is_token ? "token" : "password", arena_text(arena, question->secret));
    element_set(arena, login, "peer", arena_text(arena, text_of(question->peer)));
    to_service(router, &sender, stanza, service, router_event(router, stanza, config->auth_service));
}

/* Seconds; 0 when it is no number that makes sense. */
static int64_t read_seconds(struct text digits)
{
    int64_t seconds = 0;
    if (digits.size > 9)
        return 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return 0;
        seconds = seconds * 10 + (digits.data[i] - '0');
    }
    return seconds;
}

static enum login_verdict read_error(const struct stanza *stanza)
{
    const struct element *error = element_child(stanza->root, "error", NULL);
    bool is_denied = error && (element_child(error, "not-authorized", XMLNS_STANZA_ERRORS) ||
                               element_child(error, "forbidden", XMLNS_STANZA_ERRORS));
    return is_denied ? LOGIN_DENIED : LOGIN_UNKNOWN;
}

void ask_login_answered(const struct sender *sender, struct stanza *answer)
{
    struct login_ruling ruling = { .verdict = LOGIN_UNKNOWN };
    if (text_is(element_get(answer->root, "type"), "result")) {
        const struct element *allowed = element_child(answer->root, "allowed", XMLNS_LOGIN);
        ruling.verdict = LOGIN_ALLOWED;
        if (allowed) {
            ruling.user = element_get(allowed, "user");
            ruling.expires_s = read_seconds(element_get(allowed, "expires"));
        }
    } else {
        ruling.verdict = read_error(answer);
    }
    session_login_answered(sender->login, &ruling);
    stanza_free(&answer);
}

/* handle_register.c - XEP-0077 for who is logged in: another password, and the end of the account.  All other sessions of the
 * account end with either (store_login.h); making accounts is gateway/session/register.c's. */
#include <stdlib.h>

#include "gateway/router/router_internal.h"
#include "stanzabus/credential.h"

#define XMLNS_REGISTER "jabber:iq:register"

/* The session that asks; NULL: it is gone, or nobody's that has an account here. */
static struct session *asker(const struct iq_request *request)
{
    return router_session_of(request->router, request->sender, &request->from);
}

void handle_register_get(const struct iq_request *request)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct arena *arena = &answer->arena;
    struct element *query = element_add(arena, answer->root, TEXT("query"), TEXT(XMLNS_REGISTER));
    struct text local = arena_text(arena, jid_local(&request->from));
    element_add(arena, query, TEXT("registered"), TEXT(XMLNS_REGISTER));
    element_add_text(arena, element_add(arena, query, TEXT("username"), TEXT(XMLNS_REGISTER)), local);
    element_add(arena, query, TEXT("password"), TEXT(XMLNS_REGISTER));
    iq_answer(request, answer);
}

/* -- another password (XEP-0077 3.3) -- */

struct change {
    struct work_job job;
    struct iq_request *request; /* kept */
    struct account account;
    unsigned iterations;
    bool is_done;
    size_t size;
    char password[];
};

static void run_change(struct work_job *job)
{
    struct change *change = container_of(job, struct change, job);
    change->is_done =
        credential_derive(&change->account, (struct text){ change->password, change->size }, change->iterations) == 0;
}

static void end_change(struct change *change)
{
    explicit_bzero(change, sizeof *change + change->size);
    free(change);
}

static void on_changed(void *ctx, enum bus_status status, int64_t told, uint64_t generation)
{
    struct change *change = ctx;
    struct iq_request *request = change->request;
    end_change(change);
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    struct session *session = asker(request);
    if (session && told >= 0)
        session_set_generation(session, generation);
    if (told < 0)
        iq_refuse(request, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    else
        iq_answer(request, stanza_reply(request->stanza));
    iq_done(&request);
}

static void on_derived(struct work_job *job)
{
    struct change *change = container_of(job, struct change, job);
    struct iq_request *request = change->request;
    const struct parts *parts = request->router->parts;
    struct staying staying = { parts->node, request->sender->session_number };
    if (!change->is_done) {
        iq_refuse(request, STANZA_ERROR_NOT_ACCEPTABLE, "This cannot be a password.");
        iq_done(&request);
        end_change(change);
        return;
    }
    parts->store->login->change_password(parts->store, jid_bare(&request->from), &change->account, &staying, on_changed,
                                         change);
}

static void change_password(const struct iq_request *request, struct text password)
{
    const struct parts *parts = request->router->parts;
    struct change *change = xcalloc(1, sizeof *change + password.size);
    change->job = (struct work_job){ .run = run_change, .done = on_derived };
    change->iterations = parts->config->auth_iterations;
    change->size = password.size;
    memcpy(change->password, password.data, password.size);
    change->request = iq_keep(request);
    if (work_submit(parts->work, &change->job) == 0)
        return;
    metric_add(parts->metrics, METRIC_WORK_REFUSED, 1);
    iq_refuse(change->request, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
    iq_done(&change->request);
    end_change(change);
}

/* -- the end of the account (XEP-0077 3.2) -- */

static void on_removed(void *ctx, enum bus_status status, int64_t result)
{
    struct iq_request *request = ctx;
    struct session *session = asker(request);
    (void)result;
    if (session)
        session_set_outlives_block(session, false);
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    iq_answer(request, stanza_reply(request->stanza));
    iq_done(&request);
    if (session)
        session_end(session, STREAM_ERROR_NOT_AUTHORIZED, "the account was removed");
}

/* Its own session hears first that it is done. */
static void remove_account(const struct iq_request *request)
{
    struct store *store = request->router->parts->store;
    session_set_outlives_block(asker(request), true);
    store->ops->account_delete(store, jid_bare(&request->from), on_removed, iq_keep(request));
}

/* -- what is asked -- */

static struct text field(const struct iq_request *request, const char *name)
{
    const struct element *child = element_child(request->payload, name, XMLNS_REGISTER);
    return child ? element_text(&request->stanza->arena, child) : (struct text){ NULL, 0 };
}

static bool is_own_name(const struct iq_request *request, struct text name)
{
    struct text local;
    return name.size && jid_prepare_local(&request->stanza->arena, name, &local) == 0 &&
           text_equal(local, jid_local(&request->from));
}

void handle_register_set(const struct iq_request *request)
{
    const struct config *config = request->router->parts->config;
    const struct session *session = asker(request);
    struct text password = field(request, "password");

    if (!session || session_is_guest(session))
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL);
    else if (config->auth_service.size)
        iq_refuse(request, STANZA_ERROR_NOT_ALLOWED, "Accounts are another service's here.");
    else if (element_child(request->payload, "remove", XMLNS_REGISTER))
        remove_account(request);
    else if (!is_own_name(request, field(request, "username")) || !password.size)
        iq_refuse(request, STANZA_ERROR_BAD_REQUEST, "The own username and a password are needed.");
    else
        change_password(request, password);
}

/* register.c - XEP-0077 before the login: an account is made in band, if auth.registration is on; so many from one address
 * in a day. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "gateway/session/session_state.h"

#define XMLNS_REGISTER "jabber:iq:register"

enum { DAY_MS = 24 * 3600 * 1000 };

bool register_is_offered(const struct session *session)
{
    return config_of(session)->auth_registration && negotiate_may_log_in(session) && !negotiate_is_for_guests(session);
}

bool register_is_request(const struct stanza *stanza)
{
    return element_child(stanza->root, "query", XMLNS_REGISTER) != NULL;
}

struct registration { /* on its way through the pool and the store */
    struct work_job job;
    struct session *session;
    struct stanza *request; /* owned */
    struct text bare;       /* in its arena */
    struct account account;
    unsigned iterations;
    bool is_done;
    size_t size;
    char password[];
};

static void send(struct session *session, struct stanza *stanza)
{
    if (stanza)
        session_send(session, stanza);
    stanza_free(&stanza);
}

/* Each failure counts as an attempt of this connection. */
static void refuse(struct session *session, struct stanza *request, enum stanza_condition condition, const char *text)
{
    session_happened(session, EVENT_REGISTERED);
    metric_add(session->sessions->parts->metrics, METRIC_STANZA_ERRORS, 1);
    send(session, stanza_error(request, condition, text));
    stanza_free(&request);
    attempt_count_failure(session);
}

/* The session is told, or has gone; what waited is read. */
static void end(struct registration *registration)
{
    struct session *session = registration->session;
    stanza_free(&registration->request);
    OPENSSL_cleanse(registration, sizeof *registration + registration->size);
    free(registration);
    session_step_done(session);
}

static void fail(struct registration *registration, enum stanza_condition condition, const char *text)
{
    struct stanza *request = registration->request;
    registration->request = NULL;
    if (registration->session->state == STATE_ENDED)
        stanza_free(&request);
    else
        refuse(registration->session, request, condition, text);
    end(registration);
}

static void on_put(void *ctx, enum bus_status status, int64_t result)
{
    struct registration *registration = ctx;
    struct session *session = registration->session;
    if (status != BUS_OK) {
        fail(registration, STANZA_ERROR_RESOURCE_CONSTRAINT, "the server cannot reach its store now");
    } else if (result != 1) {
        fail(registration, STANZA_ERROR_CONFLICT, NULL); /* XEP-0077 3.1.1 */
    } else {
        log_info(session->sessions->parts->log, &session->subject, "registered", "user=%s",
                 log_quote(registration->bare.data, registration->bare.size));
        metric_add(session->sessions->parts->metrics, METRIC_REGISTRATIONS, 1);
        if (session->state != STATE_ENDED) {
            session_happened(session, EVENT_REGISTERED);
            send(session, stanza_reply(registration->request));
        }
        end(registration);
    }
}

static void run_job(struct work_job *job)
{
    struct registration *registration = container_of(job, struct registration, job);
    registration->is_done = credential_derive(&registration->account,
                                              (struct text){ registration->password, registration->size },
                                              registration->iterations) == 0;
}

static void on_derived(struct work_job *job)
{
    struct registration *registration = container_of(job, struct registration, job);
    struct store *store = registration->session->sessions->parts->store;
    if (!registration->is_done)
        fail(registration, STANZA_ERROR_NOT_ACCEPTABLE, "this cannot be a password");
    else
        store->ops->account_put(store, registration->bare, &registration->account, ACCOUNT_CREATE, on_put, registration);
}

static void on_counted(void *ctx, enum bus_status status, int64_t result)
{
    struct registration *registration = ctx;
    const struct parts *parts = registration->session->sessions->parts;
    if (status != BUS_OK) {
        fail(registration, STANZA_ERROR_RESOURCE_CONSTRAINT, "the server cannot reach its store now");
    } else if (result > parts->config->limits_registrations) {
        fail(registration, STANZA_ERROR_RESOURCE_CONSTRAINT, "too many accounts from this address; try again tomorrow");
    } else {
        registration->job = (struct work_job){ .run = run_job, .done = on_derived };
        if (work_submit(parts->work, &registration->job) < 0) {
            metric_add(parts->metrics, METRIC_WORK_REFUSED, 1);
            fail(registration, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
        }
    }
}

static struct text field(struct stanza *stanza, const char *name)
{
    const struct element *query = element_child(stanza->root, "query", XMLNS_REGISTER);
    const struct element *child = element_child(query, name, XMLNS_REGISTER);
    return child ? element_text(&stanza->arena, child) : (struct text){ NULL, 0 };
}

static void begin(struct session *session, struct stanza *stanza)
{
    const struct parts *parts = session->sessions->parts;
    struct text name = field(stanza, "username"), password = field(stanza, "password"), local;
    char address[64];

    if (!name.size || !password.size || jid_prepare_local(&stanza->arena, name, &local) < 0 || !local.size) {
        refuse(session, stanza, STANZA_ERROR_NOT_ACCEPTABLE, "a username and a password are needed");
        return;
    }
    struct jid jid = jid_make(&stanza->arena, local, session_domain(session), (struct text){ NULL, 0 });
    struct text bare = arena_text(&stanza->arena, jid_text(&jid));
    if (config_is_service_account(parts->config, bare)) {
        refuse(session, stanza, STANZA_ERROR_CONFLICT, NULL);
        return;
    }
    struct registration *registration = xcalloc(1, sizeof *registration + password.size);
    registration->session = session;
    registration->request = stanza;
    registration->bare = bare;
    registration->iterations = parts->config->auth_iterations;
    registration->size = password.size;
    memcpy(registration->password, password.data, password.size);
    login_guard_address(address, session->connection->peer);
    session_step_begin(session);
    parts->store->login->count(parts->store, "registrations", text_of(address), DAY_MS, on_counted, registration);
}

static void send_fields(struct session *session, struct stanza *stanza)
{
    struct stanza *answer = stanza_reply(stanza);
    struct arena *arena = &answer->arena;
    struct element *query = element_add(arena, answer->root, TEXT("query"), TEXT(XMLNS_REGISTER));
    element_add_text(arena, element_add(arena, query, TEXT("instructions"), TEXT(XMLNS_REGISTER)),
                     TEXT("Choose a name and a password."));
    element_add(arena, query, TEXT("username"), TEXT(XMLNS_REGISTER));
    element_add(arena, query, TEXT("password"), TEXT(XMLNS_REGISTER));
    session_happened(session, EVENT_REGISTERED);
    send(session, answer);
    stanza_free(&stanza);
}

void register_request(struct session *session, struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    if (!register_is_offered(session))
        refuse(session, stanza, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
    else if (text_is(type, "get"))
        send_fields(session, stanza);
    else if (text_is(type, "set"))
        begin(session, stanza);
    else
        refuse(session, stanza, STANZA_ERROR_BAD_REQUEST, NULL);
}

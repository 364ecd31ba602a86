/* mechanisms.c - the mechanisms that there are, and which of them a session is offered. */
#include "gateway/session/mechanisms.h"

static const struct mechanism *const mechanisms[] = {
    &mechanism_scram_sha256_plus, &mechanism_scram_sha1_plus, &mechanism_scram_sha256, &mechanism_scram_sha1,
    &mechanism_external,          &mechanism_oauthbearer,     &mechanism_plain,        &mechanism_anonymous,
};
_Static_assert(sizeof mechanisms / sizeof mechanisms[0] == MECHANISM_COUNT, "all of them");

/* XEP-0484, best first. */
static const struct mechanism *const fast_mechanisms[] = { &mechanism_ht_expr, &mechanism_ht_endp, &mechanism_ht_none };
_Static_assert(sizeof fast_mechanisms / sizeof fast_mechanisms[0] == FAST_COUNT, "all of them");

bool negotiate_may_log_in(const struct session *session)
{
    return session->connection->is_encrypted || config_of(session)->auth_allow_plaintext;
}

bool negotiate_is_for_guests(const struct session *session)
{
    struct text guests = config_of(session)->auth_anonymous_domain;
    return guests.size && text_equal(session_domain(session), guests);
}

static const struct mechanism *find(const struct mechanism *const *table, int count, struct text name)
{
    for (int i = 0; i < count; i++)
        if (text_is(name, table[i]->name))
            return table[i];
    return NULL;
}

const struct mechanism *negotiate_find_mechanism(struct text name)
{
    return find(mechanisms, MECHANISM_COUNT, name);
}

const struct mechanism *negotiate_find_fast(struct text name)
{
    return find(fast_mechanisms, FAST_COUNT, name);
}

static bool has_certificate(struct session *session)
{
    struct connection *connection = session->connection;
    struct arena arena = { 0 };
    struct text jids[LOGIN_CERTIFICATE_JIDS_MAX];
    int count = connection->is_encrypted
                    ? connection->ops->certificate_jids(connection, &arena, jids, LOGIN_CERTIFICATE_JIDS_MAX)
                    : -1;
    arena_fini(&arena);
    return count > 0;
}

/* A token that is bound to nothing can be used by whoever finds it: only if auth.fast_unbound says so. */
static bool offers_fast(const struct session *session, const struct mechanism *mechanism)
{
    const struct config *config = config_of(session);
    if (!negotiate_may_log_in(session) || config->auth_fast_ms <= 0)
        return false;
    return mechanism->binding < 0 ? config->auth_fast_unbound : session->negotiation->offers[mechanism->binding];
}

/* auth.anonymous_domain alone switches ANONYMOUS on. */
bool negotiate_offers(struct session *session, const struct mechanism *mechanism)
{
    const struct negotiation *negotiation = session->negotiation;
    if (mechanism->is_token)
        return offers_fast(session, mechanism);
    if (!negotiate_may_log_in(session) || mechanism->is_guests != negotiate_is_for_guests(session))
        return false;
    if (mechanism->is_guests)
        return true;
    if (!config_has_mechanism(config_of(session), mechanism->name))
        return false;
    if (mechanism->needs_keys && config_of(session)->auth_service.size)
        return false;
    if (mechanism->is_plus)
        return negotiation->offers[BINDING_TLS_EXPORTER] || negotiation->offers[BINDING_TLS_SERVER_END_POINT];
    if (mechanism->needs_jwt)
        return session->sessions->parts->jwt_keys || config_of(session)->auth_service.size;
    return !mechanism->needs_certificate || has_certificate(session);
}

unsigned negotiate_list_mechanisms(struct session *session, const struct mechanism *offered[MECHANISM_COUNT])
{
    const struct text_list *wanted = &config_of(session)->auth_mechanisms;
    unsigned count = 0;
    if (negotiate_is_for_guests(session)) {
        if (negotiate_offers(session, &mechanism_anonymous))
            offered[count++] = &mechanism_anonymous;
        return count;
    }
    for (size_t i = 0; i < wanted->count && count < MECHANISM_COUNT; i++) {
        const struct mechanism *mechanism = negotiate_find_mechanism(wanted->items[i]);
        if (mechanism && negotiate_offers(session, mechanism))
            offered[count++] = mechanism;
    }
    return count;
}

unsigned negotiate_list_fast(struct session *session, const struct mechanism *offered[FAST_COUNT])
{
    unsigned count = 0;
    for (int i = 0; i < FAST_COUNT; i++)
        if (negotiate_offers(session, fast_mechanisms[i]))
            offered[count++] = fast_mechanisms[i];
    return count;
}

void negotiate_find_bindings(struct session *session)
{
    struct connection *connection = session->connection;
    unsigned char bytes[64];
    for (int kind = BINDING_TLS_EXPORTER; kind <= BINDING_TLS_SERVER_END_POINT; kind++)
        session->negotiation->offers[kind] =
            connection->is_encrypted &&
            connection->ops->channel_binding(connection, (enum channel_binding)kind, bytes) >= 0;
}

bool negotiate_offers_bindings(struct session *session)
{
    return negotiate_offers(session, &mechanism_scram_sha256_plus) ||
           negotiate_offers(session, &mechanism_scram_sha1_plus) || negotiate_offers(session, &mechanism_ht_expr) ||
           negotiate_offers(session, &mechanism_ht_endp);
}

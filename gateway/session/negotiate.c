/* negotiate.c - stream headers answered, features announced, STARTTLS (RFC 6120 4.3, 4.7, 5; RFC 7395 3.3). */
#include <stdlib.h>

#include <openssl/rand.h>

#include "gateway/session/csi.h"
#include "gateway/session/sm.h"

#define XMLNS_CHANNEL_BINDING "urn:xmpp:sasl-cb:0"
#define XMLNS_PRE_APPROVAL "urn:xmpp:features:pre-approval" /* RFC 6121 3.4.1 */
#define XMLNS_ROSTER_VERSIONS "urn:xmpp:features:rosterver"  /* RFC 6121 2.6.1 */
#define XMLNS_LIMITS "urn:xmpp:stream-limits:0"
#define XMLNS_REGISTER_FEATURE "http://jabber.org/features/iq-register"
#define XMLNS_OLD_AUTH_FEATURE "http://jabber.org/features/iq-auth"

enum { STREAM_ID_BYTES = 16, LANG_MAX = 64 };

static const struct mechanism *const mechanisms[] = {
    &mechanism_scram_sha256_plus, &mechanism_scram_sha1_plus, &mechanism_scram_sha256, &mechanism_scram_sha1,
    &mechanism_external,          &mechanism_oauthbearer,     &mechanism_plain,        &mechanism_anonymous,
};
enum { MECHANISM_COUNT = sizeof mechanisms / sizeof mechanisms[0] };

/* XEP-0484, best first. */
static const struct mechanism *const fast_mechanisms[] = { &mechanism_ht_expr, &mechanism_ht_endp, &mechanism_ht_none };
enum { FAST_COUNT = sizeof fast_mechanisms / sizeof fast_mechanisms[0] };

/* -- what is offered -- */

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

static void find_bindings(struct session *session)
{
    struct connection *connection = session->connection;
    unsigned char bytes[64];
    for (int kind = BINDING_TLS_EXPORTER; kind <= BINDING_TLS_SERVER_END_POINT; kind++)
        session->negotiation->offers[kind] =
            connection->is_encrypted &&
            connection->ops->channel_binding(connection, (enum channel_binding)kind, bytes) >= 0;
}

/* -- features -- */

static void write_starttls(struct buffer *out, const struct session *session)
{
    if (!session->connection->can_start_tls || session->connection->is_encrypted)
        return;
    BUFFER_LITERAL(out, "<starttls xmlns='" XMLNS_TLS "'>");
    if (!config_of(session)->auth_allow_plaintext)
        BUFFER_LITERAL(out, "<required/>");
    BUFFER_LITERAL(out, "</starttls>");
}

/* Those that are offered, in the configured order; their number. */
static unsigned list_mechanisms(struct session *session, const struct mechanism *offered[MECHANISM_COUNT])
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

static bool offers_bindings(struct session *session)
{
    return negotiate_offers(session, &mechanism_scram_sha256_plus) ||
           negotiate_offers(session, &mechanism_scram_sha1_plus) || negotiate_offers(session, &mechanism_ht_expr) ||
           negotiate_offers(session, &mechanism_ht_endp);
}

static const struct {
    enum channel_binding kind;
    const char *name;
} bindings[] = { { BINDING_TLS_SERVER_END_POINT, "tls-server-end-point" }, { BINDING_TLS_EXPORTER, "tls-exporter" } };
enum { BINDING_COUNT = sizeof bindings / sizeof bindings[0] };

/* XEP-0440 */
static void write_bindings(struct buffer *out, const struct session *session)
{
    BUFFER_LITERAL(out, "<sasl-channel-binding xmlns='" XMLNS_CHANNEL_BINDING "'>");
    for (int i = 0; i < BINDING_COUNT; i++)
        if (session->negotiation->offers[bindings[i].kind])
            buffer_printf(out, "<channel-binding type='%s'/>", bindings[i].name);
    BUFFER_LITERAL(out, "</sasl-channel-binding>");
}

static void write_list(struct buffer *out, const struct mechanism *const *offered, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_printf(out, "<mechanism>%s</mechanism>", offered[i]->name);
}

/* XEP-0484 3.1 */
static void write_fast(struct buffer *out, struct session *session)
{
    const struct mechanism *offered[FAST_COUNT];
    unsigned count = 0;
    for (int i = 0; i < FAST_COUNT; i++)
        if (negotiate_offers(session, fast_mechanisms[i]))
            offered[count++] = fast_mechanisms[i];
    if (count == 0)
        return;
    BUFFER_LITERAL(out, "<fast xmlns='" XMLNS_FAST "'>");
    write_list(out, offered, count);
    BUFFER_LITERAL(out, "</fast>");
}

/* XEP-0388 2.2 */
static void write_sasl2(struct buffer *out, struct session *session, const struct mechanism *const *offered,
                        unsigned count)
{
    BUFFER_LITERAL(out, "<authentication xmlns='" XMLNS_SASL2 "'>");
    write_list(out, offered, count);
    BUFFER_LITERAL(out, "<inline><sm xmlns='" XMLNS_SM "'/>");
    bind2_write_feature(out);
    write_fast(out, session);
    BUFFER_LITERAL(out, "</inline></authentication>");
}

static void write_mechanisms(struct buffer *out, struct session *session)
{
    const struct mechanism *offered[MECHANISM_COUNT];

    find_bindings(session);
    unsigned count = list_mechanisms(session, offered);
    if (count == 0)
        return;
    BUFFER_LITERAL(out, "<mechanisms xmlns='" XMLNS_SASL "'>");
    write_list(out, offered, count);
    BUFFER_LITERAL(out, "</mechanisms>");
    write_sasl2(out, session, offered, count);
    if (offers_bindings(session))
        write_bindings(out, session);
    if (config_of(session)->auth_legacy && !negotiate_is_for_guests(session))
        BUFFER_LITERAL(out, "<auth xmlns='" XMLNS_OLD_AUTH_FEATURE "'/>");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void join(struct buffer *out, const char **names, unsigned count)
{
    qsort(names, count, sizeof *names, compare_names);
    for (unsigned i = 0; i < count; i++)
        buffer_printf(out, "%s%s", i ? "\x1e" : "", names[i]);
}

struct text negotiate_advertised(struct session *session, struct arena *arena)
{
    const struct mechanism *offered[MECHANISM_COUNT];
    const char *names[MECHANISM_COUNT];
    struct buffer all = { 0 };
    unsigned count = list_mechanisms(session, offered);

    for (unsigned i = 0; i < count; i++)
        names[i] = offered[i]->name;
    join(&all, names, count);
    if (offers_bindings(session)) {
        buffer_append_char(&all, '\x1f');
        count = 0;
        for (int i = 0; i < BINDING_COUNT; i++)
            if (session->negotiation->offers[bindings[i].kind])
                names[count++] = bindings[i].name;
        join(&all, names, count);
    }
    struct text text = arena_text(arena, buffer_text(&all));
    buffer_fini(&all);
    return text;
}

/* XEP-0478 */
static void write_limits(struct buffer *out, const struct session *session)
{
    const struct config *config = config_of(session);
    bool is_logged_in = session->state == STATE_READY || session->state == STATE_BOUND;
    buffer_printf(out, "<limits xmlns='" XMLNS_LIMITS "'><max-bytes>%zu</max-bytes>",
                  is_logged_in ? config->limits.stanza_bytes : config->login_limits.stanza_bytes);
    if (is_logged_in && config->ping_interval_ms > 0)
        buffer_printf(out, "<idle-seconds>%lld</idle-seconds>", (long long)(config->ping_interval_ms / 1000));
    BUFFER_LITERAL(out, "</limits>");
}

void negotiate_send_features(struct session *session)
{
    struct buffer *out = outbound_begin(session);
    if (is_websocket(session))
        BUFFER_LITERAL(out, "<stream:features xmlns:stream='" XMLNS_STREAM "'>");
    else
        BUFFER_LITERAL(out, "<stream:features>");
    if (session->state == STATE_READY) {
        BUFFER_LITERAL(out, "<bind xmlns='" XMLNS_BIND "'/><session xmlns='" XMLNS_SESSION "'><optional/></session>"
                            "<sm xmlns='" XMLNS_SM "'/><csi xmlns='" XMLNS_CSI "'/>");
    } else if (session->state != STATE_BOUND) {
        write_starttls(out, session);
        write_mechanisms(out, session);
        if (register_is_offered(session))
            BUFFER_LITERAL(out, "<register xmlns='" XMLNS_REGISTER_FEATURE "'/>");
    }
    if (session->state == STATE_READY || session->state == STATE_BOUND)
        BUFFER_LITERAL(out, "<ver xmlns='" XMLNS_ROSTER_VERSIONS "'/><sub xmlns='" XMLNS_PRE_APPROVAL "'/>");
    write_limits(out, session);
    BUFFER_LITERAL(out, "</stream:features>");
    outbound_send(session);
}

/* -- headers -- */

/* The id must be one that nobody can foresee (RFC 6120 4.7.3). */
static void write_id(struct buffer *out)
{
    unsigned char random[STREAM_ID_BYTES];
    static const char digits[] = "0123456789abcdef";
    RAND_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        buffer_append_char(out, digits[random[i] >> 4]);
        buffer_append_char(out, digits[random[i] & 15]);
    }
}

void negotiate_write_header(struct buffer *out, enum stream_framing framing, struct text from, struct text to,
                            bool with_version)
{
    if (framing == FRAMING_WEBSOCKET)
        BUFFER_LITERAL(out, "<open xmlns='" XMLNS_FRAMING "' from='");
    else
        BUFFER_LITERAL(out, "<?xml version='1.0'?><stream:stream xmlns='" XMLNS_CLIENT "' xmlns:stream='" XMLNS_STREAM
                            "' from='");
    buffer_append_text(out, from);
    BUFFER_LITERAL(out, "' id='");
    write_id(out);
    if (to.size)
        buffer_printf(out, "' to='%.*s", TEXT_ARGS(to));
    if (with_version)
        BUFFER_LITERAL(out, "' version='1.0");
    BUFFER_LITERAL(out, "' xml:lang='en'");
    if (framing == FRAMING_WEBSOCKET)
        BUFFER_LITERAL(out, "/>");
    else
        BUFFER_LITERAL(out, ">");
}

static void send_header(struct session *session, struct text to, bool with_version)
{
    struct buffer *out = outbound_begin(session);
    negotiate_write_header(out, session->connection->framing, session_domain(session), to, with_version);
    outbound_send(session);
    session->is_header_sent = true;
}

/* The default language of what the client says (RFC 6120 4.7.4). */
static void keep_lang(struct session *session, struct text lang)
{
    free(session->lang);
    session->lang = NULL;
    if (lang.size == 0 || lang.size > LANG_MAX)
        return;
    for (size_t i = 0; i < lang.size; i++)
        if (!(lang.data[i] == '-' || (lang.data[i] >= '0' && lang.data[i] <= '9') ||
              ((lang.data[i] | 0x20) >= 'a' && (lang.data[i] | 0x20) <= 'z')))
            return;
    session->lang = text_dup(lang);
}

/* The domain may be the one that is there already. */
static void set_domain(struct session *session, struct text domain)
{
    char *old = session->negotiation->domain;
    session->negotiation->domain = text_dup(domain);
    free(old);
}

/* What is wrong with the host that the client asked for; STREAM_ERROR_COUNT when nothing is.  Without one, the only
 * host is meant (RFC 6120 4.7.2). */
static enum stream_condition take_host(struct session *session, struct arena *arena, struct text to)
{
    const struct config *config = config_of(session);
    struct text domain = session_domain(session);
    bool is_logged_in = session->state == STATE_READY;

    if (to.size == 0 && !is_logged_in && config->domains.count > 1)
        return STREAM_ERROR_IMPROPER_ADDRESSING;
    if (to.size && jid_prepare_domain(arena, to, &domain) < 0)
        return STREAM_ERROR_HOST_UNKNOWN;
    if (is_logged_in)
        return text_equal(domain, session_domain(session)) ? STREAM_ERROR_COUNT : STREAM_ERROR_NOT_AUTHORIZED;
    if (!config_has_domain(config, domain))
        return STREAM_ERROR_HOST_UNKNOWN;
    set_domain(session, domain);
    return STREAM_ERROR_COUNT;
}

/* RFC 6120 4.7.5: both numbers count; a greater one is answered with ours. */
static bool is_version(struct text version)
{
    size_t i = 0, dots = 0, major = 0;
    for (; i < version.size; i++) {
        if (version.data[i] == '.' && i > 0 && i + 1 < version.size && dots == 0)
            dots++;
        else if (version.data[i] < '0' || version.data[i] > '9')
            return false;
        else if (dots == 0 && version.data[i] > '0')
            major = 1;
    }
    return dots == 1 && major;
}

/* Whom the client says to be, to be repeated to it: bare, so that nothing needs escaping. */
static struct text claimed_address(struct arena *arena, struct text from)
{
    struct jid jid;
    if (!from.size || jid_parse(arena, from, &jid) < 0)
        return (struct text){ NULL, 0 };
    struct text bare = jid_bare(&jid);
    for (size_t i = 0; i < bare.size; i++)
        if (memchr("&<>'\"", bare.data[i], 5))
            return (struct text){ NULL, 0 };
    return bare;
}

static void keep_claim(struct session *session, struct text claimed)
{
    struct negotiation *negotiation = session->negotiation;
    free(negotiation->claimed);
    negotiation->claimed = claimed.size ? text_dup(claimed) : NULL;
}

static const char *host_problem(enum stream_condition condition)
{
    switch (condition) {
    case STREAM_ERROR_IMPROPER_ADDRESSING:
        return "say in 'to' which host is wanted";
    case STREAM_ERROR_NOT_AUTHORIZED:
        return "the login was for another host";
    default:
        return "this server does not serve that host";
    }
}

void negotiate_header(struct session *session, const struct stream_header *header)
{
    struct arena arena = { 0 };
    bool has_version = header->version.data != NULL;

    enum stream_condition condition = take_host(session, &arena, header->to);
    struct text claimed = claimed_address(&arena, header->from);
    send_header(session, claimed, has_version || is_websocket(session));
    keep_claim(session, claimed);
    arena_fini(&arena);
    keep_lang(session, header->lang);
    if (condition != STREAM_ERROR_COUNT)
        session_end(session, condition, host_problem(condition));
    else if (has_version && !is_version(header->version))
        session_end(session, STREAM_ERROR_UNSUPPORTED_VERSION, "this server speaks version 1.0");
    else if (has_version || is_websocket(session))
        negotiate_send_features(session);
}

/* -- STARTTLS -- */

/* RFC 6120 5.4.2: refused with <failure/> and the end of the stream.  5.4.3.3: what the client sent behind its request
 * was in the open, and is not read. */
void negotiate_start_tls(struct session *session, struct stanza *stanza)
{
    struct connection *connection = session->connection;
    struct buffer *out = outbound_begin(session);

    stanza_free(&stanza);
    if (!connection->can_start_tls || connection->is_encrypted || !connection->ops->start_tls) {
        BUFFER_LITERAL(out, "<failure xmlns='" XMLNS_TLS "'/>");
        outbound_send(session);
        session_close(session, "STARTTLS is not offered");
        return;
    }
    BUFFER_LITERAL(out, "<proceed xmlns='" XMLNS_TLS "'/>");
    outbound_send(session);
    if (session->is_overflowing)
        return;
    stream_drop_input(session->stream);
    stream_restart(session->stream);
    session->is_header_sent = false;
    connection->ops->start_tls(connection, session_domain(session));
}

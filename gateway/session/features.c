/* features.c - what a session is told that it may do (RFC 6120 4.3), and what of that SCRAM hashes (XEP-0474). */
#include <stdlib.h>

#include "gateway/session/csi.h"
#include "gateway/session/mechanisms.h"
#include "gateway/session/sm.h"

#define XMLNS_CHANNEL_BINDING "urn:xmpp:sasl-cb:0"
#define XMLNS_PRE_APPROVAL "urn:xmpp:features:pre-approval" /* RFC 6121 3.4.1 */
#define XMLNS_ROSTER_VERSIONS "urn:xmpp:features:rosterver"  /* RFC 6121 2.6.1 */
#define XMLNS_LIMITS "urn:xmpp:stream-limits:0"
#define XMLNS_REGISTER_FEATURE "http://jabber.org/features/iq-register"
#define XMLNS_OLD_AUTH_FEATURE "http://jabber.org/features/iq-auth"

static void write_starttls(struct buffer *out, const struct session *session)
{
    if (!session->connection->can_start_tls || session->connection->is_encrypted)
        return;
    BUFFER_LITERAL(out, "<starttls xmlns='" XMLNS_TLS "'>");
    if (!config_of(session)->auth_allow_plaintext)
        BUFFER_LITERAL(out, "<required/>");
    BUFFER_LITERAL(out, "</starttls>");
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
    unsigned count = negotiate_list_fast(session, offered);
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

    negotiate_find_bindings(session);
    unsigned count = negotiate_list_mechanisms(session, offered);
    if (count == 0)
        return;
    BUFFER_LITERAL(out, "<mechanisms xmlns='" XMLNS_SASL "'>");
    write_list(out, offered, count);
    BUFFER_LITERAL(out, "</mechanisms>");
    write_sasl2(out, session, offered, count);
    if (negotiate_offers_bindings(session))
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
    unsigned count = negotiate_list_mechanisms(session, offered);

    for (unsigned i = 0; i < count; i++)
        names[i] = offered[i]->name;
    join(&all, names, count);
    if (negotiate_offers_bindings(session)) {
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

/* negotiate.c - stream headers answered, STARTTLS (RFC 6120 4.7, 5; RFC 7395 3.3). */
#include <stdlib.h>

#include <openssl/rand.h>

#include "gateway/session/session_state.h"

enum { STREAM_ID_BYTES = 16, LANG_MAX = 64 };

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

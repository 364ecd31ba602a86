/* bind2.c - a binding asked for with the login, and what the session is to have from its first moment on (XEP-0386). */
#include "gateway/session/csi.h"
#include "gateway/session/session_state.h"
#include "gateway/session/sm.h"

enum { TAG_MAX = 64, STABLE_SIZE = 16 };

/* -- features of a session that can be asked for with the binding -- */

/* XEP-0386 3.4: it always succeeds, so nothing is said. */
static void enable_carbons(struct session *session, const struct element *asked)
{
    (void)asked;
    session_set_carbons(session, true);
}

/* XEP-0352 5.1 */
static void be_inactive(struct session *session, const struct element *asked, struct buffer *out)
{
    (void)asked;
    (void)out;
    csi_sleep(session);
}

static const struct inline_feature {
    const char *name, *xmlns;
    const char *feature; /* as it is announced; NULL where a row with the same namespace says so */
    /* Before the row is written, so that it holds from the first stanza on. */
    void (*prepare)(struct session *session, const struct element *asked);
    /* The session is bound: what is appended goes into <bound/>. */
    void (*enable)(struct session *session, const struct element *asked, struct buffer *out);
} features[] = {
    { "enable", "urn:xmpp:carbons:2", "urn:xmpp:carbons:2", enable_carbons, NULL },
    { "enable", XMLNS_SM, XMLNS_SM, NULL, stream_management_enable },
    { "inactive", XMLNS_CSI, XMLNS_CSI, NULL, be_inactive },
};
enum { FEATURE_COUNT = sizeof features / sizeof features[0] };

void bind2_write_feature(struct buffer *out)
{
    BUFFER_LITERAL(out, "<bind xmlns='" XMLNS_BIND2 "'><inline>");
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (features[i].feature)
            buffer_printf(out, "<feature var='%s'/>", features[i].feature);
    BUFFER_LITERAL(out, "</inline></bind>");
}

static void prepare(struct session *session, const struct element *bind)
{
    for (int i = 0; i < FEATURE_COUNT; i++) {
        const struct element *asked = element_child(bind, features[i].name, features[i].xmlns);
        if (asked && features[i].prepare)
            features[i].prepare(session, asked);
    }
}

/* -- the resource -- */

/* XEP-0386 3.3: the same installation with the same tag gets the same resource, and the id of the installation does not show.
 * So a client that comes again replaces its own older session. */
static struct text choose(struct session *session, struct arena *arena, struct text client, struct text tag)
{
    static const char signs[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char made[HASH_MAX];
    char *chosen = arena_alloc(arena, STABLE_SIZE);

    if (!client.size)
        return bind_choose_resource(arena);
    hash_mac(HASH_SHA256, session->sessions->parts->secret, 32,
             arena_printf(arena, "resource\n%.*s\n%.*s\n%.*s", TEXT_ARGS(jid_bare(&session->jid)), TEXT_ARGS(client),
                          TEXT_ARGS(tag)),
             made);
    for (int i = 0; i < STABLE_SIZE; i++)
        chosen[i] = signs[made[i] & 31];
    return (struct text){ chosen, STABLE_SIZE };
}

/* tag/chosen, or without the tag when it cannot be part of a resource. */
static struct text resource(struct session *session, struct arena *arena, const struct element *bind)
{
    const struct element *element = element_child(bind, "tag", XMLNS_BIND2);
    struct text tag = element ? element_text(arena, element) : (struct text){ NULL, 0 }, prepared;
    struct text chosen = choose(session, arena, session->negotiation->sasl2->client, tag);

    if (!tag.size || tag.size > TAG_MAX)
        return chosen;
    struct text both = arena_printf(arena, "%.*s/%.*s", TEXT_ARGS(tag), TEXT_ARGS(chosen));
    return jid_prepare_resource(arena, both, &prepared) == 0 ? prepared : chosen;
}

void bind2_start(struct session *session, const struct element *bind)
{
    struct stanza *request = session->negotiation->request;
    prepare(session, bind);
    session->negotiation->request = NULL;
    bind_start(session, resource(session, &request->arena, bind), request, &binding_bind2);
}

/* -- the answer -- */

static void answer(struct session *session, const struct negotiation *negotiation)
{
    const struct element *bind = element_child(negotiation->request->root, "bind", XMLNS_BIND2);
    struct buffer inner = { 0 };

    BUFFER_LITERAL(&inner, "<bound xmlns='" XMLNS_BIND2 "'>");
    for (int i = 0; i < FEATURE_COUNT; i++) {
        const struct element *asked = element_child(bind, features[i].name, features[i].xmlns);
        if (asked && features[i].enable)
            features[i].enable(session, asked, &inner);
    }
    BUFFER_LITERAL(&inner, "</bound>");
    sasl2_tell_success(session, negotiation, buffer_text(&inner));
    buffer_fini(&inner);
}

static void refuse(struct session *session, const struct stanza *request, enum stanza_condition condition, const char *text)
{
    (void)request;
    session_set_carbons(session, false);
    sasl2_undo(session, condition, text);
}

const struct bind_profile binding_bind2 = { .answer = answer, .refuse = refuse };

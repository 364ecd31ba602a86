/* payload.c - payloads that only a user's own server may send, and payloads that are secrets.  One table for services,
 * clients, components and servers alike: a client believes these because its server is the only one who says them. */
#include "stanzabus/message.h"
#include "words.h"

enum rule {
    PUSH,      /* iq set: a server's push to its user.  To its own server a client says the same, as a request */
    IN_ANY,    /* in whatever stanza */
    STANZA_ID, /* claims to be of the recipient's side, or of nobody at all.  Clients' are removed, not refused */
    DELAY      /* claims that the recipient's server kept the stanza */
};

struct reserved {
    struct text xmlns;
    struct text name; /* empty: any */
    enum rule rule;
    const char *what;
};

/* clang-format off */
static const struct reserved table[] = {
    /* RFC 6121 2.1.6: a forged push puts strangers on the contact list, and lets them see presence. */
    { TEXT_INIT("jabber:iq:roster"),     TEXT_INIT("query"),     PUSH,      "a roster push (RFC 6121 2.1.6)" },
    /* XEP-0191 3.3, 3.4: a forged push shows people as blocked, or as no longer so. */
    { TEXT_INIT("urn:xmpp:blocking"),    TEXT_INIT(""),          PUSH,      "a blocklist push (XEP-0191)" },
    /* XEP-0016 2.7: the same for privacy lists. */
    { TEXT_INIT("jabber:iq:privacy"),    TEXT_INIT("query"),     PUSH,      "a privacy list push (XEP-0016)" },
    /* XEP-0280 11: a forged copy puts words into anybody's mouth, the user's own included. */
    { TEXT_INIT("urn:xmpp:carbons:2"),   TEXT_INIT("received"),  IN_ANY,    "a carbon copy (XEP-0280)" },
    { TEXT_INIT("urn:xmpp:carbons:2"),   TEXT_INIT("sent"),      IN_ANY,    "a carbon copy (XEP-0280)" },
    { TEXT_INIT("urn:xmpp:carbons:1"),   TEXT_INIT("received"),  IN_ANY,    "a carbon copy (XEP-0280)" },
    { TEXT_INIT("urn:xmpp:carbons:1"),   TEXT_INIT("sent"),      IN_ANY,    "a carbon copy (XEP-0280)" },
    /* XEP-0313 8: a forged result rewrites what was said in the past; fin ends a query that is still running. */
    { TEXT_INIT("urn:xmpp:mam:2"),       TEXT_INIT("result"),    IN_ANY,    "an archive result (XEP-0313)" },
    { TEXT_INIT("urn:xmpp:mam:2"),       TEXT_INIT("fin"),       IN_ANY,    "the end of an archive query (XEP-0313)" },
    { TEXT_INIT("urn:xmpp:mam:1"),       TEXT_INIT("result"),    IN_ANY,    "an archive result (XEP-0313)" },
    { TEXT_INIT("urn:xmpp:mam:1"),       TEXT_INIT("fin"),       IN_ANY,    "the end of an archive query (XEP-0313)" },
    { TEXT_INIT("urn:xmpp:mam:0"),       TEXT_INIT("result"),    IN_ANY,    "an archive result (XEP-0313)" },
    { TEXT_INIT("urn:xmpp:mam:0"),       TEXT_INIT("fin"),       IN_ANY,    "the end of an archive query (XEP-0313)" },
    /* ask_login.c: a forged question lets anybody try passwords with the service that decides logins. */
    { TEXT_INIT("urn:stanzabus:login"),  TEXT_INIT("login"),     IN_ANY,    "a question about a login" },
    /* XEP-0359 5: clients find a message in their archive by this id, and drop what they think they have. */
    { TEXT_INIT(XMLNS_SID),              TEXT_INIT("stanza-id"), STANZA_ID, "a stanza-id of the recipient's account (XEP-0359)" },
    /* XEP-0203 6: "whose 'from' attribute matches the server's": a false time of sending. */
    { TEXT_INIT(XMLNS_DELAY),            TEXT_INIT("delay"),     DELAY,     "a delay noted by the recipient's server (XEP-0203)" },
};
/* clang-format on */

bool payload_is_secret(struct text xmlns)
{
    return text_equal(xmlns, TEXT("jabber:iq:auth")) || text_equal(xmlns, TEXT("jabber:iq:register"));
}

static bool parse(struct arena *arena, struct text address, struct jid *out)
{
    return address.data && jid_parse(arena, address, out) == 0;
}

/* What a client says to its own server is a request: to no address, its own account, or its server. */
static bool is_to_own_server(const struct stanza *stanza)
{
    struct arena arena = { 0 };
    struct jid from, to;
    struct text address = element_get(stanza->root, "to");
    bool is_own = !address.data;
    if (!is_own && parse(&arena, address, &to) && parse(&arena, element_get(stanza->root, "from"), &from))
        is_own = text_equal(jid_text(&to), jid_bare(&from)) || text_equal(jid_text(&to), jid_domain(&from));
    arena_fini(&arena);
    return is_own;
}

/* The address is that of the recipient's account or server; otherwise is the answer for what is no address. */
static bool claims_recipient(const struct stanza *stanza, struct text claimed, bool otherwise)
{
    struct arena arena = { 0 };
    struct jid by, to;
    bool claims = otherwise;
    if (parse(&arena, claimed, &by))
        claims = parse(&arena, element_get(stanza->root, "to"), &to) &&
                 (text_equal(jid_text(&by), jid_bare(&to)) || text_equal(jid_text(&by), jid_domain(&to)));
    arena_fini(&arena);
    return claims;
}

static bool is_reserved(const struct reserved *row, const struct stanza *stanza, const struct element *payload,
                        bool from_client)
{
    switch (row->rule) {
    case PUSH:
        return stanza->kind == STANZA_IQ && text_equal(element_get(stanza->root, "type"), TEXT("set")) &&
               !(from_client && is_to_own_server(stanza));
    case IN_ANY:
        return true;
    case STANZA_ID:
        return !from_client && claims_recipient(stanza, element_get(payload, "by"), true);
    case DELAY:
        return claims_recipient(stanza, element_get(payload, "from"), false);
    }
    return false;
}

const char *stanza_reserved_payload(const struct stanza *stanza, bool from_client)
{
    for (const struct node *n = stanza->root->children; n; n = n->next) {
        if (!n->element)
            continue;
        for (const struct reserved *row = table; row < table + sizeof table / sizeof *table; row++)
            if (text_equal(row->xmlns, n->element->xmlns) &&
                (!row->name.size || text_equal(row->name, n->element->name)) &&
                is_reserved(row, stanza, n->element, from_client))
                return row->what;
    }
    return NULL;
}

static bool is_stanza_id_by(const struct element *element, struct text by)
{
    struct arena arena = { 0 };
    struct jid claimed;
    bool is_by = false;
    if (element_is(element, "stanza-id", XMLNS_SID)) {
        struct text address = element_get(element, "by");
        is_by = text_equal(address, by) || (parse(&arena, address, &claimed) && text_equal(jid_text(&claimed), by));
        arena_fini(&arena);
    }
    return is_by;
}

unsigned stanza_remove_ids_by(struct stanza *stanza, struct text by)
{
    unsigned removed = 0;
    for (struct node *n = stanza->root->children, *next; n; n = next) {
        next = n->next;
        if (!n->element || !is_stanza_id_by(n->element, by))
            continue;
        element_remove(stanza->root, n->element);
        removed++;
    }
    return removed;
}

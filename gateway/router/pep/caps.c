/* caps.c - the sessions that say a hash, and what is known of it.  A hash nobody here has met is looked up in Redis; one
 * that nobody at all has met is asked of one of the sessions that say it, once.  What does not fit its hash is nothing:
 * then the next session is asked. */
#include "gateway/router/pep/caps.h"

#include <stdlib.h>

#include "gateway/router/presence/presence.h"
#include "stanzabus/store_pep.h"

enum {
    KINDS_MAX = 4096,       /* hashes in memory; beyond, the one met longest ago goes */
    WISHES_MAX = 8192,      /* bytes: names of nodes that one client may wish for */
    HASH_NAME_MAX = 32,     /* bytes */
    VER_MAX = 128,          /* bytes: base64 of 64 */
    NODE_MAX = 512,         /* bytes: the client's URI */
    ANSWER_WITHIN = 30 * 1000 /* ms */
};

enum kind_state { KIND_LOOKING, KIND_ASKING, KIND_KNOWN };

struct speaker;
struct kind { /* of client */
    UT_hash_handle hh;
    struct router *router;
    enum kind_state state;
    char *wishes; /* owned; lines.  KIND_KNOWN */
    struct speaker *waiting;
    struct timer timer;          /* KIND_ASKING */
    uint64_t asked;              /* the session that was asked */
    char id[EVENT_ID_SIZE];      /* of the iq */
    struct text name, ver, node; /* behind the struct: name, ':', ver: the key; then the node */
    char key[];
};

struct speaker { /* a session that says a hash */
    UT_hash_handle hh;
    uint64_t session;
    struct kind *waits_for; /* NULL: it has been told */
    struct speaker *next;   /* of those that wait for the same */
    char *kind_key;         /* owned, as in struct kind */
    bool is_wishing;        /* the store was told */
    struct text bare, resource;
    char address[]; /* full JID */
};

struct caps {
    struct kind *kinds;       /* by key, in the order they were met */
    struct speaker *speakers; /* by session */
};

static struct caps *caps_of(struct router *router)
{
    if (!router->caps)
        router->caps = xcalloc(1, sizeof *router->caps);
    return router->caps;
}

static struct session *session_of(struct router *router, const struct speaker *speaker)
{
    struct session *session = sessions_find(router->sessions, speaker->bare, speaker->resource);
    return session && session_number(session) == speaker->session ? session : NULL;
}

/* -- kinds -- */

static void kind_free(struct kind *kind)
{
    timer_stop(&kind->timer);
    HASH_DEL(kind->router->caps->kinds, kind);
    free(kind->wishes);
    free(kind);
}

static struct kind *kind_new(struct router *router, struct text name, struct text ver, struct text node)
{
    struct kind *kind = xcalloc(1, sizeof *kind + name.size + 1 + ver.size + node.size + 1);
    char *end = kind->key;
    kind->router = router;
    kind->name = (struct text){ end, name.size };
    end = mempcpy(end, name.data, name.size);
    *end++ = ':';
    kind->ver = (struct text){ end, ver.size };
    end = mempcpy(end, ver.data, ver.size);
    kind->node = (struct text){ end, node.size };
    if (node.size)
        memcpy(end, node.data, node.size);
    HASH_ADD(hh, router->caps->kinds, key, name.size + 1 + ver.size, kind);
    return kind;
}

/* Room for one more: the oldest that nobody waits for goes.  False: all are waited for. */
static bool make_room(struct caps *caps)
{
    struct kind *kind, *next;
    if (HASH_COUNT(caps->kinds) < KINDS_MAX)
        return true;
    HASH_ITER(hh, caps->kinds, kind, next) {
        if (kind->state != KIND_KNOWN)
            continue;
        kind_free(kind);
        return true;
    }
    return false;
}

static void wait_for(struct speaker *speaker, struct kind *kind)
{
    speaker->waits_for = kind;
    speaker->next = kind->waiting;
    kind->waiting = speaker;
}

static void wait_no_more(struct speaker *speaker)
{
    struct kind *kind = speaker->waits_for;
    if (!kind)
        return;
    struct speaker **link = &kind->waiting;
    while (*link != speaker)
        link = &(*link)->next;
    *link = speaker->next;
    speaker->waits_for = NULL;
}

/* -- telling the store -- */

static void tell(struct router *router, struct speaker *speaker, struct text wishes)
{
    struct session *session = session_of(router, speaker);
    if (!session || (!wishes.size && !speaker->is_wishing))
        return;
    speaker->is_wishing = wishes.size > 0;
    pubsub_wish(router, session, wishes);
}

static void know(struct kind *kind, struct text wishes)
{
    timer_stop(&kind->timer);
    kind->state = KIND_KNOWN;
    kind->wishes = text_dup(wishes);
    while (kind->waiting) {
        struct speaker *speaker = kind->waiting;
        wait_no_more(speaker);
        tell(kind->router, speaker, text_of(kind->wishes));
    }
}

/* -- asking a client (XEP-0115 6.2) -- */

static void on_unanswered(struct timer *timer);

static void send_question(struct kind *kind, struct session *session)
{
    struct router *router = kind->router;
    struct stanza *iq = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &iq->arena;
    event_id_next(&router->ids, router_wall_ms(router), kind->id);
    element_set(arena, iq->root, "type", TEXT("get"));
    element_set(arena, iq->root, "from", jid_domain(session_jid(session)));
    element_set(arena, iq->root, "to", jid_text(session_jid(session)));
    element_set(arena, iq->root, "id", (struct text){ kind->id, sizeof kind->id });
    struct element *query = element_add(arena, iq->root, TEXT("query"), TEXT(XMLNS_DISCO_INFO));
    element_set(arena, query, "node", arena_printf(arena, "%.*s#%.*s", TEXT_ARGS(kind->node), TEXT_ARGS(kind->ver)));
    session_send(session, iq);
    stanza_free(&iq);
}

static void ask(struct kind *kind)
{
    while (kind->waiting) {
        struct session *session = session_of(kind->router, kind->waiting);
        if (session) {
            kind->state = KIND_ASKING;
            kind->asked = kind->waiting->session;
            timer_start(kind->router->parts->timers, &kind->timer, ANSWER_WITHIN, on_unanswered);
            send_question(kind, session);
            return;
        }
        wait_no_more(kind->waiting);
    }
    kind_free(kind);
}

/* The one that was asked is of no help; the next. */
static void ask_another(struct kind *kind)
{
    struct speaker *speaker;
    HASH_FIND(hh, kind->router->caps->speakers, &kind->asked, sizeof kind->asked, speaker);
    timer_stop(&kind->timer);
    if (speaker && speaker->waits_for == kind)
        wait_no_more(speaker);
    ask(kind);
}

static void on_unanswered(struct timer *timer)
{
    ask_another(container_of(timer, struct kind, timer));
}

bool caps_answer(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct speaker *speaker = NULL;
    if (sender->kind == SENDER_CLIENT && router->caps)
        HASH_FIND(hh, router->caps->speakers, &sender->session_number, sizeof sender->session_number, speaker);
    struct kind *kind = speaker ? speaker->waits_for : NULL;
    if (!kind || kind->state != KIND_ASKING || kind->asked != speaker->session ||
        !text_equal(element_get(stanza->root, "id"), (struct text){ kind->id, sizeof kind->id }))
        return false;

    const struct element *query = element_child(stanza->root, "query", XMLNS_DISCO_INFO);
    if (!text_is(element_get(stanza->root, "type"), "result") || !query ||
        !caps_verify(&stanza->arena, query, kind->name, kind->ver)) {
        log_debug(router->parts->log, NULL, "caps-unverified", "ver=%s", log_quote(kind->ver.data, kind->ver.size));
        metric_add(router->parts->metrics, METRIC_CAPS_UNVERIFIED, 1);
        ask_another(kind);
        return true;
    }
    struct store *store = router->parts->store;
    struct buffer wishes = { 0 };
    caps_wishes(query, &wishes, WISHES_MAX);
    store->pep->caps_put(store, kind->name, kind->ver, buffer_text(&wishes));
    know(kind, buffer_text(&wishes));
    buffer_fini(&wishes);
    return true;
}

static void on_looked_up(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct kind *kind = ctx;
    if (status == BUS_OK && answer->row_count)
        know(kind, answer->rows[0].item);
    else
        ask(kind);
}

/* -- speakers -- */

static struct speaker *speaker_new(struct router *router, struct session *session)
{
    const struct jid *jid = session_jid(session);
    struct speaker *speaker = xcalloc(1, sizeof *speaker + jid->size);
    memcpy(speaker->address, jid->text, jid->size);
    speaker->bare = (struct text){ speaker->address, jid_bare(jid).size };
    speaker->resource = (struct text){ speaker->address + jid->size - jid->resource, jid->resource };
    speaker->session = session_number(session);
    HASH_ADD(hh, caps_of(router)->speakers, session, sizeof speaker->session, speaker);
    return speaker;
}

/* A kind that nobody waits for any more is not asked for; one that is being looked up is freed by its answer. */
static void leave(struct speaker *speaker)
{
    struct kind *kind = speaker->waits_for;
    wait_no_more(speaker);
    if (!kind || kind->state != KIND_ASKING)
        return;
    if (!kind->waiting)
        kind_free(kind);
    else if (kind->asked == speaker->session)
        ask_another(kind);
}

static void speaker_free(struct router *router, struct speaker *speaker)
{
    leave(speaker);
    HASH_DEL(router->caps->speakers, speaker);
    free(speaker->kind_key);
    free(speaker);
}

static struct kind *find_kind(struct router *router, struct text name, struct text ver, struct text node)
{
    struct store *store = router->parts->store;
    struct kind *kind;
    struct buffer key = { 0 };
    buffer_printf(&key, "%.*s:%.*s", TEXT_ARGS(name), TEXT_ARGS(ver));
    HASH_FIND(hh, router->caps->kinds, key.data, key.size, kind);
    buffer_fini(&key);
    if (kind || !make_room(router->caps))
        return kind;
    kind = kind_new(router, name, ver, node);
    store->pep->caps_get(store, name, ver, on_looked_up, kind);
    return kind;
}

/* A legacy one without hash, or something too long, is as good as none. */
static bool read_caps(const struct stanza *presence, struct text *name, struct text *ver, struct text *node)
{
    const struct element *c = element_child(presence->root, "c", XMLNS_CAPS);
    if (!c)
        return false;
    *name = element_get(c, "hash");
    *ver = element_get(c, "ver");
    *node = element_get(c, "node");
    return name->size && name->size <= HASH_NAME_MAX && ver->size && ver->size <= VER_MAX && node->size <= NODE_MAX &&
           caps_hash_is_known(*name);
}

void caps_presence(struct router *router, struct session *session, const struct stanza *presence)
{
    struct text name, ver, node;
    struct speaker *speaker;
    uint64_t number = session_number(session);

    if (element_get(presence->root, "type").data) {
        caps_left(router, session);
        return;
    }
    if (!read_caps(presence, &name, &ver, &node))
        return; /* a client may leave it out once it was said (8.4) */
    HASH_FIND(hh, caps_of(router)->speakers, &number, sizeof number, speaker);
    if (!speaker)
        speaker = speaker_new(router, session);
    struct buffer key = { 0 };
    buffer_printf(&key, "%.*s:%.*s", TEXT_ARGS(name), TEXT_ARGS(ver));
    bool is_same = speaker->kind_key && text_equal(text_of(speaker->kind_key), buffer_text(&key));
    if (!is_same) {
        free(speaker->kind_key);
        speaker->kind_key = text_dup(buffer_text(&key));
    }
    buffer_fini(&key);
    if (is_same)
        return;
    leave(speaker);
    struct kind *kind = find_kind(router, name, ver, node);
    if (kind && kind->state == KIND_KNOWN)
        tell(router, speaker, text_of(kind->wishes));
    else if (kind)
        wait_for(speaker, kind);
}

static struct speaker *find_speaker(const struct router *router, const struct session *session)
{
    uint64_t number = session_number(session);
    struct speaker *speaker = NULL;
    if (router->caps)
        HASH_FIND(hh, router->caps->speakers, &number, sizeof number, speaker);
    return speaker;
}

void caps_left(struct router *router, struct session *session)
{
    struct speaker *speaker = find_speaker(router, session);
    if (!speaker)
        return;
    if (speaker->is_wishing)
        pubsub_wish(router, session, TEXT(""));
    speaker_free(router, speaker);
}

void caps_moved(struct router *router, struct session *session)
{
    struct speaker *speaker = find_speaker(router, session);
    if (speaker)
        speaker_free(router, speaker);
}

void caps_restore(struct router *router, struct session *session)
{
    struct speaker *speaker = find_speaker(router, session);
    struct kind *kind = NULL;
    if (speaker && speaker->is_wishing)
        HASH_FIND(hh, router->caps->kinds, speaker->kind_key, strlen(speaker->kind_key), kind);
    if (kind && kind->state == KIND_KNOWN)
        pubsub_wish(router, session, text_of(kind->wishes));
}

void caps_resumed(struct router *router, struct session *session, struct text presence)
{
    struct stanza *stanza = presence_read(router, presence, jid_bare(session_jid(session)));
    if (stanza)
        caps_presence(router, session, stanza);
    stanza_free(&stanza);
}

void caps_free(struct router *router)
{
    struct caps *caps = router->caps;
    struct speaker *speaker, *next_speaker;
    struct kind *kind, *next;
    if (!caps)
        return;
    HASH_ITER(hh, caps->speakers, speaker, next_speaker) {
        HASH_DEL(caps->speakers, speaker);
        free(speaker->kind_key);
        free(speaker);
    }
    HASH_ITER(hh, caps->kinds, kind, next)
        kind_free(kind);
    free(caps);
    router->caps = NULL;
}

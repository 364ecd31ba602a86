/* avatar_presence.c - the hash of the account's picture in all available presence of its sessions (XEP-0398 4, XEP-0153).
 * It is asked for when a session is bound, and each change is told on the mailbox; a presence that comes before the
 * answer waits for it. */
#include <stdlib.h>

#include "gateway/router/pep/avatar.h"
#include "gateway/router/presence/presence.h"

#define XMLNS_UPDATE "vcard-temp:x:update"

enum { HELD_MAX = 8 }; /* presences that wait; more are dropped */

struct held {
    struct held *next;
    struct stanza *stanza; /* owned */
    uint64_t number;       /* of the stanza in its stream */
};

struct portrait { /* what is known of a session's account */
    UT_hash_handle hh;
    struct router *router;
    uint64_t session;
    bool is_asked, is_known;
    bool has_had; /* a picture, now or before: then presence says so when there is none any more */
    bool says_none; /* the last presence says so, and it was not the client's wish */
    char hash[AVATAR_ID_SIZE];
    size_t hash_size;
    struct held *held, **held_end;
    unsigned held_count;
    struct text bare, resource;
    char address[];
};

static struct portrait *find(const struct router *router, const struct session *session)
{
    struct portrait *portrait;
    uint64_t number = session_number(session);
    HASH_FIND(hh, router->portraits, &number, sizeof number, portrait);
    return portrait;
}

static struct session *session_of(const struct portrait *portrait)
{
    struct session *session = sessions_find(portrait->router->sessions, portrait->bare, portrait->resource);
    return session && session_number(session) == portrait->session ? session : NULL;
}

static struct portrait *portrait_new(struct router *router, const struct session *session)
{
    const struct jid *jid = session_jid(session);
    struct portrait *portrait = xcalloc(1, sizeof *portrait + jid->size);
    memcpy(portrait->address, jid->text, jid->size);
    portrait->bare = (struct text){ portrait->address, jid_bare(jid).size };
    portrait->resource = (struct text){ portrait->address + jid->size - jid->resource, jid->resource };
    portrait->router = router;
    portrait->session = session_number(session);
    portrait->held_end = &portrait->held;
    HASH_ADD(hh, router->portraits, session, sizeof portrait->session, portrait);
    return portrait;
}

static struct stanza *take_held(struct portrait *portrait, uint64_t *number)
{
    struct held *held = portrait->held;
    struct stanza *stanza = held ? held->stanza : NULL;
    if (!held)
        return NULL;
    *number = held->number;
    portrait->held = held->next;
    if (!portrait->held)
        portrait->held_end = &portrait->held;
    portrait->held_count--;
    free(held);
    return stanza;
}

static void portrait_free(struct portrait *portrait)
{
    uint64_t number;
    for (struct stanza *stanza = take_held(portrait, &number); stanza; stanza = take_held(portrait, &number))
        stanza_free(&stanza);
    HASH_DEL(portrait->router->portraits, portrait);
    free(portrait);
}

static void take_hash(struct portrait *portrait, struct text hash)
{
    portrait->is_known = true;
    portrait->has_had = true;
    portrait->hash_size = hash.size <= sizeof portrait->hash ? hash.size : 0;
    if (portrait->hash_size)
        memcpy(portrait->hash, hash.data, portrait->hash_size);
}

/* -- the stamp -- */

/* An empty <photo/> is the client's wish to show none; all else is ours to say. */
static void stamp(struct portrait *portrait, struct stanza *presence)
{
    struct arena *arena = &presence->arena;
    if (element_get(presence->root, "type").data)
        return;
    struct element *x = element_child(presence->root, "x", XMLNS_UPDATE);
    const struct element *photo = x ? element_child(x, "photo", XMLNS_UPDATE) : NULL;
    if (!portrait->has_had || (photo && !element_text(arena, photo).size))
        return;
    portrait->says_none = portrait->hash_size == 0;
    if (x)
        element_remove(presence->root, x);
    x = element_add(arena, presence->root, TEXT("x"), TEXT(XMLNS_UPDATE));
    element_add_text(arena, element_add(arena, x, TEXT("photo"), TEXT(XMLNS_UPDATE)),
                     arena_text(arena, (struct text){ portrait->hash, portrait->hash_size }));
}

/* -- asking -- */

struct question { /* the session may end meanwhile */
    struct router *router;
    uint64_t session;
};

/* What waited goes on, whatever the answer. */
static void let_go(struct portrait *portrait)
{
    struct router *router = portrait->router;
    uint64_t session_number = portrait->session, number = 0;
    while (portrait && portrait->held) {
        struct session *session = session_of(portrait);
        struct stanza *stanza = take_held(portrait, &number);
        struct sender sender = { .kind = SENDER_CLIENT, .session = session, .session_number = session_number, .number = number };
        stamp(portrait, stanza);
        if (session)
            router_route(router, &sender, stanza);
        else
            stanza_free(&stanza);
        HASH_FIND(hh, router->portraits, &session_number, sizeof session_number, portrait);
    }
}

static void on_hash(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct question *question = ctx;
    struct portrait *portrait;
    HASH_FIND(hh, question->router->portraits, &question->session, sizeof question->session, portrait);
    free(question);
    if (!portrait)
        return;
    portrait->is_asked = false;
    if (status == BUS_OK && answer->row_count)
        take_hash(portrait, answer->rows[0].item);
    portrait->is_known = true; /* with Redis away as well: then presence goes without a hash */
    let_go(portrait);
}

static void ask(struct portrait *portrait)
{
    struct store *store = portrait->router->parts->store;
    struct question *question = xmalloc(sizeof *question);
    *question = (struct question){ portrait->router, portrait->session };
    portrait->is_asked = true;
    store->pep->avatar_get(store, portrait->bare, on_hash, question);
}

void avatar_open(struct router *router, struct session *session)
{
    if (!find(router, session))
        ask(portrait_new(router, session));
}

void avatar_close(struct router *router, struct session *session)
{
    struct portrait *portrait = find(router, session);
    if (portrait)
        portrait_free(portrait);
}

static void hold(struct portrait *portrait, const struct sender *sender, struct stanza *presence)
{
    struct held *held;
    if (portrait->held_count >= HELD_MAX) {
        router_refuse(portrait->router, sender, presence, STANZA_ERROR_RESOURCE_CONSTRAINT,
                      "Too much presence at once; try again in a moment.");
        stanza_free(&presence);
        session_handled(sender->session, sender->number);
        return;
    }
    held = xmalloc(sizeof *held);
    *held = (struct held){ NULL, presence, sender->number };
    *portrait->held_end = held;
    portrait->held_end = &held->next;
    portrait->held_count++;
}

bool avatar_stamp(struct router *router, const struct sender *sender, struct stanza *presence)
{
    struct session *session = sender->session;
    struct portrait *portrait = find(router, session);
    if (!portrait)
        portrait = portrait_new(router, session);
    struct text type = element_get(presence->root, "type");
    bool needs_hash = !type.data;
    if (!needs_hash && !text_is(type, "unavailable"))
        return true; /* subscriptions, however many, wait for no picture */
    if (portrait->is_known || (!needs_hash && !portrait->held)) {
        stamp(portrait, presence);
        return true;
    }
    if (!portrait->is_asked)
        ask(portrait);
    hold(portrait, sender, presence);
    return false;
}

/* -- changes -- */

/* The last presence once more: handle_presence says it as if the client had. */
static void say_again(struct portrait *portrait)
{
    struct session *session = session_of(portrait);
    struct attendance *attendance = session && session_is_available(session) ? attendance_of(portrait->router, session) : NULL;
    if (!attendance || !attendance->event.size)
        return;
    struct stanza *presence = presence_read(portrait->router, attendance->event, portrait->bare);
    if (!presence)
        return;
    struct element *x = element_child(presence->root, "x", XMLNS_UPDATE);
    if (x && portrait->says_none)
        element_remove(presence->root, x);
    element_set(&presence->arena, presence->root, "to", (struct text){ NULL, 0 });
    stamp(portrait, presence);
    handle_presence(portrait->router, session, presence);
}

void avatar_changed(struct router *router, struct text bare, struct text payload)
{
    const struct text word = TEXT("avatar ");
    struct portrait *portrait, *next;
    if (!text_starts_with(payload, word))
        return;
    HASH_ITER(hh, router->portraits, portrait, next) {
        if (!text_equal(portrait->bare, bare))
            continue;
        take_hash(portrait, (struct text){ payload.data + word.size, payload.size - word.size });
        say_again(portrait);
    }
}

void avatars_forget(struct router *router)
{
    struct portrait *portrait, *next;
    HASH_ITER(hh, router->portraits, portrait, next)
        portrait->is_known = false;
}

void avatars_free(struct router *router)
{
    struct portrait *portrait, *next;
    HASH_ITER(hh, router->portraits, portrait, next)
        portrait_free(portrait);
}

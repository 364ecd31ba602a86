/* caps.c - the sessions that say a kind of client in their presence: what the kind wishes for, they wish for. */
#include "gateway/router/pep/caps_kinds.h"

#include <stdlib.h>

#include "gateway/router/presence/presence.h"

struct speaker { /* a session that says a kind */
    struct caps_waiter waiter;
    UT_hash_handle hh;
    uint64_t session;
    char *said;       /* owned: caps_said_write */
    bool is_wishing;  /* the store was told */
    struct text bare, resource;
    char address[]; /* full JID */
};

static struct session *session_of(struct router *router, const struct speaker *speaker)
{
    struct session *session = sessions_find(router->sessions, speaker->bare, speaker->resource);
    return session && session_number(session) == speaker->session ? session : NULL;
}

/* -- as one that waits for what is known of its kind -- */

static bool ask(struct router *router, struct caps_waiter *waiter, struct stanza *question)
{
    struct session *session = session_of(router, container_of(waiter, struct speaker, waiter));
    if (!session)
        return false;
    element_set(&question->arena, question->root, "from", jid_domain(session_jid(session)));
    element_set(&question->arena, question->root, "to", jid_text(session_jid(session)));
    session_send(session, question);
    return true;
}

static void told(struct router *router, struct caps_waiter *waiter, struct text wishes)
{
    struct speaker *speaker = container_of(waiter, struct speaker, waiter);
    struct session *session = session_of(router, speaker);
    if (!session || (!wishes.size && !speaker->is_wishing))
        return;
    speaker->is_wishing = wishes.size > 0;
    pubsub_wish(router, session, wishes);
}

static void dropped(struct router *router, struct caps_waiter *waiter)
{
    (void)router;
    (void)waiter;
}

static const struct caps_waiter_ops speaker_ops = { ask, told, dropped };

static struct speaker *find_speaker(const struct router *router, uint64_t session)
{
    struct speaker *speaker;
    HASH_FIND(hh, router->caps_speakers, &session, sizeof session, speaker);
    return speaker;
}

bool caps_answer(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct caps_said said;
    struct speaker *speaker = sender->kind == SENDER_CLIENT ? find_speaker(router, sender->session_number) : NULL;
    if (!speaker || !caps_question_read(element_get(stanza->root, "id"), &said) || caps_asked(router, &said) != &speaker->waiter)
        return false;
    struct buffer wishes = { 0 };
    if (caps_check(router, stanza, &said, &wishes))
        caps_put(router, &said, buffer_text(&wishes));
    else
        caps_ask_another(&speaker->waiter);
    buffer_fini(&wishes);
    return true;
}

/* -- speakers -- */

static struct speaker *speaker_new(struct router *router, struct session *session)
{
    const struct jid *jid = session_jid(session);
    struct speaker *speaker = xcalloc(1, sizeof *speaker + jid->size);
    memcpy(speaker->address, jid->text, jid->size);
    speaker->waiter.ops = &speaker_ops;
    speaker->bare = (struct text){ speaker->address, jid_bare(jid).size };
    speaker->resource = (struct text){ speaker->address + jid->size - jid->resource, jid->resource };
    speaker->session = session_number(session);
    HASH_ADD(hh, router->caps_speakers, session, sizeof speaker->session, speaker);
    return speaker;
}

static void speaker_free(struct router *router, struct speaker *speaker)
{
    caps_wait_no_more(&speaker->waiter);
    HASH_DEL(router->caps_speakers, speaker);
    free(speaker->said);
    free(speaker);
}

/* False: it has said so before. */
static bool note_said(struct speaker *speaker, const struct caps_said *said)
{
    struct buffer written = { 0 };
    caps_said_write(&written, said);
    bool is_new = !speaker->said || !text_equal(text_of(speaker->said), buffer_text(&written));
    if (is_new) {
        free(speaker->said);
        speaker->said = text_dup(buffer_text(&written));
    }
    buffer_fini(&written);
    return is_new;
}

void caps_presence(struct router *router, struct session *session, const struct stanza *presence)
{
    struct caps_said said;
    if (element_get(presence->root, "type").data) {
        caps_left(router, session);
        return;
    }
    if (!caps_read(presence, &said))
        return; /* a client may leave it out once it was said (8.4) */
    struct speaker *speaker = find_speaker(router, session_number(session));
    if (!speaker)
        speaker = speaker_new(router, session);
    if (!note_said(speaker, &said))
        return;
    caps_wait_no_more(&speaker->waiter);
    (void)caps_learn(router, &said, &speaker->waiter);
}

void caps_left(struct router *router, struct session *session)
{
    struct speaker *speaker = find_speaker(router, session_number(session));
    if (!speaker)
        return;
    if (speaker->is_wishing)
        pubsub_wish(router, session, TEXT(""));
    speaker_free(router, speaker);
}

void caps_moved(struct router *router, struct session *session)
{
    struct speaker *speaker = find_speaker(router, session_number(session));
    if (speaker)
        speaker_free(router, speaker);
}

void caps_restore(struct router *router, struct session *session)
{
    struct speaker *speaker = find_speaker(router, session_number(session));
    struct caps_said said;
    if (!speaker || !speaker->is_wishing || !caps_said_read(text_of(speaker->said), &said))
        return;
    struct text wishes = caps_known(router, &said);
    if (wishes.data)
        pubsub_wish(router, session, wishes);
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
    struct speaker *speaker, *next;
    caps_kinds_free(router);
    HASH_ITER (hh, router->caps_speakers, speaker, next) {
        HASH_DEL(router->caps_speakers, speaker);
        free(speaker->said);
        free(speaker);
    }
}

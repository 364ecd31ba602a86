/* block.c - an account was blocked, deleted, or got another password: its sessions on this node end. */
#include <stdio.h>

#include "gateway/session/session_state.h"

/* RFC 6120 4.9.3.16: reset is for credentials that are not good any more; the client may come again with others. */
static const struct why {
    const char *word;
    enum stream_condition condition;
    const char *text;
} whys[] = {
    { "password", STREAM_ERROR_RESET, "the password was changed" },
    { "disabled", STREAM_ERROR_NOT_AUTHORIZED, "the account was disabled" },
    { "revoked", STREAM_ERROR_RESET, "the login was revoked" },
    { "kicked", STREAM_ERROR_POLICY_VIOLATION, "ended by an administrator" },
    { "deleted", STREAM_ERROR_NOT_AUTHORIZED, "the account was deleted" },
    { "", STREAM_ERROR_RESET, "the login is not valid any more" }, /* a newer node's word */
};

static const struct why *find_why(struct text word)
{
    const struct why *why = whys;
    while (*why->word && !text_is(word, why->word))
        why++;
    return why;
}

static bool stays(const struct session *session, struct text who)
{
    char own[256];
    int size = snprintf(own, sizeof own, "%.*s/%llu", TEXT_ARGS(session->sessions->parts->node),
                        (unsigned long long)session->subject.session);
    return size > 0 && (size_t)size < sizeof own && text_is(who, own);
}

void sessions_block(struct sessions *sessions, struct text bare, struct text who_stays, struct text word)
{
    const struct why *why = find_why(word);
    struct session *session, *next;
    for (session = sessions->first; session; session = session->next) {
        if (!session->jid.text || !text_equal(jid_bare(&session->jid), bare) || stays(session, who_stays) ||
            session->outlives_block)
            continue;
        metric_add(sessions->parts->metrics, METRIC_SESSIONS_BLOCKED, 1);
        session_end(session, why->condition, why->text);
    }
    HASH_ITER (hh, sessions->bound, session, next) { /* those without a connection */
        if (session->state == STATE_DETACHED && text_equal(jid_bare(&session->jid), bare) && !stays(session, who_stays))
            session_finish(session, why->text);
    }
}

/* notice.c - events that are no stanzas: a session began or ended, something was refused, something is dead. */
#include "event_head.h"
#include "json_write.h"

/* ,"key":"text" unless the text is empty. */
static void write_optional(struct buffer *out, const char *key, struct text text)
{
    if (text.size == 0)
        return;
    buffer_append_char(out, ',');
    json_write_string(out, text_of(key));
    buffer_append_char(out, ':');
    json_write_bytes(out, text);
}

void event_write_session(struct buffer *out, const struct event_head *head, const struct event_session *session)
{
    static const char *const names[] = { "started", "resumed", "ended", "login-failed" };
    event_head_write(out, head, TEXT("session"));
    JSON_KEY(out, "event");
    json_write_string(out, text_of(names[session->event]));
    write_optional(out, "jid", session->jid);
    write_optional(out, "node", session->node);
    write_optional(out, "mechanism", session->mechanism);
    write_optional(out, "peer", session->peer);
    write_optional(out, "reason", session->reason);
    BUFFER_LITERAL(out, "}}");
}

void event_write_refused(struct buffer *out, const struct event_head *head, const struct event_refused *refused)
{
    event_head_write(out, head, TEXT("refused"));
    JSON_KEY(out, "reason");
    json_write_string(out, text_of(refused->reason));
    JSON_KEY(out, "text");
    json_write_bytes(out, refused->text);
    write_optional(out, "id", refused->id);
    write_optional(out, "channel", refused->channel);
    BUFFER_LITERAL(out, "}}");
}

static bool holds_secret(struct text payload)
{
    static const char *const secrets[] = { "jabber:iq:auth", "jabber:iq:register" }; /* payload_is_secret() */
    for (unsigned i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (memmem(payload.data, payload.size, secrets[i], strlen(secrets[i])))
            return true;
    return false;
}

/* The first bytes of what was refused, whatever they are; not inside a character. */
static void write_payload(struct buffer *out, struct text payload)
{
    if (payload.size == 0 || holds_secret(payload))
        return;
    if (payload.size > EVENT_DEAD_PAYLOAD) {
        size_t size = EVENT_DEAD_PAYLOAD;
        for (unsigned i = 0; i < 3 && ((unsigned char)payload.data[size] & 0xc0) == 0x80; i++)
            size--;
        payload.size = size;
    }
    write_optional(out, "payload", payload);
}

void event_write_dead(struct buffer *out, const struct event_head *head, const struct event_dead *dead)
{
    event_head_write(out, head, TEXT("dead"));
    JSON_KEY(out, "reason");
    json_write_string(out, text_of(dead->reason));
    JSON_KEY(out, "text");
    json_write_bytes(out, dead->text);
    write_optional(out, "channel", dead->channel);
    write_optional(out, "address", dead->address);
    write_optional(out, "id", dead->id);
    JSON_KEY(out, "size");
    json_write_number(out, dead->size);
    write_payload(out, dead->payload);
    BUFFER_LITERAL(out, "}}");
}

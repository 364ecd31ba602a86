/* message.h - the neutral message: a stanza as a CloudEvents 1.0 event in structured JSON, and back.
 * Pure functions.  The schemas beside this file (event.schema.json: what is emitted; brief.schema.json: what is taken
 * from services) say the same for the other side. */
#ifndef STANZABUS_MESSAGE_H
#define STANZABUS_MESSAGE_H

#include "stanzabus/jid.h"
#include "stanzabus/stanza.h"

/* -- ids (UUIDv7, RFC 9562 5.7): unique for ever, sort by time -- */
struct event_ids {
    int64_t last_ms;
    uint32_t counter; /* within last_ms, so that ids of one node sort in the order they were made */
    unsigned char random[512];
    size_t random_left;
};
enum { EVENT_ID_SIZE = 36 };
/* A zeroed struct is ready; it belongs to one process (make it after fork).  ids->last_ms is the millisecond that the id
 * says: wall_ms, but for a clock that went back a little. */
void event_id_next(struct event_ids *ids, int64_t wall_ms, char out[EVENT_ID_SIZE]);

/* -- stanza -> JSON -- */
struct event_head {
    struct text id;      /* EVENT_ID_SIZE bytes */
    int64_t wall_ms;     /* "time" */
    struct text source;  /* the sender's address, not empty; written as its RFC 5122 URI */
    struct text subject; /* the recipient's address; empty: left out */
};
/* Appends one event: {"specversion":"1.0",...,"data":{...}}.  type is xmpp.message, .presence or .iq by the stanza.
 * from and to in data are the stanza's own attributes.  Payloads of the table of secrets appear by name only.
 * The stanza is a message, presence or iq.  What is written begins with {"specversion", so that a member can be put in
 * front of it: head {"replyto":"..."," and the rest without its brace.
 * Nothing is lost: what has no field goes into "extensions", unknown attributes of the stanza into "attrs", text directly
 * in it into "text".  Its depth as JSON is at most 2 * (depth of the elements below the stanza) + 3. */
void event_write(struct buffer *out, const struct stanza *stanza, const struct event_head *head);

/* -- events that are no stanzas: xmpp.session, xmpp.refused, xmpp.dead.  Empty texts are left out, but for reason and
 * text.  Texts may hold any bytes: what is not UTF-8 appears as U+FFFD. -- */
enum session_event { SESSION_STARTED, SESSION_RESUMED, SESSION_ENDED, SESSION_LOGIN_FAILED };
struct event_session {
    enum session_event event;
    struct text jid; /* full; of a failed login what the client claimed to be */
    struct text node;
    struct text mechanism; /* SASL's name, or jabber:iq:auth */
    struct text peer;      /* the client's address */
    struct text reason;    /* why it ended or failed */
};
void event_write_session(struct buffer *out, const struct event_head *head, const struct event_session *session);

struct event_refused { /* to the mailbox of the service that was refused */
    const char *reason; /* as in struct refusal */
    struct text text, id;
    struct text channel; /* on which it was said */
};
void event_write_refused(struct buffer *out, const struct event_head *head, const struct event_refused *refused);

enum { EVENT_DEAD_PAYLOAD = 4096 }; /* bytes of the original that are shown */
struct event_dead {
    const char *reason;
    struct text text, channel, address, id;
    size_t size;         /* of the original, bytes */
    struct text payload; /* the original, whole (only its first part is shown), or empty: not to be shown.  One that
                            names a secret payload is never shown */
};
void event_write_dead(struct buffer *out, const struct event_head *head, const struct event_dead *dead);

/* Appends text as a JSON string, quotes included.  text must be valid UTF-8. */
void json_write_string(struct buffer *out, struct text text);
/* Appends Unix milliseconds as RFC 3339 with milliseconds and Z, no quotes. */
void json_write_time(struct buffer *out, int64_t wall_ms);
/* A date and time as XEP-0082 writes it, to Unix milliseconds; false when it is none. */
bool date_time_read(struct text text, int64_t *wall_ms);
/* Appends xmpp:juliet@example.com/balcony, percent-encoded as RFC 5122 2.2 says; no quotes. */
void uri_write(struct buffer *out, struct text address);

/* -- JSON -> stanza -- */
struct event_limits {
    size_t bytes;   /* of the whole event */
    unsigned depth; /* of JSON: 2 * (depth of elements below the stanza) + 3 are needed */
};
struct event { /* all texts live in stanza->arena; nothing is borrowed from the JSON */
    struct stanza *stanza; /* owned by the reader's caller; in jabber:client, from and to as given */
    struct text id, source, type, subject, time, replyto; /* NULL data when absent */
    struct text edge; /* the nodes' own field; NULL data when absent */
};
/* Why an event was refused.  reason is one of a fixed set of words ("not-json", "not-utf-8", "duplicate-key", "too-big",
 * "too-deep", "unknown-field", "wrong-type", "bad-value", "missing-field", "not-allowed", "bad-address"); text says what to do,
 * naming the field by its path ("data.boddy: unknown field"). */
struct refusal {
    const char *reason;
    char text[256];
    char id[128]; /* data.id or id as far as it could be read, for the sender to match; may be empty */
};
enum event_trust {
    EVENT_FROM_NODE,   /* off a mailbox: full, made by event_write of some version; unknown fields are let pass */
    EVENT_FROM_SERVICE /* off xmpp:from:*: may be brief; everything is checked; unknown fields in data, edge and replyto are refused */
};
/* 0, and out->stanza is the caller's; or -1 and why is filled.  Characters, sizes, names are checked in full: what comes
 * out can be written as XML.  Addresses are not prepared here, only that they are strings. */
int event_read(struct text json, enum event_trust trust, const struct event_limits *limits, struct event *out,
               struct refusal *why);

/* -- payload tables (one place for services, clients, components and servers alike) -- */
/* Something that only a user's own server may send (roster push, carbon, archive result, ...).  The name of what it is for a
 * person ("a carbon copy (XEP-0280)"), or NULL when the stanza is fine.  stanza-id elements that claim by=own domain or
 * account are included.  from_client: the few things that clients may say to their own server (iq get/set of the roster) pass,
 * and so do stanza-ids, which are removed (below) instead.  from and to are read from the stanza; they should be prepared. */
const char *stanza_reserved_payload(const struct stanza *stanza, bool from_client);
/* Takes out the stanza-id elements that claim to be by this prepared address (XEP-0359 4, rule 2): whoever gives such ids
 * calls it before, once for the sender's account and once for the recipient's.  Their number. */
unsigned stanza_remove_ids_by(struct stanza *stanza, struct text by);
/* Carries secrets (jabber:iq:auth, jabber:iq:register): shown by name only on every channel and in logs. */
bool payload_is_secret(struct text xmlns);

#endif

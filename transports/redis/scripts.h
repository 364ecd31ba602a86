/* scripts.h - the Lua scripts of scripts/: loaded at each connect, called by their digest. */
#ifndef STANZABUS_TRANSPORTS_REDIS_SCRIPTS_H
#define STANZABUS_TRANSPORTS_REDIS_SCRIPTS_H

#include "command_queue.h"

/* One for each file of scripts/. */
enum script {
    SCRIPT_ACCOUNT_CHANGE,
    SCRIPT_ARCHIVE_PAGE,
    SCRIPT_ARCHIVE_PREFERENCES,
    SCRIPT_ARCHIVE_RETAIN,
    SCRIPT_BLOCKLIST_CHANGE,
    SCRIPT_BLOCKLIST_HAS,
    SCRIPT_DELIVER,
    SCRIPT_DOCUMENT_PUT,
    SCRIPT_LEASE_HAND,
    SCRIPT_LEASE_RELEASE,
    SCRIPT_LEASE_TAKE,
    SCRIPT_LOG_DONE,
    SCRIPT_LOG_REACH,
    SCRIPT_NODE_BEAT,
    SCRIPT_NODE_CLAIM,
    SCRIPT_NODE_SWEEP,
    SCRIPT_PEERS_PUT,
    SCRIPT_PEERS_TELL,
    SCRIPT_PEP_ABROAD,
    SCRIPT_PEP_AUDIENCE,
    SCRIPT_PEP_AVATAR,
    SCRIPT_PEP_CONFIGURE,
    SCRIPT_PEP_LAST,
    SCRIPT_PEP_NODES,
    SCRIPT_PEP_NOTIFY,
    SCRIPT_PEP_PUBLISH,
    SCRIPT_PEP_READ,
    SCRIPT_PEP_REMOVE,
    SCRIPT_PEP_RETRACT,
    SCRIPT_PEP_SUBSCRIBER,
    SCRIPT_PEP_WISH,
    SCRIPT_PRESENCE_END,
    SCRIPT_PRESENCE_MEET,
    SCRIPT_PRESENCE_RECALL,
    SCRIPT_PRESENCE_SET,
    SCRIPT_ROSTER_GET,
    SCRIPT_ROSTER_LEAVE,
    SCRIPT_ROSTER_REMOVE,
    SCRIPT_ROSTER_SET,
    SCRIPT_ROUTE,
    SCRIPT_SENT,
    SCRIPT_SESSION_BIND,
    SCRIPT_SESSION_REMOVE,
    SCRIPT_SESSION_SWEEP,
    SCRIPT_SESSION_TOLD,
    SCRIPT_SESSION_UPDATE,
    SCRIPT_SETTLE,
    SCRIPT_SIGHT,
    SCRIPT_SM_DETACH,
    SCRIPT_SM_DUE,
    SCRIPT_SM_FIND,
    SCRIPT_SM_NOTE,
    SCRIPT_SM_START,
    SCRIPT_SM_TAKE,
    SCRIPT_SUBSCRIPTION,
    SCRIPT_TOKEN_PUT,
    SCRIPT_TOKEN_USE,
    SCRIPT_COUNTER,
    SCRIPT_GUEST_KEEP,
    SCRIPT_COUNT
};

struct script_source {
    const char *name;
    struct text text;
};
extern const struct script_source script_sources[SCRIPT_COUNT]; /* generated */

enum { SCRIPT_DIGEST = 40 };
struct scripts {
    char digest[SCRIPT_COUNT][SCRIPT_DIGEST]; /* SHA-1 in hex, Redis's name of the script */
};

void scripts_init(struct scripts *scripts);
/* SCRIPT LOAD of one. */
void script_load(struct command_queue *queue, enum script script, struct pending pending);
/* Begins a call with one key and so many arguments, which follow as command_text. */
void script_begin(struct command_queue *queue, const struct scripts *scripts, enum script script, struct text key,
                  unsigned arguments);
/* Ends it. */
void script_end(struct command_queue *queue, enum script script, struct pending pending);
bool script_is_missing(const struct reply *reply); /* NOSCRIPT: it was flushed, or this is another Redis now */

#endif

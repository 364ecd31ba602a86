/* client.h - one XMPP client: logs in over a link, then hands out stanzas.  RFC 6120, RFC 7395; SASL with
 * SCRAM-SHA-256, SCRAM-SHA-1, PLAIN or ANONYMOUS; binds a resource, and sends presence; XEP-0198
 * without resumption. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "link.h"
#include "scram.h"
#include "xml.h"

struct client_settings {
    struct link_target target;
    const char *domain;
    const char *user_pattern; /* %d is replaced by the client's number */
    const char *password;
    const char *mechanism;
    const char *resource;
    bool acknowledges;        /* XEP-0198: counts what comes, answers when asked, asks in its turn */
    struct scram_salted *last_salted; /* of whichever client hashed last: accounts made from one set of keys share it */
};

enum client_step {
    CLIENT_OFF,
    CLIENT_HEADER,
    CLIENT_AUTH,
    CLIENT_CHALLENGED,
    CLIENT_SECOND_HEADER,
    CLIENT_BINDING,
    CLIENT_ENABLING,
    CLIENT_READY
};

struct client;
struct client_events {
    void (*on_ready)(struct client *client);                      /* bound, presence sent */
    void (*on_stanza)(struct client *client, struct text stanza); /* after that; messages and answers to own requests */
    void (*on_closed)(struct client *client, const char *reason); /* the last call; may be opened again after it */
};

struct client {
    struct link link;
    const struct client_settings *settings;
    const struct client_events *events;
    unsigned number;
    enum client_step step;
    struct xml_cutter cutter;
    struct scram *scram; /* during login */
    struct scram_salted salted;
    char *jid; /* full, as bound; owned */
    uint32_t sent, acked, received; /* stanzas since acknowledging was enabled */
    char problem[256];
};

/* client is zeroed, or was closed. */
void client_open(struct client *client, struct loop *loop, const struct client_settings *settings,
                 const struct client_events *events, unsigned number);
void client_send(struct client *client, const char *xml, size_t size);
void client_sendf(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Asks what has been acknowledged, if the client does that. */
void client_ask(struct client *client);
/* Acknowledges unasked: what is not acknowledged at the end would be kept for the next login. */
void client_acknowledge(struct client *client);
/* Says goodbye; on_closed follows when the server has closed. */
void client_close(struct client *client);

#endif

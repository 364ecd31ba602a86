/* pep_config.h - the configuration of a personal pubsub node: as text in the store, as a form toward clients, and who may
 * read by it.  Pure.  XEP-0060 8.2 and 16.4.4, XEP-0163 6. */
#ifndef STANZABUS_PEP_CONFIG_H
#define STANZABUS_PEP_CONFIG_H

#include "stanzabus/data_form.h"

#define XMLNS_PUBSUB "http://jabber.org/protocol/pubsub"
#define XMLNS_PUBSUB_OWNER XMLNS_PUBSUB "#owner"
#define XMLNS_PUBSUB_EVENT XMLNS_PUBSUB "#event"
#define XMLNS_PUBSUB_ERRORS XMLNS_PUBSUB "#errors"
#define PUBSUB_NODE_CONFIG XMLNS_PUBSUB "#node_config"
#define PUBSUB_PUBLISH_OPTIONS XMLNS_PUBSUB "#publish-options"

enum pep_field {
    PEP_TITLE,
    PEP_DESCRIPTION,
    PEP_TYPE,
    PEP_ACCESS_MODEL,
    PEP_ROSTER_GROUPS_ALLOWED,
    PEP_PUBLISH_MODEL,
    PEP_MAX_ITEMS,
    PEP_PERSIST_ITEMS,
    PEP_ITEM_EXPIRE,
    PEP_SEND_LAST_PUBLISHED_ITEM,
    PEP_DELIVER_NOTIFICATIONS,
    PEP_DELIVER_PAYLOADS,
    PEP_NOTIFY_CONFIG,
    PEP_NOTIFY_DELETE,
    PEP_NOTIFY_RETRACT,
    PEP_NOTIFICATION_TYPE,
    PEP_PURGE_OFFLINE,
    PEP_FIELD_COUNT
};

struct pep_config {
    struct text value[PEP_FIELD_COUNT]; /* canonical: booleans 0 and 1; groups joined by LF */
};

void pep_config_default(struct pep_config *config);
/* Of the store: lines "field=value".  What it does not name has its default. */
void pep_config_read(struct arena *arena, struct text lines, struct pep_config *config);
void pep_config_write(struct buffer *out, const struct pep_config *config);
bool pep_config_is(const struct pep_config *config, enum pep_field field, const char *value);

struct pep_fault { /* why a form was refused */
    bool is_unknown_field, is_access_model;
    char text[256];
};
/* What the submitted form says goes into config, and as lines of the store into lines (NULL: not).  most: items of a node.
 * False: fault is filled; config is half written. */
bool pep_config_submit(struct arena *arena, const struct element *form, unsigned most, struct pep_config *config,
                       struct buffer *lines, struct pep_fault *fault);
/* Adds the form with all fields: type "form" with labels and options, "result" without. */
void pep_config_form(struct arena *arena, struct element *parent, const char *type, const char *form_type,
                     const struct pep_config *config);

/* -- who may read -- */
struct pep_contact {             /* the requester, as the account sees it */
    bool is_owner, is_subscribed; /* to the account's presence: from or both in its roster */
    struct text groups;           /* of its roster item; a line each */
};
enum pep_access { PEP_MAY_READ, PEP_NEEDS_PRESENCE, PEP_NEEDS_GROUP, PEP_CLOSED };
enum pep_access pep_config_access(const struct pep_config *config, const struct pep_contact *contact);

#endif

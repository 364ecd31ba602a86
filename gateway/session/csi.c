/* csi.c - what is held back for an inactive client: a table by kind and sender, in the order of coming, bounded. */
#include "gateway/session/csi.h"

#include <stdlib.h>

#define XMLNS_CHAT_STATES "http://jabber.org/protocol/chatstates"
#define XMLNS_HINTS "urn:xmpp:hints"

enum { HELD_MAX = 1000, HELD_BYTES_MAX = 256 * 1024 }; /* above: all of it goes out */

struct held {
    UT_hash_handle hh;
    struct text xml; /* both are behind the struct */
    size_t key_size;
    char key[];
};

struct csi {
    struct held *held; /* uthash by kind and sender */
    size_t bytes;
};

/* -- what can wait -- */

static bool is_chat_state_only(const struct stanza *stanza)
{
    bool has_state = false;
    if (text_is(element_get(stanza->root, "type"), "error"))
        return false;
    for (const struct node *node = stanza->root->children; node; node = node->next) {
        if (!node->element)
            continue;
        if (text_is(node->element->xmlns, XMLNS_CHAT_STATES))
            has_state = true;
        else if (!text_is(node->element->xmlns, XMLNS_HINTS) && !text_is(node->element->name, "thread"))
            return false;
    }
    return has_state;
}

/* 0: it cannot. */
static char kind_of(const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    if (stanza->kind == STANZA_PRESENCE)
        return !type.data || text_is(type, "unavailable") ? 'p' : 0;
    return stanza->kind == STANZA_MESSAGE && is_chat_state_only(stanza) ? 'c' : 0;
}

/* -- the table -- */

static void take_out(struct csi *csi, struct held *held)
{
    HASH_DEL(csi->held, held);
    csi->bytes -= held->xml.size;
    free(held);
}

/* What the same sender said before is out of date. */
static void hold(struct csi *csi, char kind, struct text from, struct text xml)
{
    size_t key_size = from.size + 1;
    struct held *held = xmalloc(sizeof *held + key_size + xml.size), *old;
    held->key[0] = kind;
    memcpy(held->key + 1, from.data, from.size);
    held->key_size = key_size;
    memcpy(held->key + key_size, xml.data, xml.size);
    held->xml = (struct text){ held->key + key_size, xml.size };
    HASH_FIND(hh, csi->held, held->key, key_size, old);
    if (old)
        take_out(csi, old);
    HASH_ADD_KEYPTR(hh, csi->held, held->key, key_size, held);
    csi->bytes += xml.size;
}

bool csi_holds(struct session *session, const struct stanza *stanza, struct text xml)
{
    struct csi *csi = session->csi;
    struct text from = element_get(stanza->root, "from");
    if (!csi)
        return false;
    char kind = kind_of(stanza);
    if (!kind || !from.size) {
        csi_flush(session);
        return false;
    }
    hold(csi, kind, from, xml);
    metric_add(session->sessions->parts->metrics, METRIC_CSI_HELD, 1);
    if (HASH_COUNT(csi->held) > HELD_MAX || csi->bytes > HELD_BYTES_MAX)
        csi_flush(session);
    return true;
}

/* Sending may end the session, and with it the table. */
void csi_flush(struct session *session)
{
    while (session->csi && session->csi->held) {
        struct held *held = session->csi->held;
        HASH_DEL(session->csi->held, held);
        session->csi->bytes -= held->xml.size;
        outbound_stanza(session, held->xml, 0);
        free(held);
    }
}

/* -- the client says -- */

void csi_wake(struct session *session)
{
    csi_flush(session);
    csi_free(session);
}

void csi_free(struct session *session)
{
    struct csi *csi = session->csi;
    struct held *held, *next;
    if (!csi)
        return;
    session->csi = NULL;
    HASH_ITER (hh, csi->held, held, next) {
        take_out(csi, held);
    }
    free(csi);
}

void csi_sleep(struct session *session)
{
    if (!session->csi)
        session->csi = xcalloc(1, sizeof *session->csi);
}

void csi_element(struct session *session, struct stanza *stanza)
{
    bool is_active = text_is(stanza->root->name, "active"), is_inactive = text_is(stanza->root->name, "inactive");
    stanza_free(&stanza);
    if (is_active)
        csi_wake(session);
    else if (is_inactive)
        csi_sleep(session);
    else
        session_end(session, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, "a client is active or inactive");
}

/* stanza.h - one XML element of a stream as a tree, with its namespaces resolved.
 * stream makes it from bytes and bytes from it; message makes it from JSON and JSON from it; session and router read it,
 * stamp it and answer it.  A stanza and all in it live in one arena and go at once. */
#ifndef STANZABUS_STANZA_H
#define STANZABUS_STANZA_H

#include "stanzabus/errors.h"
#include "stanzabus/memory.h"

#define XMLNS_CLIENT "jabber:client"
#define XMLNS_SERVER "jabber:server"
#define XMLNS_COMPONENT "jabber:component:accept"
#define XMLNS_DIALBACK "jabber:server:dialback"
#define XMLNS_STREAM "http://etherx.jabber.org/streams"
#define XMLNS_FRAMING "urn:ietf:params:xml:ns:xmpp-framing"
#define XMLNS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define XMLNS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"
#define XMLNS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define XMLNS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define XMLNS_SASL2 "urn:xmpp:sasl:2"
#define XMLNS_BIND "urn:ietf:params:xml:ns:xmpp-bind"
#define XMLNS_SESSION "urn:ietf:params:xml:ns:xmpp-session"
#define XMLNS_XML "http://www.w3.org/XML/1998/namespace"

enum stanza_kind {
    STANZA_MESSAGE,
    STANZA_PRESENCE,
    STANZA_IQ,
    STANZA_NONE /* any other top-level element of a stream: auth, starttls, r, a ... */
};

struct attribute {
    struct attribute *next;
    struct text name;  /* local name */
    struct text xmlns; /* empty for an attribute without prefix; XMLNS_XML for xml:lang */
    struct text value;
};

struct element;
struct node { /* a child: an element, or character data when element is NULL */
    struct node *next;
    struct element *element;
    struct text text; /* valid UTF-8, entities resolved; never empty from the parser */
};

struct element {
    struct text name;  /* local name */
    struct text xmlns; /* resolved; empty when there is none */
    struct attribute *attributes, **attributes_end;
    struct node *children, **children_end;
    struct element *parent; /* NULL for the root */
};

struct stanza {
    struct arena arena;
    struct element *root;
    enum stanza_kind kind; /* by local name, when the namespace is jabber:client or jabber:server */
    size_t bytes;          /* on the wire as received; 0 when made here */
};

/* -- making -- */
struct stanza *stanza_new(void); /* no root yet; owned by the caller */
struct stanza *stanza_make(const char *name, const char *xmlns); /* with a root; both are borrowed by its life: literals */
struct stanza *stanza_copy(const struct stanza *stanza); /* deep */
void stanza_free(struct stanza **stanza); /* NULL is fine */
struct element *element_new(struct arena *arena, struct text name, struct text xmlns); /* texts are borrowed by the arena's life */
void stanza_set_root(struct stanza *stanza, struct element *root);                     /* sets kind too */
struct element *element_add(struct arena *arena, struct element *parent, struct text name, struct text xmlns);
void element_append(struct arena *arena, struct element *parent, struct element *child);
void element_add_text(struct arena *arena, struct element *parent, struct text text);
/* Sets or replaces; name and value are borrowed by the arena's life.  A value with NULL data removes the attribute. */
void element_set(struct arena *arena, struct element *element, const char *name, struct text value);
void element_set_ns(struct arena *arena, struct element *element, struct text xmlns, struct text name, struct text value);
void element_remove(struct element *parent, struct element *child);
struct element *element_copy(struct arena *arena, const struct element *source); /* deep; nothing shared */

/* -- reading -- */
struct text element_get_text(const struct element *element, struct text name); /* NULL data when absent; no-namespace attributes only */
static inline struct text element_get(const struct element *element, const char *name) /* the length of a literal is known to the compiler */
{
    return element_get_text(element, text_of(name));
}
struct text element_lang(const struct element *element);                  /* own xml:lang; NULL data when absent */
struct element *element_child(const struct element *element, const char *name, const char *xmlns); /* first; NULL name or xmlns = any */
struct element *element_first(const struct element *element);                                       /* first child element */
struct text element_text(struct arena *arena, const struct element *element); /* all direct character data joined; may be
                                                                               * borrowed from the element */
bool element_is(const struct element *element, const char *name, const char *xmlns);
bool element_equal(const struct element *a, const struct element *b); /* same names, attributes in any order, children in order */

/* -- answering (RFC 6120 8.2.3, 8.3) -- */
/* An iq result or a copy of the addressing with from and to swapped; never NULL. */
struct stanza *stanza_reply(const struct stanza *request);
/* The error answer of RFC 6120 8.3; text may be NULL.  NULL when the stanza must not be answered with an error
 * (it is itself of type error, or an iq result; presence of type error ...). */
struct stanza *stanza_error(const struct stanza *stanza, enum stanza_condition condition, const char *text);

/* -- writing -- */
/* How the top level is declared: on TCP the stream header declared jabber:client, in a WebSocket frame each element
 * declares all of its own (RFC 7395 3.3.3). */
enum stanza_scope {
    SCOPE_STREAM,         /* jabber:client and the prefix stream: are in scope */
    SCOPE_SELF_CONTAINED, /* nothing is in scope */
    SCOPE_SERVERS         /* as SCOPE_STREAM, and the prefix db:, which XEP-0220 wants for what is in XMLNS_DIALBACK */
};
/* Appends XML that a parser turns into an equal tree.  Elements in XMLNS_STREAM get the prefix stream:.  Names must be
 * names without a colon, texts valid XML characters, no namespace http://www.w3.org/2000/xmlns/: as from the parser. */
void element_write(struct buffer *out, const struct element *element, enum stanza_scope scope);
/* Appends a text, or a value that stands between apostrophes, escaped so that a parser gives exactly these bytes back. */
void xml_write_value(struct buffer *out, struct text value);

#endif

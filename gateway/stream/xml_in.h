/* xml_in.h - expat behind a small door: bytes in, one tree for each top-level element out.  A TCP stream has a parser of
 * its own; framed messages share one, under a root of its own making.  Nobody is called back: what happened is the
 * return value, so its user may pause, or free it, at every event. */
#ifndef STANZABUS_STREAM_XML_IN_H
#define STANZABUS_STREAM_XML_IN_H

#include "gateway/stream/start_tag.h"
#include "gateway/stream/xml_fault.h"
#include "stanzabus/stream.h"

enum xml_in_event {
    XML_IN_MORE,   /* nothing yet */
    XML_IN_HEADER, /* the root's start tag is complete; take it with xml_in_take, as an element without children */
    XML_IN_STANZA, /* a top-level element is complete; take it */
    XML_IN_END,    /* the root was closed */
    XML_IN_FAULT   /* xml_in_fault says what; nothing but xml_in_free may follow */
};

struct xml_in;

/* A parser at the very beginning of a document.  salt: secret seed of expat's hash tables; 0 lets it choose. */
struct xml_in *xml_in_new(unsigned long salt);
/* One that stands behind this start tag, as if it had read it before. */
struct xml_in *xml_in_new_behind(unsigned long salt, const char *start_tag);
/* One for messages. */
struct xml_in *xml_in_new_framed(unsigned long salt);
void xml_in_free(struct xml_in **in);

/* Feeds until something happens or the bytes are used up; taken says how many of them lie before that.  The next call
 * must begin with the first byte that was not taken. */
enum xml_in_event xml_in_feed(struct xml_in *in, const struct stream_limits *limits, const char *data, size_t size,
                              size_t *taken);
/* Feeds one message that must be exactly one element, without white space around it: XML_IN_STANZA or XML_IN_FAULT. */
enum xml_in_event xml_in_message(struct xml_in *in, const struct stream_limits *limits, const char *data, size_t size);

struct stanza *xml_in_take(struct xml_in *in);
struct xml_fault xml_in_fault(const struct xml_in *in);

/* Behind XML_IN_HEADER: what the header declared; borrowed. */
const struct start_tag *xml_in_start_tag(const struct xml_in *in);

/* Nothing is half-read: the parser can go, and another behind the same start tag take its place. */
bool xml_in_is_between(const struct xml_in *in);
/* It has met so much that it may hold far more memory than it needs.  Expat keeps every name it ever saw, and buffers as
 * big as the biggest token: it should be replaced when xml_in_is_between. */
bool xml_in_has_grown(const struct xml_in *in);

#endif

/* xml.h - just enough XML to read what a server sends to a well-behaved client: cuts a stream into its top-level
 * elements, finds attributes and the text of a child.  No entities, no checks: the tests check, this measures. */
#ifndef BENCH_XML_H
#define BENCH_XML_H

#include "stanzabus/text.h"

struct xml_cutter {
    size_t at;      /* where to go on looking, from the start of what is not consumed yet */
    size_t start;   /* of the element that is being read */
    unsigned depth; /* below the stream's root; the header itself is skipped */
    bool in_stream; /* the stream header was read */
    bool is_over;   /* the stream was closed */
};

/* The next whole top-level element in data (which always begins where it began before, or where xml_dropped says), or
 * false when there is none yet.  Bytes before cutter->start may be dropped. */
bool xml_next(struct xml_cutter *cutter, struct text data, struct text *element);
/* After the caller dropped the first bytes of the data. */
void xml_dropped(struct xml_cutter *cutter, size_t bytes);

bool xml_is(struct text element, const char *name);               /* by local name */
struct text xml_attribute(struct text element, const char *name); /* of the top element; NULL data when absent */
struct text xml_child_text(struct text element,
                           const char *name); /* of the first <name ...>text</name>; NULL data when absent */
bool xml_mentions(struct text element, const char *text);

#endif

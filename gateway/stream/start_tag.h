/* start_tag.h - what a stream's header declared, so that a sleeping stream's parser can be made again.  Nearly all
 * clients declare the same two namespaces: those cost nothing to remember. */
#ifndef STANZABUS_STREAM_START_TAG_H
#define STANZABUS_STREAM_START_TAG_H

#include "stanzabus/stanza.h"

#define START_TAG_USUAL "<stream:stream xmlns='" XMLNS_CLIENT "' xmlns:stream='" XMLNS_STREAM "'>"

struct start_tag {
    struct buffer text; /* the declarations; behind start_tag_complete the whole tag, or empty for START_TAG_USUAL */
    unsigned declarations;
    struct text content;    /* the default namespace, when it is one that streams have (RFC 6120 4.8.3); else empty */
    bool has_stream_prefix; /* xmlns:stream */
    bool is_empty;              /* <.../>: the stream would be over already */
};

void start_tag_declare(struct start_tag *tag, const char *prefix, const char *uri); /* NULL prefix: the default */
void start_tag_complete(struct start_tag *tag, struct text raw);                    /* raw: the tag as it came */

#endif

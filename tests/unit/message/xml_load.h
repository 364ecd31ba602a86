/* xml_load.h - XML of the tests as stanzas, read with expat and not with the gateway's own parser, and back. */
#ifndef TESTS_MESSAGE_XML_LOAD_H
#define TESTS_MESSAGE_XML_LOAD_H

#include "stanzabus/stanza.h"

/* One element in jabber:client unless it says otherwise; NULL when it is not well-formed.  Owned by the caller. */
struct stanza *xml_load(struct text xml);
/* Each child of the document's root, as a stanza of its own that each() must free. */
int xml_load_children(struct text document, void (*each)(void *ctx, struct stanza *stanza), void *ctx);
/* The whole file, NUL-terminated; owned by the caller.  NULL when it cannot be read. */
char *file_load(const char *path, size_t *size);
/* Calls each() for every stanza of tests/corpus, in the order of the files' names.  The number of files. */
unsigned corpus_load(void (*each)(void *ctx, const char *file, struct stanza *stanza), void *ctx);

#endif

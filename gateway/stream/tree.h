/* tree.h - grows one stanza from the parser's events: start, text, end.  Names come as expat gives them in a
 * namespace-aware parser: "namespace SEPARATOR local", or "local" alone. */
#ifndef STANZABUS_STREAM_TREE_H
#define STANZABUS_STREAM_TREE_H

#include "stanzabus/stanza.h"

/* Stands in no XML document, not even as a character reference (XML 1.0 2.2), so in no name either. */
enum { NAME_SEPARATOR = '\1' };

struct tree {
    struct stanza *stanza;   /* owned until tree_take; NULL between stanzas */
    struct element *current; /* the innermost open element */
    struct buffer text;      /* character data since the last tag; expat gives it in pieces */
    size_t namespace_bytes;  /* of this stanza's resolved namespaces, each time that one differs from its parent's: a
                                prefix stands for them in few bytes, and the tree and all that is made of it does not */
};

void tree_start(struct tree *tree, const char *name, const char *const *attributes);
void tree_text(struct tree *tree, const char *data, size_t size);
void tree_end(struct tree *tree);            /* closes the innermost element */
struct stanza *tree_take(struct tree *tree); /* the caller owns it; the tree is ready for the next */
void tree_fini(struct tree *tree);

#endif

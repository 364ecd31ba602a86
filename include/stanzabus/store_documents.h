/* store_documents.h - small things that an account keeps: each a field of a hash {prefix}{bare}:name, bounded in number and
 * bytes.  The vCard is one, a private XML element is one.  Calls and answers as in store.h. */
#ifndef STANZABUS_STORE_DOCUMENTS_H
#define STANZABUS_STORE_DOCUMENTS_H

#include "stanzabus/store.h"

struct document {
    struct text bare;
    const char *name; /* of the hash: listed in transports/redis/store_deletion.c, which deletes it with its account */
    struct text field;
};
struct document_limits { /* of all fields of one name together; field names count as bytes */
    unsigned fields;
    size_t bytes;
};
enum document_put { DOCUMENT_STORED = 1, DOCUMENT_NO_ACCOUNT = 0, DOCUMENT_TOO_MANY = -1, DOCUMENT_TOO_BIG = -2 };

typedef void store_document_fn(void *ctx, enum bus_status status, struct text value); /* NULL data: there is none */

struct documents_ops {
    void (*get)(struct store *store, const struct document *document, store_document_fn *fn, void *ctx);
    /* result: enum document_put; only with DOCUMENT_STORED anything was changed */
    void (*put)(struct store *store, const struct document *document, struct text value, const struct document_limits *limits,
                store_done_fn *fn, void *ctx);
    /* result: 1 removed, 0 there was none */
    void (*remove)(struct store *store, const struct document *document, store_done_fn *fn, void *ctx);
};

#endif

/* import_line.h - one line of an import: an address, a tab, and a password or SCRAM keys. */
#ifndef STANZABUS_COMMAND_IMPORT_LINE_H
#define STANZABUS_COMMAND_IMPORT_LINE_H

#include "stanzabus/store.h"

struct import_line { /* texts are borrowed from the line */
    struct text address;
    struct text password; /* when has_keys is false */
    bool has_keys;
    struct account account; /* the keys */
};

/* NULL, or what is wrong with the line. */
const char *import_line_parse(struct text line, struct import_line *out);

#endif

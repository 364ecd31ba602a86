/* page_files.h - the files of page/ as bytes in the program; page_files.c is made by embed.cmake. */
#ifndef STANZABUS_TRANSPORTS_PAGE_FILES_H
#define STANZABUS_TRANSPORTS_PAGE_FILES_H

#include "stanzabus/text.h"

struct page_file {
    const char *path, *type; /* of the URL; Content-Type */
    struct text content;
};

extern const struct page_file page_files[]; /* ends with a NULL path; empty when built without the page */

#endif

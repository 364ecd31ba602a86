/* xml_out.h - what xml_out.c shares inside this stage. */
#ifndef STANZABUS_STREAM_XML_OUT_H
#define STANZABUS_STREAM_XML_OUT_H

#include "stanzabus/memory.h"

/* Appends a value that stands between apostrophes, escaped so that a parser gives exactly these bytes back. */
void xml_write_value(struct buffer *out, struct text value);

#endif

/* xml_fault.h - what was wrong with a peer's XML, as a stream condition (RFC 6120 4.9.3). */
#ifndef STANZABUS_STREAM_XML_FAULT_H
#define STANZABUS_STREAM_XML_FAULT_H

#include "stanzabus/errors.h"

struct xml_fault {
    enum stream_condition condition;
    const char *text; /* static, for a person */
};

struct XML_ParserStruct;
/* Of a parser whose last call returned XML_STATUS_ERROR. */
struct xml_fault xml_fault_of(struct XML_ParserStruct *parser);

#endif

/* xml_name.h - what may stand for the name of an element or attribute, and for a namespace. */
#ifndef STANZABUS_MESSAGE_XML_NAME_H
#define STANZABUS_MESSAGE_XML_NAME_H

#include "stanzabus/stanza.h"

#define XMLNS_XMLNS \
    "http://www.w3.org/2000/xmlns/" /* bound to the prefix xmlns, never declared (Namespaces in XML 3) */

/* NCName: a name without a colon.  The text must be valid UTF-8. */
bool xml_name_is_valid(struct text name);
/* No character that an IRI cannot hold (RFC 3987 2.2), so that no parser of a client trips over it (some join namespace
 * and name with such a character), and none of the two namespaces that cannot be declared.  The empty text is tidy. */
bool xml_namespace_is_tidy(struct text xmlns);

#endif

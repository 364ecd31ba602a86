/* xml_fault.c - expat's complaints as stream conditions. */
#include "gateway/stream/xml_fault.h"

#include <expat.h>

/* Whether the bytes begin with a character in UTF-8 (RFC 3629 4); a sequence cut by the end counts as one. */
static bool is_utf8(const unsigned char *bytes, size_t size)
{
    unsigned char lead = bytes[0], low = 0x80, high = 0xBF;
    if (lead < 0x80)
        return true;
    if (lead < 0xC2 || lead > 0xF4)
        return false;

    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i < length && i < size; i++) {
        if (bytes[i] < low || bytes[i] > high)
            return false;
        low = 0x80;
        high = 0xBF;
    }
    return true;
}

/* Expat names bytes that are not UTF-8 and characters in the wrong place alike. */
static bool is_encoding_broken(XML_Parser parser)
{
    int offset = 0, size = 0;
    const char *context = XML_GetInputContext(parser, &offset, &size);
    return context && offset < size && !is_utf8((const unsigned char *)context + offset, (size_t)(size - offset));
}

struct xml_fault xml_fault_of(XML_Parser parser)
{
    enum XML_Error error = XML_GetErrorCode(parser);
    const char *text = XML_ErrorString(error);
    switch (error) {
    case XML_ERROR_INVALID_TOKEN:
    case XML_ERROR_PARTIAL_CHAR:
        /* RFC 6120 4.9.3.22: a stream that is "improperly encoded" is in no supported encoding; 11.6. */
        if (is_encoding_broken(parser))
            return (struct xml_fault){ STREAM_ERROR_UNSUPPORTED_ENCODING, "not UTF-8" };
        return (struct xml_fault){ STREAM_ERROR_NOT_WELL_FORMED, text };
    case XML_ERROR_UNKNOWN_ENCODING:
    case XML_ERROR_INCORRECT_ENCODING:
        return (struct xml_fault){ STREAM_ERROR_UNSUPPORTED_ENCODING, text };
    case XML_ERROR_UNDEFINED_ENTITY: /* RFC 6120 11.1: references to other than the predefined five */
    case XML_ERROR_RECURSIVE_ENTITY_REF:
    case XML_ERROR_ASYNC_ENTITY:
    case XML_ERROR_BINARY_ENTITY_REF:
    case XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF:
    case XML_ERROR_EXTERNAL_ENTITY_HANDLING:
        return (struct xml_fault){ STREAM_ERROR_RESTRICTED_XML, text };
    case XML_ERROR_UNBOUND_PREFIX:
        return (struct xml_fault){ STREAM_ERROR_BAD_NAMESPACE_PREFIX, text };
    default:
        return (struct xml_fault){ STREAM_ERROR_NOT_WELL_FORMED, text };
    }
}

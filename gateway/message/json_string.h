/* json_string.h - JSON strings (RFC 8259 7), and the characters that they may hold here: those of XML 1.0 (2.2). */
#ifndef STANZABUS_MESSAGE_JSON_STRING_H
#define STANZABUS_MESSAGE_JSON_STRING_H

#include "stanzabus/text.h"

/* Takes the string that begins with the quote at *at, and removes its escapes in place.  *at moves behind it.
 * NULL, or the reason of a refusal with *problem for a person.  Zero bytes must follow end (JSON_PADDING). */
const char *json_string_take(char **at, const char *end, struct text *out, const char **problem);

/* Bytes of the character of valid UTF-8 at at (2 to 4 when its first byte is above 0x7f); 0 when there is none.
 * Reads up to the first byte that does not fit, so a zero byte must follow the text. */
size_t utf8_size(const unsigned char *at);

/* The largest size up to max at which valid UTF-8 can be cut. */
size_t json_cut(struct text text, size_t max);

#endif

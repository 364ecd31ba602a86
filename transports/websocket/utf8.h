/* utf8.h - is this text UTF-8?  RFC 6455 8.1: a text message that is not must fail the connection. */
#ifndef STANZABUS_TRANSPORTS_UTF8_H
#define STANZABUS_TRANSPORTS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const char *data, size_t size);

#endif

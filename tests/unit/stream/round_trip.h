/* round_trip.h - XML to a tree and back, through whole streams of both framings. */
#ifndef STANZABUS_TEST_ROUND_TRIP_H
#define STANZABUS_TEST_ROUND_TRIP_H

#include "stanzabus/stream.h"

/* The one top-level element, as a TCP stream that declares jabber:client and stream: or as a WebSocket message reads it;
 * NULL when that reports anything else than exactly one. */
struct stanza *parse_in_stream(const char *xml, size_t size);
struct stanza *parse_message(const char *xml, size_t size);

/* Written in either scope and read again, the element is the same. */
bool survives(const struct element *element);

#endif

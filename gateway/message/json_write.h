/* json_write.h - what json_write.c offers inside this stage; the rest is in message.h. */
#ifndef STANZABUS_MESSAGE_JSON_WRITE_H
#define STANZABUS_MESSAGE_JSON_WRITE_H

#include "stanzabus/message.h"

/* A part of a string, without quotes; valid UTF-8. */
void json_write_run(struct buffer *out, struct text text);
/* Any bytes as a string with quotes: what is not UTF-8 appears as U+FFFD. */
void json_write_bytes(struct buffer *out, struct text bytes);
void json_write_number(struct buffer *out, uint64_t number);

/* ,"key":  - key is a literal. */
#define JSON_KEY(out, key) BUFFER_LITERAL(out, ",\"" key "\":")

#endif

/* log.h - one line an event: level, who, a stable event word, key=value pairs.
 * text:  2026-11-22T14:40:00.123Z info bound session=7 peer=127.0.0.1:4711 jid=juliet@example.com/balcony mechanism=SCRAM-SHA-256
 * json:  the same as one object a line.
 * Passwords, tokens, keys and message bodies never come here. */
#ifndef STANZABUS_LOG_H
#define STANZABUS_LOG_H

#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* The object that a line is about; every member may be NULL or 0.  Strings are borrowed. */
struct log_subject {
    uint64_t session; /* number of the session in this process, from 1 */
    const char *peer; /* address:port */
    const char *jid;
};

struct log {
    enum log_level level; /* lines above it are not written */
    enum log_format format;
    FILE *out;
    const char *node; /* borrowed: the node's id, NULL before it is known */
};

/* The format gives space-separated key=value pairs; a value that holds spaces, quotes or control characters is quoted
 * and escaped by the writer when it is given with log_quote(). */
void log_write(const struct log *log, enum log_level level, const struct log_subject *who, const char *event,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Escapes text of a peer for one log value, cut at 256 bytes; the result lives in one of eight rotating buffers of the
 * calling thread. */
const char *log_quote(const char *data, size_t size);

#define log_at(log, level_, who, event, ...) \
    do { \
        if ((log)->level >= (level_)) \
            log_write((log), (level_), (who), (event), __VA_ARGS__); \
    } while (0)
#define log_error(log, who, event, ...) log_at(log, LOG_LEVEL_ERROR, who, event, __VA_ARGS__)
#define log_warning(log, who, event, ...) log_at(log, LOG_LEVEL_WARNING, who, event, __VA_ARGS__)
#define log_info(log, who, event, ...) log_at(log, LOG_LEVEL_INFO, who, event, __VA_ARGS__)
#define log_debug(log, who, event, ...) log_at(log, LOG_LEVEL_DEBUG, who, event, __VA_ARGS__)

#endif

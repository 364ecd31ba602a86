/* reply.c - hiredis's reader with object functions that append to a flat array.  Texts are copied, because the reader
 * moves its buffer while an array is still coming. */
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "reply.h"

enum { KEEP_BYTES = 256 * 1024, KEEP_VALUES = 4096 }; /* what stays allocated between replies */

static struct reply *add(const redisReadTask *task, enum reply_type type)
{
    struct reply_reader *reader = task->privdata;
    if (reader->count == reader->capacity) {
        reader->capacity = reader->capacity ? reader->capacity * 2 : 16;
        reader->values = xrealloc(reader->values, reader->capacity * sizeof *reader->values);
    }
    struct reply *value = &reader->values[reader->count++];
    *value = (struct reply){ .type = type };
    return value;
}

/* The text's place is kept as an offset while the bytes may still move: integer holds it until the reply is whole. */
static void *create_string(const redisReadTask *task, char *data, size_t size)
{
    struct reply_reader *reader = task->privdata;
    enum reply_type type = task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
                           : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
                                                              : REPLY_STRING;
    struct reply *value = add(task, type);
    value->integer = (int64_t)reader->bytes.size;
    value->text.size = size;
    buffer_append(&reader->bytes, data, size);
    return reader; /* any pointer but NULL: the reply itself is in the reader */
}

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t elements)
#else
static void *create_array(const redisReadTask *task, int elements)
#endif
{
    add(task, REPLY_ARRAY)->integer = (int64_t)elements;
    return task->privdata;
}

static void *create_integer(const redisReadTask *task, long long integer)
{
    add(task, REPLY_INTEGER)->integer = integer;
    return task->privdata;
}

static void *create_nil(const redisReadTask *task)
{
    add(task, REPLY_NIL);
    return task->privdata;
}

static void free_object(void *object)
{
    (void)object;
}

static void make_parser(struct reply_reader *reader)
{
    /* The reader only reads the table, but its type is not const. */
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_object,
    };
    reader->parser = redisReaderCreateWithFunctions(&functions);
    if (!reader->parser)
        abort();
    reader->parser->privdata = reader;
}

void reply_reader_init(struct reply_reader *reader)
{
    *reader = (struct reply_reader){ 0 };
    make_parser(reader);
}

void reply_reader_fini(struct reply_reader *reader)
{
    if (reader->parser)
        redisReaderFree(reader->parser);
    free(reader->values);
    buffer_fini(&reader->bytes);
    *reader = (struct reply_reader){ 0 };
}

void reply_reader_reset(struct reply_reader *reader)
{
    reply_reader_fini(reader);
    make_parser(reader);
}

void reply_reader_feed(struct reply_reader *reader, const char *data, size_t size)
{
    redisReaderFeed(reader->parser, data, size); /* an error shows in the next reply_reader_next */
}

/* The reply handed out before is over: its memory is used again. */
static void start_over(struct reply_reader *reader)
{
    reader->count = 0;
    reader->bytes.size = 0;
    if (reader->bytes.capacity > KEEP_BYTES)
        buffer_fini(&reader->bytes);
    if (reader->capacity > KEEP_VALUES) {
        free(reader->values);
        reader->values = NULL;
        reader->capacity = 0;
    }
}

const struct reply *reply_reader_next(struct reply_reader *reader, size_t *count, const char **wrong)
{
    void *whole = NULL;
    *wrong = NULL;
    if (reader->parser->ridx < 0) /* at the start of a reply, not in the middle of one */
        start_over(reader);
    if (redisReaderGetReply(reader->parser, &whole) != REDIS_OK) {
        *wrong = reader->parser->errstr;
        return NULL;
    }
    if (!whole)
        return NULL;
    for (size_t i = 0; i < reader->count; i++) {
        struct reply *value = &reader->values[i];
        if (value->type <= REPLY_ERROR) {
            value->text.data = reader->bytes.data + value->integer;
            value->integer = 0;
        }
    }
    *count = reader->count;
    return reader->values;
}

size_t reply_reader_held(const struct reply_reader *reader)
{
    return reader->parser->len - reader->parser->pos + reader->bytes.size + reader->count * sizeof *reader->values;
}

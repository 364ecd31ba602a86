/* stream_pool.c - the parsers of a node.
 * Framed streams share one: it stands behind a root of our own and is fed message after message without a reset, which is
 * twice as fast; a message that breaks the rules breaks the parser, and the next one gets a new parser.
 * TCP streams have one each while they are awake, 12 kB, and a bounded number of them is: a crowd that logs in at once would
 * stretch the heap for good.  Beyond AWAKE_MAX the one that has been quiet longest goes to sleep, which costs it a few
 * microseconds when its next bytes come. */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gateway/stream/stream_state.h"

enum {
    AWAKE_MAX = 512,
    SLEEP_TRIES = 8 /* the quietest may be in the middle of a stanza */
};

struct stream_pool *stream_pool_new(void)
{
    struct stream_pool *pool = xcalloc(1, sizeof *pool);
    TAILQ_INIT(&pool->awake);
    /* One secret for all parsers: left alone, expat asks the kernel for one whenever it makes a parser.  Where there is
     * none to be had, 0 leaves it to expat. */
    if (getrandom(&pool->salt, sizeof pool->salt, GRND_NONBLOCK) != (ssize_t)sizeof pool->salt)
        pool->salt = 0;
    return pool;
}

void stream_pool_free(struct stream_pool **pool)
{
    if (!*pool)
        return;
    xml_in_free(&(*pool)->framed);
    free(*pool);
    *pool = NULL;
}

static void put_one_to_sleep(struct stream_pool *pool)
{
    unsigned tries = SLEEP_TRIES;
    struct stream *quiet = TAILQ_FIRST(&pool->awake), *next;
    for (; quiet && tries; quiet = next, tries--) {
        next = TAILQ_NEXT(quiet, awake);
        if (stream_sleep(quiet))
            return;
    }
}

void stream_wake(struct stream *stream)
{
    struct stream_pool *pool = stream->pool;
    if (pool->awake_count >= AWAKE_MAX)
        put_one_to_sleep(pool);
    if (stream->open)
        stream->in = xml_in_new_behind(pool->salt, stream->start_tag ? stream->start_tag : START_TAG_USUAL);
    else
        stream->in = xml_in_new(pool->salt);
    TAILQ_INSERT_TAIL(&pool->awake, stream, awake);
    pool->awake_count++;
}

void stream_keep_awake(struct stream *stream)
{
    struct stream_pool *pool = stream->pool;
    if (TAILQ_NEXT(stream, awake)) {
        TAILQ_REMOVE(&pool->awake, stream, awake);
        TAILQ_INSERT_TAIL(&pool->awake, stream, awake);
    }
}

void stream_drop_parser(struct stream *stream)
{
    if (!stream->in)
        return;
    xml_in_free(&stream->in);
    TAILQ_REMOVE(&stream->pool->awake, stream, awake);
    stream->pool->awake_count--;
}

struct stanza *stream_pool_parse(struct stream_pool *pool, const struct stream_limits *limits, struct text message,
                                 struct xml_fault *fault)
{
    if (!pool->framed)
        pool->framed = xml_in_new_framed(pool->salt);
    struct stanza *stanza = NULL;
    if (xml_in_message(pool->framed, limits, message.data, message.size) == XML_IN_STANZA)
        stanza = xml_in_take(pool->framed);
    else
        *fault = xml_in_fault(pool->framed);
    if (!stanza || xml_in_has_grown(pool->framed))
        xml_in_free(&pool->framed);
    return stanza;
}

/* stream_pool.c - the parser that all framed streams of a node share.  It stands behind a root of our own and is fed
 * message after message without a reset, which is twice as fast; a message that breaks the rules breaks the parser, and
 * the next one gets a new parser. */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gateway/stream/stream_state.h"

struct stream_pool *stream_pool_new(void)
{
    struct stream_pool *pool = xcalloc(1, sizeof *pool);
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

/* redis_memory.c - INFO over an own short connection. */
#include "redis_memory.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext *connect_to(const char *where)
{
    char host[128];
    const char *colon = strrchr(where, ':');
    if (where[0] == '/')
        return redisConnectUnix(where);
    if (!colon || (size_t)(colon - where) >= sizeof host)
        return NULL;
    snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    return redisConnect(host, atoi(colon + 1));
}

static int64_t field(const char *info, const char *name)
{
    const char *at = strstr(info, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* The answer to INFO, or NULL. */
static redisReply *ask(const char *where, const char *section)
{
    redisContext *redis = connect_to(where);
    redisReply *reply = redis && !redis->err ? redisCommand(redis, "INFO %s", section) : NULL;
    if (redis)
        redisFree(redis);
    if (reply && reply->type == REDIS_REPLY_STRING)
        return reply;
    if (reply)
        freeReplyObject(reply);
    return NULL;
}

int64_t redis_memory(const char *where)
{
    redisReply *reply = ask(where, "memory");
    if (!reply)
        return -1;
    int64_t bytes = field(reply->str, "\nused_memory:") - field(reply->str, "\nmem_clients_normal:");
    freeReplyObject(reply);
    return bytes;
}

bool redis_counts(const char *where, int64_t *commands, int64_t *reads)
{
    redisReply *reply = ask(where, "stats");
    if (!reply)
        return false;
    *commands = field(reply->str, "\ntotal_commands_processed:");
    *reads = field(reply->str, "\ntotal_reads_processed:");
    freeReplyObject(reply);
    return true;
}

/* redis_memory.c - INFO memory over an own short connection. */
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

int64_t redis_memory(const char *where)
{
    int64_t bytes = -1;
    redisContext *redis = connect_to(where);
    if (!redis)
        return -1;
    redisReply *reply = redis->err ? NULL : redisCommand(redis, "INFO memory");
    if (reply && reply->type == REDIS_REPLY_STRING)
        bytes = field(reply->str, "\nused_memory:") - field(reply->str, "\nmem_clients_normal:");
    if (reply)
        freeReplyObject(reply);
    redisFree(redis);
    return bytes;
}

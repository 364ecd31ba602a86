/* greeting.c - what is said first on a new connection: who we are; and on that for commands, whether this Redis will do
 * (a master that evicts nothing), and the scripts.  All in one go; the first answer that will not do ends the try. */
#include <stdio.h>

#include "redis_inside.h"

/* -- answers -- */

/* An error here ends the try.  ctx is the link. */
static void answer_must(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    char reason[160];
    (void)redis;
    (void)count;
    if (reply->type != REPLY_ERROR)
        return;
    snprintf(reason, sizeof reason, "%.*s",
             reply->text.size < sizeof reason ? (int)reply->text.size : (int)sizeof reason, reply->text.data);
    link_is_refused(pending->ctx, reason);
}

static void answer_role(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    if (reply->type == REPLY_ARRAY && count > 1 && text_is(reply[1].text, "slave"))
        link_is_refused(pending->ctx, "it is a replica");
}

static void keep_policy(struct redis *redis, struct text policy)
{
    snprintf(redis->health.policy, sizeof redis->health.policy, "%.*s", policy.size < 31 ? (int)policy.size : 31,
             policy.data);
}

/* CONFIG GET gives a name and a value; an error when the user may not ask. */
static bool config_value(const struct reply *reply, size_t count, struct text *value)
{
    if (reply->type != REPLY_ARRAY || count != 3)
        return false;
    *value = reply[2].text;
    return true;
}

static void answer_policy(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct text value;
    (void)pending;
    if (config_value(reply, count, &value))
        keep_policy(redis, value);
}

/* INFO memory, for a user who may not read the configuration. */
static void answer_info(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    static const char name[] = "maxmemory_policy:";
    (void)pending;
    (void)count;
    if (reply->type != REPLY_STRING || redis->health.policy[0])
        return;
    const char *at = memmem(reply->text.data, reply->text.size, name, sizeof name - 1);
    if (!at)
        return;
    at += sizeof name - 1;
    struct text rest = { at, reply->text.size - (size_t)(at - reply->text.data) };
    const char *end = rest.size ? memchr(rest.data, '\r', rest.size) : NULL;
    keep_policy(redis, (struct text){ rest.data, end ? (size_t)(end - rest.data) : rest.size });
}

static void answer_save(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct text value;
    (void)pending;
    redis->health.has_save = !config_value(reply, count, &value) || value.size > 0;
}

static void answer_appendonly(struct redis *redis, const struct pending *pending, const struct reply *reply,
                              size_t count)
{
    struct text value;
    (void)pending;
    redis->health.keeps_nothing = config_value(reply, count, &value) && text_is(value, "no") && !redis->health.has_save;
}

static void warn(struct redis *redis)
{
    const struct health *health = &redis->health;
    if (!health->policy[0])
        log_warning(
            redis->settings.log, NULL, "redis-unchecked",
            "text=\"this user may read neither CONFIG nor INFO: make sure that maxmemory-policy is noeviction\"");
    if (health->keeps_nothing)
        log_warning(redis->settings.log, NULL, "redis-keeps-nothing",
                    "text=\"persistence is off (save and appendonly): accounts are lost when Redis stops\"");
}

static void answer_last_of_commands(struct redis *redis, const struct pending *pending, const struct reply *reply,
                                    size_t count)
{
    const char *policy = redis->health.policy;
    char reason[96];
    (void)reply;
    (void)count;
    if (policy[0] && strcmp(policy, "noeviction") != 0) {
        snprintf(reason, sizeof reason, "its maxmemory-policy is %s", policy);
        link_is_refused(pending->ctx, reason);
        return;
    }
    if (redis->commands.ready_at == 0)
        warn(redis);
    link_is_ready(pending->ctx);
}

static void answer_last(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    (void)reply;
    (void)count;
    link_is_ready(pending->ctx);
}

/* -- what is said -- */

static void say(struct link *link, answer_fn *answer, const char *const *words)
{
    unsigned count = 0;
    while (words[count])
        count++;
    command_begin(&link->greeting, count);
    for (unsigned i = 0; i < count; i++)
        command_word(&link->greeting, words[i]);
    command_end(&link->greeting, (struct pending){ .answer = answer, .ctx = link });
}
#define SAY(link, answer, ...) say((link), (answer), (const char *const[]){ __VA_ARGS__, NULL })

static void say_who(struct link *link)
{
    const struct redis_url *url = &link->redis->url;
    if (url->password && url->user)
        SAY(link, answer_must, "AUTH", url->user, url->password);
    else if (url->password)
        SAY(link, answer_must, "AUTH", url->password);
    SAY(link, answer_must, "PING");
    SAY(link, answer_nobody, "CLIENT", "SETNAME", "stanzabus");
}

static void greet_for_commands(struct redis *redis)
{
    struct link *link = &redis->commands;
    char db[16];
    redis->health.policy[0] = '\0';
    say_who(link);
    if (redis->url.db) {
        snprintf(db, sizeof db, "%d", redis->url.db);
        SAY(link, answer_must, "SELECT", db);
    }
    SAY(link, answer_role, "ROLE");
    SAY(link, answer_policy, "CONFIG", "GET", "maxmemory-policy");
    SAY(link, answer_info, "INFO", "memory");
    SAY(link, answer_save, "CONFIG", "GET", "save");
    SAY(link, answer_appendonly, "CONFIG", "GET", "appendonly");
    for (int i = 0; i < SCRIPT_COUNT; i++)
        script_load(&link->greeting, (enum script)i,
                    (struct pending){ .answer = redis->settings.is_errand ? answer_nobody : answer_must, .ctx = link });
    SAY(link, answer_last_of_commands, "PING");
}

static void greet_for_subscriptions(struct redis *redis)
{
    say_who(&redis->subscriber);
    SAY(&redis->subscriber, answer_last, "PING");
}

/* -- the connections' events -- */

static bool take_no_message(struct redis *redis, const struct reply *reply, size_t count)
{
    (void)redis;
    (void)reply;
    (void)count;
    return false;
}

static bool take_message(struct redis *redis, const struct reply *reply, size_t count)
{
    if (count != 4 || reply[1].text.size != 7 || memcmp(reply[1].text.data, "message", 7) != 0)
        return false;
    struct text channel = reply[2].text, payload = reply[3].text;
    if (health_take_message(redis, channel, payload))
        return true;
    metric_add(redis->settings.metrics, METRIC_BUS_RECEIVED, 1);
    redis->bus.callbacks->on_message(redis->bus.ctx, channel, payload);
    return true;
}

static void on_commands_lost(struct redis *redis, const char *reason)
{
    struct pending_ring lost = { 0 };
    command_queue_lose(&redis->commands.queue, &lost);
    health_lost(redis, &redis->commands, reason);
    redis_give_up_all(redis, &lost);
}

static void on_subscriber_ready(struct redis *redis)
{
    subscriptions_renew(redis);
    health_listen(redis);
}

static void on_subscriber_lost(struct redis *redis, const char *reason)
{
    subscriptions_lost(redis);
    health_lost(redis, &redis->subscriber, reason);
}

const struct link_events commands_events = { greet_for_commands, health_check, take_no_message, on_commands_lost };
const struct link_events subscriber_events = { greet_for_subscriptions, on_subscriber_ready, take_message,
                                               on_subscriber_lost };

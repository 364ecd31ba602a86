/* asking.c - settings, the connection to Redis, and waiting for one answer. */
#include "gateway/command/asking.h"
#include "stanzabus/jid.h"

/* Somebody sits in front of it: not the full redis.wait of a server. */
enum { COMMAND_WAIT_MS = 3000 };

static void ignore_message(void *ctx, struct text channel, struct text payload)
{
    (void)ctx, (void)channel, (void)payload;
}

static void ignore(void *ctx)
{
    (void)ctx;
}

static void ignore_back(void *ctx, bool subscriptions_lost)
{
    (void)ctx, (void)subscriptions_lost;
}

static const struct bus_callbacks no_callbacks = {
    .on_message = ignore_message,
    .on_away = ignore,
    .on_back = ignore_back,
    .on_full = ignore,
    .on_drained = ignore,
};

int asking_load(struct asking *asking, const struct invocation *call)
{
    *asking = (struct asking){ .call = call, .config = command_load_config(call->env, &call->line) };
    if (!asking->config)
        return COMMAND_FAILED;
    if (asking->config->redis_wait_ms > COMMAND_WAIT_MS)
        asking->config->redis_wait_ms = COMMAND_WAIT_MS;
    return COMMAND_FINE;
}

int asking_open(struct asking *asking)
{
    const struct command_env *env = asking->call->env;
    if (env->open(env->ctx, asking->config, &asking->parts) < 0)
        return COMMAND_FAILED;
    asking->is_open = true;
    asking->parts.bus->callbacks = &no_callbacks;
    asking->parts.bus->ctx = NULL;
    return COMMAND_FINE;
}

void asking_close(struct asking *asking)
{
    const struct command_env *env = asking->call->env;
    if (asking->is_open)
        env->close(env->ctx);
    config_free(&asking->config);
    explicit_bzero(&asking->account, sizeof asking->account);
}

/* redis://user:password@host: what stands before the @ is nobody's business on a screen. */
static void print_url(FILE *out, struct text url)
{
    const char *at = url.size ? memrchr(url.data, '@', url.size) : NULL;
    const char *scheme_end = url.size ? memmem(url.data, url.size, "://", 3) : NULL;
    if (at && scheme_end && at > scheme_end)
        fprintf(out, "%.*s***@%.*s", (int)(scheme_end + 3 - url.data), url.data, (int)(url.data + url.size - at - 1),
                at + 1);
    else
        fprintf(out, "%.*s", TEXT_ARGS(url));
}

int asking_explain(const struct asking *asking, enum bus_status status)
{
    FILE *err = asking->call->env->err;
    if (status == BUS_AWAY && *asking->parts.redis_problem) {
        fprintf(err, "stanzabus %s: %s\n", asking->call->command->name, asking->parts.redis_problem);
    } else if (status == BUS_AWAY) {
        fprintf(err, "stanzabus %s: cannot reach Redis at ", asking->call->command->name);
        print_url(err, asking->config->redis_url);
        fputs(": is it running? set redis.url\n", err);
    } else {
        fprintf(err, "stanzabus %s: Redis refused a command; its answer stands above\n", asking->call->command->name);
    }
    return COMMAND_FAILED;
}

static void answer(struct asking *asking, enum bus_status status, int64_t result)
{
    asking->is_answered = true;
    asking->status = status;
    asking->result = result;
    asking->call->env->stop(asking->call->env->ctx);
}

int asking_wait(struct asking *asking)
{
    const struct command_env *env = asking->call->env;
    env->run(env->ctx);
    if (!asking->is_answered)
        return invocation_failed(asking->call, "interrupted");
    asking->is_answered = false;
    return asking->status == BUS_OK ? COMMAND_FINE : asking_explain(asking, asking->status);
}

static void on_done(void *ctx, enum bus_status status, int64_t result)
{
    answer(ctx, status, result);
}

static void on_account(void *ctx, enum bus_status status, const struct account *account)
{
    struct asking *asking = ctx;
    asking->is_found = account != NULL;
    if (account)
        asking->account = *account;
    answer(asking, status, account != NULL);
}

int asking_account(struct asking *asking, struct text bare)
{
    struct store *store = asking->parts.store;
    store->ops->account_get(store, bare, on_account, asking);
    return asking_wait(asking);
}

int asking_put(struct asking *asking, struct text bare, const struct account *account, enum account_put how)
{
    struct store *store = asking->parts.store;
    store->ops->account_put(store, bare, account, how, on_done, asking);
    return asking_wait(asking);
}

static void on_blocked(void *ctx, enum bus_status status, int64_t told, uint64_t generation)
{
    (void)generation;
    answer(ctx, status, told);
}

int asking_block(struct asking *asking, struct text bare, enum account_block how)
{
    struct store *store = asking->parts.store;
    store->login->block(store, bare, how, on_blocked, asking);
    return asking_wait(asking);
}

int asking_delete(struct asking *asking, struct text bare)
{
    struct store *store = asking->parts.store;
    store->ops->account_delete(store, bare, on_done, asking);
    return asking_wait(asking);
}

int asking_list(struct asking *asking, struct text domain, store_each_fn *each)
{
    struct store *store = asking->parts.store;
    store->ops->account_list(store, domain, each, on_done, asking);
    return asking_wait(asking);
}

int asking_publish(struct asking *asking, struct text channel, struct text payload)
{
    struct bus *bus = asking->parts.bus;
    bus->ops->publish(bus, channel, payload, (struct text){ 0 }, on_done, asking);
    return asking_wait(asking);
}

const char *account_address(struct arena *arena, const struct config *config, struct text input, struct text *bare)
{
    struct jid jid;
    if (jid_parse(arena, input, &jid) < 0)
        return arena_printf(arena, "%s is no address: it should look like juliet@%.*s",
                            log_quote(input.data, input.size), TEXT_ARGS(config->domains.items[0]))
            .data;
    if (!jid.local)
        return arena_printf(arena, "%.*s has no name before an @", TEXT_ARGS(jid_text(&jid))).data;
    if (jid.resource)
        return arena_printf(arena, "%.*s has a resource: an account is the part before the /",
                            TEXT_ARGS(jid_text(&jid)))
            .data;
    if (!config_has_domain(config, jid_domain(&jid)))
        return arena_printf(arena, "%.*s is not a domain of this server: see the key domain",
                            TEXT_ARGS(jid_domain(&jid)))
            .data;
    if (text_equal(config->auth_anonymous_domain, jid_domain(&jid)))
        return arena_printf(arena, "%.*s is the domain of guests, who have no accounts", TEXT_ARGS(jid_domain(&jid)))
            .data;
    *bare = jid_bare(&jid);
    return NULL;
}

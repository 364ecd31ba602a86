/* fake.c - a loop, a store and a bus that live in memory. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct fake *fake_of(struct store *store)
{
    return (struct fake *)((char *)store - offsetof(struct fake, store));
}

static struct fake *fake_of_bus(struct bus *bus)
{
    return (struct fake *)((char *)bus - offsetof(struct fake, bus));
}

static enum bus_status next_status(struct fake *fake)
{
    if (fake->away_after && --fake->away_after == 0)
        fake->is_away = true;
    return fake->is_away ? BUS_AWAY : fake->is_failing ? BUS_FAILED : BUS_OK;
}

static struct fake_due *later(struct fake *fake, void (*give)(struct fake_due *due), void *fn, void *ctx)
{
    struct fake_due *due = xcalloc(1, sizeof *due);
    due->give = give;
    due->fn = fn;
    due->ctx = ctx;
    due->status = next_status(fake);
    *fake->due_end = due;
    fake->due_end = &due->next;
    return due;
}

/* -- store -- */
struct fake_account *fake_find(struct fake *fake, const char *bare)
{
    for (size_t i = 0; i < fake->account_count; i++)
        if (strcmp(fake->accounts[i].bare, bare) == 0)
            return &fake->accounts[i];
    return NULL;
}

static struct fake_account *find_text(struct fake *fake, struct text bare)
{
    char *name = text_dup(bare);
    struct fake_account *found = fake_find(fake, name);
    free(name);
    return found;
}

static struct fake *put_owner; /* on the way from put to its answer */

static void give_done(struct fake_due *due)
{
    ((store_done_fn *)due->fn)(due->ctx, due->status, due->result);
}

static void give_put(struct fake_due *due)
{
    put_owner->open_puts--;
    give_done(due);
}

static void give_account(struct fake_due *due)
{
    const struct fake_account *found = (const void *)(uintptr_t)due->result;
    ((store_account_fn *)due->fn)(due->ctx, due->status, due->status == BUS_OK && found ? &found->account : NULL);
}

static void account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx)
{
    struct fake *fake = fake_of(store);
    later(fake, give_account, (void *)fn, ctx)->result = (int64_t)(uintptr_t)find_text(fake, bare);
}

static int64_t put(struct fake *fake, struct text bare, const struct account *account, enum account_put how)
{
    struct fake_account *found = find_text(fake, bare);
    if ((found && how == ACCOUNT_CREATE) || (!found && how == ACCOUNT_REPLACE))
        return 0;
    if (!found) {
        found = &fake->accounts[fake->account_count++];
        found->bare = text_dup(bare);
    }
    found->account = *account;
    return 1;
}

static void account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                        store_done_fn *fn, void *ctx)
{
    struct fake *fake = fake_of(store);
    struct fake_due *due = later(fake, give_put, (void *)fn, ctx);
    put_owner = fake;
    if (++fake->open_puts > fake->most_open_puts)
        fake->most_open_puts = fake->open_puts;
    if (due->status == BUS_OK)
        due->result = put(fake, bare, account, how);
}

static void account_delete(struct store *store, struct text bare, store_done_fn *fn, void *ctx)
{
    struct fake *fake = fake_of(store);
    struct fake_account *found = find_text(fake, bare);
    later(fake, give_done, (void *)fn, ctx)->result = found != NULL;
    if (found) {
        free(found->bare);
        *found = fake->accounts[--fake->account_count];
    }
}

static void account_list(struct store *store, struct text domain, store_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct fake *fake = fake_of(store);
    struct fake_due *due = later(fake, give_done, (void *)fn, ctx);
    for (size_t i = 0; i < fake->account_count && due->status == BUS_OK; i++) {
        struct text bare = text_of(fake->accounts[i].bare);
        if (bare.size > domain.size && memcmp(bare.data + bare.size - domain.size, domain.data, domain.size) == 0)
            each(ctx, bare);
    }
}

static const struct store_ops store_ops = {
    .account_get = account_get,
    .account_put = account_put,
    .account_delete = account_delete,
    .account_list = account_list,
};

static void give_blocked(struct fake_due *due)
{
    ((store_block_fn *)due->fn)(due->ctx, due->status, due->result, 1);
}

static void block(struct store *store, struct text bare, enum account_block how, store_block_fn *fn, void *ctx)
{
    struct fake *fake = fake_of(store);
    struct fake_account *found = find_text(fake, bare);
    later(fake, give_blocked, (void *)fn, ctx)->result = found ? fake->sessions : -1;
    fake->blocked_how = how;
    if (found && (how == BLOCK_DISABLE || how == BLOCK_ENABLE))
        found->account.is_disabled = how == BLOCK_DISABLE;
}

static const struct login_ops login_ops = { .block = block };

/* -- bus -- */
static void give_published(struct fake_due *due)
{
    ((bus_published_fn *)due->fn)(due->ctx, due->status, due->result);
}

static void publish(struct bus *bus, struct text channel, struct text head, struct text tail, bus_published_fn *fn,
                    void *ctx)
{
    struct fake *fake = fake_of_bus(bus);
    struct buffer whole = { 0 };
    buffer_append_text(&whole, head);
    buffer_append_text(&whole, tail);
    fake->channels[fake->publish_count] = text_dup(channel);
    fake->published[fake->publish_count++] = text_dup(buffer_text(&whole));
    buffer_fini(&whole);
    later(fake, give_published, (void *)fn, ctx)->result = fake->receivers;
}

static void give_subscribed(struct fake_due *due)
{
    ((bus_subscribed_fn *)due->fn)(due->ctx, due->status);
}

static void subscribe(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    struct fake *fake = fake_of_bus(bus);
    fake->subscribed[fake->subscribe_count++] = text_dup(channel);
    later(fake, give_subscribed, (void *)fn, ctx);
}

static void unsubscribe(struct bus *bus, struct text channel)
{
    (void)bus, (void)channel;
}

static const struct bus_ops bus_ops = { .publish = publish, .subscribe = subscribe, .unsubscribe = unsubscribe };

void fake_say(struct fake *fake, const char *channel, const char *payload)
{
    fake->bus.callbacks->on_message(fake->bus.ctx, text_of(channel), text_of(payload));
}

/* -- env -- */
static int serve(void *ctx, struct config *config, const struct command_line *line)
{
    struct fake *fake = ctx;
    (void)line;
    fake->serve_count++;
    snprintf(fake->served_domain, sizeof fake->served_domain, "%.*s", TEXT_ARGS(config->domains.items[0]));
    config_free(&config);
    return COMMAND_FINE;
}

static int env_open(void *ctx, const struct config *config, struct command_parts *parts)
{
    struct fake *fake = ctx;
    (void)config;
    fake->is_open = true;
    fake->work = work_pool_new(2, 8, NULL, NULL);
    parts->bus = &fake->bus;
    parts->store = &fake->store;
    parts->work = fake->work;
    return 0;
}

static bool give_one(struct fake *fake)
{
    struct fake_due *due = fake->due;
    if (!due)
        return false;
    fake->due = due->next;
    if (!fake->due)
        fake->due_end = &fake->due;
    due->give(due);
    free(due);
    return true;
}

static void env_run(void *ctx)
{
    struct fake *fake = ctx;
    unsigned idle = 0;
    while (!fake->is_stopped && idle < 3000) {
        work_collect(fake->work);
        if (give_one(fake)) {
            idle = 0;
        } else if (fake->on_idle) {
            fake->on_idle(fake);
        } else {
            struct timespec pause = { .tv_nsec = 1000 * 1000 };
            nanosleep(&pause, NULL);
            idle++;
        }
    }
    fake->is_stopped = false;
}

static void env_stop(void *ctx)
{
    ((struct fake *)ctx)->is_stopped = true;
}

static void env_close(void *ctx)
{
    struct fake *fake = ctx;
    fake->is_open = false;
    work_pool_free(&fake->work);
    while (give_one(fake)) /* what is open is answered, as redis_free does */
        ;
}

static int http_get(void *ctx, const struct listen_address *where, const char *path, int64_t timeout_ms, char *body,
                    size_t size)
{
    struct fake *fake = ctx;
    (void)timeout_ms;
    snprintf(fake->asked, sizeof fake->asked, "%s:%d%s", where->host, where->port, path);
    snprintf(body, size, "%s", fake->http_body);
    return fake->http_status;
}

void fake_init(struct fake *fake)
{
    *fake = (struct fake){ .bus = { .ops = &bus_ops }, .store = { .ops = &store_ops, .login = &login_ops } };
    fake->due_end = &fake->due;
    fake->accounts = xcalloc(FAKE_ACCOUNTS, sizeof *fake->accounts);
    fake->env = (struct command_env){ .ctx = fake,
                                      .environment = fake->environment,
                                      .serve = serve,
                                      .open = env_open,
                                      .run = env_run,
                                      .stop = env_stop,
                                      .close = env_close,
                                      .http_get = http_get };
}

static void forget_output(struct fake *fake)
{
    free(fake->out);
    free(fake->err);
    fake->out = fake->err = NULL;
}

void fake_fini(struct fake *fake)
{
    forget_output(fake);
    for (size_t i = 0; i < fake->account_count; i++)
        free(fake->accounts[i].bare);
    free(fake->accounts);
    for (unsigned i = 0; i < FAKE_TEXTS; i++) {
        free(fake->published[i]);
        free(fake->channels[i]);
        free(fake->subscribed[i]);
    }
}

/* Splits in place. */
static int split(char *words, char **argv)
{
    int count = 0;
    argv[count++] = (char *)"stanzabus";
    while (*words) {
        words += strspn(words, " ");
        if (!*words)
            break;
        char end = *words == '\'' ? '\'' : ' ';
        words += end == '\'';
        argv[count++] = words;
        words += strcspn(words, end == '\'' ? "'" : " ");
        if (*words)
            *words++ = '\0';
    }
    return count;
}

int fake_run(struct fake *fake, const char *words, const char *in)
{
    char *copy = xstrdup(words), *argv[64];
    int argc = split(copy, argv);
    forget_output(fake);
    fake->env.in = *in ? fmemopen((void *)(uintptr_t)in, strlen(in), "r") : fopen("/dev/null", "r");
    fake->env.out = open_memstream(&fake->out, &fake->out_size);
    fake->env.err = open_memstream(&fake->err, &fake->err_size);
    fake->is_stopped = false;
    int exit_code = command_main(&fake->env, argc, argv);
    fclose(fake->env.in);
    fclose(fake->env.out);
    fclose(fake->env.err);
    free(copy);
    return exit_code;
}

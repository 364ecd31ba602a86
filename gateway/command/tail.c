/* tail.c - `stanzabus tail`: watches the observer channels, by their names, and prints a line an event. */
#include <unistd.h>

#include "gateway/command/asking.h"
#include "gateway/command/commands.h"
#include "gateway/command/event_line.h"
#include "stanzabus/jid.h"

static const struct watched {
    const char *kind;
    const char *channel; /* behind the prefix */
} watchable[] = {
    { "message", "stanza:message" },
    { "presence", "stanza:presence" },
    { "iq", "stanza:iq" },
    { "session", "session" },
    { "dead", "dead" },
};
enum { WATCHABLE = sizeof watchable / sizeof watchable[0] };

struct tail {
    struct asking asking;
    struct arena arena;   /* of the options */
    unsigned kinds;       /* bits by index in watchable */
    struct text from, to; /* wanted addresses, prepared; empty: all */
    bool as_json, in_colour;
    unsigned confirmations; /* still to come */
};

/* -- choosing -- */
static int find_kind(struct text name)
{
    for (int i = 0; i < WATCHABLE; i++)
        if (text_is(name, watchable[i].kind))
            return i;
    return -1;
}

static int parse_kinds(struct tail *tail, const char *list)
{
    if (!list)
        tail->kinds = (1u << WATCHABLE) - 1;
    while (list && *list) {
        struct text name = { list, strcspn(list, ",") };
        int found = find_kind(name);
        if (found < 0)
            return invocation_misused(tail->asking.call,
                                      "--observe takes message, presence, iq, session and dead, not '%.*s'",
                                      TEXT_ARGS(name));
        tail->kinds |= 1u << found;
        list += name.size + (list[name.size] == ',');
    }
    return tail->kinds ? COMMAND_FINE : invocation_misused(tail->asking.call, "--observe names nothing");
}

static int parse_address(struct tail *tail, const char *option, struct text *out)
{
    struct jid jid;
    const char *given = invocation_value(tail->asking.call, option);
    if (!given)
        return COMMAND_FINE;
    if (jid_parse(&tail->arena, text_of(given), &jid) < 0)
        return invocation_misused(tail->asking.call, "--%s %s is no address", option, given);
    *out = jid_text(&jid);
    return COMMAND_FINE;
}

/* A full address is meant as it is; a bare one with all its resources; a domain with all in it. */
static bool is_wanted(struct text wanted, struct text address)
{
    if (!wanted.size || text_equal(wanted, address))
        return true;
    if (text_starts_with(address, wanted) && address.data[wanted.size] == '/')
        return true;
    const char *slash = address.size ? memchr(address.data, '/', address.size) : NULL;
    size_t bare = slash ? (size_t)(slash - address.data) : address.size;
    const char *at = bare ? memchr(address.data, '@', bare) : NULL;
    return at && text_equal(wanted, (struct text){ at + 1, (size_t)(address.data + bare - at - 1) });
}

/* -- showing -- */
static void show(struct tail *tail, const char *kind, struct text event)
{
    FILE *out = tail->asking.call->env->out;
    struct arena arena = { 0 };
    struct event_line line;
    event_line_make(&line, &arena, kind, event, tail->in_colour);
    if (is_wanted(tail->from, line.from) && is_wanted(tail->to, line.to)) {
        struct text shown = tail->as_json ? event : buffer_text(&line.line);
        fwrite(shown.data, 1, shown.size, out);
        fputc('\n', out);
        fflush(out);
    }
    event_line_fini(&line);
    arena_fini(&arena);
    if (ferror(out)) /* whoever read this has gone */
        tail->asking.call->env->stop(tail->asking.call->env->ctx);
}

static void on_message(void *ctx, struct text channel, struct text payload)
{
    struct tail *tail = ctx;
    struct text prefix = tail->asking.config->bus_prefix;
    if (!text_starts_with(channel, prefix))
        return;
    channel = (struct text){ channel.data + prefix.size, channel.size - prefix.size };
    for (int i = 0; i < WATCHABLE; i++)
        if (text_is(channel, watchable[i].channel))
            show(tail, watchable[i].kind, payload);
}

static void on_away(void *ctx)
{
    struct tail *tail = ctx;
    fputs("stanzabus tail: Redis is away; waiting for it\n", tail->asking.call->env->err);
}

static void on_back(void *ctx, bool subscriptions_lost)
{
    struct tail *tail = ctx;
    fprintf(tail->asking.call->env->err, "stanzabus tail: Redis is back%s\n",
            subscriptions_lost ? "; what was said meanwhile is not shown" : "");
}

static void ignore(void *ctx)
{
    (void)ctx;
}

static const struct bus_callbacks tail_callbacks = {
    .on_message = on_message,
    .on_away = on_away,
    .on_back = on_back,
    .on_full = ignore,
    .on_drained = ignore,
};

static void on_subscribed(void *ctx, enum bus_status status)
{
    struct tail *tail = ctx;
    if (status != BUS_OK) {
        tail->asking.status = status;
        tail->asking.call->env->stop(tail->asking.call->env->ctx);
    } else if (--tail->confirmations == 0) {
        fputs("stanzabus tail: watching; Ctrl-C ends it\n", tail->asking.call->env->err);
    }
}

/* -- running -- */
static void subscribe(struct tail *tail)
{
    struct bus *bus = tail->asking.parts.bus;
    for (int i = 0; i < WATCHABLE; i++)
        tail->confirmations += tail->kinds >> i & 1;
    for (int i = 0; i < WATCHABLE; i++) {
        if (!(tail->kinds >> i & 1))
            continue;
        struct text channel =
            arena_printf(&tail->arena, "%.*s%s", TEXT_ARGS(tail->asking.config->bus_prefix), watchable[i].channel);
        bus->ops->subscribe(bus, channel, on_subscribed, tail);
    }
}

static int watch(struct tail *tail)
{
    const struct command_env *env = tail->asking.call->env;
    int exit_code = asking_open(&tail->asking);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    tail->asking.parts.bus->callbacks = &tail_callbacks;
    tail->asking.parts.bus->ctx = tail;
    subscribe(tail);
    env->run(env->ctx);
    return tail->asking.status == BUS_OK ? COMMAND_FINE : asking_explain(&tail->asking, tail->asking.status);
}

static bool wants_colour(const struct command_env *env)
{
    for (char *const *entry = env->environment; *entry; entry++)
        if (strncmp(*entry, "NO_COLOR=", 9) == 0 && (*entry)[9])
            return false;
    return isatty(fileno(env->out));
}

static int run_tail(const struct invocation *call)
{
    struct tail tail = { .as_json = invocation_value(call, "json") != NULL, .in_colour = wants_colour(call->env) };
    int exit_code = asking_load(&tail.asking, call);
    if (exit_code == COMMAND_FINE)
        exit_code = parse_kinds(&tail, invocation_value(call, "observe"));
    if (exit_code == COMMAND_FINE)
        exit_code = parse_address(&tail, "from", &tail.from);
    if (exit_code == COMMAND_FINE)
        exit_code = parse_address(&tail, "to", &tail.to);
    if (exit_code == COMMAND_FINE)
        exit_code = watch(&tail);
    asking_close(&tail.asking);
    arena_fini(&tail.arena);
    return exit_code;
}

const struct command command_tail = {
    .name = "tail",
    .arguments = "",
    .summary = "watch what passes on the bus, a line an event",
    .details = "Shows what the gateways copy to the observer channels (see bus.observe). ADDRESS may be a full or bare "
               "JID or a\n"
               "domain. No colour when the output is no terminal or NO_COLOR is set.",
    .options = { { "observe", "KINDS", "some of message,presence,iq,session,dead; default: all" },
                 { "from", "ADDRESS", "only what this address sent" },
                 { "to", "ADDRESS", "only what is for this address" },
                 { "json", NULL, "print the events as they are, one a line" } },
    .takes_config = true,
    .run = run_tail,
};

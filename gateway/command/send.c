/* send.c - `stanzabus send`: says one thing on a service's channel, as the service itself would. */
#include "gateway/command/asking.h"
#include "gateway/command/commands.h"
#include "stanzabus/channel.h"
#include "stanzabus/message.h"

enum {
    SEND_BYTES_MAX = 16 * 1024 * 1024,
    SEND_DEPTH_MAX = 1000
}; /* the gateway's own limits decide; this only reads */

static void write_member(struct buffer *out, const char *name, const char *value)
{
    if (!value)
        return;
    buffer_printf(out, ",\"%s\":", name);
    json_write_string(out, text_of(value));
}

static int write_message(const struct invocation *call, struct buffer *event)
{
    const char *json = invocation_value(call, "json"), *to = invocation_value(call, "to");
    const char *body = invocation_value(call, "body"), *type = invocation_value(call, "type");
    if (json && (to || body || type))
        return invocation_misused(call, "--json holds the whole of data: leave --to, --body and --type out");
    if (!json && (!to || !body))
        return invocation_misused(call, "say what is to be sent: --to and --body, or --json");
    if (json) {
        buffer_printf(event, "{\"data\":%s}", json);
    } else {
        BUFFER_LITERAL(event, "{\"data\":{\"kind\":\"message\"");
        write_member(event, "type", type);
        write_member(event, "to", to);
        write_member(event, "body", body);
        BUFFER_LITERAL(event, "}}");
    }
    return COMMAND_FINE;
}

/* The same reading as in the gateway, so that a mistake is told here and now. */
static int check_message(const struct invocation *call, struct text event)
{
    const struct event_limits limits = { SEND_BYTES_MAX, SEND_DEPTH_MAX };
    struct event read = { 0 };
    struct refusal why;
    if (event_read(event, EVENT_FROM_SERVICE, &limits, &read, &why) < 0)
        return invocation_failed(call, "no gateway would take this: %s (%s)", why.text, why.reason);
    struct jid jid;
    struct text to = element_get(read.stanza->root, "to");
    int exit_code = COMMAND_FINE;
    if (to.data && jid_parse(&read.stanza->arena, to, &jid) < 0)
        exit_code = invocation_failed(call, "no gateway would take this: %s in 'to' is no address", log_quote(to.data, to.size));
    stanza_free(&read.stanza);
    return exit_code;
}

static int publish(struct asking *asking, struct text address, struct text event)
{
    struct buffer channel = { 0 };
    channel_from(&channel, asking->config->bus_prefix, address);
    int exit_code = asking_publish(asking, buffer_text(&channel), event);
    if (exit_code == COMMAND_FINE && asking->result == 0)
        exit_code = invocation_failed(
            asking->call,
            "no gateway listens on %.*s: is it running, and is %.*s in services.domains or services.accounts?",
            (int)channel.size, channel.data, TEXT_ARGS(address));
    else if (exit_code == COMMAND_FINE)
        fprintf(asking->call->env->out, "taken by %lld gateway%s\n", (long long)asking->result,
                asking->result == 1 ? "" : "s");
    buffer_fini(&channel);
    return exit_code;
}

static int send_from(struct asking *asking, struct text event)
{
    struct arena arena = { 0 };
    struct jid from;
    const char *given = invocation_value(asking->call, "from");
    int exit_code;
    if (jid_parse(&arena, text_of(given), &from) < 0 || !jid_is_bare(&from))
        exit_code = invocation_misused(
            asking->call, "--from %s: it must be a service's domain or an account that a service holds", given);
    else
        exit_code = asking_open(asking);
    if (exit_code == COMMAND_FINE)
        exit_code = publish(asking, jid_text(&from), event);
    arena_fini(&arena);
    return exit_code;
}

static int run_send(const struct invocation *call)
{
    struct asking asking;
    struct buffer event = { 0 };
    if (!invocation_value(call, "from"))
        return invocation_misused(call, "--from is missing: the address of the service that speaks");
    int exit_code = write_message(call, &event);
    if (exit_code == COMMAND_FINE)
        exit_code = check_message(call, buffer_text(&event));
    if (exit_code == COMMAND_FINE) {
        exit_code = asking_load(&asking, call);
        if (exit_code == COMMAND_FINE)
            exit_code = send_from(&asking, buffer_text(&event));
        asking_close(&asking);
    }
    buffer_fini(&event);
    return exit_code;
}

const struct command command_send = {
    .name = "send",
    .arguments = "",
    .summary = "publish one neutral message as a service",
    .details =
        "  stanzabus send --from echo.localhost --to alice@localhost --body 'Good morning'\n"
        "  stanzabus send --from echo.localhost --json "
        "'{\"kind\":\"message\",\"to\":\"alice@localhost\",\"body\":\"hi\"}'\n"
        "What a gateway refuses later (an unknown account, for example) shows in `stanzabus tail --observe dead`,\n"
        "and as an error in the service's own mailbox.",
    .options = { { "from", "ADDRESS", "the service that speaks: its domain, or an account that it holds" },
                 { "to", "JID", "whom it is for" },
                 { "body", "TEXT", "what it says" },
                 { "type", "TYPE", "chat, normal, headline, groupchat or error" },
                 { "json", "DATA", "instead of --to, --body and --type: the object data of the neutral message" } },
    .takes_config = true,
    .run = run_send,
};

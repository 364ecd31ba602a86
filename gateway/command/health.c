/* health.c - `stanzabus health`: asks a running gateway whether it is ready; a container's HEALTHCHECK. */
#include "gateway/command/commands.h"

enum { HEALTH_WAIT_MS = 3000, HEALTH_OK = 200 };

/* A listener on all addresses is asked on the loopback one. */
static struct listen_address reachable(struct listen_address where)
{
    if (strcmp(where.host, "0.0.0.0") == 0 || !*where.host || strcmp(where.host, "*") == 0)
        strcpy(where.host, "127.0.0.1");
    else if (strcmp(where.host, "::") == 0)
        strcpy(where.host, "::1");
    return where;
}

static int ask(const struct invocation *call, const struct listen_address *where)
{
    char body[512] = "";
    int status = call->env->http_get(call->env->ctx, where, "/readyz", HEALTH_WAIT_MS, body, sizeof body);
    body[strcspn(body, "\r\n")] = '\0';
    if (status == HEALTH_OK) {
        fprintf(call->env->out, "ready\n");
        return COMMAND_FINE;
    }
    if (status < 0)
        return invocation_failed(call, "cannot reach the gateway at %s:%d (%s): is it running? see listen.admin",
                                 where->host, where->port, body);
    return invocation_failed(call, "not ready: %s (HTTP %d)", *body ? body : "no reason given", status);
}

static int run_health(const struct invocation *call)
{
    struct config *config = command_load_config(call->env, &call->line);
    if (!config)
        return COMMAND_FAILED;
    int exit_code;
    if (!config->listen_admin.is_on) {
        exit_code = invocation_failed(call, "listen.admin is off: set it to an address, for example 127.0.0.1:5281");
    } else {
        struct listen_address where = reachable(config->listen_admin);
        exit_code = ask(call, &where);
    }
    config_free(&config);
    return exit_code;
}

const struct command command_health = {
    .name = "health",
    .arguments = "",
    .summary = "ask a running gateway whether it is ready (exit 0 or 1)",
    .details = "Asks /readyz at listen.admin, with the same settings as the gateway was started with.",
    .takes_config = true,
    .run = run_health,
};

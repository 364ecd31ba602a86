/* serve.c - `stanzabus serve`: loads the settings; the rest is main.c's. */
#include "gateway/command/commands.h"

static int run_serve(const struct invocation *call)
{
    struct config *config = command_load_config(call->env, &call->line);
    if (!config)
        return COMMAND_FAILED;
    return call->env->serve(call->env->ctx, config, &call->line);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "run the gateway",
    .details = "Settings come from the defaults, then FILE, then the environment (redis.url is STANZABUS_REDIS_URL), "
               "then --set.\n"
               "`stanzabus config` prints them all.  SIGTERM and SIGINT stop it; SIGHUP reads the certificates again.",
    .takes_config = true,
    .run = run_serve,
};

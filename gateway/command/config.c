/* config.c - `stanzabus config`, and how every command gets its settings. */
#include "gateway/command/commands.h"

static void print_mistake(void *ctx, const struct config_error *error)
{
    FILE *err = ctx;
    fprintf(err, "stanzabus: %s\n", error->text);
}

/* STANZABUS_CONFIG names the file where --config does not. */
static const char *file_of(const struct command_env *env, const struct command_line *line)
{
    static const char variable[] = "STANZABUS_CONFIG=";
    if (line->config_file)
        return line->config_file;
    for (char *const *entry = env->environment; *entry; entry++)
        if (strncmp(*entry, variable, sizeof variable - 1) == 0 && (*entry)[sizeof variable - 1])
            return *entry + sizeof variable - 1;
    return NULL;
}

struct config *command_load_config(const struct command_env *env, const struct command_line *line)
{
    return config_load(file_of(env, line), env->environment, line->sets, line->set_count, print_mistake, env->err);
}

static int run_config(const struct invocation *call)
{
    if (!invocation_value(call, "check")) {
        config_print(call->env->out);
        return COMMAND_FINE;
    }
    struct config *config = command_load_config(call->env, &call->line);
    if (!config)
        return COMMAND_FAILED;
    const char *file = file_of(call->env, &call->line);
    fprintf(call->env->out, "ok: %s\n", file ? file : "no file; defaults, environment and --set");
    config_free(&config);
    return COMMAND_FINE;
}

const struct command command_config = {
    .name = "config",
    .arguments = "",
    .summary = "print every setting with its default, or check what is set",
    .details = "Without --check, prints a sample configuration file.",
    .options = { { "check", NULL, "read file, environment and --set, and tell every mistake by key and line" } },
    .takes_config = true,
    .run = run_config,
};

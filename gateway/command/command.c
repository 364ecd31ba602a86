/* command.c - finds the command that is meant, and runs it. */
#include "gateway/command/commands.h"

static const struct command *const commands[] = {
    &command_serve,     &command_config,      &command_user_add, &command_user_passwd, &command_user_del,
    &command_user_list,   &command_user_import, &command_user_disable, &command_user_enable, &command_user_revoke,
    &command_user_kick,   &command_tail,        &command_send,         &command_health,
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_overview(FILE *out)
{
    fputs("stanzabus " STANZABUS_VERSION
          " - the XMPP edge for a Redis back end\n\nusage: stanzabus COMMAND [OPTION]...\n\n",
          out);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n  stanzabus COMMAND --help tells more.  Exit codes: 0 fine, 1 failed, 2 wrong usage.\n", out);
}

/* Does the name, one word or two, stand at the beginning of the words?  The number of its words, or 0. */
static int name_matches(const char *name, int count, char **words)
{
    const char *space = strchr(name, ' ');
    if (!space)
        return strcmp(words[0], name) == 0 ? 1 : 0;
    size_t first = (size_t)(space - name);
    if (strncmp(words[0], name, first) != 0 || words[0][first])
        return 0;
    return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static int run_command(const struct command_env *env, const struct command *command, int count, char **words)
{
    struct invocation call = { .env = env, .command = command };
    int exit_code;
    if (invocation_parse(&call, count, words, &exit_code))
        exit_code = command->run(&call);
    invocation_fini(&call);
    /* A full disk or a closed pipe behind stdout is a failure too. */
    if ((fflush(env->out) != 0 || ferror(env->out)) && exit_code == COMMAND_FINE)
        exit_code = COMMAND_FAILED;
    return exit_code;
}

/* "user" alone, or with a word that it does not know. */
static bool begins_a_name(const char *word)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const char *space = strchr(commands[i]->name, ' ');
        if (space && text_is((struct text){ commands[i]->name, (size_t)(space - commands[i]->name) }, word))
            return true;
    }
    return false;
}

static int complain(const struct command_env *env, int count, char **words)
{
    if (count > 1 && begins_a_name(words[0]))
        fprintf(env->err, "stanzabus: there is no command '%s %s'\n", words[0], words[1]);
    else if (begins_a_name(words[0]))
        fprintf(env->err, "stanzabus: '%s' needs to be told what to do\n", words[0]);
    else
        fprintf(env->err, "stanzabus: there is no command '%s'\n", words[0]);
    fputs("see: stanzabus --help\n", env->err);
    return COMMAND_USAGE;
}

int command_main(const struct command_env *env, int argc, char **argv)
{
    int count = argc - 1;
    char **words = argv + 1;
    if (count < 1) {
        print_overview(env->err);
        return COMMAND_USAGE;
    }
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0 || strcmp(words[0], "help") == 0) {
        print_overview(env->out);
        return COMMAND_FINE;
    }
    if (strcmp(words[0], "--version") == 0) {
        fputs("stanzabus " STANZABUS_VERSION "\n", env->out);
        return COMMAND_FINE;
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        int used = name_matches(commands[i]->name, count, words);
        if (used)
            return run_command(env, commands[i], count - used, words + used);
    }
    return complain(env, count, words);
}

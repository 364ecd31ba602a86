/* invocation.c - options and arguments of one call, by the description that the command gives of itself. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "gateway/command/invocation.h"

static const struct option common_options[] = {
    { "config", "FILE", "read settings from FILE; default: what STANZABUS_CONFIG names, or none" },
    { "set", "KEY=VALUE", "set one key; may be given several times, and outweighs file and environment" },
};

static void print_option(FILE *out, const struct option *option)
{
    char left[48];
    snprintf(left, sizeof left, "--%s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
    fprintf(out, "  %-22s %s\n", left, option->help);
}

static void print_help(const struct command *command, FILE *out)
{
    bool has_options = command->options[0].name || command->takes_config;
    fprintf(out, "usage: stanzabus %s%s%s%s\n\n%s\n", command->name, has_options ? " [OPTION]..." : "",
            *command->arguments ? " " : "", command->arguments, command->summary);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
    fputs("\noptions:\n", out);
    for (const struct option *option = command->options; option->name; option++)
        print_option(out, option);
    if (command->takes_config)
        for (size_t i = 0; i < sizeof common_options / sizeof common_options[0]; i++)
            print_option(out, &common_options[i]);
    print_option(out, &(struct option){ "help", NULL, "this text" });
}

static void print_message(const struct invocation *call, const char *format, va_list list)
{
    fprintf(call->env->err, "stanzabus %s: ", call->command->name);
    vfprintf(call->env->err, format, list);
    fputc('\n', call->env->err);
}

int invocation_misused(const struct invocation *call, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_message(call, format, list);
    va_end(list);
    fprintf(call->env->err, "see: stanzabus %s --help\n", call->command->name);
    return COMMAND_USAGE;
}

int invocation_failed(const struct invocation *call, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_message(call, format, list);
    va_end(list);
    return COMMAND_FAILED;
}

const char *invocation_value(const struct invocation *call, const char *option)
{
    for (int i = 0; i < OPTIONS_MAX && call->command->options[i].name; i++)
        if (strcmp(call->command->options[i].name, option) == 0)
            return call->values[i];
    assert(!"an option that the command does not describe");
    return NULL;
}

struct words {
    char **word, **end;
};

/* The value of --name=value or of --name value; NULL when there is none. */
static const char *take_value(struct words *words, const char *equals)
{
    if (equals)
        return equals + 1;
    return words->word < words->end ? *words->word++ : NULL;
}

static bool take_common(struct invocation *call, struct words *words, struct text name, const char *equals,
                        int *exit_code)
{
    const char *value = take_value(words, equals);
    if (!value) {
        *exit_code = invocation_misused(call, "--%.*s needs a value", TEXT_ARGS(name));
        return false;
    }
    if (text_is(name, "config"))
        call->line.config_file = value;
    else
        call->line.sets[call->line.set_count++] = value;
    return true;
}

static bool take_own(struct invocation *call, struct words *words, int index, const char *equals, int *exit_code)
{
    const struct option *option = &call->command->options[index];
    const char *value = option->value ? take_value(words, equals) : "";
    if (!value)
        *exit_code = invocation_misused(call, "--%s needs a value: %s", option->name, option->value);
    else if (!option->value && equals)
        *exit_code = invocation_misused(call, "--%s takes no value", option->name);
    else
        call->values[index] = value;
    return value && (option->value || !equals);
}

static bool take_option(struct invocation *call, struct words *words, const char *word, int *exit_code)
{
    const char *equals = strchr(word, '=');
    struct text name = { word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2) };
    if (text_is(name, "help")) {
        print_help(call->command, call->env->out);
        *exit_code = COMMAND_FINE;
        return false;
    }
    for (int i = 0; i < OPTIONS_MAX && call->command->options[i].name; i++)
        if (text_is(name, call->command->options[i].name))
            return take_own(call, words, i, equals, exit_code);
    if (call->command->takes_config && (text_is(name, "config") || text_is(name, "set")))
        return take_common(call, words, name, equals, exit_code);
    *exit_code = invocation_misused(call, "there is no option --%.*s", TEXT_ARGS(name));
    return false;
}

static bool check_count(const struct invocation *call, int *exit_code)
{
    if (call->argument_count < call->command->arguments_min)
        *exit_code = invocation_misused(call, "%s is missing", call->command->arguments);
    else if (call->argument_count > call->command->arguments_max)
        *exit_code =
            invocation_misused(call, "'%s' is one argument too many", call->arguments[call->command->arguments_max]);
    else
        return true;
    return false;
}

bool invocation_parse(struct invocation *call, int count, char **words, int *exit_code)
{
    struct words rest = { words, words + count };
    bool only_arguments = false;
    /* Neither can hold more than there are words. */
    call->line.sets = xcalloc((size_t)count + 1, sizeof *call->line.sets);
    call->arguments = xcalloc((size_t)count + 1, sizeof *call->arguments);
    while (rest.word < rest.end) {
        char *word = *rest.word++;
        if (only_arguments || word[0] != '-' || !word[1]) {
            call->arguments[call->argument_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (word[1] != '-' && strcmp(word, "-h") != 0) {
            *exit_code = invocation_misused(call, "there is no option %s", word);
            return false;
        } else if (!take_option(call, &rest, word[1] == 'h' ? "--help" : word, exit_code)) {
            return false;
        }
    }
    return check_count(call, exit_code);
}

void invocation_fini(struct invocation *call)
{
    free(call->line.sets);
    free(call->arguments);
}

/* invocation.h - one call of the program taken apart: which command, its options, its arguments.
 * Each command describes itself in a struct command; parsing, --help and messages about wrong usage come from there. */
#ifndef STANZABUS_COMMAND_INVOCATION_H
#define STANZABUS_COMMAND_INVOCATION_H

#include "stanzabus/command.h"

enum { OPTIONS_MAX = 8 };

struct option {
    const char *name;  /* without the dashes */
    const char *value; /* what it takes, for the help ("TEXT"); NULL: a flag */
    const char *help;
};

struct invocation;

struct command {
    const char *name;      /* one word or two ("user add") */
    const char *arguments; /* for the help; "" when none */
    const char *summary;   /* one line */
    const char *details;   /* more lines of help, or NULL */
    unsigned arguments_min, arguments_max;
    struct option options[OPTIONS_MAX]; /* ends at the first without a name */
    bool takes_config;                  /* --config and --set besides */
    int (*run)(const struct invocation *call);
};

struct invocation {
    const struct command_env *env;
    const struct command *command;
    struct command_line line;
    const char *values[OPTIONS_MAX]; /* by the index of the command's option; NULL: not given; "" for a flag */
    char **arguments;                /* argument_count of them */
    unsigned argument_count;
};

/* Reads the words behind the command's name into call.  True: run it.  False: *exit_code is set, and help (to out) or the
 * mistake (to err) was printed. */
bool invocation_parse(struct invocation *call, int count, char **words, int *exit_code);
void invocation_fini(struct invocation *call);

const char *invocation_value(const struct invocation *call, const char *option); /* NULL: not given */

/* "stanzabus user add: " and the text, to err.  Returns COMMAND_USAGE, or COMMAND_FAILED. */
int invocation_misused(const struct invocation *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
int invocation_failed(const struct invocation *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

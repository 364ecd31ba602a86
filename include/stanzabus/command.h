/* command.h - the command line of the program: parsing, help, and every command but `serve`, whose run is main.c's.
 * No socket and no loop in here: what a command needs of them it asks from struct command_env, which main.c fills, and
 * the tests fill from memory. */
#ifndef STANZABUS_COMMAND_H
#define STANZABUS_COMMAND_H

#include "stanzabus/config.h"
#include "stanzabus/store.h"
#include "stanzabus/work.h"

/* Exit codes. */
enum { COMMAND_FINE = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

/* What the common options said; kept by the caller of serve for a later reload.  Borrowed from argv. */
struct command_line {
    const char *config_file; /* --config, or NULL */
    const char **sets;       /* --set key=value, in their order; owned by command_main */
    size_t set_count;
};

/* What command_env.open gives; all owned by the opener until close. */
struct command_parts {
    struct bus *bus;     /* the command sets its callbacks before it asks anything */
    struct store *store; /* its Redis is the bus's */
    struct work_pool *work;
    char redis_problem
        [256]; /* what the transport said when Redis was not reached at first (redis.h, on_first_failure); or "" */
};

struct command_env {
    void *ctx;                /* given to every function below */
    FILE *in, *out, *err;     /* stdin, stdout, stderr */
    char *const *environment; /* environ's form */

    /* `serve`: config is loaded and the callee's to free; line serves to load it again (SIGHUP).  Returns the exit code. */
    int (*serve)(void *ctx, struct config *config, const struct command_line *line);

    /* Makes loop, bus, store and pool for one command, and starts them.  Does not wait for Redis: what is asked while it
     * cannot be reached ends in BUS_AWAY after config->redis_wait_ms.  Logs to err, errors only.  parts is zeroed and stays
     * where it is until close.  0, or -1 after it said why. */
    int (*open)(void *ctx, const struct config *config, struct command_parts *parts);
    /* Runs the loop until stop is called, or SIGINT or SIGTERM comes; returns at once when stop came before.  One stop ends
     * one run: a command that asks twice runs twice. */
    void (*run)(void *ctx);
    void (*stop)(void *ctx); /* from inside any callback */
    void (*close)(void *ctx);

    /* One GET over HTTP/1.1, blocking, no longer than timeout_ms.  The start of the body goes to body (NUL-terminated).
     * Returns the status (200, 503 ...), or -1 with the reason in body. */
    int (*http_get)(void *ctx, const struct listen_address *where, const char *path, int64_t timeout_ms, char *body,
                    size_t size);
};

/* The whole program: parses argv, runs the command, returns the exit code for main(). */
int command_main(const struct command_env *env, int argc, char **argv);

/* Loads the config that the options name, printing every mistake to err; NULL when there was one.  For the reload. */
struct config *command_load_config(const struct command_env *env, const struct command_line *line);

#endif

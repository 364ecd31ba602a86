/* spawn.c - one worker process: environment, inherited descriptor, signals as at a fresh start. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/supervisor/spawn.h"
#include "stanzabus/memory.h"

enum { OWN_VARIABLES = 3, VARIABLE_SIZE = 64 };

static bool is_own_variable(const char *entry)
{
    return text_starts_with(text_of(entry), TEXT("STANZABUS_WORKER_"));
}

/* The parent's environment and the worker's own variables behind it.  Owned by the caller, one block. */
static char **make_environment(const struct spawn *what)
{
    size_t count = 0;
    while (what->environment[count])
        count++;
    char **all = xmalloc((count + OWN_VARIABLES + 1) * sizeof *all + OWN_VARIABLES * VARIABLE_SIZE);
    char *own = (char *)(all + count + OWN_VARIABLES + 1);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_own_variable(what->environment[i]))
            all[kept++] = what->environment[i];
    all[kept++] = own;
    all[kept++] = own + VARIABLE_SIZE;
    all[kept++] = own + 2 * VARIABLE_SIZE;
    all[kept] = NULL;
    snprintf(own, VARIABLE_SIZE, WORKER_INDEX_VARIABLE "=%u/%u", what->index, what->workers);
    snprintf(own + VARIABLE_SIZE, VARIABLE_SIZE, WORKER_METRICS_VARIABLE "=%d", what->metrics_fd);
    snprintf(own + 2 * VARIABLE_SIZE, VARIABLE_SIZE, WORKER_PARENT_VARIABLE "=%d", (int)getpid());
    return all;
}

int spawn_worker(const struct spawn *what, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    /* Onto itself: takes close-on-exec away in the child only. */
    posix_spawn_file_actions_adddup2(&actions, what->metrics_fd, what->metrics_fd);

    char **environment = make_environment(what);
    int error = posix_spawn(pid, what->program, &actions, &attributes, what->argv, environment);
    if (error)
        *pid = 0;
    free(environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

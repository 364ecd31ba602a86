/* import.c - `stanzabus user import`: many accounts at once.
 *
 *   file -> line -> keys given ------------------> Redis -> counted
 *                -> password -> hashed on a thread -^
 *
 * At most IN_FLIGHT_MAX lines are on their way; each that comes to its end lets the next one start. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/command/asking.h"
#include "gateway/command/commands.h"
#include "gateway/command/import_line.h"
#include "gateway/command/password.h"

enum { IN_FLIGHT_MAX = 256, LINE_BYTES_MAX = 8 * 1024 };

struct import {
    struct asking asking;
    FILE *file;
    char *line; /* getline's */
    size_t line_capacity;
    uint64_t lines, added, failed;
    uint64_t lost, lost_first,
        lost_last; /* lines on their way when Redis went away: how many, and between which numbers */
    unsigned in_flight;
    enum account_put how;
    bool is_at_end;          /* no further line is begun */
    bool is_closing;         /* nothing is begun, nothing counted: answers only free their job */
    struct import_job *held; /* found the pool's queue full */
    time_t shown_at;
    off_t file_size;
};

struct import_job { /* one line on its way; owned by whoever has it at the moment */
    struct work_job work;
    struct import *import;
    uint64_t number; /* of the line */
    char *bare, *password;
    const char *wrong; /* NULL, or why the line failed */
    unsigned iterations;
    struct account account;
};

static const char redis_is_away[] = "Redis cannot be reached";

static void import_go_on(struct import *import);

static void job_free(struct import_job *job)
{
    if (job->password)
        explicit_bzero(job->password, strlen(job->password));
    free(job->password);
    free(job->bare);
    explicit_bzero(&job->account, sizeof job->account);
    free(job);
}

static void show_progress(struct import *import)
{
    FILE *err = import->asking.call->env->err;
    bool is_terminal = isatty(fileno(err));
    time_t now = time(NULL);
    if (now - import->shown_at < (is_terminal ? 1 : 5))
        return;
    import->shown_at = now;
    fprintf(err, "%simported %llu, failed %llu", is_terminal ? "\r" : "", (unsigned long long)import->added,
            (unsigned long long)import->failed);
    off_t at = import->file_size > 0 ? ftello(import->file) : -1;
    if (at >= 0)
        fprintf(err, " (%d %%)", (int)(at * 100 / import->file_size));
    fputs(is_terminal ? "   " : "\n", err);
    fflush(err);
}

static void line_failed(struct import *import, uint64_t number, const char *wrong)
{
    FILE *err = import->asking.call->env->err;
    import->failed++;
    fprintf(err, "%sline %llu: %s\n", isatty(fileno(err)) ? "\r" : "", (unsigned long long)number, wrong);
}

/* Redis went away: no further line is begun; those on their way are told of together, in the summary. */
static void line_lost(struct import *import, uint64_t number)
{
    import->is_at_end = true;
    import->failed++;
    import->lost++;
    if (!import->lost_first || number < import->lost_first)
        import->lost_first = number;
    if (number > import->lost_last)
        import->lost_last = number;
}

/* The end of one line's way: NULL, or why it failed. */
static void job_end(struct import_job *job, const char *wrong)
{
    struct import *import = job->import;
    uint64_t number = job->number;
    job_free(job);
    import->in_flight--;
    if (import->is_closing)
        return;
    if (wrong == redis_is_away)
        line_lost(import, number);
    else if (wrong)
        line_failed(import, number, wrong);
    else
        import->added++;
    show_progress(import);
    import_go_on(import);
}

static void on_put(void *ctx, enum bus_status status, int64_t result)
{
    if (status == BUS_AWAY)
        job_end(ctx, redis_is_away);
    else if (status != BUS_OK)
        job_end(ctx, "Redis refused it");
    else
        job_end(ctx, result ? NULL : "the account exists already (--replace overwrites)");
}

static void job_put(struct import_job *job)
{
    struct store *store = job->import->asking.parts.store;
    store->ops->account_put(store, text_of(job->bare), &job->account, job->import->how, on_put, job);
}

static void run_hash(struct work_job *work)
{
    struct import_job *job = (struct import_job *)work;
    job->wrong = password_to_keys(text_of(job->password), job->iterations, &job->account);
}

static void hash_done(struct work_job *work)
{
    struct import_job *job = (struct import_job *)work;
    if (job->wrong || job->import->is_closing)
        job_end(job, job->wrong);
    else
        job_put(job);
}

/* False when the pool has no room: the job is held until another one ends. */
static bool job_start(struct import_job *job)
{
    struct import *import = job->import;
    if (!job->password) {
        job_put(job);
    } else if (work_submit(import->asking.parts.work, &job->work) < 0) {
        import->held = job;
        return false;
    }
    return true;
}

static struct import_job *job_new(struct import *import, struct text bare, const struct import_line *line)
{
    struct import_job *job = xcalloc(1, sizeof *job);
    job->work = (struct work_job){ .run = run_hash, .done = hash_done };
    job->import = import;
    job->number = import->lines;
    job->bare = text_dup(bare);
    job->password = line->has_keys ? NULL : text_dup(line->password);
    job->wrong = "it was not begun";
    job->iterations = import->asking.config->auth_iterations;
    job->account = line->account;
    return job;
}

/* The next line as a job; NULL when it is not one, and was reported or is the end. */
static struct import_job *read_job(struct import *import)
{
    struct arena arena = { 0 };
    struct import_line line;
    struct text bare;
    struct import_job *job = NULL;
    ssize_t size = getline(&import->line, &import->line_capacity, import->file);
    if (size < 0) {
        import->is_at_end = true;
        return NULL;
    }
    import->lines++;
    if (size && import->line[size - 1] == '\n')
        size--;
    if (size == 0)
        return NULL;
    const char *wrong = size > LINE_BYTES_MAX ? "it has more than 8192 bytes" : NULL;
    if (!wrong && memchr(import->line, '\0', (size_t)size))
        wrong = "it holds a zero byte";
    if (!wrong)
        wrong = import_line_parse((struct text){ import->line, (size_t)size }, &line);
    if (!wrong)
        wrong = account_address(&arena, import->asking.config, line.address, &bare);
    if (wrong)
        line_failed(import, import->lines, wrong);
    else
        job = job_new(import, bare, &line);
    arena_fini(&arena);
    return job;
}

/* Starts lines until enough are on their way; stops the loop when all is done. */
static void import_go_on(struct import *import)
{
    struct import_job *held = import->held;
    import->held = NULL;
    if (held && !job_start(held))
        return;
    while (!import->is_at_end && import->in_flight < IN_FLIGHT_MAX) {
        struct import_job *job = read_job(import);
        if (!job)
            continue;
        import->in_flight++;
        if (!job_start(job))
            return;
    }
    if (import->is_at_end && import->in_flight == 0)
        import->asking.call->env->stop(import->asking.call->env->ctx);
}

static int summarise(const struct import *import, bool was_interrupted)
{
    const struct command_env *env = import->asking.call->env;
    if (isatty(fileno(env->err)))
        fputc('\r', env->err);
    fprintf(env->out, "imported %llu, failed %llu, lines read %llu\n", (unsigned long long)import->added,
            (unsigned long long)import->failed, (unsigned long long)import->lines);
    if (was_interrupted)
        return invocation_failed(import->asking.call,
                                 "interrupted: the last lines may be missing; import the file again "
                                 "with --replace");
    if (import->lost) {
        asking_explain(&import->asking, BUS_AWAY);
        return invocation_failed(import->asking.call,
                                 "%llu of the lines from %llu to %llu may not be stored, and none behind them "
                                 "is: import the file again with --replace",
                                 (unsigned long long)import->lost, (unsigned long long)import->lost_first,
                                 (unsigned long long)import->lost_last);
    }
    return import->failed ? COMMAND_FAILED : COMMAND_FINE;
}

static int import_file(struct import *import)
{
    const struct command_env *env = import->asking.call->env;
    int exit_code = asking_open(&import->asking);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    if (fseeko(import->file, 0, SEEK_END) == 0) {
        import->file_size = ftello(import->file);
        rewind(import->file);
    }
    import->shown_at = time(NULL);
    import_go_on(import);
    env->run(env->ctx);
    import->is_closing = true;
    return summarise(import, import->in_flight > 0);
}

static void import_close(struct import *import)
{
    if (import->held)
        job_free(import->held);
    asking_close(&import->asking);
    if (import->line)
        explicit_bzero(import->line, import->line_capacity);
    free(import->line);
    if (import->file && import->file != import->asking.call->env->in)
        fclose(import->file);
}

static int run_import(const struct invocation *call)
{
    const char *path = call->arguments[0];
    struct import import = { .how = invocation_value(call, "replace") ? ACCOUNT_CREATE_OR_REPLACE : ACCOUNT_CREATE };
    int exit_code = asking_load(&import.asking, call);
    if (exit_code == COMMAND_FINE) {
        import.file = strcmp(path, "-") == 0 ? call->env->in : fopen(path, "re");
        exit_code = import.file ? import_file(&import) : invocation_failed(call, "%s: %s", path, strerror(errno));
    }
    import_close(&import);
    return exit_code;
}

const struct command command_user_import = {
    .name = "user import",
    .arguments = "FILE",
    .summary = "make many accounts from a file ('-': stdin)",
    .details = "Each line: JID, tab, password; or JID, tab, SCRAM keys with everything binary in base64, the other "
               "hash's keys\n"
               "behind a further tab:\n"
               "  SCRAM-SHA-256$iterations:salt$stored-key:server-key\n"
               "A bad line is reported with its number, and the rest goes on; then the exit code is 1.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = { { "replace", NULL, "overwrite accounts that exist" } },
    .takes_config = true,
    .run = run_import,
};

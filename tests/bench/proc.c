/* proc.c - /proc/PID/task/TID/schedstat counts nanoseconds a thread; /proc/PID/stat has ticks, user and system apart. */
#include "proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int proc_parse(struct proc_group *group, const char *text)
{
    const char *equals = strchr(text, '=');
    *group = (struct proc_group){ 0 };
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof group->name)
        return 0;
    memcpy(group->name, text, (size_t)(equals - text));
    for (const char *at = equals + 1; *at && group->count < PROC_PIDS_MAX;) {
        char *end;
        group->pids[group->count++] = (pid_t)strtol(at, &end, 10);
        if (end == at)
            return 0;
        at = *end == ',' ? end + 1 : end;
    }
    return group->count > 0;
}

static uint64_t read_schedstat(pid_t pid)
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        char file[384];
        unsigned long long ns = 0;
        snprintf(file, sizeof file, "%s/%s/schedstat", path, task->d_name);
        FILE *stat = task->d_name[0] == '.' ? NULL : fopen(file, "re");
        if (!stat)
            continue;
        if (fscanf(stat, "%llu", &ns) == 1)
            sum += ns;
        fclose(stat);
    }
    closedir(tasks);
    return sum;
}

static void read_stat(pid_t pid, uint64_t *user_ns, uint64_t *system_ns)
{
    char path[64], line[1024];
    unsigned long long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    if (!stat)
        return;
    size_t size = fread(line, 1, sizeof line - 1, stat);
    fclose(stat);
    line[size] = '\0';
    /* The name in brackets may hold anything; the fields are counted behind it. */
    const char *behind = strrchr(line, ')');
    if (behind && sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2) {
        uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
        *user_ns += user * tick;
        *system_ns += system * tick;
    }
}

static struct proc_group read_now(const struct proc_group *group)
{
    struct proc_group now = { 0 };
    for (int i = 0; i < group->count; i++) {
        now.cpu_ns += read_schedstat(group->pids[i]);
        read_stat(group->pids[i], &now.user_ns, &now.system_ns);
    }
    if (!now.cpu_ns) /* a kernel without scheduler statistics */
        now.cpu_ns = now.user_ns + now.system_ns;
    return now;
}

void proc_start(struct proc_group *group)
{
    struct proc_group now = read_now(group);
    group->cpu_ns = now.cpu_ns;
    group->user_ns = now.user_ns;
    group->system_ns = now.system_ns;
}

void proc_stop(struct proc_group *group)
{
    struct proc_group now = read_now(group);
    group->cpu_ns = now.cpu_ns - group->cpu_ns;
    group->user_ns = now.user_ns - group->user_ns;
    group->system_ns = now.system_ns - group->system_ns;
}

struct proc_memory proc_memory(const struct proc_group *group)
{
    struct proc_memory sum = { 0 };
    for (int i = 0; i < group->count; i++) {
        char path[64], line[256];
        unsigned long long kilobytes;
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)group->pids[i]);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file)) {
            if (sscanf(line, "Anonymous: %llu kB", &kilobytes) == 1)
                sum.anonymous += kilobytes * 1024;
            else if (sscanf(line, "Pss: %llu kB", &kilobytes) == 1)
                sum.pss += kilobytes * 1024;
        }
        if (file)
            fclose(file);
    }
    return sum;
}

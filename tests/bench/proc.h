/* proc.h - what processes cost: CPU time with all their threads, and user memory, read from /proc. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

enum { PROC_PIDS_MAX = 32, PROC_GROUPS_MAX = 8 };

struct proc_group { /* "gateway=123,124" */
    char name[32];
    pid_t pids[PROC_PIDS_MAX];
    int count;
    /* set by proc_start and proc_stop */
    uint64_t cpu_ns, user_ns, system_ns; /* user and system only to a clock tick (10 ms) */
};

struct proc_memory {
    uint64_t anonymous; /* bytes of heap and stacks: what grows with connections */
    uint64_t pss;       /* bytes, shared pages divided among those who share them */
};

/* False when the text is not NAME=PID[,PID...]. */
int proc_parse(struct proc_group *group, const char *text);
/* Notes the CPU time used so far; proc_stop turns it into the difference. */
void proc_start(struct proc_group *group);
void proc_stop(struct proc_group *group);
struct proc_memory proc_memory(const struct proc_group *group);

#endif

/* bench.h - what the command line of the generator says, and what its modes have in common. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "client.h"
#include "histogram.h"
#include "proc.h"

struct bench {
    struct loop loop;
    struct client_settings client;
    struct client_settings other; /* of the clients of odd numbers, when it has a domain: a server beside the first */
    const char *name; /* of the row, for the report */
    unsigned connections, first, parallel_logins;
    /* echo, chat */
    const char *to;
    unsigned in_flight, body_bytes;
    double rate; /* messages a second over all connections; 0: windowed */
    double warm_up, seconds;
    /* login */
    unsigned friends; /* who are there all the time, in everybody's roster */
    /* idle */
    unsigned stanzas;
    double settle;
    bool hold;
    const char *redis;
    struct proc_group groups[PROC_GROUPS_MAX];
    int group_count;
};

/* Each returns the exit code and prints one JSON object on stdout. */
int mode_echo(struct bench *bench);
int mode_chat(struct bench *bench);
int mode_idle(struct bench *bench);
int mode_login(struct bench *bench);

extern volatile int bench_stopped; /* a signal came */

/* Opens clients, some at a time, and runs until all are ready. */
struct crowd {
    struct bench *bench;
    struct client **clients; /* bench->connections of them */
    unsigned begun, ready, failed;
};
/* False after saying what failed.  The mode's on_ready must call crowd_ready, its on_closed crowd_closed. */
bool crowd_open(struct crowd *crowd, const struct client_events *events);
void crowd_ready(struct crowd *crowd);
void crowd_closed(struct crowd *crowd, const struct client *client, const char *reason);

/* Runs the loop for some seconds; false when stopped by a signal or by *stop. */
bool bench_run_for(struct bench *bench, double seconds, const bool *stop);

/* The report: one JSON object, built member by member. */
void report_open(const struct bench *bench, const char *mode);
void report_number(const char *name, double value);
void report_text(const char *name, const char *value);
/* CPU of every group, per piece of work, in microseconds. */
void report_cpu(const struct bench *bench, double pieces);
void report_latency(const struct histogram *h);
void report_close(void);

#endif

/* redis_memory.h - asks a Redis how much memory its data takes, and how much it was asked. */
#ifndef BENCH_REDIS_MEMORY_H
#define BENCH_REDIS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* where: HOST:PORT or the path of a unix socket.  used_memory in bytes without the buffers of its clients, or -1. */
int64_t redis_memory(const char *where);
/* Commands since its start, and reads from its clients: what came in one piece is one.  False when it does not say. */
bool redis_counts(const char *where, int64_t *commands, int64_t *reads);

#endif

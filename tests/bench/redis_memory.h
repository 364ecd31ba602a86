/* redis_memory.h - asks a Redis how much memory its data takes. */
#ifndef BENCH_REDIS_MEMORY_H
#define BENCH_REDIS_MEMORY_H

#include <stdint.h>

/* where: HOST:PORT or the path of a unix socket.  used_memory in bytes without the buffers of its clients, or -1. */
int64_t redis_memory(const char *where);

#endif

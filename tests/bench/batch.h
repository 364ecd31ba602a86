/* batch.h - reading and writing of the echo programs: one read, all that is in it is worked through, one write. */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

#include "stanzabus/memory.h"

/* A connected socket to HOST:PORT or the path of a unix socket; exits with a line when there is none. */
int batch_connect(const char *where);
/* Reads what there is behind in; false at the end. */
bool batch_read(int fd, struct buffer *in);
/* Writes all and empties out; false when the other side is gone. */
bool batch_write(int fd, struct buffer *out);

#endif

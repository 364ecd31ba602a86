/* histogram.h - latencies in buckets that grow by 1/64: a percentile is right to about 1.6 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_SUB };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t most; /* the largest value seen */
};

void histogram_add(struct histogram *h, uint64_t nanoseconds);
void histogram_clear(struct histogram *h);
/* The value that the given share (0.5, 0.99) of all values does not exceed; 0 when there are none. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif

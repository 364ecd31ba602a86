/* histogram.c - counts by the position of the highest bit and the six bits below it. */
#include "histogram.h"

#include <string.h>

static unsigned bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_SUB)
        return (unsigned)value;
    unsigned high = 63 - (unsigned)__builtin_clzll(value);
    return (high - 5) * HISTOGRAM_SUB + (unsigned)(value >> (high - 6) & (HISTOGRAM_SUB - 1));
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < HISTOGRAM_SUB)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_SUB - 1;
    return ((uint64_t)(HISTOGRAM_SUB + bucket % HISTOGRAM_SUB + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t nanoseconds)
{
    h->counts[bucket_of(nanoseconds)]++;
    h->total++;
    if (nanoseconds > h->most)
        h->most = nanoseconds;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->total * share + 0.999999), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= wanted && seen)
            return bucket_end(i) < h->most ? bucket_end(i) : h->most;
    }
    return h->most;
}

/* metrics_text.h - what is counted, as Prometheus reads it (text format 0.0.4). */
#ifndef STANZABUS_TRANSPORTS_METRICS_TEXT_H
#define STANZABUS_TRANSPORTS_METRICS_TEXT_H

#include "stanzabus/memory.h"
#include "stanzabus/metrics.h"

/* Sums the slots (one a worker; they may be written meanwhile) and appends each metric with HELP and TYPE, and for each
 * worker whether it is up (was started) and ready. */
void metrics_write(struct buffer *out, const struct metrics *slots, size_t count);

#endif

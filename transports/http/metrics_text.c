/* metrics_text.c - writes the sums of metrics.h's table. */
#include <inttypes.h>

#include "transports/http/metrics_text.h"

static const struct {
    const char *name, *type, *help;
} lines[] = {
#define METRIC_LINE(id, name, type, help) { name, #type, help },
    METRICS(METRIC_LINE)
#undef METRIC_LINE
};

static int64_t read_value(const int64_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static void write_sum(struct buffer *out, size_t which, const struct metrics *slots, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += read_value(&slots[i].value[which]);
    buffer_printf(out, "# HELP stanzabus_%s %s\n# TYPE stanzabus_%s %s\nstanzabus_%s %" PRId64 "\n", lines[which].name,
                  lines[which].help, lines[which].name, lines[which].type, lines[which].name, sum);
}

static void write_workers(struct buffer *out, const struct metrics *slots, size_t count)
{
    BUFFER_LITERAL(out, "# HELP stanzabus_worker_up 1 when the worker runs\n# TYPE stanzabus_worker_up gauge\n");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "stanzabus_worker_up{worker=\"%zu\"} %d\n", i, read_value(&slots[i].started_ms) != 0);
    BUFFER_LITERAL(out, "# HELP stanzabus_worker_ready 1 when the worker serves and Redis answers\n"
                        "# TYPE stanzabus_worker_ready gauge\n");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "stanzabus_worker_ready{worker=\"%zu\"} %d\n", i, read_value(&slots[i].ready) != 0);
}

void metrics_write(struct buffer *out, const struct metrics *slots, size_t count)
{
    for (size_t which = 0; which < METRIC_COUNT; which++)
        write_sum(out, which, slots, count);
    write_workers(out, slots, count);
}

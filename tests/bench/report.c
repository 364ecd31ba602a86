/* report.c - one JSON object a run, on stdout. */
#include <stdio.h>

#include "bench.h"

void report_open(const struct bench *bench, const char *mode)
{
    printf("{\"name\":\"%s\",\"mode\":\"%s\",\"connections\":%u", bench->name ? bench->name : mode, mode,
           bench->connections);
    report_text("transport", bench->client.target.websocket ? (bench->client.target.tls ? "wss" : "ws")
                                                            : (bench->client.target.tls ? "tls" : "tcp"));
}

void report_number(const char *name, double value)
{
    printf(",\"%s\":%.10g", name, value);
}

void report_text(const char *name, const char *value)
{
    printf(",\"%s\":\"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            printf("\\%c", *value);
        else if ((unsigned char)*value >= 0x20)
            putchar(*value);
    }
    putchar('"');
}

void report_cpu(const struct bench *bench, double pieces)
{
    double sum = 0;
    printf(",\"cpu_us\":{");
    for (int i = 0; i < bench->group_count; i++) {
        double each = pieces > 0 ? (double)bench->groups[i].cpu_ns / 1000 / pieces : 0;
        sum += each;
        printf("\"%s\":%.3f,", bench->groups[i].name, each);
    }
    printf("\"sum\":%.3f},\"cpu_seconds\":{", sum);
    for (int i = 0; i < bench->group_count; i++)
        printf("%s\"%s\":{\"all\":%.3f,\"user\":%.2f,\"system\":%.2f}", i ? "," : "", bench->groups[i].name,
               (double)bench->groups[i].cpu_ns / 1e9, (double)bench->groups[i].user_ns / 1e9,
               (double)bench->groups[i].system_ns / 1e9);
    printf("}");
}

void report_latency(const struct histogram *h)
{
    printf(",\"latency_ms\":{\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", (double)histogram_at(h, 0.5) / 1e6,
           (double)histogram_at(h, 0.99) / 1e6, (double)histogram_at(h, 0.999) / 1e6, (double)h->most / 1e6);
}

void report_close(void)
{
    printf("}\n");
    fflush(stdout);
}

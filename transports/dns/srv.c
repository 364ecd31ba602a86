/* srv.c - RFC 2782: the usage rules. */
#include "transports/dns/srv.h"

#include <string.h>

enum { FIXED_BYTES = 6, LABEL_MAX = 63 };

static uint16_t number_at(const unsigned char *data)
{
    return (uint16_t)(data[0] << 8 | data[1]);
}

static bool is_host_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool read_host(const unsigned char *data, size_t size, char *out, size_t room)
{
    size_t at = 0, length = 0;
    while (at < size && data[at] != 0) {
        size_t label = data[at++];
        if (label > LABEL_MAX || at + label >= size || length + label + 2 > room)
            return false;
        if (length)
            out[length++] = '.';
        for (size_t i = 0; i < label; i++, at++) {
            if (!is_host_byte(data[at]))
                return false;
            out[length++] = (char)data[at];
        }
    }
    out[length] = '\0';
    return at + 1 == size;
}

bool srv_read(const unsigned char *data, size_t size, struct srv *out)
{
    if (size <= FIXED_BYTES)
        return false;
    out->priority = number_at(data);
    out->weight = number_at(data + 2);
    out->port = number_at(data + 4);
    return read_host(data + FIXED_BYTES, size - FIXED_BYTES, out->host, sizeof out->host);
}

static void swap(struct srv *a, struct srv *b)
{
    struct srv kept = *a;
    *a = *b;
    *b = kept;
}

/* Few records come: an insertion is enough.  Weight 0 goes first, so that it has its small chance. */
static void sort(struct srv *records, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0; j--) {
            const struct srv *a = &records[j - 1], *b = &records[j];
            if (a->priority < b->priority || (a->priority == b->priority && (a->weight == 0 || b->weight != 0)))
                break;
            swap(&records[j - 1], &records[j]);
        }
}

static void throw_weights(struct srv *records, size_t count, uint32_t (*random)(void *ctx, uint32_t bound), void *ctx)
{
    for (; count > 1; records++, count--) {
        uint32_t sum = 0, running = 0;
        for (size_t i = 0; i < count; i++)
            sum += records[i].weight;
        uint32_t thrown = random(ctx, sum);
        size_t chosen = 0;
        while (chosen + 1 < count && (running += records[chosen].weight) < thrown)
            chosen++;
        struct srv first = records[chosen];
        memmove(records + 1, records, chosen * sizeof *records);
        records[0] = first;
    }
}

void srv_order(struct srv *records, size_t count, uint32_t (*random)(void *ctx, uint32_t bound), void *ctx)
{
    sort(records, count);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && records[end].priority == records[begin].priority;)
            end++;
        throw_weights(records + begin, end - begin, random, ctx);
    }
}

/* settle.c - what waits in the log of an account is routed again, page by page, one page at a time for an account: so that
 * nobody is flooded, and the order is that of the log. */
#include <stdlib.h>

#include "gateway/router/resident.h"

enum { FULL_WAIT_MS = 100 };

struct settling {
    UT_hash_handle hh;
    struct router *router;
    struct timer timer; /* a client of the account has more than it reads */
    struct settled settled;
    bool is_again; /* asked for meanwhile: once more from the start */
    struct text bare;
    char text[];
};

static void settle_page(struct settling *settling);

static void settling_free(struct settling *settling)
{
    timer_stop(&settling->timer);
    HASH_DEL(settling->router->settlings, settling);
    free(settling);
}

static bool is_full(const struct settling *settling)
{
    const struct resident *resident = resident_find(settling->router, settling->bare);
    for (unsigned i = 0; resident && i < resident->count; i++)
        if (session_is_full(resident->sessions[i]))
            return true;
    return false;
}

static void go_on(struct settling *settling);

static void on_timer(struct timer *timer)
{
    go_on(container_of(timer, struct settling, timer));
}

static void go_on(struct settling *settling)
{
    if (is_full(settling))
        timer_start(settling->router->parts->timers, &settling->timer, FULL_WAIT_MS, on_timer);
    else
        settle_page(settling);
}

static void on_page(void *ctx, enum bus_status status, const struct settled *settled)
{
    struct settling *settling = ctx;
    struct router *router = settling->router;
    if (status != BUS_OK) {
        struct resident *resident = resident_find(router, settling->bare);
        if (resident)
            resident->must_settle = true;
        settling_free(settling); /* elsewhere the flag q stays, and the next message asks again */
        return;
    }
    metric_add(router->parts->metrics, METRIC_MESSAGES_SETTLED, settled->moved);
    settling->settled = *settled;
    if (!settled->next && settling->is_again) {
        settling->is_again = false;
        settling->settled = (struct settled){ 0 };
    } else if (!settled->next) {
        settling_free(settling);
        return;
    }
    go_on(settling);
}

/* Ids are "milliseconds-sequence", and NUL-terminated. */
static bool is_newer(struct text id, struct text other)
{
    char *end, *other_end;
    unsigned long long ms = strtoull(id.data, &end, 10), other_ms = strtoull(other.data, &other_end, 10);
    if (ms != other_ms)
        return ms > other_ms;
    return *end && *other_end && strtoull(end + 1, NULL, 10) > strtoull(other_end + 1, NULL, 10);
}

/* The newest that a session of the account has read in the archive; empty: none has. */
static struct text archive_read(const struct settling *settling)
{
    const struct resident *resident = resident_find(settling->router, settling->bare);
    struct text newest = { 0 };
    for (unsigned i = 0; resident && i < resident->count; i++) {
        struct text read = session_archive_read(resident->sessions[i]);
        if (read.size && (!newest.size || is_newer(read, newest)))
            newest = read;
    }
    return newest;
}

static void settle_page(struct settling *settling)
{
    struct store *store = settling->router->parts->store;
    store->log->settle(store, settling->bare, &settling->settled, archive_read(settling), on_page, settling);
}

void account_settle(struct router *router, struct text bare)
{
    struct settling *settling;
    HASH_FIND(hh, router->settlings, bare.data, bare.size, settling);
    if (settling) {
        settling->is_again = true;
        return;
    }
    settling = xcalloc(1, sizeof *settling + bare.size);
    settling->router = router;
    memcpy(settling->text, bare.data, bare.size);
    settling->bare = (struct text){ settling->text, bare.size };
    HASH_ADD_KEYPTR(hh, router->settlings, settling->bare.data, settling->bare.size, settling);
    settle_page(settling);
}

void settlings_free(struct router *router)
{
    struct settling *settling, *next;
    HASH_ITER(hh, router->settlings, settling, next)
        settling_free(settling);
}

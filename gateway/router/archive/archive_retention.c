/* archive_retention.c - archives are trimmed when something is written to them; those of accounts that are silent, and all
 * of them when the bounds were made narrower, by a slow walk over all accounts.  One node walks, the holder of a lease, which
 * is as long as the pause between two walks. */
#include <stdio.h>

#include "gateway/router/archive/archive.h"
#include "gateway/router/resident.h"

enum {
    FIRST_MS = 10000,          /* after the start */
    STEP_MS = 250,             /* some hundred names are looked at in one */
    PAUSE_MS = 60 * 60 * 1000, /* between two walks */
    LEASE_MS = PAUSE_MS + 60 * 1000
};

static const struct text lease = TEXT_INIT("archive retention"); /* no address: it is no service's */

static void on_timer(struct timer *timer);

static void again_in(struct router *router, int64_t ms)
{
    if (!router->is_stopping)
        timer_start(router->parts->timers, &router->retention.timer, ms, on_timer);
}

static void on_retained(void *ctx, enum bus_status status, struct text next, int64_t removed)
{
    struct router *router = ctx;
    struct archive_retention *retention = &router->retention;
    if (status != BUS_OK) {
        again_in(router, PAUSE_MS);
        return;
    }
    metric_add(router->parts->metrics, METRIC_ARCHIVE_RETIRED, removed);
    snprintf(retention->cursor, sizeof retention->cursor, "%.*s", TEXT_ARGS(next));
    again_in(router, text_is(next, "0") ? PAUSE_MS : STEP_MS);
}

static void on_lease(void *ctx, enum bus_status status, int64_t result)
{
    struct router *router = ctx;
    struct store *store = router->parts->store;
    struct archive_settings bounds = archive_settings(router);
    if (status == BUS_OK && result == 1 && !router->is_stopping)
        store->archive->retain(store, text_of(router->retention.cursor), &bounds, on_retained, router);
    else
        again_in(router, PAUSE_MS); /* another node walks */
}

static void on_timer(struct timer *timer)
{
    struct router *router = container_of(timer, struct router, retention.timer);
    struct store *store = router->parts->store;
    store->ops->lease_take(store, lease, router->parts->node, LEASE_MS, on_lease, router);
}

void archive_retention_start(struct router *router)
{
    struct archive_settings bounds = archive_settings(router);
    if (!bounds.keep_ms && !bounds.count && !bounds.bytes)
        return;
    snprintf(router->retention.cursor, sizeof router->retention.cursor, "0");
    again_in(router, FIRST_MS);
}

void archive_retention_stop(struct router *router)
{
    struct store *store = router->parts->store;
    timer_stop(&router->retention.timer);
    store->ops->lease_release(store, lease, router->parts->node);
}

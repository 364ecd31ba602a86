/* catch_up.c - a node that may have missed something on an account's mailbox reads it from the log: after the subscriptions
 * were lost, and when a number is not the one behind the last.  What comes live meanwhile is left to the reading, so that
 * the order stays. */
#include <stdlib.h>

#include "gateway/router/mailbox.h"
#include "gateway/router/resident.h"

struct catching { /* finds the account again when Redis has answered */
    struct router *router;
    struct text bare;
    uint64_t from; /* what this page began with */
    char text[];
};

static void read_page(struct resident *resident);

/* Number 1 behind others: Redis has lost the log, and begins again. */
bool resident_takes(struct resident *resident, uint64_t number)
{
    if (resident->is_catching_up) {
        if (number > resident->ahead)
            resident->ahead = number;
        return false;
    }
    if (number == 1 || !resident->last || number == resident->last + 1) {
        resident->last = number;
        return true;
    }
    if (number <= resident->last)
        return false;
    metric_add(resident->router->parts->metrics, METRIC_LOG_GAPS, 1);
    resident->ahead = number;
    catch_up(resident);
    return false;
}

static void on_entry(void *ctx, const struct log_entry *entry)
{
    struct catching *catching = ctx;
    struct resident *resident = resident_find(catching->router, catching->bare);
    if (!resident || !resident->is_catching_up || entry->number <= resident->last)
        return;
    resident->last = entry->number;
    mailbox_catch_up(resident, entry);
}

static void on_page(void *ctx, enum bus_status status, int64_t given)
{
    struct catching *catching = ctx;
    struct resident *resident = resident_find(catching->router, catching->bare);
    if (!resident || !resident->is_catching_up) {
        free(catching);
        return;
    }
    resident->is_catching_up = false;
    if (status != BUS_OK) {
        resident->has_gap = true;
    } else if (given == LOG_PAGE || resident->ahead > resident->last) {
        /* What was seen ahead and is in no page was taken out of the log meanwhile. */
        if (given < LOG_PAGE && catching->from == resident->last + 1)
            resident->last = resident->ahead;
        else
            read_page(resident);
    }
    free(catching);
}

static void read_page(struct resident *resident)
{
    struct router *router = resident->router;
    struct store *store = router->parts->store;
    struct catching *catching = xmalloc(sizeof *catching + resident->bare.size);
    memcpy(catching->text, resident->bare.data, resident->bare.size);
    catching->router = router;
    catching->bare = (struct text){ catching->text, resident->bare.size };
    catching->from = resident->last + 1;
    resident->is_catching_up = true;
    resident->has_gap = false;
    store->log->read(store, catching->bare, catching->from, 0, on_entry, on_page, catching);
}

void catch_up(struct resident *resident)
{
    if (!resident->is_catching_up)
        read_page(resident);
}

void residents_back(struct router *router, bool subscriptions_lost)
{
    struct resident *resident, *next;
    HASH_ITER(hh, router->residents, resident, next) {
        if (subscriptions_lost || resident->has_gap)
            catch_up(resident);
        if (resident->must_settle)
            account_settle(router, resident->bare);
        resident->must_settle = false;
    }
}

/* catch_up.c - a node that may have missed something on an account's mailbox reads it from the log: after the subscriptions
 * were lost, when a number is not the one behind the last, and for a session whose binding was not done when something came.
 * What comes live meanwhile is left to the reading, so that the order stays. */
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
static void reach(struct resident *resident);

bool resident_takes(struct resident *resident, uint64_t number)
{
    if (resident->is_catching_up) {
        if (number > resident->ahead)
            resident->ahead = number;
        return false;
    }
    if (!resident->last || number == resident->last + 1) {
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
    mailbox_catch_up(catching->router, catching->bare, entry);
}

static void begin_early(struct resident *resident)
{
    if (resident->last > resident->again)
        resident->again = resident->last;
    if (resident->again > resident->ahead)
        resident->ahead = resident->again;
    if (!resident->last || resident->last >= resident->early)
        resident->last = resident->early - 1;
    resident->early = 0;
    read_page(resident);
}

static void end_early(struct resident *resident)
{
    resident->again = 0;
    for (unsigned i = 0; i < resident->count; i++)
        session_caught_up(resident->sessions[i]);
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
    if (!resident->is_catching_up && resident->must_reach && resident->last)
        reach(resident);
    else if (!resident->is_catching_up && resident->early)
        begin_early(resident);
    else if (!resident->is_catching_up && resident->again && resident->last >= resident->again)
        end_early(resident);
    free(catching);
}

static struct catching *catching_new(const struct resident *resident)
{
    struct catching *catching = xcalloc(1, sizeof *catching + resident->bare.size);
    memcpy(catching->text, resident->bare.data, resident->bare.size);
    catching->router = resident->router;
    catching->bare = (struct text){ catching->text, resident->bare.size };
    return catching;
}

static void read_page(struct resident *resident)
{
    struct store *store = resident->router->parts->store;
    struct catching *catching = catching_new(resident);
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

void catch_up_early(struct resident *resident, uint64_t entry)
{
    if (!resident->early || entry < resident->early)
        resident->early = entry;
    if (!resident->is_catching_up)
        begin_early(resident);
}

/* -- Redis is back -- */

static void on_reached(void *ctx, enum bus_status status, int64_t result)
{
    struct catching *catching = ctx;
    struct resident *resident = resident_find(catching->router, catching->bare);
    if (resident && resident->is_catching_up) {
        resident->is_catching_up = false;
        if (status != BUS_OK) {
            resident->has_gap = true;
        } else {
            if (result == 1) { /* what it has got since may have any number */
                resident->ahead = resident->ahead > resident->last ? resident->ahead : resident->last;
                resident->last = 0;
            }
            read_page(resident);
        }
    }
    free(catching);
}

/* Has it lost what this node has seen?  What comes meanwhile is read after the answer. */
static void reach(struct resident *resident)
{
    struct store *store = resident->router->parts->store;
    struct catching *catching = catching_new(resident);
    resident->is_catching_up = true;
    resident->has_gap = resident->must_reach = false;
    store->log->reach(store, catching->bare, resident->last, on_reached, catching);
}

static void look_again(struct resident *resident, bool subscriptions_lost)
{
    if (resident->is_catching_up)
        resident->must_reach = subscriptions_lost;
    else if (subscriptions_lost && resident->last)
        reach(resident);
    else if (subscriptions_lost || resident->has_gap)
        catch_up(resident);
}

void residents_back(struct router *router, bool subscriptions_lost)
{
    struct resident *resident, *next;
    HASH_ITER(hh, router->residents, resident, next) {
        look_again(resident, subscriptions_lost);
        if (resident->must_settle)
            account_settle(router, resident->bare);
        resident->must_settle = false;
    }
}

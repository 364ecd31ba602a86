/* memory_store.c - accounts, session rows and leases in memory, with the meaning that store.h gives them. */
#include <stdlib.h>

#include "stanzabus/channel.h"
#include "stanzabus/message.h"
#include "world.h"

struct account_entry {
    struct account_entry *next;
    char *bare;
    struct account account;
};

struct row_entry {
    struct row_entry *next;
    char *bare, *resource, *node;
    uint64_t session;
    bool is_available;
    int8_t priority;
};

struct lease_entry {
    struct lease_entry *next;
    char *address, *node;
};

struct tables {
    struct exchange *exchange;
    char *prefix;
    struct account_entry *accounts;
    struct row_entry *rows;
    struct lease_entry *leases;
    struct memory_store *stores;
};

struct memory_store {
    struct store store;
    struct tables *tables;
    struct bus *bus;
    struct memory_store *next;
};

/* One operation under way: everything that any of them needs. */
struct operation {
    struct memory_store *store;
    char *bare, *resource, *node, *event;
    uint64_t session;
    bool is_available;
    int8_t priority;
    enum route_audience audience;
    unsigned hops, max_sessions;
    enum bind_conflict conflict;
    enum account_put how;
    struct account account;
    store_done_fn *done;
    store_account_fn *account_fn;
    store_bind_fn *bind_fn;
    store_secret_fn *secret_fn;
    store_each_fn *each;
    void *ctx;
};

static struct operation *operation_new(struct store *store, void *ctx)
{
    struct operation *operation = xcalloc(1, sizeof *operation);
    operation->store = (struct memory_store *)store;
    operation->ctx = ctx;
    return operation;
}

static void operation_free(struct operation *operation)
{
    free(operation->bare);
    free(operation->resource);
    free(operation->node);
    free(operation->event);
    free(operation);
}

static void defer(struct operation *operation, void (*run)(void *))
{
    exchange_defer(operation->store->tables->exchange, operation->store->bus, run, operation);
}

static bool is_away(const struct operation *operation)
{
    return exchange_is_away(operation->store->tables->exchange);
}

static void finish(struct operation *operation, int64_t result)
{
    if (operation->done)
        operation->done(operation->ctx, is_away(operation) ? BUS_AWAY : BUS_OK, result);
    operation_free(operation);
}

/* -- accounts -- */

static struct account_entry *find_account(struct tables *tables, const char *bare)
{
    struct account_entry *entry = tables->accounts;
    while (entry && strcmp(entry->bare, bare) != 0)
        entry = entry->next;
    return entry;
}

void tables_add_account(struct tables *tables, struct text bare, const struct account *account)
{
    struct account_entry *entry = xcalloc(1, sizeof *entry);
    entry->bare = text_dup(bare);
    entry->account = *account;
    entry->next = tables->accounts;
    tables->accounts = entry;
}

static void run_account_get(void *ctx)
{
    struct operation *operation = ctx;
    struct account_entry *entry = find_account(operation->store->tables, operation->bare);
    if (is_away(operation))
        operation->account_fn(operation->ctx, BUS_AWAY, NULL);
    else
        operation->account_fn(operation->ctx, BUS_OK, entry ? &entry->account : NULL);
    operation_free(operation);
}

static void account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    operation->bare = text_dup(bare);
    operation->account_fn = fn;
    defer(operation, run_account_get);
}

static void run_account_put(void *ctx)
{
    struct operation *operation = ctx;
    struct tables *tables = operation->store->tables;
    struct account_entry *entry = find_account(tables, operation->bare);
    if ((entry && operation->how == ACCOUNT_CREATE) || (!entry && operation->how == ACCOUNT_REPLACE)) {
        finish(operation, 0);
        return;
    }
    if (entry)
        entry->account = operation->account;
    else
        tables_add_account(tables, text_of(operation->bare), &operation->account);
    finish(operation, 1);
}

static void account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                        store_done_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    operation->bare = text_dup(bare);
    operation->account = *account;
    operation->how = how;
    operation->done = fn;
    defer(operation, run_account_put);
}

static void run_account_delete(void *ctx)
{
    struct operation *operation = ctx;
    struct account_entry **link = &operation->store->tables->accounts;
    while (*link && strcmp((*link)->bare, operation->bare) != 0)
        link = &(*link)->next;
    struct account_entry *entry = *link;
    if (entry) {
        *link = entry->next;
        free(entry->bare);
        free(entry);
    }
    finish(operation, entry != NULL);
}

static void account_delete(struct store *store, struct text bare, store_done_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    operation->bare = text_dup(bare);
    operation->done = fn;
    defer(operation, run_account_delete);
}

static void run_account_list(void *ctx)
{
    struct operation *operation = ctx;
    for (struct account_entry *entry = operation->store->tables->accounts; entry; entry = entry->next)
        operation->each(operation->ctx, text_of(entry->bare));
    finish(operation, 0);
}

static void account_list(struct store *store, struct text domain, store_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    (void)domain;
    operation->each = each;
    operation->done = fn;
    defer(operation, run_account_list);
}

static void run_secret(void *ctx)
{
    struct operation *operation = ctx;
    operation->secret_fn(operation->ctx, BUS_OK, TEXT("0123456789abcdef0123456789abcdef"));
    operation_free(operation);
}

static void secret_get(struct store *store, struct text name, store_secret_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    (void)name;
    operation->secret_fn = fn;
    defer(operation, run_secret);
}

/* -- session rows -- */

static struct row_entry **find_row(struct tables *tables, const char *bare, const char *resource)
{
    struct row_entry **link = &tables->rows;
    while (*link && (strcmp((*link)->bare, bare) != 0 || strcmp((*link)->resource, resource) != 0))
        link = &(*link)->next;
    return link;
}

static void row_free(struct row_entry *row)
{
    free(row->bare);
    free(row->resource);
    free(row->node);
    free(row);
}

static unsigned count_rows(struct tables *tables, const char *bare)
{
    unsigned count = 0;
    for (struct row_entry *row = tables->rows; row; row = row->next)
        count += strcmp(row->bare, bare) == 0;
    return count;
}

static void write_row(struct row_entry *row, const struct operation *operation)
{
    free(row->node);
    row->node = xstrdup(operation->node);
    row->session = operation->session;
    row->is_available = operation->is_available;
    row->priority = operation->priority;
}

static struct operation *row_operation(struct store *store, const struct session_row *row, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    operation->bare = text_dup(row->bare);
    operation->resource = text_dup(row->resource);
    operation->node = text_dup(row->node);
    operation->session = row->session;
    operation->is_available = row->is_available;
    operation->priority = row->priority;
    return operation;
}

static bool is_own_row(const struct row_entry *row, const struct operation *operation)
{
    return row && row->session == operation->session && strcmp(row->node, operation->node) == 0;
}

static void answer_bind(struct operation *operation, int result, const char *node, uint64_t session)
{
    operation->bind_fn(operation->ctx, is_away(operation) ? BUS_AWAY : BUS_OK, result, text_of(node), session);
    operation_free(operation);
}

static void run_bind(void *ctx)
{
    struct operation *operation = ctx;
    struct tables *tables = operation->store->tables;
    struct row_entry *row = *find_row(tables, operation->bare, operation->resource);

    if (is_away(operation)) {
        answer_bind(operation, 0, NULL, 0);
    } else if (row && !is_own_row(row, operation)) {
        if (operation->conflict == BIND_REFUSE) {
            answer_bind(operation, BIND_CONFLICT, NULL, 0);
            return;
        }
        char *old_node = xstrdup(row->node);
        uint64_t old_session = row->session;
        write_row(row, operation);
        answer_bind(operation, BIND_REPLACED, old_node, old_session);
        free(old_node);
    } else if (!row && count_rows(tables, operation->bare) >= operation->max_sessions) {
        answer_bind(operation, BIND_TOO_MANY, NULL, 0);
    } else {
        if (!row) {
            row = xcalloc(1, sizeof *row);
            row->bare = xstrdup(operation->bare);
            row->resource = xstrdup(operation->resource);
            row->next = tables->rows;
            tables->rows = row;
        }
        write_row(row, operation);
        answer_bind(operation, BIND_DONE, NULL, 0);
    }
}

static void session_bind(struct store *store, const struct session_row *row, enum bind_conflict conflict, unsigned max_sessions,
                         store_bind_fn *fn, void *ctx)
{
    struct operation *operation = row_operation(store, row, ctx);
    operation->conflict = conflict;
    operation->max_sessions = max_sessions;
    operation->bind_fn = fn;
    defer(operation, run_bind);
}

static void run_update(void *ctx)
{
    struct operation *operation = ctx;
    struct row_entry *row = *find_row(operation->store->tables, operation->bare, operation->resource);
    bool own = !is_away(operation) && is_own_row(row, operation);
    if (own)
        write_row(row, operation);
    finish(operation, own);
}

static void session_update(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx)
{
    struct operation *operation = row_operation(store, row, ctx);
    operation->done = fn;
    defer(operation, run_update);
}

static void run_remove(void *ctx)
{
    struct operation *operation = ctx;
    struct row_entry **link = find_row(operation->store->tables, operation->bare, operation->resource);
    bool own = !is_away(operation) && is_own_row(*link, operation);
    if (own) {
        struct row_entry *row = *link;
        *link = row->next;
        row_free(row);
    }
    finish(operation, own);
}

static void session_remove(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx)
{
    struct operation *operation = row_operation(store, row, ctx);
    operation->done = fn;
    defer(operation, run_remove);
}

/* -- routes -- */

static bool row_hears(const struct row_entry *row, enum route_audience audience)
{
    return audience == ROUTE_AVAILABLE ? row->is_available : row->is_available && row->priority >= 0;
}

static unsigned add_edge_line(struct buffer *edge, const struct row_entry *row)
{
    buffer_printf(edge, "\n%s/%s", row->node, row->resource);
    return 1;
}

static unsigned choose(struct operation *operation, struct buffer *edge)
{
    struct tables *tables = operation->store->tables;
    bool by_resource = operation->audience == ROUTE_RESOURCE || operation->audience == ROUTE_RESOURCE_OR_NON_NEGATIVE;
    unsigned count = 0;

    if (by_resource) {
        struct row_entry *row = *find_row(tables, operation->bare, operation->resource);
        if (row)
            return add_edge_line(edge, row);
        if (operation->audience == ROUTE_RESOURCE)
            return 0;
    }
    for (struct row_entry *row = tables->rows; row; row = row->next)
        if (strcmp(row->bare, operation->bare) == 0 && row_hears(row, operation->audience))
            count += add_edge_line(edge, row);
    return count;
}

static void run_route(void *ctx)
{
    struct operation *operation = ctx;
    struct buffer edge = { 0 }, payload = { 0 }, channel = { 0 };
    unsigned count = 0;

    if (!is_away(operation)) {
        buffer_printf(&edge, "%u", operation->hops);
        count = choose(operation, &edge);
    }
    if (count) {
        BUFFER_LITERAL(&payload, "{\"edge\":");
        json_write_string(&payload, buffer_text(&edge));
        buffer_printf(&payload, ",%s", operation->event + 1);
        channel_to(&channel, text_of(operation->store->tables->prefix), text_of(operation->bare));
        exchange_publish(operation->store->tables->exchange, buffer_text(&channel), buffer_text(&payload));
    }
    buffer_fini(&edge);
    buffer_fini(&payload);
    buffer_fini(&channel);
    finish(operation, count);
}

static void route(struct store *store, const struct route *route, store_done_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    operation->bare = text_dup(route->bare);
    operation->resource = text_dup(route->resource);
    operation->audience = route->audience;
    operation->hops = route->hops;
    operation->event = text_dup(route->event);
    operation->done = fn;
    defer(operation, run_route);
}

/* -- leases and nodes -- */

static struct lease_entry *find_lease(struct tables *tables, const char *address)
{
    struct lease_entry *lease = tables->leases;
    while (lease && strcmp(lease->address, address) != 0)
        lease = lease->next;
    return lease;
}

static void run_lease(void *ctx)
{
    struct operation *operation = ctx;
    struct tables *tables = operation->store->tables;
    struct lease_entry *lease = find_lease(tables, operation->bare);
    if (!lease && !is_away(operation)) {
        lease = xcalloc(1, sizeof *lease);
        lease->address = xstrdup(operation->bare);
        lease->node = xstrdup(operation->node);
        lease->next = tables->leases;
        tables->leases = lease;
    }
    finish(operation, lease && strcmp(lease->node, operation->node) == 0);
}

static void lease_take(struct store *store, struct text address, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    (void)ttl_ms;
    operation->bare = text_dup(address);
    operation->node = text_dup(node);
    operation->done = fn;
    defer(operation, run_lease);
}

static void lease_release(struct store *store, struct text address, struct text node)
{
    struct lease_entry **link = &((struct memory_store *)store)->tables->leases;
    while (*link && (!text_is(address, (*link)->address) || !text_is(node, (*link)->node)))
        link = &(*link)->next;
    struct lease_entry *lease = *link;
    if (!lease)
        return;
    *link = lease->next;
    free(lease->address);
    free(lease->node);
    free(lease);
}

static void run_nothing(void *ctx)
{
    finish(ctx, 1);
}

static void node_beat(struct store *store, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx)
{
    struct operation *operation = operation_new(store, ctx);
    (void)node;
    (void)ttl_ms;
    operation->done = fn;
    defer(operation, run_nothing);
}

static void node_gone(struct store *store, struct text node, store_done_fn *fn, void *ctx)
{
    node_beat(store, node, 0, fn, ctx);
}

static void node_sweep(struct store *store, store_each_fn *each, store_done_fn *fn, void *ctx)
{
    (void)each;
    node_beat(store, (struct text){ 0 }, 0, fn, ctx);
}

static const struct store_ops memory_store_ops = {
    .account_get = account_get,
    .account_put = account_put,
    .account_delete = account_delete,
    .account_list = account_list,
    .secret_get = secret_get,
    .session_bind = session_bind,
    .session_update = session_update,
    .session_remove = session_remove,
    .route = route,
    .lease_take = lease_take,
    .lease_release = lease_release,
    .node_beat = node_beat,
    .node_gone = node_gone,
    .node_sweep = node_sweep,
};

struct store *tables_store(struct tables *tables, struct bus *bus)
{
    struct memory_store *store = xcalloc(1, sizeof *store);
    store->store.ops = &memory_store_ops;
    store->tables = tables;
    store->bus = bus;
    store->next = tables->stores;
    tables->stores = store;
    return &store->store;
}

struct tables *tables_new(struct exchange *exchange, struct text prefix)
{
    struct tables *tables = xcalloc(1, sizeof *tables);
    tables->exchange = exchange;
    tables->prefix = text_dup(prefix);
    return tables;
}

void tables_forget(struct tables *tables)
{
    for (struct row_entry *row = tables->rows, *next; row; row = next) {
        next = row->next;
        row_free(row);
    }
    tables->rows = NULL;
}

void tables_free(struct tables **pointer)
{
    struct tables *tables = *pointer;
    if (!tables)
        return;
    tables_forget(tables);
    for (struct account_entry *entry = tables->accounts, *next; entry; entry = next) {
        next = entry->next;
        free(entry->bare);
        free(entry);
    }
    while (tables->leases)
        lease_release(&(struct memory_store){ .tables = tables }.store, text_of(tables->leases->address), text_of(tables->leases->node));
    for (struct memory_store *store = tables->stores, *next; store; store = next) {
        next = store->next;
        free(store);
    }
    free(tables->prefix);
    free(tables);
    *pointer = NULL;
}

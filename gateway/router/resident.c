/* resident.c - the accounts that have sessions on this node, by bare JID. */
#include "gateway/router/resident.h"

#include <stdlib.h>

struct resident *resident_find(const struct router *router, struct text bare)
{
    struct resident *resident;
    HASH_FIND(hh, router->residents, bare.data, bare.size, resident);
    return resident;
}

static struct resident *resident_new(struct router *router, struct text bare)
{
    struct resident *resident = xcalloc(1, sizeof *resident + bare.size);
    memcpy(resident + 1, bare.data, bare.size);
    resident->router = router;
    resident->bare = (struct text){ (const char *)(resident + 1), bare.size };
    HASH_ADD_KEYPTR(hh, router->residents, resident->bare.data, resident->bare.size, resident);
    return resident;
}

static void resident_free(struct resident *resident)
{
    HASH_DEL(resident->router->residents, resident);
    free(resident->sessions);
    free(resident->done);
    free(resident);
}

static void set_flags(struct resident *resident, struct text flags)
{
    size_t size = flags.size < FLAGS_MAX ? flags.size : FLAGS_MAX;
    if (text_is(flags, "-"))
        size = 0;
    if (size)
        memcpy(resident->flags, flags.data, size);
    resident->flags[size] = '\0';
}

void resident_open(struct router *router, struct session *session, const struct bind_answer *answer)
{
    struct text bare = jid_bare(session_jid(session));
    struct resident *resident = resident_find(router, bare);
    if (!resident)
        resident = resident_new(router, bare);
    if (resident->count == resident->room) {
        resident->room = resident->room ? resident->room * 2 : 2;
        resident->sessions = xrealloc(resident->sessions, resident->room * sizeof(struct session *));
    }
    resident->sessions[resident->count++] = session;
    if (!answer)
        return;
    set_flags(resident, answer->flags);
    resident->carbons = answer->carbons;
    if (answer->result == BIND_REPLACED && resident_has_flag(resident, 'q'))
        account_settle(router, bare); /* what the replaced session held */
}

/* One that is being taken out of the log stays in the list of the turn. */
void resident_close(struct router *router, struct session *session)
{
    struct resident *resident = resident_find(router, jid_bare(session_jid(session)));
    for (unsigned i = 0; resident && i < resident->count; i++) {
        if (resident->sessions[i] != session)
            continue;
        resident->sessions[i] = resident->sessions[--resident->count];
        break;
    }
    if (resident && resident->count == 0 && !resident->is_in_done)
        resident_free(resident);
}

struct session *resident_session(const struct resident *resident, struct text uid)
{
    for (unsigned i = 0; i < resident->count; i++)
        if (text_equal(session_uid(resident->sessions[i]), uid))
            return resident->sessions[i];
    return NULL;
}

bool resident_has_flag(const struct resident *resident, char flag)
{
    return strchr(resident->flags, flag) != NULL;
}

bool resident_wants_copies(const struct resident *resident, const struct session *session)
{
    return resident->carbons > (session_has_carbons(session) ? 1 : 0);
}

/* "account carbons flags", "log n"; others are for others. */
void resident_told(struct router *router, struct text bare, struct text line)
{
    struct resident *resident = resident_find(router, bare);
    char word[16], flags[FLAGS_MAX + 1];
    unsigned long long number;
    char copy[64];
    if (!resident || line.size >= sizeof copy)
        return;
    snprintf(copy, sizeof copy, "%.*s", TEXT_ARGS(line));
    if (sscanf(copy, "%15s %llu %15s", word, &number, flags) == 3 && strcmp(word, "account") == 0) {
        resident->carbons = (unsigned)number;
        set_flags(resident, text_of(flags));
    } else if (sscanf(copy, "log %llu", &number) == 1) {
        resident_takes(resident, number);
    }
}

/* -- delivered -- */

struct done_batch { /* asked again when Redis was away */
    struct done_batch *next;
    struct router *router;
    struct text bare, uid; /* behind the numbers */
    size_t count;
    uint64_t numbers[];
};

static void add_done(struct resident *resident, const uint64_t *numbers, size_t count)
{
    struct router *router = resident->router;
    if (resident->done_count + count > resident->done_room) {
        resident->done_room = (resident->done_count + count) * 2;
        resident->done = xrealloc(resident->done, resident->done_room * sizeof *resident->done);
    }
    memcpy(resident->done + resident->done_count, numbers, count * sizeof *numbers);
    resident->done_count += count;
    if (resident->is_in_done)
        return;
    resident->is_in_done = true;
    resident->next_done = router->residents_done;
    router->residents_done = resident;
}

static void on_done(void *ctx, enum bus_status status, int64_t left)
{
    struct done_batch *batch = ctx;
    struct router *router = batch->router;
    (void)left;
    if (status == BUS_AWAY) {
        batch->next = router->undone;
        router->undone = batch;
        return;
    }
    if (status != BUS_OK)
        metric_add(router->parts->metrics, METRIC_LOG_DOUBLES, (int64_t)batch->count);
    free(batch);
}

static void ask_done(struct done_batch *batch)
{
    struct store *store = batch->router->parts->store;
    store->log->done(store, batch->bare, batch->uid, batch->numbers, batch->count, on_done, batch);
}

static void take_out(struct router *router, struct text bare, struct text uid, const uint64_t *numbers, size_t count)
{
    struct done_batch *batch = xmalloc(sizeof *batch + count * sizeof *numbers + bare.size + uid.size);
    char *texts = (char *)(batch->numbers + count);
    *batch = (struct done_batch){ .router = router, .count = count };
    memcpy(batch->numbers, numbers, count * sizeof *numbers);
    memcpy(texts, bare.data, bare.size);
    batch->bare = (struct text){ texts, bare.size };
    if (uid.size)
        memcpy(texts + bare.size, uid.data, uid.size);
    batch->uid = (struct text){ texts + bare.size, uid.size };
    ask_done(batch);
}

void resident_delivered(struct router *router, struct session *session, const uint64_t *numbers, size_t count)
{
    struct text bare = jid_bare(session_jid(session));
    struct resident *resident = resident_find(router, bare);
    for (size_t i = 0; i < count; i++) {
        if (!resident || (numbers[i] & LOG_SHARED)) /* whose is then known only now */
            take_out(router, bare, session_uid(session), &numbers[i], 1);
        else
            add_done(resident, &numbers[i], 1);
    }
}

static void write_done(struct resident *resident)
{
    size_t count = resident->done_count;
    resident->done_count = 0;
    if (count)
        take_out(resident->router, resident->bare, (struct text){ 0 }, resident->done, count);
}

void resident_take_out(struct router *router, struct text bare)
{
    struct resident *resident = resident_find(router, bare);
    if (resident)
        write_done(resident);
}

void residents_turn(struct router *router)
{
    struct resident *resident = router->residents_done;
    struct done_batch *batch = router->undone;
    if ((!resident && !batch) || router->parts->bus->is_away)
        return;
    router->undone = NULL;
    while (batch) {
        struct done_batch *next = batch->next;
        ask_done(batch);
        batch = next;
    }
    router->residents_done = NULL;
    while (resident) {
        struct resident *next = resident->next_done;
        resident->is_in_done = false;
        write_done(resident);
        if (resident->count == 0)
            resident_free(resident);
        resident = next;
    }
}

void residents_free(struct router *router)
{
    struct resident *resident, *next;
    HASH_ITER(hh, router->residents, resident, next)
        resident_free(resident);
    while (router->undone) {
        struct done_batch *batch = router->undone;
        router->undone = batch->next;
        free(batch);
    }
}

/* attendance.c - what the router remembers of a session for rosters and presence, as long as the session lives. */
#include <stdlib.h>

#include "gateway/router/presence/presence.h"

enum { NOTED_MAX = 1000 }; /* beyond it an older answer may be shown behind a newer presence */

struct address {
    UT_hash_handle hh;
    size_t size;
    char text[];
};

struct noted {
    struct noted *next;
    size_t size;
    char text[];
};

struct attendance *attendance_of(struct router *router, struct session *session)
{
    struct attendance *attendance = session_attendance(session);
    if (attendance)
        return attendance;
    attendance = xcalloc(1, sizeof *attendance);
    LIST_INSERT_HEAD(&router->attendances, attendance, entry);
    session_set_attendance(session, attendance);
    return attendance;
}

static void forget_noted(struct attendance *attendance)
{
    for (struct noted *noted = attendance->noted, *next; noted; noted = next) {
        next = noted->next;
        free(noted);
    }
    attendance->noted = NULL;
    attendance->noted_count = 0;
}

static void release(struct attendance *attendance)
{
    LIST_REMOVE(attendance, entry);
    forget_noted(attendance);
    attendance_forget_directed(attendance);
    free((char *)attendance->event.data);
    free(attendance);
}

void attendance_free(struct session *session)
{
    struct attendance *attendance = session_attendance(session);
    if (!attendance)
        return;
    session_set_attendance(session, NULL);
    release(attendance);
}

void attendances_free(struct router *router)
{
    while (!LIST_EMPTY(&router->attendances))
        release(LIST_FIRST(&router->attendances));
}

void attendance_set_event(struct attendance *attendance, struct text event)
{
    char *kept = text_dup(event);
    free((char *)attendance->event.data);
    attendance->event = (struct text){ kept, event.size };
}

/* -- directed presence -- */

void attendance_addresses(const struct attendance *attendance, struct buffer *out)
{
    struct address *address, *next;
    if (!attendance)
        return;
    HASH_ITER (hh, attendance->directed, address, next) {
        if (out->size)
            buffer_append_char(out, '\n');
        buffer_append(out, address->text, address->size);
    }
}

void attendance_forget_directed(struct attendance *attendance)
{
    struct address *address, *next;
    HASH_ITER (hh, attendance->directed, address, next) {
        HASH_DEL(attendance->directed, address);
        free(address);
    }
    attendance->directed_count = 0;
}

static void add_address(struct attendance *attendance, struct text text)
{
    struct address *address = xcalloc(1, sizeof *address + text.size);
    address->size = text.size;
    memcpy(address->text, text.data, text.size);
    HASH_ADD(hh, attendance->directed, text, address->size, address);
    attendance->directed_count++;
}

void attendance_take_directed(struct attendance *attendance, struct text addresses)
{
    struct address *known;
    while (addresses.size) {
        struct text line = text_take_line(&addresses);
        HASH_FIND(hh, attendance->directed, line.data, line.size, known);
        if (!known && line.size)
            add_address(attendance, line);
    }
}

/* The list in Redis is for the day when this node dies. */
static void write_addresses(struct router *router, const struct session *session, const struct attendance *attendance)
{
    struct store *store = router->parts->store;
    const struct jid *jid = session_jid(session);
    struct buffer lines = { 0 };
    attendance_addresses(attendance, &lines);
    store->presence->directed(store, jid_bare(jid), jid_resource(jid), buffer_text(&lines));
    buffer_fini(&lines);
}

bool attendance_direct(struct router *router, struct session *session, const struct jid *to, bool is_available)
{
    struct attendance *attendance = attendance_of(router, session);
    struct address *address;

    HASH_FIND(hh, attendance->directed, to->text, to->size, address);
    if ((address != NULL) == is_available)
        return true;
    if (is_available) {
        if (attendance->directed_count >= router->parts->config->limits_directed_presence)
            return false;
        add_address(attendance, jid_text(to));
    } else {
        HASH_DEL(attendance->directed, address);
        free(address);
        attendance->directed_count--;
    }
    write_addresses(router, session, attendance);
    return true;
}

/* -- probes and roster queries under way -- */

void attendance_probes_begin(struct attendance *attendance, unsigned count)
{
    attendance->open_probes += count;
}

void attendance_probe_done(struct attendance *attendance)
{
    if (--attendance->open_probes == 0)
        forget_noted(attendance);
}

bool attendance_has_noted(const struct attendance *attendance, struct text full)
{
    for (const struct noted *noted = attendance->noted; noted; noted = noted->next)
        if (text_equal(full, (struct text){ noted->text, noted->size }))
            return true;
    return false;
}

static void note(struct attendance *attendance, struct text full)
{
    if (attendance->noted_count == NOTED_MAX || attendance_has_noted(attendance, full))
        return;
    struct noted *noted = xmalloc(sizeof *noted + full.size);
    noted->size = full.size;
    memcpy(noted->text, full.data, full.size);
    noted->next = attendance->noted;
    attendance->noted = noted;
    attendance->noted_count++;
}

static uint64_t number_of_push(const struct element *query)
{
    struct text version = element_get(query, "ver");
    uint64_t number = 0;
    for (size_t i = 0; i < version.size; i++)
        number = version.data[i] == '-' ? 0 : number * 10 + (uint64_t)(version.data[i] - '0');
    return number;
}

/* A push that comes while the session's roster query is under way may be older than the answer, or newer: the answer is
 * read until it has it (handle_roster.c). */
bool presence_may_give(struct session *session, const struct stanza *stanza)
{
    struct attendance *attendance = session_attendance(session);
    if (!attendance)
        return true;
    if (stanza->kind == STANZA_PRESENCE && attendance->open_probes)
        note(attendance, element_get(stanza->root, "from"));
    const struct element *query =
        stanza->kind == STANZA_IQ && attendance->open_gets ? element_child(stanza->root, "query", "jabber:iq:roster") : NULL;
    if (!query || !text_is(element_get(stanza->root, "type"), "set"))
        return true;
    uint64_t number = number_of_push(query);
    if (number > attendance->push_number)
        attendance->push_number = number;
    return false;
}

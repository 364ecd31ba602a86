/* entry.c - the entries of the log: they come, are read and go. */
#include <string.h>

#include "tests/fuzz/sessions/world.h"

static struct entry *entry_add(struct session *session, bool is_shared)
{
    if (world.entry_count == ENTRIES_MAX)
        return NULL;
    struct entry *entry = &world.entries[world.entry_count++];
    *entry = (struct entry){ .number = ++world.last_entry, .is_shared = is_shared };
    copy_text(entry->bare, sizeof entry->bare, jid_bare(session_jid(session)));
    copy_text(entry->uid, sizeof entry->uid, session_uid(session));
    return entry;
}

void entry_read(void)
{
    if (world.reading_count == 0)
        return;
    struct reading reading = world.readings[0];
    memmove(world.readings, world.readings + 1, --world.reading_count * sizeof reading);
    unsigned left = script_next(8);
    bool is_fine = script_next(8) != 7, is_end = left == 0;
    unsigned most = is_end ? ENTRIES_MAX : left;
    uint64_t after = reading.after;
    while (most > 0 && is_fine) {
        struct session *session = sessions_find(world.sessions, text_of(reading.bare), text_of(reading.resource));
        struct entry *entry = NULL;
        for (unsigned i = 0; i < world.entry_count && !entry; i++)
            if (world.entries[i].number > after && strcmp(world.entries[i].bare, reading.bare) == 0)
                entry = &world.entries[i];
        is_end |= !entry;
        if (!entry || !session || session_number(session) != reading.session)
            break;
        after = entry->number;
        struct text xml = text_is(session_uid(session), entry->uid) ? delivery_xml(session) : (struct text){ 0 };
        session_log_entry(session, entry->number | (entry->is_shared ? LOG_SHARED : 0), xml);
        most--;
    }
    struct session *session = sessions_find(world.sessions, text_of(reading.bare), text_of(reading.resource));
    if (session && session_number(session) == reading.session)
        session_log_read(session, is_fine, is_end);
}

void entry_send(struct session *session)
{
    struct entry *entry = entry_add(session, script_next(2));
    if (entry && script_next(4)) /* else nobody tells it: it is found in the log */
        session_send_logged(session, delivery_xml(session), entry->number | (entry->is_shared ? LOG_SHARED : 0));
}

/* Those that wait for the log have their notes, but the entries are there no more. */
void entry_retire(void)
{
    unsigned chosen = script_next(ENTRIES_MAX);
    if (chosen < world.entry_count)
        memmove(&world.entries[chosen], &world.entries[chosen + 1], (--world.entry_count - chosen) * sizeof world.entries[0]);
}

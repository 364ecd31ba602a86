/* unacked.c - a ring of runs. */
#include "gateway/session/unacked.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM_FIRST = 8, ANSWER_REACH = 256 };

void unacked_fini(struct unacked *unacked)
{
    for (uint32_t i = 0; i < unacked->run_count; i++)
        free(unacked_run(unacked, i)->xml);
    free(unacked->runs);
    free(unacked->gone);
    *unacked = (struct unacked){ 0 };
}

static void grow(struct unacked *unacked)
{
    uint32_t room = unacked->room ? unacked->room * 2 : ROOM_FIRST;
    struct run *runs = xmalloc(room * sizeof *runs);
    for (uint32_t i = 0; i < unacked->run_count; i++)
        runs[i] = *unacked_run(unacked, i);
    free(unacked->runs);
    unacked->runs = runs;
    unacked->room = room;
    unacked->begin = 0;
}

static void push(struct unacked *unacked, struct run run)
{
    if (unacked->run_count == unacked->room)
        grow(unacked);
    unacked->run_count++;
    *unacked_run(unacked, unacked->run_count - 1) = run;
    unacked->sent += run.count;
    unacked->bytes += run.size;
}

void unacked_add_entry(struct unacked *unacked, uint64_t entry)
{
    struct run *last = unacked->run_count ? unacked_run(unacked, unacked->run_count - 1) : NULL;
    assert(entry > 0);
    if (last && !last->xml && !last->line && last->entry + last->count == entry && last->count < UINT32_MAX) {
        last->count++;
        unacked->sent++;
        return;
    }
    unacked_add_run(unacked, entry, 1);
}

void unacked_add_stanza(struct unacked *unacked, struct text xml)
{
    push(unacked, (struct run){ .xml = text_dup(xml), .size = (uint32_t)xml.size, .count = 1 });
}

void unacked_add_run(struct unacked *unacked, uint64_t entry, uint32_t count)
{
    push(unacked, (struct run){ .entry = entry, .count = count });
}

bool unacked_find(const struct unacked *unacked, uint32_t h, uint64_t upto, uint64_t *number)
{
    uint32_t ahead = h - (uint32_t)unacked->acked;
    *number = unacked->acked;
    if (ahead > UINT32_MAX / 2)
        return true; /* said before something that was said later */
    *number += ahead;
    return *number <= upto;
}

static void keep_gone(struct unacked *unacked, uint64_t line)
{
    if (unacked->gone_count == unacked->gone_room) {
        unacked->gone_room = unacked->gone_room ? unacked->gone_room * 2 : ROOM_FIRST;
        unacked->gone = xrealloc(unacked->gone, unacked->gone_room * sizeof *unacked->gone);
    }
    unacked->gone[unacked->gone_count++] = line;
}

static void shift(struct unacked *unacked)
{
    struct run *run = unacked_run(unacked, 0);
    if (run->line)
        keep_gone(unacked, run->line);
    unacked->bytes -= run->size;
    free(run->xml);
    unacked->begin = (unacked->begin + 1) & (unacked->room - 1);
    if (--unacked->run_count == 0 && unacked->room > ROOM_FIRST) {
        free(unacked->runs); /* most sessions are silent most of the time */
        unacked->runs = NULL;
        unacked->room = unacked->begin = 0;
    }
}

void unacked_ack(struct unacked *unacked, uint64_t number, void (*each)(void *ctx, uint64_t entry), void *ctx)
{
    assert(number <= unacked->sent);
    while (unacked->acked < number) {
        struct run *run = unacked_run(unacked, 0);
        uint64_t left = number - unacked->acked;
        uint32_t count = left < run->count ? (uint32_t)left : run->count;
        for (uint32_t i = 0; run->entry && each && i < count; i++)
            each(ctx, run->entry + i);
        unacked->acked += count;
        run->count -= count;
        if (run->count == 0)
            shift(unacked);
        else
            run->entry += count;
    }
}

/* The start tag of what this server writes: values stand in single quotes. */
static bool tag_has(struct text tag, const char *name, struct text value)
{
    char wanted[16];
    struct text rest = tag;
    int size = snprintf(wanted, sizeof wanted, " %s='", name);
    const char *found = memmem(rest.data, rest.size, wanted, (size_t)size);
    if (!found)
        return false;
    rest.size -= (size_t)(found + size - rest.data);
    rest.data = found + size;
    return text_starts_with(rest, value) && rest.size > value.size && rest.data[value.size] == '\'';
}

static bool is_request(const struct run *run, struct text from, struct text id)
{
    if (!run->xml || strncmp(run->xml, "<iq ", 4) != 0)
        return false;
    struct text tag = { run->xml, strcspn(run->xml, ">") };
    return tag_has(tag, "id", id) && tag_has(tag, "from", from) &&
           (tag_has(tag, "type", TEXT("get")) || tag_has(tag, "type", TEXT("set")));
}

void unacked_answered(struct unacked *unacked, struct text from, struct text id)
{
    for (uint32_t i = unacked->run_count, looked = 0; i-- > 0 && looked < ANSWER_REACH; looked++)
        if (is_request(unacked_run(unacked, i), from, id)) {
            unacked_run(unacked, i)->is_answered = true;
            return;
        }
}

/* Makes the run at index two: the second begins at the entry. */
static void split(struct unacked *unacked, uint32_t index, uint64_t entry)
{
    push(unacked, (struct run){ 0 });
    for (uint32_t i = unacked->run_count - 1; i > index + 1; i--)
        *unacked_run(unacked, i) = *unacked_run(unacked, i - 1);
    struct run *first = unacked_run(unacked, index), *second = unacked_run(unacked, index + 1);
    *second = *first;
    first->count = (uint32_t)(entry - first->entry);
    second->count -= first->count;
    second->entry = entry;
}

static void take_out(struct unacked *unacked, uint32_t index)
{
    for (uint32_t i = index; i + 1 < unacked->run_count; i++)
        *unacked_run(unacked, i) = *unacked_run(unacked, i + 1);
    unacked->run_count--;
}

static bool run_has(const struct run *run, uint64_t entry)
{
    return !run->xml && entry >= run->entry && entry < run->entry + run->count;
}

/* Most often it is behind all of them. */
bool unacked_has_entry(const struct unacked *unacked, uint64_t entry)
{
    for (uint32_t i = unacked->run_count; i-- > 0;) {
        const struct run *run = unacked_run(unacked, i);
        if (!run->xml && entry >= run->entry + run->count)
            return false;
        if (run_has(run, entry))
            return true;
    }
    return false;
}

bool unacked_drop_entry(struct unacked *unacked, uint64_t entry)
{
    for (uint32_t i = 0; i < unacked->run_count; i++) {
        struct run *run = unacked_run(unacked, i);
        if (!run_has(run, entry))
            continue;
        if (entry > run->entry) {
            split(unacked, i, entry);
            run = unacked_run(unacked, ++i);
        }
        run->entry++;
        if (--run->count == 0)
            take_out(unacked, i);
        unacked->sent--;
        return true;
    }
    return false;
}

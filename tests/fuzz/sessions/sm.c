/* sm.c - the streams that may be resumed (XEP-0198), in memory: notes in their rows. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/sessions/world.h"

/* Another node may have taken it just before. */
static bool is_fenced(struct row *row)
{
    if (row && world_take_twist() != NO_TWIST) {
        strcpy(row->node, "n2");
        row->session = 1;
        return true;
    }
    return !row;
}

static bool is_gone(const struct sm_notes *notes, uint64_t number)
{
    for (size_t i = 0; i < notes->gone_count; i++)
        if (notes->gone[i] == number)
            return true;
    return false;
}

static void write_notes(struct row *row, const struct sm_notes *notes)
{
    size_t kept = 0;
    assert(notes->handled >= row->handled && notes->entry >= row->entry);
    row->lines = xrealloc(row->lines, (row->line_count + notes->line_count + 1) * sizeof *row->lines);
    for (size_t i = 0; i < row->line_count; i++)
        if (is_gone(notes, row->lines[i].number))
            free(row->lines[i].xml);
        else
            row->lines[kept++] = row->lines[i];
    for (size_t i = 0; i < notes->line_count; i++) {
        const struct sm_line *line = &notes->lines[i];
        assert(i == 0 || line->number == line[-1].number + line[-1].count);
        row->lines[kept++] = (struct noted){ line->number, line->entry, line->count, line->xml.size ? text_dup(line->xml) : NULL };
    }
    if (notes->line_count) {
        const struct sm_line *last = &notes->lines[notes->line_count - 1];
        assert(last->number + last->count == notes->sent + 1);
    }
    row->line_count = kept;
    row->handled = notes->handled;
    row->sent = notes->sent;
    row->entry = notes->entry;
}

static void sm_start(struct store *store, const struct session_row *asked, uint32_t resume_ms, const struct sm_notes *notes,
                     store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    struct row *row = row_find_own(asked);
    (void)store;
    if (answer->is_away || is_fenced(row))
        return;
    assert(text_is(asked->uid, row->uid) && resume_ms > 0);
    row_free_lines(row);
    row->has_stream = true;
    row->resume_ms = resume_ms;
    write_notes(row, notes);
    answer->result = 1;
}

static void sm_note(struct store *store, const struct sm_notes *notes, store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    struct row *row = row_find_uid(notes->uid);
    (void)store;
    if (answer->is_away || !row || row->state != ROW_LIVE || !row->has_stream || row->session != notes->session ||
        !text_is(notes->node, row->node) || is_fenced(row))
        return;
    write_notes(row, notes);
    answer->result = 1;
}

static void sm_find(struct store *store, struct text bare, struct text uid, store_sm_found_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe(ANSWER_FOUND, ctx);
    struct row *row = row_find_uid(uid);
    (void)store;
    answer->found_fn = fn;
    if (!row || !row->has_stream || !text_is(bare, row->bare))
        return;
    answer->row = *row;
    answer->row.lines = NULL;
    answer->row.line_count = 0;
    answer->is_there = true;
    if (world_take_twist() != NO_TWIST)
        answer->row.state = ROW_ENDED;
}

static void copy_lines(struct row *out, const struct row *row, enum twist twist)
{
    *out = *row;
    out->lines = xcalloc(row->line_count + 1, sizeof *out->lines);
    out->line_count = 0;
    for (size_t i = twist == TWIST_TORN; i < row->line_count; i++) {
        struct noted *line = &out->lines[out->line_count++];
        *line = row->lines[i];
        line->xml = line->xml ? xstrdup(line->xml) : NULL;
    }
}

static void sm_take(struct store *store, const struct session_row *asked, store_sm_taken_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe(ANSWER_TAKEN, ctx);
    struct row *row = row_find_uid(asked->uid);
    (void)store;
    enum twist twist = world_take_twist();
    answer->taken_fn = fn;
    if (answer->is_away || !row || row->state != ROW_LIVE || !row->has_stream || !text_is(asked->bare, row->bare) ||
        !text_is(asked->resource, row->resource) || twist == TWIST_REFUSED)
        return;
    copy_lines(&answer->row, row, twist);
    answer->is_there = true;
    if (twist == TWIST_ELSEWHERE)
        strcpy(answer->row.node, "n2");
    copy_text(row->node, sizeof row->node, asked->node);
    row->session = asked->session;
    row->is_detached = false;
}

static void drop_others(struct text bare, const struct row *but, int most, struct answer *answer)
{
    int count = 0;
    for (int i = 0; i < ROWS_MAX; i++)
        count += world.rows[i].state == ROW_LIVE && world.rows[i].is_detached && text_is(bare, world.rows[i].bare);
    int drop = most < 0 ? -most : count - most;
    for (int i = 0; i < ROWS_MAX && drop > 0 && answer->dropped_count < DROPPED_MAX; i++) {
        struct row *row = &world.rows[i];
        if (row == but || row->state != ROW_LIVE || !row->is_detached || !text_is(bare, row->bare))
            continue;
        row_end(row);
        answer->dropped[answer->dropped_count] = *row;
        answer->dropped[answer->dropped_count++].lines = NULL;
        drop--;
    }
}

static void sm_detach(struct store *store, const struct session_row *asked, uint32_t resume_ms, int most, store_sm_dropped_fn *each,
                      store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    struct row *row = asked->resource.size ? row_find_own(asked) : NULL;
    (void)store;
    (void)resume_ms;
    answer->each = each;
    if (answer->is_away || (asked->resource.size && is_fenced(row)))
        return;
    if (row)
        row->is_detached = true;
    answer->result = 1;
    if (each)
        drop_others(asked->bare, row, most, answer);
}

const struct sm_ops sm_ops = { .start = sm_start, .note = sm_note, .find = sm_find, .take = sm_take, .detach = sm_detach };

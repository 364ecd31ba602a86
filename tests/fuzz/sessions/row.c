/* row.c - the rows of sessions, in memory. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/sessions/world.h"

struct row *row_find_uid(struct text uid)
{
    for (int i = 0; i < ROWS_MAX && uid.size; i++)
        if (world.rows[i].state != ROW_FREE && text_is(uid, world.rows[i].uid))
            return &world.rows[i];
    return NULL;
}

static struct row *find_row(struct text bare, struct text resource)
{
    for (int i = 0; i < ROWS_MAX; i++)
        if (world.rows[i].state == ROW_LIVE && text_is(bare, world.rows[i].bare) && text_is(resource, world.rows[i].resource))
            return &world.rows[i];
    return NULL;
}

struct row *row_find_own(const struct session_row *asked)
{
    struct row *row = find_row(asked->bare, asked->resource);
    return row && row->session == asked->session && text_is(asked->node, row->node) ? row : NULL;
}

static unsigned count_rows(struct text bare)
{
    unsigned count = 0;
    for (int i = 0; i < ROWS_MAX; i++)
        count += world.rows[i].state == ROW_LIVE && text_is(bare, world.rows[i].bare);
    return count;
}

void row_free_lines(struct row *row)
{
    for (size_t i = 0; i < row->line_count; i++)
        free(row->lines[i].xml);
    free(row->lines);
    row->lines = NULL;
    row->line_count = 0;
}

void row_end(struct row *row)
{
    row_free_lines(row);
    row->state = row->has_stream ? ROW_ENDED : ROW_FREE;
}

static struct row *free_row(void)
{
    for (int state = ROW_FREE; state <= ROW_ENDED; state += ROW_ENDED - ROW_FREE)
        for (int i = 0; i < ROWS_MAX; i++)
            if ((int)world.rows[i].state == state)
                return &world.rows[i];
    return NULL;
}

static int write_row(const struct session_row *asked, unsigned max_sessions, struct answer *answer)
{
    struct row *row = find_row(asked->bare, asked->resource);
    struct account_of *account = account_find(asked->bare);
    if (account ? account->account.generation != asked->generation : asked->generation != 0)
        return BIND_BLOCKED;
    if (!row && count_rows(asked->bare) >= max_sessions)
        return BIND_TOO_MANY;
    int result = row ? BIND_REPLACED : BIND_DONE;
    if (row) {
        copy_text(answer->row.node, sizeof row->node, text_of(row->node));
        answer->row.session = row->session;
        row_end(row);
    }
    row = free_row();
    if (!row)
        return BIND_TOO_MANY;
    *row = (struct row){ .state = ROW_LIVE, .session = asked->session };
    copy_text(row->bare, sizeof row->bare, asked->bare);
    copy_text(row->resource, sizeof row->resource, asked->resource);
    copy_text(row->node, sizeof row->node, asked->node);
    copy_text(row->uid, sizeof row->uid, asked->uid);
    return result;
}

static void session_bind(struct store *store, const struct session_row *row, enum bind_conflict conflict, unsigned max_sessions,
                         store_bind_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe(ANSWER_BIND, ctx);
    (void)store;
    assert(conflict == BIND_REPLACE && row->uid.size);
    answer->bind_fn = fn;
    if (answer->is_away)
        return;
    switch (world_take_twist()) {
    case TWIST_REFUSED:
        answer->result = BIND_CONFLICT;
        break;
    case TWIST_TOO_MANY:
        answer->result = BIND_TOO_MANY;
        break;
    case TWIST_BLOCKED:
        answer->result = BIND_BLOCKED;
        break;
    case TWIST_ELSEWHERE:
        answer->result = write_row(row, max_sessions, answer);
        if (answer->result <= 0)
            break;
        answer->result = BIND_REPLACED;
        strcpy(answer->row.node, "n2");
        break;
    default:
        answer->result = write_row(row, max_sessions, answer);
    }
}

static void session_remove(struct store *store, const struct session_row *asked, store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    struct row *row = row_find_own(asked);
    (void)store;
    if (answer->is_away || !row)
        return;
    answer->result = world_take_twist() == NO_TWIST ? 1 : 2;
    row_end(row);
}

const struct store_ops store_ops = {
    .account_get = account_get, .account_put = account_put, .session_bind = session_bind, .session_remove = session_remove
};

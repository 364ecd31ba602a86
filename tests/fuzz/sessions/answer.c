/* answer.c - what Redis owes: what it is asked is done at once, and answered when the script says so. */
#include <stdlib.h>

#include "tests/fuzz/sessions/world.h"

struct answer *answer_owe(enum answer_kind kind, void *ctx)
{
    struct answer *answer = xcalloc(1, sizeof *answer);
    answer->kind = kind;
    answer->ctx = ctx;
    answer->is_away = world.is_away;
    *world.last = answer;
    world.last = &answer->next;
    if (world.fills)
        sessions_pause_reading(world.sessions);
    world.fills = false;
    return answer;
}

struct answer *answer_owe_done(store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe(ANSWER_DONE, ctx);
    answer->done = fn;
    return answer;
}

static void give_tokens(const struct answer *answer, enum bus_status status)
{
    const struct tokens *tokens = &answer->tokens;
    answer->tokens_fn(answer->ctx, status, *tokens->fresh.mechanism ? &tokens->fresh : NULL,
                      *tokens->current.mechanism ? &tokens->current : NULL);
}

static void give_found(const struct answer *answer, enum bus_status status)
{
    const struct row *row = &answer->row;
    struct sm_found found = { .is_there = answer->is_there && row->state == ROW_LIVE,
                              .has_handled = answer->is_there && row->state == ROW_ENDED,
                              .resource = text_of(row->resource),
                              .handled = row->handled };
    answer->found_fn(answer->ctx, status, &found);
}

static void give_taken(struct answer *answer, enum bus_status status)
{
    struct row *row = &answer->row;
    struct sm_taken taken = { .handled = row->handled, .sent = row->sent, .entry = row->entry, .resume_ms = row->resume_ms };
    struct sm_line *lines = xcalloc(row->line_count + 1, sizeof *lines);
    uint64_t expected = row->line_count ? row->lines[0].number : row->sent + 1;
    taken.is_whole = true;
    for (size_t i = 0; i < row->line_count; i++) {
        const struct noted *line = &row->lines[i];
        taken.is_whole &= line->number == expected;
        expected = line->number + line->count;
        lines[i] = (struct sm_line){ line->number, line->entry, line->count, text_of(line->xml) };
    }
    taken.is_whole &= expected == row->sent + 1;
    taken.lines = lines;
    taken.line_count = row->line_count;
    if (answer->is_there)
        taken.answer = (struct bind_answer){ .result = BIND_REPLACED, .replaced_node = text_of(row->node), .replaced_session = row->session };
    answer->taken_fn(answer->ctx, status, &taken);
    free(lines);
    row_free_lines(row);
}

static void give_done(const struct answer *answer, enum bus_status status)
{
    for (unsigned i = 0; i < answer->dropped_count && status == BUS_OK; i++) {
        const struct row *row = &answer->dropped[i];
        answer->each(answer->ctx, &(struct sm_dropped){ text_of(row->resource), text_of(row->node), row->session });
    }
    if (answer->done)
        answer->done(answer->ctx, status, answer->result);
}

static void give(struct answer *answer, enum bus_status status)
{
    switch (answer->kind) {
    case ANSWER_DONE:
        give_done(answer, status);
        break;
    case ANSWER_ACCOUNT:
        answer->account_fn(answer->ctx, status, answer->is_there ? &answer->account : NULL);
        break;
    case ANSWER_BIND:
        answer->bind_fn(answer->ctx, status,
                        &(struct bind_answer){ .result = (int)answer->result,
                                               .replaced_node = text_of(answer->row.node),
                                               .replaced_session = answer->row.session });
        break;
    case ANSWER_SUBSCRIBED:
        answer->subscribed_fn(answer->ctx, status);
        break;
    case ANSWER_TOKENS:
        give_tokens(answer, status);
        break;
    case ANSWER_FOUND:
        give_found(answer, status);
        break;
    case ANSWER_TAKEN:
        give_taken(answer, status);
        break;
    }
}

bool answer_one(enum bus_status status)
{
    struct answer *answer = world.first;
    if (!answer)
        return false;
    world.first = answer->next;
    if (!world.first)
        world.last = &world.first;
    give(answer, answer->is_away ? BUS_AWAY : status);
    free(answer);
    return true;
}

/* Until nothing is asked any more; every round of it ends somewhere. */
void answer_all(void)
{
    for (int i = 0; i < 1000 && (world.first || world.job_count); i++) {
        while (world.job_count)
            pool_end_job(true);
        answer_one(BUS_OK);
    }
}

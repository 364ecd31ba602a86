/* stage.c - see stage.h. */
#include "stage.h"
#include "stanzabus/store_sm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* -- answers -- */

enum answer_kind { ANSWER_FOUND, ANSWER_ACCOUNT, ANSWER_BIND, ANSWER_REMOVE, ANSWER_SUBSCRIBE, ANSWER_TOKENS };
struct stage_answer {
    struct stage_answer *next;
    enum answer_kind kind;
    enum bus_status status;
    void *ctx;
    store_account_fn *account_fn;
    store_bind_fn *bind_fn;
    store_done_fn *done_fn;
    bus_subscribed_fn *subscribed_fn;
    store_tokens_fn *tokens_fn;
    store_sm_found_fn *found_fn;
    const struct stage_tokens *tokens;
    bool is_found;
    struct account account;
    int result;
    char node[64];
    uint64_t number;
};

static struct stage_answer *add_answer(struct stage *stage, enum answer_kind kind, enum bus_status status, void *ctx)
{
    struct stage_answer *answer = xcalloc(1, sizeof *answer);
    answer->kind = kind;
    answer->status = status;
    answer->ctx = ctx;
    *stage->last = answer;
    stage->last = &answer->next;
    return answer;
}

static void give_tokens(const struct stage_answer *answer)
{
    const struct stage_tokens *tokens = answer->tokens;
    answer->tokens_fn(answer->ctx, answer->status, tokens && *tokens->fresh.mechanism ? &tokens->fresh : NULL,
                      tokens && *tokens->current.mechanism ? &tokens->current : NULL);
}

static void give(struct stage_answer *answer)
{
    switch (answer->kind) {
    case ANSWER_ACCOUNT:
        answer->account_fn(answer->ctx, answer->status, answer->is_found ? &answer->account : NULL);
        break;
    case ANSWER_BIND:
        answer->bind_fn(answer->ctx, answer->status,
                        &(struct bind_answer){ .result = answer->result,
                                               .replaced_node = text_of(answer->node),
                                               .replaced_session = answer->number });
        break;
    case ANSWER_REMOVE:
        if (answer->done_fn)
            answer->done_fn(answer->ctx, answer->status, answer->result);
        break;
    case ANSWER_FOUND:
        answer->found_fn(answer->ctx, answer->status, &(struct sm_found){ .has_handled = true, .handled = 7 });
        break;
    case ANSWER_TOKENS:
        give_tokens(answer);
        break;
    case ANSWER_SUBSCRIBE:
        answer->subscribed_fn(answer->ctx, answer->status);
        break;
    }
}

static bool give_first(struct stage *stage)
{
    struct stage_answer *answer = stage->first;
    if (!answer)
        return false;
    stage->first = answer->next;
    if (!stage->first)
        stage->last = &stage->first;
    give(answer);
    free(answer);
    return true;
}

static struct stage *stage_of_store(struct store *store)
{
    return container_of(store, struct stage, store);
}

static void note(struct stage *stage, const char *step)
{
    size_t size = strlen(stage->steps);
    snprintf(stage->steps + size, sizeof stage->steps - size, "%s ", step);
}

static void copy_text(char *out, size_t room, struct text text)
{
    snprintf(out, room, "%.*s", TEXT_ARGS(text));
}

/* -- store -- */

static void account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_ACCOUNT, stage->account_status, ctx);
    answer->account_fn = fn;
    for (size_t i = 0; i < stage->account_count && stage->account_status == BUS_OK; i++) {
        if (text_is(bare, stage->accounts[i].bare)) {
            answer->is_found = true;
            answer->account = stage->accounts[i].account;
        }
    }
}

/* Only new ones are made here. */
static void account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                        store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_REMOVE, stage->account_status, ctx);
    assert_int_equal(how, ACCOUNT_CREATE);
    answer->done_fn = fn;
    answer->result = 1;
    note(stage, "create");
    for (size_t i = 0; i < stage->account_count; i++)
        if (text_is(bare, stage->accounts[i].bare))
            answer->result = 0;
    if (!answer->result)
        return;
    assert_true(stage->account_count < STAGE_ACCOUNTS);
    copy_text(stage->accounts[stage->account_count].bare, sizeof stage->accounts[0].bare, bare);
    stage->accounts[stage->account_count++].account = *account;
}

static struct stage_row *find_row(struct stage *stage, struct text bare, struct text resource)
{
    for (size_t i = 0; i < STAGE_ROWS; i++)
        if (stage->rows[i].is_used && text_is(bare, stage->rows[i].bare) && text_is(resource, stage->rows[i].resource))
            return &stage->rows[i];
    return NULL;
}

static unsigned count_rows(struct stage *stage, struct text bare)
{
    unsigned count = 0;
    for (size_t i = 0; i < STAGE_ROWS; i++)
        count += stage->rows[i].is_used && text_is(bare, stage->rows[i].bare);
    return count;
}

static struct stage_row *free_row(struct stage *stage)
{
    struct stage_row *row = stage->rows;
    while (row->is_used)
        row++;
    assert_true(row < stage->rows + STAGE_ROWS);
    return row;
}

/* The account has changed since the login. */
static bool is_blocked(const struct stage *stage, const struct session_row *row)
{
    for (size_t i = 0; i < stage->account_count; i++)
        if (text_is(row->bare, stage->accounts[i].bare))
            return row->generation != stage->accounts[i].account.generation;
    return row->generation != 0;
}

static void session_bind(struct store *store, const struct session_row *row, enum bind_conflict conflict,
                         unsigned max_sessions, store_bind_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_BIND, stage->bind_status, ctx);
    struct stage_row *kept = find_row(stage, row->bare, row->resource);

    assert_int_equal(conflict, BIND_REPLACE);
    assert_true(stage->subscriptions > 0); /* confirmed before the row is written */
    note(stage, "bind");
    answer->bind_fn = fn;
    if (is_blocked(stage, row)) {
        answer->result = BIND_BLOCKED;
        return;
    }
    answer->result = kept ? BIND_REPLACED : BIND_DONE;
    if (kept) {
        snprintf(answer->node, sizeof answer->node, "%s", kept->node);
        answer->number = kept->session;
    } else if (count_rows(stage, row->bare) >= max_sessions) {
        answer->result = BIND_TOO_MANY;
        return;
    } else {
        kept = free_row(stage);
    }
    kept->is_used = true;
    copy_text(kept->bare, sizeof kept->bare, row->bare);
    copy_text(kept->resource, sizeof kept->resource, row->resource);
    copy_text(kept->node, sizeof kept->node, row->node);
    kept->session = row->session;
}

static void session_remove(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_REMOVE, BUS_OK, ctx);
    struct stage_row *kept = find_row(stage, row->bare, row->resource);
    note(stage, "remove");
    answer->done_fn = fn;
    if (kept && kept->session == row->session && text_is(row->node, kept->node)) {
        kept->is_used = false;
        answer->result = 1;
    }
}

static const struct store_ops store_ops = {
    .account_get = account_get,
    .account_put = account_put,
    .session_bind = session_bind,
    .session_remove = session_remove,
};

/* -- tokens -- */

static struct stage_tokens *find_tokens(struct stage *stage, struct text bare, struct text client)
{
    for (size_t i = 0; i < stage->token_count; i++)
        if (text_is(bare, stage->tokens[i].bare) && text_is(client, stage->tokens[i].client))
            return &stage->tokens[i];
    return NULL;
}

static void tokens_get(struct store *store, struct text bare, struct text client, store_tokens_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_TOKENS, stage->token_status, ctx);
    answer->tokens_fn = fn;
    answer->tokens = find_tokens(stage, bare, client);
}

static void token_put(struct store *store, struct text bare, struct text client, const struct login_token *token,
                      uint64_t generation, unsigned max_clients, store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_REMOVE, stage->token_status, ctx);
    struct stage_tokens *tokens = find_tokens(stage, bare, client);
    (void)generation;
    (void)max_clients;
    note(stage, "token");
    answer->done_fn = fn;
    answer->result = 1;
    if (stage->token_status != BUS_OK)
        return;
    if (!tokens) {
        assert_true(stage->token_count < STAGE_TOKENS);
        tokens = &stage->tokens[stage->token_count++];
        copy_text(tokens->bare, sizeof tokens->bare, bare);
        copy_text(tokens->client, sizeof tokens->client, client);
    }
    tokens->fresh = *token;
}

static void token_use(struct store *store, struct text bare, struct text client, const struct login_token *token,
                      int64_t count, bool ends, store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_REMOVE, stage->token_status, ctx);
    struct stage_tokens *tokens = find_tokens(stage, bare, client);
    answer->done_fn = fn;
    assert_non_null(tokens);
    if (memcmp(tokens->fresh.nonce, token->nonce, TOKEN_NONCE) == 0 && *tokens->fresh.mechanism) {
        tokens->current = tokens->fresh;
        tokens->fresh = (struct login_token){ 0 };
    }
    answer->result = count < 0 || count > tokens->current.count;
    if (answer->result && count >= 0)
        tokens->current.count = count;
    if (answer->result && ends)
        *tokens = (struct stage_tokens){ 0 };
}

static void count(struct store *store, const char *what, struct text who, int64_t window_ms, store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    struct stage_answer *answer = add_answer(stage, ANSWER_REMOVE, BUS_OK, ctx);
    assert_string_equal(what, "guests");
    assert_int_equal(window_ms, stage->config->auth_anonymous_keep_ms);
    copy_text(stage->counted, sizeof stage->counted, who);
    answer->done_fn = fn;
    answer->result = ++stage->guests;
}

static void guest_keep(struct store *store, struct text bare, int64_t keep_ms)
{
    (void)bare;
    note(stage_of_store(store), keep_ms ? "keep" : "back");
}

static const struct login_ops login_ops = {
    .count = count,
    .guest_keep = guest_keep,
    .tokens_get = tokens_get,
    .token_put = token_put,
    .token_use = token_use,
};

/* -- streams (XEP-0198) -- */

static void add_done(struct stage *stage, store_done_fn *fn, void *ctx)
{
    struct stage_answer *answer = add_answer(stage, ANSWER_REMOVE, stage->note_status, ctx);
    answer->done_fn = fn;
    answer->result = (int)stage->note_result;
}

static void sm_note(struct store *store, const struct sm_notes *notes, store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    buffer_printf(&stage->notes, "note h=%llu s=%llu", (unsigned long long)notes->handled, (unsigned long long)notes->sent);
    for (size_t i = 0; i < notes->gone_count; i++)
        buffer_printf(&stage->notes, " -%llu", (unsigned long long)notes->gone[i]);
    for (size_t i = 0; i < notes->line_count; i++)
        buffer_printf(&stage->notes, " %llu:%llu*%u%.*s", (unsigned long long)notes->lines[i].number,
                      (unsigned long long)notes->lines[i].entry, notes->lines[i].count, TEXT_ARGS(notes->lines[i].xml));
    buffer_append_char(&stage->notes, '\n');
    add_done(stage, fn, ctx);
}

static void sm_start(struct store *store, const struct session_row *row, uint32_t resume_ms,
                     const struct sm_notes *notes, store_done_fn *fn, void *ctx)
{
    buffer_printf(&stage_of_store(store)->notes, "start %.*s %u ", TEXT_ARGS(row->resource), resume_ms);
    sm_note(store, notes, fn, ctx);
}

static void sm_detach(struct store *store, const struct session_row *row, uint32_t resume_ms, int most,
                      store_sm_dropped_fn *each, store_done_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    (void)each;
    (void)most;
    if (row->resource.size)
        buffer_printf(&stage->notes, "detach %.*s %u\n", TEXT_ARGS(row->resource), resume_ms);
    add_done(stage, fn, ctx);
}

/* Every stream has ended. */
static void sm_find(struct store *store, struct text bare, struct text uid, store_sm_found_fn *fn, void *ctx)
{
    struct stage *stage = stage_of_store(store);
    (void)bare;
    (void)uid;
    add_answer(stage, ANSWER_FOUND, stage->note_status, ctx)->found_fn = fn;
}

static const struct sm_ops sm_ops = { .start = sm_start, .note = sm_note, .detach = sm_detach, .find = sm_find };

/* -- bus -- */

static void subscribe(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    struct stage *stage = container_of(bus, struct stage, bus);
    copy_text(stage->last_channel, sizeof stage->last_channel, channel);
    note(stage, "subscribe");
    stage->subscriptions++;
    add_answer(stage, ANSWER_SUBSCRIBE, stage->subscribe_status, ctx)->subscribed_fn = fn;
}

static void unsubscribe(struct bus *bus, struct text channel)
{
    struct stage *stage = container_of(bus, struct stage, bus);
    copy_text(stage->last_channel, sizeof stage->last_channel, channel);
    note(stage, "unsubscribe");
    stage->subscriptions--;
}

static const struct bus_ops bus_ops = { .subscribe = subscribe, .unsubscribe = unsubscribe };

/* -- router -- */

static void on_bound(void *ctx, struct session *session, const struct bind_answer *answer)
{
    struct stage *stage = ctx;
    assert_true(answer->result > 0);
    stage->bound_count++;
    stage->last_session = session;
}

static void on_stanza(void *ctx, struct session *session, struct stanza *stanza)
{
    struct stage *stage = ctx;
    stage->last_session = session;
    element_write(&stage->seen, stanza->root, SCOPE_STREAM);
    buffer_append_char(&stage->seen, '\n');
    stanza_free(&stanza);
    if (stage->is_handling)
        session_handled(session, session_stanza_number(session));
}

static void on_delivered(void *ctx, struct session *session, const uint64_t *numbers, size_t count)
{
    struct stage *stage = ctx;
    (void)session;
    for (size_t i = 0; i < count; i++)
        buffer_printf(&stage->delivered, "%llu ", (unsigned long long)numbers[i]);
}

static void on_undelivered(void *ctx, struct session *session, struct stanza *stanza)
{
    struct stage *stage = ctx;
    (void)session;
    element_write(&stage->undelivered, stanza->root, SCOPE_STREAM);
    buffer_append_char(&stage->undelivered, '\n');
    stanza_free(&stanza);
}

static void on_ended(void *ctx, struct session *session, const char *reason)
{
    struct stage *stage = ctx;
    stage->ended_count++;
    assert_true(session_jid(session)->resource > 0);
    assert_null(sessions_find(stage->sessions, jid_bare(session_jid(session)), jid_resource(session_jid(session))));
    snprintf(stage->ended, sizeof stage->ended, "%s", reason);
}

static void on_login_failed(void *ctx, struct session *session, struct text user, const char *reason)
{
    struct stage *stage = ctx;
    stage->failed_count++;
    assert_true(*session_mechanism(session));
    copy_text(stage->failed_user, sizeof stage->failed_user, user);
    snprintf(stage->failed_reason, sizeof stage->failed_reason, "%s", reason);
}

static void on_replaced(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    struct stage *stage = ctx;
    snprintf(stage->replaced, sizeof stage->replaced, "%.*s %llu %.*s %.*s", TEXT_ARGS(node),
             (unsigned long long)number, TEXT_ARGS(bare), TEXT_ARGS(resource));
}

static const struct session_callbacks callbacks = {
    .on_bound = on_bound,
    .on_stanza = on_stanza,
    .on_ended = on_ended,
    .on_login_failed = on_login_failed,
    .on_replaced = on_replaced,
    .on_delivered = on_delivered,
    .on_undelivered = on_undelivered,
    .on_left_behind = on_undelivered,
};

/* -- the stage -- */

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

static void on_wake(void *ctx)
{
    sem_post(&((struct stage *)ctx)->hashed);
}

static int64_t wall_ms(void *ctx)
{
    return 1795000000000 + ((struct stage *)ctx)->now_ms;
}

struct stage *stage_new(const char *first_set, ...)
{
    struct stage *stage = xcalloc(1, sizeof *stage);
    const char *sets[16] = { "domain=example.com", "auth.allow_plaintext=on" };
    char *no_environment[] = { NULL };
    size_t count = 2;
    va_list list;

    va_start(list, first_set);
    for (const char *set = first_set; set; set = va_arg(list, const char *))
        sets[count++] = set;
    va_end(list);
    stage->config = config_load(NULL, no_environment, sets, count, complain, NULL);
    assert_non_null(stage->config);
    stage->now_ms = 1000;
    sem_init(&stage->hashed, 0, 0);
    stage->last = &stage->first;
    stage->bus.ops = &bus_ops;
    stage->store.ops = &store_ops;
    stage->store.login = &login_ops;
    stage->store.sm = &sm_ops;
    stage->note_result = 1;
    stage->log = (struct log){ getenv("STAGE_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, stderr, NULL };
    stage->parts = (struct parts){ .config = stage->config,
                                   .bus = &stage->bus,
                                   .store = &stage->store,
                                   .timers = timers_new(stage->now_ms),
                                   .work = work_pool_new(1, 4, on_wake, stage),
                                   .streams = stream_pool_new(),
                                   .metrics = &stage->metrics,
                                   .log = &stage->log,
                                   .node = TEXT_INIT("here"),
                                   .wall_ms = wall_ms,
                                   .wall_ctx = stage,
                                   .secret = "a secret of thirty-two bytes ..." };
    stage->sessions = sessions_new(&stage->parts, &callbacks, stage);
    return stage;
}

void stage_free(struct stage *stage)
{
    stage_settle(stage);
    work_pool_free(&stage->parts.work);
    sessions_free(&stage->sessions);
    stream_pool_free(&stage->parts.streams);
    timers_free(&stage->parts.timers);
    config_free(&stage->config);
    buffer_fini(&stage->seen);
    buffer_fini(&stage->notes);
    buffer_fini(&stage->delivered);
    buffer_fini(&stage->undelivered);
    sem_destroy(&stage->hashed);
    free(stage);
}

void stage_add_account(struct stage *stage, const char *bare, const char *password)
{
    struct stage_account *account = &stage->accounts[stage->account_count++];
    assert_true(stage->account_count <= STAGE_ACCOUNTS);
    snprintf(account->bare, sizeof account->bare, "%s", bare);
    assert_int_equal(credential_derive(&account->account, text_of(password), 4096), 0);
}

void stage_settle(struct stage *stage)
{
    while (give_first(stage) && !stage->is_stepping)
        ;
}

void stage_await_hash(struct stage *stage)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    assert_int_equal(sem_timedwait(&stage->hashed, &deadline), 0);
    work_collect(stage->parts.work);
    if (!stage->is_held)
        stage_settle(stage);
}

void stage_pass(struct stage *stage, int64_t ms)
{
    for (int64_t end = stage->now_ms + ms; stage->now_ms < end;) {
        stage->now_ms += TIMER_TICK_MS;
        timers_advance(stage->parts.timers, stage->now_ms);
        if (!stage->is_held)
            while (give_first(stage))
                ;
    }
}

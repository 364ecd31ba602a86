/* sessions.c - clients that say anything at any time, while Redis, other nodes, TLS, the pool of threads and the clock do what
 * they like: the whole of gateway/session over connections, a store and a router in memory.  The input is a script: a byte for
 * what happens next, bytes for the details.  The contracts of session.h are held to: who breaks one is aborted. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/session/hash.h"
#include "gateway/session/token.h"
#include "stanzabus/credential.h"
#include "stanzabus/session.h"
#include "stanzabus/store_log.h"
#include "stanzabus/store_sm.h"
#include "tests/unit/jwt/signer.h"
#include "tests/unit/session/scram_client.h"

#define BINDING "what the two ends of TLS know .." /* 32 bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 8, ACCOUNTS_MAX = 6, ROWS_MAX = 16, TOKENS_MAX = 8, CHANNELS_MAX = 32, BOUND_MAX = 32, OPEN_MAX = 1100 };
enum { GIVEN_MAX = 64, ENTRIES_MAX = 64, WAITING_MAX = 64, DROPPED_MAX = 8, JOBS_MAX = 3, UIDS_MAX = 4, TEXT_MAX = 80 };

static const char *const domains[] = { "one.example", "guests.example", "else.example" };
static const char *const names[] = { "a", "b", "new", "bad name" };
static const char *const clients[] = { "d4565fa7-4d72-4749-b3d3-740edbf87770", "d4565fa7-4d72-4749-b3d3-740edbf87771" };
static const char *const resources[] = { "r1", "r2", "r3" };

struct script {
    const uint8_t *data;
    size_t size;
};

struct line { /* a connection */
    struct connection connection;
    bool is_used, is_closing, was_closing, is_paused, is_stuck, is_encrypting, owes_drained, has_certificate;
    struct scram_client scram;
    char challenge[512];
    char success[256];
};

struct account_of {
    char bare[TEXT_MAX];
    struct account account;
};

struct noted { /* a line of a stream's notes */
    uint64_t number, entry;
    uint32_t count;
    char *xml; /* owned; NULL: an entry */
};

struct row {
    enum { ROW_FREE, ROW_LIVE, ROW_ENDED } state;
    char bare[TEXT_MAX], resource[TEXT_MAX], node[8], uid[TEXT_MAX];
    uint64_t session;
    bool has_stream, is_detached;
    uint64_t handled, sent, entry;
    uint64_t told; /* the highest h that the client was told */
    uint32_t resume_ms;
    struct noted *lines; /* owned */
    size_t line_count;
};

struct tokens {
    char bare[TEXT_MAX], client[40];
    struct login_token fresh, current; /* mechanism "": none */
};

enum answer_kind { ANSWER_DONE, ANSWER_ACCOUNT, ANSWER_BIND, ANSWER_SUBSCRIBED, ANSWER_TOKENS, ANSWER_FOUND, ANSWER_TAKEN };
struct answer { /* that Redis owes */
    struct answer *next;
    enum answer_kind kind;
    bool is_away; /* it was not done */
    void *ctx;
    int64_t result;
    bool is_there;
    store_done_fn *done;
    store_account_fn *account_fn;
    store_bind_fn *bind_fn;
    bus_subscribed_fn *subscribed_fn;
    store_tokens_fn *tokens_fn;
    store_sm_found_fn *found_fn;
    store_sm_taken_fn *taken_fn;
    store_sm_dropped_fn *each;
    struct account account;
    struct tokens tokens;
    struct row row; /* as it was; its lines are owned */
    struct row dropped[DROPPED_MAX];
    unsigned dropped_count;
};

struct bound { /* what the router knows of a session */
    struct session *session;
    uint64_t last_number, told;
    uint64_t open[OPEN_MAX];
    unsigned open_count;
    uint64_t given[GIVEN_MAX]; /* entries that were delivered */
    unsigned given_count, requests;
};

struct reading {
    uint64_t session, after;
    char bare[TEXT_MAX], resource[TEXT_MAX];
};

struct entry { /* of the log */
    char bare[TEXT_MAX], uid[TEXT_MAX];
    uint64_t number;
    bool is_shared;
};

/* Makes the next thing that is asked of the store come out otherwise. */
enum twist { NO_TWIST, TWIST_REFUSED, TWIST_ELSEWHERE, TWIST_TOO_MANY, TWIST_BLOCKED, TWIST_TORN, TWIST_COUNT };

static struct world {
    struct config *config;
    struct sessions *sessions;
    struct parts parts;
    struct bus bus;
    struct store store;
    struct metrics metrics;
    struct log log;
    int64_t now_ms;
    struct script script;
    bool is_away, is_stopping, fills; /* fills: what is asked next fills the queue toward Redis, which is told from inside */
    enum twist twist;
    struct line lines[LINES_MAX];
    struct account_of accounts[ACCOUNTS_MAX];
    struct row rows[ROWS_MAX];
    struct tokens tokens[TOKENS_MAX];
    struct {
        char name[128];
        int count;
    } channels[CHANNELS_MAX];
    struct answer *first, **last;
    struct work_job *jobs[JOBS_MAX];
    unsigned job_count;
    struct bound bound[BOUND_MAX];
    unsigned bound_count;
    struct session *asked[LINES_MAX * 4]; /* of the service that decides logins */
    unsigned asked_count;
    struct reading readings[WAITING_MAX];
    unsigned reading_count;
    struct entry entries[ENTRIES_MAX];
    unsigned entry_count;
    uint64_t last_entry, counted;
    char uids[UIDS_MAX][TEXT_MAX]; /* that were told with <enabled/>, the newest first */
    char token[80];                 /* that was told last */
} world;

static struct account known; /* with the password "p" */
static struct buffer jwts[2];
static struct jwt_keys *jwt_keys;

static unsigned next(unsigned bound)
{
    if (world.script.size == 0)
        return 0;
    world.script.size--;
    return *world.script.data++ % bound;
}

static void copy(char *out, size_t room, struct text text)
{
    snprintf(out, room, "%.*s", TEXT_ARGS(text));
}

static enum twist take_twist(void)
{
    enum twist twist = world.twist;
    world.twist = NO_TWIST;
    return twist;
}

/* -- what the router knows -- */

static struct bound *find_bound(const struct session *session)
{
    for (unsigned i = 0; i < world.bound_count; i++)
        if (world.bound[i].session == session)
            return &world.bound[i];
    return NULL;
}

static struct bound *know(const struct session *session)
{
    struct bound *bound = find_bound(session);
    assert(bound); /* the router is told nothing of sessions that are not bound */
    return bound;
}

static void begin_bound(struct session *session)
{
    const struct jid *jid = session_jid(session);
    assert(!find_bound(session) && world.bound_count < BOUND_MAX);
    assert(sessions_find(world.sessions, jid_bare(jid), jid_resource(jid)) == session);
    for (unsigned i = 0; i < world.bound_count; i++) /* its forerunner was said to have ended or moved */
        assert(!text_equal(jid_text(session_jid(world.bound[i].session)), jid_text(jid)));
    world.bound[world.bound_count++] = (struct bound){ .session = session, .last_number = session_stanza_number(session) };
}

static void end_bound(struct session *session)
{
    struct bound *bound = know(session);
    *bound = world.bound[--world.bound_count];
}

static struct row *find_uid(struct text uid)
{
    for (int i = 0; i < ROWS_MAX && uid.size; i++)
        if (world.rows[i].state != ROW_FREE && text_is(uid, world.rows[i].uid))
            return &world.rows[i];
    return NULL;
}

/* h grows, and counts nothing that the router still has. */
static void check_h(struct session *session, uint64_t h)
{
    struct bound *bound = know(session);
    struct row *row = find_uid(session_uid(session));
    for (unsigned i = 0; i < bound->open_count; i++)
        assert(bound->open[i] > h);
    assert(h >= bound->told && h <= session_stanza_number(session));
    bound->told = h;
    if (!row || !row->has_stream)
        return;
    assert(h >= row->told);
    row->told = h;
}

/* -- connections -- */

static struct line *line_of(struct connection *connection)
{
    return (struct line *)connection;
}

static bool find_between(const char *text, const char *before, const char *after, char *out, size_t room)
{
    const char *start = strstr(text, before), *end = start ? strstr(start + strlen(before), after) : NULL;
    if (!end)
        return false;
    start += strlen(before);
    copy(out, room, (struct text){ start, (size_t)(end - start) });
    return true;
}

static void note_h(struct session *session, const char *text, const char *before)
{
    char digits[16];
    if (session && find_bound(session) && find_between(text, before, "'", digits, sizeof digits))
        check_h(session, strtoull(digits, NULL, 10));
}

static void take_written(struct connection *connection, const char *data, size_t size)
{
    struct line *line = line_of(connection);
    assert(line->is_used && !line->is_closing && size > 0);
    char *text = text_dup((struct text){ data, size }), uid[TEXT_MAX];
    if (find_between(text, "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='", "'", uid, sizeof uid)) {
        memmove(world.uids[1], world.uids[0], sizeof world.uids - sizeof world.uids[0]);
        memcpy(world.uids[0], uid, sizeof uid);
    }
    find_between(text, " token='", "'", world.token, sizeof world.token);
    find_between(text, "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", "<", line->challenge, sizeof line->challenge);
    find_between(text, "<challenge xmlns='urn:xmpp:sasl:2'>", "<", line->challenge, sizeof line->challenge);
    find_between(text, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", "<", line->success, sizeof line->success);
    find_between(text, "<additional-data>", "<", line->success, sizeof line->success);
    note_h(connection->session, text, "<a xmlns='urn:xmpp:sm:3' h='");
    if (find_between(text, "<resumed xmlns='urn:xmpp:sm:3' previd='", "'", uid, sizeof uid))
        note_h(connection->session, strstr(text, "<resumed"), "' h='");
    free(text);
    if (line->is_stuck)
        connection->queued += (uint32_t)size;
}

static void close_line(struct connection *connection)
{
    line_of(connection)->is_closing = true;
}

static void pause_line(struct connection *connection)
{
    struct line *line = line_of(connection);
    line->is_paused = true;
    line->owes_drained |= connection->queued > 0;
}

static void resume_line(struct connection *connection)
{
    line_of(connection)->is_paused = false;
}

static void start_tls(struct connection *connection, struct text domain)
{
    (void)domain;
    connection->can_start_tls = false;
    line_of(connection)->is_encrypting = true;
}

static int bind_channel(struct connection *connection, enum channel_binding kind, unsigned char out[64])
{
    if (!connection->is_encrypted || kind != BINDING_TLS_EXPORTER)
        return -1;
    memcpy(out, BINDING, 32);
    return 32;
}

static int list_jids(struct connection *connection, struct arena *arena, struct text *out, int max)
{
    assert(max > 1);
    if (!line_of(connection)->has_certificate)
        return -1;
    out[0] = arena_text(arena, TEXT("a@one.example"));
    out[1] = arena_text(arena, TEXT("b@one.example"));
    return 2;
}

static const struct connection_ops line_ops = { .write = take_written,
                                                .close = close_line,
                                                .pause = pause_line,
                                                .resume = resume_line,
                                                .start_tls = start_tls,
                                                .channel_binding = bind_channel,
                                                .certificate_jids = list_jids };

static void accept_one(void)
{
    unsigned kind = next(16);
    for (int i = 0; i < LINES_MAX; i++) {
        struct line *line = &world.lines[i];
        if (line->is_used)
            continue;
        *line = (struct line){ .is_used = true, .connection = { .ops = &line_ops, .peer = "192.0.2.1:1" } };
        line->connection.framing = kind & 8 ? FRAMING_WEBSOCKET : FRAMING_TCP;
        line->connection.is_encrypted = kind & 1;
        line->connection.can_start_tls = (kind & 2) && !(kind & 8);
        line->has_certificate = kind & 4;
        if (!sessions_connection_callbacks.on_accept(world.sessions, &line->connection))
            line->is_used = false;
        return;
    }
}

static void end_line(struct line *line)
{
    sessions_connection_callbacks.on_closed(world.sessions, &line->connection, "over");
    assert(!line->connection.session);
    line->is_used = false;
}

/* A step later than they were told, so that something may come between. */
static void end_those_that_close(void)
{
    for (int i = 0; i < LINES_MAX; i++) {
        struct line *line = &world.lines[i];
        if (line->is_used && line->was_closing)
            end_line(line);
        line->was_closing = line->is_used && line->is_closing;
    }
}

static struct line *next_line(void)
{
    struct line *line = &world.lines[next(LINES_MAX)];
    return line->is_used ? line : NULL;
}

static void drain(struct line *line)
{
    line->is_stuck = false;
    line->connection.queued = 0;
    if (!line->owes_drained)
        return;
    line->owes_drained = false;
    sessions_connection_callbacks.on_drained(world.sessions, &line->connection);
}

static void encrypt(struct line *line)
{
    if (!line->is_encrypting || line->is_closing)
        return;
    line->is_encrypting = false;
    line->connection.is_encrypted = true;
    sessions_connection_callbacks.on_encrypted(world.sessions, &line->connection);
}

/* -- the pool of threads: one that works when the script says so -- */

struct work_pool *work_pool_new(unsigned threads, size_t queue_bound, void (*wake)(void *ctx), void *ctx)
{
    (void)threads;
    (void)queue_bound;
    (void)wake;
    (void)ctx;
    return NULL;
}

void work_pool_free(struct work_pool **pool)
{
    (void)pool;
}

int work_submit(struct work_pool *pool, struct work_job *job)
{
    (void)pool;
    if (world.job_count == JOBS_MAX)
        return -1;
    world.jobs[world.job_count++] = job;
    return 0;
}

void work_collect(struct work_pool *pool)
{
    (void)pool;
}

size_t work_waiting(const struct work_pool *pool)
{
    (void)pool;
    return world.job_count;
}

size_t work_open(const struct work_pool *pool)
{
    (void)pool;
    return world.job_count;
}

static void end_job(bool is_run)
{
    if (world.job_count == 0)
        return;
    struct work_job *job = world.jobs[0];
    memmove(world.jobs, world.jobs + 1, --world.job_count * sizeof world.jobs[0]);
    if (is_run)
        job->run(job);
    job->done(job);
}

/* -- the store: what it is asked is done at once, and answered when the script says so -- */

static struct answer *owe(enum answer_kind kind, void *ctx)
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

static struct answer *owe_done(store_done_fn *fn, void *ctx)
{
    struct answer *answer = owe(ANSWER_DONE, ctx);
    answer->done = fn;
    return answer;
}

static struct account_of *find_account(struct text bare)
{
    for (int i = 0; i < ACCOUNTS_MAX; i++)
        if (text_is(bare, world.accounts[i].bare))
            return &world.accounts[i];
    return NULL;
}

static void account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx)
{
    struct answer *answer = owe(ANSWER_ACCOUNT, ctx);
    struct account_of *account = find_account(bare);
    (void)store;
    answer->account_fn = fn;
    answer->is_there = account && take_twist() == NO_TWIST;
    if (account)
        answer->account = account->account;
}

static void account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                        store_done_fn *fn, void *ctx)
{
    struct answer *answer = owe_done(fn, ctx);
    (void)store;
    assert(how == ACCOUNT_CREATE);
    for (int i = 0; i < ACCOUNTS_MAX && !answer->is_away && !find_account(bare); i++) {
        struct account_of *place = &world.accounts[i];
        if (place->bare[0])
            continue;
        copy(place->bare, sizeof place->bare, bare);
        place->account = *account;
        place->account.generation = 1;
        answer->result = 1;
    }
}

static struct row *find_row(struct text bare, struct text resource)
{
    for (int i = 0; i < ROWS_MAX; i++)
        if (world.rows[i].state == ROW_LIVE && text_is(bare, world.rows[i].bare) && text_is(resource, world.rows[i].resource))
            return &world.rows[i];
    return NULL;
}

static struct row *find_own(const struct session_row *asked)
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

static void free_lines(struct row *row)
{
    for (size_t i = 0; i < row->line_count; i++)
        free(row->lines[i].xml);
    free(row->lines);
    row->lines = NULL;
    row->line_count = 0;
}

static void end_row(struct row *row)
{
    free_lines(row);
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
    struct account_of *account = find_account(asked->bare);
    if (account ? account->account.generation != asked->generation : asked->generation != 0)
        return BIND_BLOCKED;
    if (!row && count_rows(asked->bare) >= max_sessions)
        return BIND_TOO_MANY;
    int result = row ? BIND_REPLACED : BIND_DONE;
    if (row) {
        copy(answer->row.node, sizeof row->node, text_of(row->node));
        answer->row.session = row->session;
        end_row(row);
    }
    row = free_row();
    if (!row)
        return BIND_TOO_MANY;
    *row = (struct row){ .state = ROW_LIVE, .session = asked->session };
    copy(row->bare, sizeof row->bare, asked->bare);
    copy(row->resource, sizeof row->resource, asked->resource);
    copy(row->node, sizeof row->node, asked->node);
    copy(row->uid, sizeof row->uid, asked->uid);
    return result;
}

static void session_bind(struct store *store, const struct session_row *row, enum bind_conflict conflict, unsigned max_sessions,
                         store_bind_fn *fn, void *ctx)
{
    struct answer *answer = owe(ANSWER_BIND, ctx);
    (void)store;
    assert(conflict == BIND_REPLACE && row->uid.size);
    answer->bind_fn = fn;
    if (answer->is_away)
        return;
    switch (take_twist()) {
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
    struct answer *answer = owe_done(fn, ctx);
    struct row *row = find_own(asked);
    (void)store;
    if (answer->is_away || !row)
        return;
    answer->result = take_twist() == NO_TWIST ? 1 : 2;
    end_row(row);
}

static const struct store_ops store_ops = {
    .account_get = account_get, .account_put = account_put, .session_bind = session_bind, .session_remove = session_remove
};

/* -- ... tokens and counts -- */

static struct tokens *find_tokens(struct text bare, struct text client)
{
    for (int i = 0; i < TOKENS_MAX; i++)
        if (text_is(bare, world.tokens[i].bare) && text_is(client, world.tokens[i].client))
            return &world.tokens[i];
    return NULL;
}

static void tokens_get(struct store *store, struct text bare, struct text client, store_tokens_fn *fn, void *ctx)
{
    struct answer *answer = owe(ANSWER_TOKENS, ctx);
    struct tokens *tokens = find_tokens(bare, client);
    (void)store;
    answer->tokens_fn = fn;
    if (tokens)
        answer->tokens = *tokens;
}

static void token_put(struct store *store, struct text bare, struct text client, const struct login_token *token,
                      uint64_t generation, unsigned max_clients, store_done_fn *fn, void *ctx)
{
    struct answer *answer = owe_done(fn, ctx);
    struct tokens *tokens = find_tokens(bare, client);
    (void)store;
    (void)generation;
    (void)max_clients;
    if (!tokens)
        tokens = find_tokens(TEXT(""), TEXT(""));
    if (answer->is_away || !tokens || take_twist() != NO_TWIST)
        return;
    copy(tokens->bare, sizeof tokens->bare, bare);
    copy(tokens->client, sizeof tokens->client, client);
    tokens->fresh = *token;
    answer->result = 1;
}

static void token_use(struct store *store, struct text bare, struct text client, const struct login_token *token, int64_t count,
                      bool ends, store_done_fn *fn, void *ctx)
{
    struct answer *answer = owe_done(fn, ctx);
    struct tokens *tokens = find_tokens(bare, client);
    (void)store;
    if (answer->is_away || !tokens || take_twist() != NO_TWIST)
        return;
    if (*tokens->fresh.mechanism && memcmp(tokens->fresh.nonce, token->nonce, TOKEN_NONCE) == 0) {
        tokens->current = tokens->fresh;
        tokens->fresh = (struct login_token){ 0 };
    }
    answer->result = memcmp(tokens->current.nonce, token->nonce, TOKEN_NONCE) == 0 && (count < 0 || count > tokens->current.count);
    if (answer->result && count >= 0)
        tokens->current.count = count;
    if (answer->result && ends)
        *tokens = (struct tokens){ 0 };
}

static void count_one(struct store *store, const char *what, struct text who, int64_t window_ms, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)what;
    (void)who;
    (void)window_ms;
    owe_done(fn, ctx)->result = (int64_t)(++world.counted);
}

static void guest_keep(struct store *store, struct text bare, int64_t keep_ms)
{
    (void)store;
    (void)bare;
    (void)keep_ms;
}

static const struct login_ops login_ops = {
    .tokens_get = tokens_get, .token_put = token_put, .token_use = token_use, .count = count_one, .guest_keep = guest_keep
};

/* -- ... streams (XEP-0198) -- */

/* Another node may have taken it just before. */
static bool is_fenced(struct row *row)
{
    if (row && take_twist() != NO_TWIST) {
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
    struct answer *answer = owe_done(fn, ctx);
    struct row *row = find_own(asked);
    (void)store;
    if (answer->is_away || is_fenced(row))
        return;
    assert(text_is(asked->uid, row->uid) && resume_ms > 0);
    free_lines(row);
    row->has_stream = true;
    row->resume_ms = resume_ms;
    write_notes(row, notes);
    answer->result = 1;
}

static void sm_note(struct store *store, const struct sm_notes *notes, store_done_fn *fn, void *ctx)
{
    struct answer *answer = owe_done(fn, ctx);
    struct row *row = find_uid(notes->uid);
    (void)store;
    if (answer->is_away || !row || row->state != ROW_LIVE || !row->has_stream || row->session != notes->session ||
        !text_is(notes->node, row->node) || is_fenced(row))
        return;
    write_notes(row, notes);
    answer->result = 1;
}

static void sm_find(struct store *store, struct text bare, struct text uid, store_sm_found_fn *fn, void *ctx)
{
    struct answer *answer = owe(ANSWER_FOUND, ctx);
    struct row *row = find_uid(uid);
    (void)store;
    answer->found_fn = fn;
    if (!row || !row->has_stream || !text_is(bare, row->bare))
        return;
    answer->row = *row;
    answer->row.lines = NULL;
    answer->row.line_count = 0;
    answer->is_there = true;
    if (take_twist() != NO_TWIST)
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
    struct answer *answer = owe(ANSWER_TAKEN, ctx);
    struct row *row = find_uid(asked->uid);
    (void)store;
    enum twist twist = take_twist();
    answer->taken_fn = fn;
    if (answer->is_away || !row || row->state != ROW_LIVE || !row->has_stream || !text_is(asked->bare, row->bare) ||
        !text_is(asked->resource, row->resource) || twist == TWIST_REFUSED)
        return;
    copy_lines(&answer->row, row, twist);
    answer->is_there = true;
    if (twist == TWIST_ELSEWHERE)
        strcpy(answer->row.node, "n2");
    copy(row->node, sizeof row->node, asked->node);
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
        end_row(row);
        answer->dropped[answer->dropped_count] = *row;
        answer->dropped[answer->dropped_count++].lines = NULL;
        drop--;
    }
}

static void sm_detach(struct store *store, const struct session_row *asked, uint32_t resume_ms, int most, store_sm_dropped_fn *each,
                      store_done_fn *fn, void *ctx)
{
    struct answer *answer = owe_done(fn, ctx);
    struct row *row = asked->resource.size ? find_own(asked) : NULL;
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

static const struct sm_ops sm_ops = { .start = sm_start, .note = sm_note, .find = sm_find, .take = sm_take, .detach = sm_detach };

/* -- the bus -- */

static int *find_channel(struct text name)
{
    for (int i = 0; i < CHANNELS_MAX; i++)
        if (text_is(name, world.channels[i].name))
            return &world.channels[i].count;
    for (int i = 0; i < CHANNELS_MAX; i++)
        if (world.channels[i].count == 0) {
            copy(world.channels[i].name, sizeof world.channels[i].name, name);
            return &world.channels[i].count;
        }
    abort(); /* more than there are connections and what they left */
}

static void subscribe(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    (void)bus;
    owe(ANSWER_SUBSCRIBED, ctx)->subscribed_fn = fn;
    ++*find_channel(channel);
}

static void unsubscribe(struct bus *bus, struct text channel)
{
    (void)bus;
    int *count = find_channel(channel);
    assert(*count > 0);
    --*count;
}

static const struct bus_ops bus_ops = { .subscribe = subscribe, .unsubscribe = unsubscribe };

/* -- answers -- */

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
    free_lines(row);
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

static bool answer_one(enum bus_status status)
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
static void answer_all(void)
{
    for (int i = 0; i < 1000 && (world.first || world.job_count); i++) {
        while (world.job_count)
            end_job(true);
        answer_one(BUS_OK);
    }
}

/* -- the router -- */

static void on_bound(void *ctx, struct session *session, const struct bind_answer *answer)
{
    (void)ctx;
    assert(answer->result > 0);
    begin_bound(session);
}

static void on_stanza(void *ctx, struct session *session, struct stanza *stanza)
{
    struct bound *bound = know(session);
    uint64_t number = session_stanza_number(session);
    (void)ctx;
    assert(text_equal(element_get(stanza->root, "from"), jid_text(session_jid(session))));
    stanza_free(&stanza);
    if (!number)
        return;
    assert(number > bound->last_number);
    bound->last_number = number;
    if (bound->open_count == OPEN_MAX)
        session_handled(session, number);
    else
        bound->open[bound->open_count++] = number;
}

static void on_ended(void *ctx, struct session *session, const char *reason)
{
    const struct jid *jid = session_jid(session);
    (void)ctx;
    assert(reason && !sessions_find(world.sessions, jid_bare(jid), jid_resource(jid)));
    end_bound(session);
}

static void on_login_failed(void *ctx, struct session *session, struct text user, const char *reason)
{
    (void)ctx;
    (void)user;
    assert(*session_mechanism(session) && reason);
}

static void on_login_asked(void *ctx, struct session *session, const struct login_question *question)
{
    (void)ctx;
    assert(question->secret.size && world.asked_count < sizeof world.asked / sizeof world.asked[0]);
    world.asked[world.asked_count++] = session;
}

static void on_other_node(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    (void)ctx;
    (void)number;
    assert(bare.size && resource.size && !text_is(node, "n1"));
}

static void on_delivered(void *ctx, struct session *session, const uint64_t *numbers, size_t count)
{
    struct bound *bound = find_bound(session);
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        for (unsigned j = 0; bound && j < bound->given_count; j++)
            assert(bound->given[j] != numbers[i]);
        if (bound && bound->given_count < GIVEN_MAX)
            bound->given[bound->given_count++] = numbers[i];
        for (unsigned j = 0; j < world.entry_count; j++)
            if (world.entries[j].number == (numbers[i] & ~LOG_SHARED)) {
                memmove(&world.entries[j], &world.entries[j + 1], (--world.entry_count - j) * sizeof world.entries[0]);
                break;
            }
    }
}

static void on_unbound(void *ctx, struct text bare, bool may_wait)
{
    (void)ctx;
    (void)may_wait;
    assert(bare.size);
}

static void on_early(void *ctx, struct session *session, uint64_t entry)
{
    (void)ctx;
    know(session);
    assert(entry == session_early(session));
    if (next(2))
        session_caught_up(session);
}

static void on_resumed(void *ctx, struct session *session, const struct sm_taken *taken)
{
    (void)ctx;
    assert(taken->is_whole && taken->answer.result == BIND_REPLACED);
    begin_bound(session);
}

static void on_read_log(void *ctx, struct session *session, uint64_t after)
{
    const struct jid *jid = session_jid(session);
    (void)ctx;
    know(session);
    if (world.reading_count == WAITING_MAX)
        abort(); /* one a session is enough */
    struct reading *reading = &world.readings[world.reading_count++];
    *reading = (struct reading){ .session = session_number(session), .after = after };
    copy(reading->bare, sizeof reading->bare, jid_bare(jid));
    copy(reading->resource, sizeof reading->resource, jid_resource(jid));
}

static void on_moved(void *ctx, struct session *session)
{
    (void)ctx;
    end_bound(session);
}

static void on_lost(void *ctx, struct session *session)
{
    (void)ctx;
    assert(!find_bound(session) && session_jid(session)->resource);
}

static void on_dropped(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    struct session *session = sessions_find(world.sessions, bare, resource);
    (void)ctx;
    if (text_is(node, "n1") && session && session_number(session) == number)
        session_drop(session, "gave way to newer sessions");
}

static void on_undelivered(void *ctx, struct session *session, struct stanza *stanza)
{
    (void)ctx;
    (void)session;
    stanza_free(&stanza);
}

static void on_fenced(void *ctx, struct session *session)
{
    (void)ctx;
    session_end(session, STREAM_ERROR_CONFLICT, "the row is another's");
}

static const struct session_callbacks callbacks = {
    .on_bound = on_bound,
    .on_stanza = on_stanza,
    .on_ended = on_ended,
    .on_login_failed = on_login_failed,
    .on_login_asked = on_login_asked,
    .on_replaced = on_other_node,
    .on_delivered = on_delivered,
    .on_unbound = on_unbound,
    .on_early = on_early,
    .on_resumed = on_resumed,
    .on_read_log = on_read_log,
    .on_moved = on_moved,
    .on_taken = on_other_node,
    .on_lost = on_lost,
    .on_dropped = on_dropped,
    .on_undelivered = on_undelivered,
    .on_fenced = on_fenced,
};

static struct bound *next_bound(void)
{
    unsigned chosen = next(LINES_MAX);
    return chosen < world.bound_count ? &world.bound[chosen] : NULL;
}

static void handle_one(void)
{
    struct bound *bound = next_bound();
    unsigned chosen = next(256);
    if (!bound || chosen >= bound->open_count)
        return;
    uint64_t number = bound->open[chosen];
    bound->open[chosen] = bound->open[--bound->open_count];
    session_handled(bound->session, number);
}

/* The last one first. */
static void handle_all(struct bound *bound)
{
    while (bound->open_count)
        session_handled(bound->session, bound->open[--bound->open_count]);
}

static void answer_login(enum login_verdict verdict, struct text user)
{
    if (world.asked_count == 0)
        return;
    struct session *session = world.asked[0];
    memmove(world.asked, world.asked + 1, --world.asked_count * sizeof world.asked[0]);
    session_login_answered(session, &(struct login_ruling){ verdict, user, verdict == LOGIN_ALLOWED ? next(2) * 60 : 0 });
}

static struct entry *add_entry(struct session *session, bool is_shared)
{
    if (world.entry_count == ENTRIES_MAX)
        return NULL;
    struct entry *entry = &world.entries[world.entry_count++];
    *entry = (struct entry){ .number = ++world.last_entry, .is_shared = is_shared };
    copy(entry->bare, sizeof entry->bare, jid_bare(session_jid(session)));
    copy(entry->uid, sizeof entry->uid, session_uid(session));
    return entry;
}

static const struct text self_contained = TEXT_INIT("<message xmlns='jabber:client' from='b@one.example/x' to='a@one.example'/>"),
                         in_stream = TEXT_INIT("<message from='b@one.example/x' to='a@one.example'/>");

static struct text xml_for(const struct session *session)
{
    return session_scope(session) == SCOPE_STREAM ? in_stream : self_contained;
}

static void read_log(void)
{
    if (world.reading_count == 0)
        return;
    struct reading reading = world.readings[0];
    memmove(world.readings, world.readings + 1, --world.reading_count * sizeof reading);
    unsigned left = next(8);
    bool is_fine = next(8) != 7, is_end = left == 0;
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
        struct text xml = text_is(session_uid(session), entry->uid) ? xml_for(session) : (struct text){ 0 };
        session_log_entry(session, entry->number | (entry->is_shared ? LOG_SHARED : 0), xml);
        most--;
    }
    struct session *session = sessions_find(world.sessions, text_of(reading.bare), text_of(reading.resource));
    if (session && session_number(session) == reading.session)
        session_log_read(session, is_fine, is_end);
}

static void send_one(struct session *session)
{
    unsigned kind = next(6);
    if (kind == 5) {
        struct stanza *presence = stanza_make("presence", XMLNS_CLIENT);
        element_set(&presence->arena, presence->root, "from", TEXT("b@one.example/x"));
        session_send(session, presence);
        stanza_free(&presence);
    } else if (kind == 4) {
        session_send_xml(session, xml_for(session));
    } else {
        struct stanza *message = stanza_make(kind == 3 ? "iq" : "message", XMLNS_CLIENT);
        char *body = xcalloc(1, 60000 + 1);
        memset(body, 'x', kind == 2 ? 60000 : 1);
        element_set(&message->arena, message->root, "from", TEXT("b@one.example/x"));
        element_set(&message->arena, message->root, "type", kind == 3 ? TEXT("get") : TEXT("chat"));
        element_set(&message->arena, message->root, "id", TEXT("i1"));
        element_add_text(&message->arena, element_add(&message->arena, message->root, TEXT("body"), TEXT(XMLNS_CLIENT)), text_of(body));
        session_send(session, message);
        stanza_free(&message);
        free(body);
    }
}

static void send_logged(struct session *session)
{
    struct entry *entry = add_entry(session, next(2));
    if (entry && next(4)) /* else nobody tells it: it is found in the log */
        session_send_logged(session, xml_for(session), entry->number | (entry->is_shared ? LOG_SHARED : 0));
}

/* Those that wait for the log have their notes, but the entries are there no more. */
static void retire_entry(void)
{
    unsigned chosen = next(ENTRIES_MAX);
    if (chosen < world.entry_count)
        memmove(&world.entries[chosen], &world.entries[chosen + 1], (--world.entry_count - chosen) * sizeof world.entries[0]);
}

static void send_many(struct session *session)
{
    for (unsigned i = next(128); i > 0 && find_bound(session) && session_has_room(session); i--)
        session_send_xml(session, xml_for(session));
    for (unsigned i = next(32); i > 0 && find_bound(session); i--)
        send_logged(session);
}

static void change_request(struct bound *bound)
{
    struct session *session = bound->session;
    unsigned count = next(32);
    for (; count > 15; count--) {
        bound->requests++;
        session_request_begins(session);
    }
    for (; count > 0 && (bound = find_bound(session)) && bound->requests > 0; count--) {
        bound->requests--;
        session_request_ends(session); /* what waited is read inside */
    }
}

/* -- what clients say -- */

/* In a template: %h a header, %c the end of the stream; %d a domain, %r a resource, %n a name, %w a password, %i a client's id,
 * %u a stream's name, %1 a small number; %p PLAIN, %f %l the first and last word of SCRAM, %t %x a proof of the token told last,
 * bound to nothing and to the channel, %j OAUTHBEARER with a token, %g a guest that comes again. */
static const char *const templates[] = {
    "%h",
    "%c",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%p</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>%f</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>%f</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>YUBvbmUuZXhhbXBsZQ==</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>Z3Vlc3Q6</auth>", /* guest: */
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>%g</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>%j</auth>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%p</response>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%l</response>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AQ==</response>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<iq xmlns='jabber:client' type='get' id='o'><query xmlns='jabber:iq:auth'/></iq>",
    "<iq xmlns='jabber:client' type='set' id='o'><query xmlns='jabber:iq:auth'><username>%n</username><password>%w</password><resource>%r</resource></query></iq>",
    "<iq xmlns='jabber:client' type='get' id='q'><query xmlns='jabber:iq:register'/></iq>",
    "<iq xmlns='jabber:client' type='set' id='q'><query xmlns='jabber:iq:register'><username>%n</username><password>%w</password></query></iq>",
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%r</resource></bind></iq>",
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq xmlns='jabber:client' type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    "<enable xmlns='urn:xmpp:sm:3'/>",
    "<enable xmlns='urn:xmpp:sm:3' resume='1' max='%1'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='%1'/>",
    "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='%u' h='%1'/>",
    "<inactive xmlns='urn:xmpp:csi:0'/>",
    "<active xmlns='urn:xmpp:csi:0'/>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/>"
    "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/><bind xmlns='urn:xmpp:bind:0'><tag>t</tag>"
    "<enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/>"
    "<resume xmlns='urn:xmpp:sm:3' previd='%u' h='%1'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>%f</initial-response><user-agent id='%i'/>"
    "<bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1-PLUS'><initial-response>%f</initial-response></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%t</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%t</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0' count='%1' invalidate='true'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%t</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0'/><resume xmlns='urn:xmpp:sm:3' previd='%u' h='%1'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='OAUTHBEARER'><initial-response>%j</initial-response><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'><initial-response>YkBvbmUuZXhhbXBsZQ==</initial-response></authenticate>",
    "<response xmlns='urn:xmpp:sasl:2'>%l</response>",
    "<abort xmlns='urn:xmpp:sasl:2'/>",
    "<message xmlns='jabber:client' to='b@%d'><body>hi</body></message>",
    "<message xmlns='jabber:client' from='x@one.example' to='b@%d'/>",
    "<presence xmlns='jabber:client'/>",
    "<iq xmlns='jabber:client' to='b@one.example/x' id='i1' type='result'/>",
    "<iq xmlns='jabber:client' to='b@@' id='i1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq xmlns='jabber:client' id='server-ping' type='result'/>",
    "<message xmlns='jabber:server' to='b@one.example'/>",
    "<what xmlns='urn:else'/>",
    " ",
    "<!--",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='one.example' from='%n@one.example' version='2.5'>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>YUBvbmUuZXhhbXBsZQBhAHA=</auth>", /* with an authzid */
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>YkBvbmUuZXhhbXBsZQBhAHA=</auth>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><user-agent id='d4565fa7'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/>"
    "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'><initial-response>%x</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0' count='%1'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>YQ==</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0' count='no'/></authenticate>",
    "<response xmlns='urn:xmpp:sasl:2'>%p</response>",
    "<iq xmlns='jabber:client' id='1' type='what'/>",
    "<iq xmlns='jabber:client' type='get'><a/></iq>",
    "<iq xmlns='jabber:client' id='1' type='get'/>",
    "<iq xmlns='jabber:client' id='1' to='B@ONE.example' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq xmlns='jabber:client' id='1' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<message xmlns='jabber:client' from='A@one.example' to='B@ONE.example'/>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true' max='100'/>",
    "<a xmlns='urn:xmpp:sm:3'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='a&lt;' h='%1'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='%u' h='no'/>",
};
enum { TEMPLATE_COUNT = sizeof templates / sizeof templates[0] };

static void append_base64(struct buffer *out, const void *data, size_t size)
{
    size_t room = credential_base64_room(size);
    out->size += credential_base64(buffer_reserve(out, room), room, data, size);
}

static void append_header(struct buffer *out, const struct line *line)
{
    const char *domain = domains[next(3)];
    if (line->connection.framing == FRAMING_WEBSOCKET)
        buffer_printf(out, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%s' version='1.0'/>", domain);
    else
        buffer_printf(out, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s'%s>", domain,
                      next(4) == 3 ? "" : " version='1.0' xml:lang='en'");
}

static void append_plain(struct buffer *out)
{
    const char *name = names[next(4)];
    unsigned which = next(4);
    char message[JWT_MAX];
    int size = snprintf(message, sizeof message, "%c%s%c%.*s", 0, name, 0,
                        which == 3 ? (int)jwts[0].size : 1, which == 3 ? jwts[0].data : which == 2 ? "x" : "p");
    append_base64(out, message, (size_t)size);
}

static void append_scram_first(struct buffer *out, struct line *line, const char *template)
{
    struct scram_client *scram = &line->scram;
    bool is_bound = strstr(template, "-PLUS") != NULL;
    *scram = (struct scram_client){ .hash = strstr(template, "SHA-1") ? "SHA1" : "SHA256",
                                    .gs2 = is_bound ? "p=tls-exporter,," : "n,,",
                                    .binding = is_bound ? BINDING : NULL,
                                    .binding_size = is_bound ? 32 : 0,
                                    .name = names[next(3)],
                                    .password = next(4) == 3 ? "x" : "p" };
    scram_client_first(scram);
    append_base64(out, scram->first, strlen(scram->first));
}

static void append_scram_last(struct buffer *out, struct line *line)
{
    unsigned char first[sizeof line->challenge];
    long size = credential_base64_decode(first, sizeof first - 1, text_of(line->challenge));
    if (size < 2 || memcmp(first, "r=", 2) != 0 || !line->scram.hash)
        return;
    first[size] = '\0';
    scram_client_final(&line->scram, (const char *)first);
    append_base64(out, line->scram.final, strlen(line->scram.final));
}

static void append_token_proof(struct buffer *out, bool is_bound)
{
    unsigned char message[2 + HASH_MAX] = { (unsigned char)names[next(2)][0], '\0' };
    struct text word = is_bound ? TEXT("Initiator" BINDING) : TEXT("Initiator");
    hash_mac(HASH_SHA256, (const unsigned char *)world.token, strlen(world.token), word, message + 2);
    append_base64(out, message, sizeof message);
}

static void append_bearer(struct buffer *out)
{
    struct buffer message = { 0 };
    BUFFER_LITERAL(&message, "n,,\x01" "auth=Bearer ");
    buffer_append_text(&message, next(3) == 2 ? TEXT("secret") : buffer_text(&jwts[next(2)]));
    BUFFER_LITERAL(&message, "\x01\x01");
    append_base64(out, message.data, message.size);
    buffer_fini(&message);
}

static void append_guest(struct buffer *out, const struct line *line)
{
    unsigned char said[sizeof line->success + 8] = "guest:";
    const char *of = world.lines[next(LINES_MAX)].success;
    long size = credential_base64_decode(said + 6, sizeof line->success, text_of(of));
    append_base64(out, said, size < 0 ? 6 : (size_t)size + 6);
}

static void fill(struct buffer *out, const char *template, struct line *line)
{
    for (const char *c = template; *c; c++) {
        if (*c != '%') {
            buffer_append_char(out, *c);
            continue;
        }
        switch (*++c) {
        case 'h':
            append_header(out, line);
            break;
        case 'c':
            buffer_append_text(out, line->connection.framing == FRAMING_TCP ? TEXT("</stream:stream>")
                                                                          : TEXT("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"));
            break;
        case 'd':
            buffer_append_text(out, text_of(domains[next(3)]));
            break;
        case 'r':
            buffer_append_text(out, text_of(resources[next(3)]));
            break;
        case 'n':
            buffer_append_text(out, text_of(names[next(4)]));
            break;
        case 'w':
            buffer_append_char(out, next(4) == 3 ? 'x' : 'p');
            break;
        case 'i':
            buffer_append_text(out, text_of(clients[next(2)]));
            break;
        case 'u':
            buffer_append_text(out, text_of(world.uids[next(UIDS_MAX)]));
            break;
        case '1':
            buffer_printf(out, "%u", next(8));
            break;
        case 'p':
            append_plain(out);
            break;
        case 'f':
            append_scram_first(out, line, template);
            break;
        case 'l':
            append_scram_last(out, line);
            break;
        case 't':
            append_token_proof(out, false);
            break;
        case 'x':
            append_token_proof(out, true);
            break;
        case 'j':
            append_bearer(out);
            break;
        case 'g':
            append_guest(out, line);
            break;
        }
    }
}

static bool is_heard(const struct line *line)
{
    return line->is_used && !line->is_paused && !line->is_encrypting;
}

static void feed(struct line *line, const char *data, size_t size)
{
    if (is_heard(line) && size)
        sessions_connection_callbacks.on_bytes(world.sessions, &line->connection, data, size);
}

static void say_many(struct line *line)
{
    struct buffer text = { 0 };
    unsigned count = next(64) * (line->connection.framing == FRAMING_TCP);
    const char *template = templates[next(TEMPLATE_COUNT)];
    for (; count > 0 && is_heard(line); count--)
        fill(&text, template, line);
    feed(line, text.data, text.size);
    buffer_fini(&text);
}

/* As one read, or in two parts. */
static void say(struct line *line, unsigned count, bool is_split)
{
    struct buffer text = { 0 };
    if (!is_heard(line))
        return;
    for (; count > 0; count--)
        fill(&text, templates[next(TEMPLATE_COUNT)], line);
    size_t half = is_split && line->connection.framing == FRAMING_TCP ? next(255) : text.size;
    if (half > text.size)
        half = text.size;
    feed(line, text.data, half);
    feed(line, text.data + half, text.size - half);
    buffer_fini(&text);
}

/* -- other nodes, and the rest of this one -- */

static struct text next_bare(void)
{
    return next(2) ? TEXT("b@one.example") : TEXT("a@one.example");
}

/* It goes on at another node. */
static void take_away(struct session *session)
{
    struct row *row = find_uid(session_uid(session));
    if (row && row->state == ROW_LIVE) {
        strcpy(row->node, "n2");
        row->session = 1;
    }
    session_drop(session, "resumed by another connection");
}

static void block(void)
{
    static const char *const whys[] = { "password", "disabled", "revoked", "kicked", "deleted", "new" };
    struct text bare = next_bare();
    struct account_of *account = find_account(bare);
    unsigned why = next(6);
    if (account && why != 3)
        account->account.generation++;
    if (account)
        account->account.is_disabled = why == 1;
    sessions_block(world.sessions, bare, next(2) ? TEXT("n1/1") : TEXT(""), text_of(whys[why]));
}

static void give_back(void)
{
    static const struct text texts[] = { TEXT_INIT("<message from='b@one.example' to='a@one.example'><body>x</body></message>"),
                                         TEXT_INIT("<iq xmlns='jabber:client' type='get' id='1'/>") };
    sessions_undelivered(world.sessions, texts, 2);
}

static void stop(void)
{
    if (world.is_stopping)
        return;
    world.is_stopping = true;
    sessions_stop_accepting(world.sessions);
    sessions_end_all(world.sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, "the server is stopping");
    for (unsigned i = 0; i < world.bound_count; i++) { /* those that are left to be resumed go without a word */
        const struct jid *jid = session_jid(world.bound[i].session);
        assert(!sessions_find(world.sessions, jid_bare(jid), jid_resource(jid)));
    }
    world.bound_count = 0;
}

static void change_presence(struct session *session)
{
    session_set_presence(session, next(2), 1);
    session_set_carbons(session, next(2));
    session_set_interested(session, true);
    session_set_outlives_block(session, next(2));
}

static void pass_time(void)
{
    world.now_ms += 50 << next(13);
    timers_advance(world.parts.timers, world.now_ms);
}

static void change_bus(unsigned how)
{
    if (how < 2)
        world.is_away = world.bus.is_away = how == 1;
    else if (how == 2)
        world.is_away = true; /* nobody has noticed yet */
    else if (how == 3)
        sessions_pause_reading(world.sessions);
    else if (how == 5)
        world.fills = true;
    else
        sessions_resume_reading(world.sessions);
}

enum {
    STEP_ACCEPT, STEP_SAY, STEP_SAY_TWO, STEP_SAY_SPLIT, STEP_ANSWER, STEP_ANSWER_ALL, STEP_AWAY, STEP_JOB, STEP_HANDLE, STEP_ENCRYPT,
    STEP_TIME, STEP_CLOSE, STEP_DRAIN, STEP_STUCK, STEP_SEND, STEP_LOG, STEP_READ, STEP_RULE, STEP_TWIST, STEP_BUS, STEP_BLOCK,
    STEP_TAKE, STEP_EARLY, STEP_END, STEP_VIOLATE, STEP_STOP, STEP_PRESENCE, STEP_REQUEST, STEP_GIVE_BACK, STEP_SAY_MANY,
    STEP_SEND_MANY, STEP_HANDLE_ALL, STEP_RETIRE, STEP_COUNT
};

static void step_of_line(unsigned what)
{
    struct line *line = next_line();
    if (!line)
        return;
    if (what == STEP_SAY || what == STEP_SAY_SPLIT)
        say(line, 1, what == STEP_SAY_SPLIT);
    else if (what == STEP_SAY_TWO)
        say(line, 2, false);
    else if (what == STEP_SAY_MANY)
        say_many(line);
    else if (what == STEP_ENCRYPT)
        encrypt(line);
    else if (what == STEP_CLOSE)
        end_line(line);
    else if (what == STEP_DRAIN)
        drain(line);
    else if (what == STEP_STUCK)
        line->is_stuck = true;
    else if (is_heard(line))
        sessions_connection_callbacks.on_violation(world.sessions, &line->connection, STREAM_ERROR_NOT_WELL_FORMED, "binary");
}

static void step_of_bound(unsigned what)
{
    struct bound *bound = next_bound();
    if (!bound)
        return;
    struct session *session = bound->session;
    if (what == STEP_SEND)
        send_one(session);
    else if (what == STEP_LOG)
        send_logged(session);
    else if (what == STEP_SEND_MANY)
        send_many(session);
    else if (what == STEP_HANDLE_ALL)
        handle_all(bound);
    else if (what == STEP_TAKE)
        take_away(session);
    else if (what == STEP_END)
        session_end(session, STREAM_ERROR_CONFLICT, NULL);
    else if (what == STEP_PRESENCE)
        change_presence(session);
    else
        change_request(bound);
}

static void step(void)
{
    unsigned what = next(STEP_COUNT);
    switch (what) {
    case STEP_ACCEPT:
        accept_one();
        break;
    case STEP_ANSWER:
        answer_one(BUS_OK);
        break;
    case STEP_ANSWER_ALL:
        answer_all();
        break;
    case STEP_AWAY:
        answer_one(next(4) ? BUS_AWAY : BUS_FAILED);
        break;
    case STEP_JOB:
        end_job(true);
        break;
    case STEP_HANDLE:
        handle_one();
        break;
    case STEP_TIME:
        pass_time();
        break;
    case STEP_READ:
        read_log();
        break;
    case STEP_RULE: {
        enum login_verdict verdict = (enum login_verdict)next(3);
        answer_login(verdict, next(2) ? TEXT("a") : TEXT(""));
        break;
    }
    case STEP_TWIST:
        world.twist = (enum twist)next(TWIST_COUNT);
        break;
    case STEP_BUS:
        change_bus(next(6));
        break;
    case STEP_BLOCK:
        block();
        break;
    case STEP_EARLY: {
        struct text bare = next_bare();
        sessions_came_early(world.sessions, bare, text_of(resources[next(3)]), TEXT(""), ++world.last_entry);
        break;
    }
    case STEP_STOP:
        if (next(4) == 3)
            stop();
        break;
    case STEP_GIVE_BACK:
        give_back();
        break;
    case STEP_RETIRE:
        retire_entry();
        break;
    case STEP_SAY: case STEP_SAY_MANY: case STEP_SAY_TWO: case STEP_SAY_SPLIT: case STEP_ENCRYPT: case STEP_CLOSE: case STEP_DRAIN: case STEP_STUCK:
    case STEP_VIOLATE:
        step_of_line(what);
        break;
    default:
        step_of_bound(what);
    }
    sessions_turn(world.sessions);
    end_those_that_close();
}

/* -- a world for each input -- */

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return 1795000000000 + world.now_ms;
}

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

static struct config *load(bool asks_service)
{
    static const char *const sets[] = { "domain=one.example",
                                        "auth.anonymous_domain=guests.example",
                                        "auth.allow_plaintext=on",
                                        "auth.mechanisms=SCRAM-SHA-256-PLUS,SCRAM-SHA-1-PLUS,SCRAM-SHA-256,SCRAM-SHA-1,EXTERNAL,OAUTHBEARER,PLAIN",
                                        "auth.legacy=on",
                                        "auth.registration=on",
                                        "auth.fast_unbound=on",
                                        "auth.jwt_plain=on",
                                        "auth.jwt_create=on",
                                        "limits.sessions_per_account=3",
                                        "limits.detached_sessions=2",
                                        "limits.guests_per_address=6",
                                        "limits.registrations=6",
                                        "limits.stanza_bytes=20000",
                                        "limits.client_queue=64k",
                                        "limits.sm_queue=100",
                                        "limits.sm_bytes=200k",
                                        "services.domains=login.example",
                                        "auth.service=login.example" };
    size_t count = sizeof sets / sizeof sets[0] - (asks_service ? 0 : 2);
    struct config *config = config_load(NULL, NULL, sets, count, complain, NULL);
    if (!config)
        abort();
    config->auth_iterations = 1; /* less than may be set: hashing is not what is tried here */
    return config;
}

static struct config *configs[2];

static void begin_all(void)
{
    static const char *const claims[] = { "{\"sub\":\"a\",\"exp\":4000000000}", "{\"sub\":\"new\",\"exp\":4000000000}" };
    char error[256];
    for (int i = 0; i < 2; i++) {
        configs[i] = load(i == 1);
        signer_token(&jwts[i], "{\"alg\":\"HS256\"}", claims[i], NULL, TEXT(SIGNER_SECRET));
    }
    jwt_keys = jwt_keys_read(TEXT(SIGNER_SECRET), TEXT(""), error, sizeof error);
    if (!jwt_keys || credential_derive(&known, TEXT("p"), 1) != 0)
        abort();
    known.generation = 1;
}

static void begin(bool asks_service)
{
    if (!configs[0])
        begin_all();
    world = (struct world){ .config = configs[asks_service], .now_ms = 1000, .log = { LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, NULL, NULL } };
    world.last = &world.first;
    world.bus.ops = &bus_ops;
    world.store = (struct store){ .ops = &store_ops, .login = &login_ops, .sm = &sm_ops };
    world.parts = (struct parts){ .config = world.config,
                                  .bus = &world.bus,
                                  .store = &world.store,
                                  .timers = timers_new(world.now_ms),
                                  .streams = stream_pool_new(),
                                  .metrics = &world.metrics,
                                  .log = &world.log,
                                  .node = TEXT("n1"),
                                  .wall_ms = wall_ms,
                                  .jwt_keys = asks_service ? NULL : jwt_keys,
                                  .secret = "a secret of thirty-two bytes ..." };
    for (int i = 0; i < 2; i++) {
        world.accounts[i].account = known;
        snprintf(world.accounts[i].bare, sizeof world.accounts[i].bare, "%s@one.example", names[i]);
    }
    world.sessions = sessions_new(&world.parts, &callbacks, NULL);
}

static void end_lines(void)
{
    for (int i = 0; i < LINES_MAX; i++)
        if (world.lines[i].is_used)
            end_line(&world.lines[i]);
    while (world.asked_count)
        answer_login(LOGIN_UNKNOWN, TEXT(""));
}

/* Redis is there: then no row of this node is left but of those that may be resumed, nor a subscription. */
static void end_well(void)
{
    world.is_away = world.bus.is_away = false;
    world.twist = NO_TWIST;
    for (int i = 0; i < 4; i++) {
        answer_all();
        sessions_turn(world.sessions);
        world.now_ms += 3000;
        timers_advance(world.parts.timers, world.now_ms);
    }
    assert(sessions_are_unbound(world.sessions) && sessions_count(world.sessions) == 0);
    for (int i = 0; i < CHANNELS_MAX; i++)
        assert(world.channels[i].count == 0);
    for (int i = 0; i < ROWS_MAX; i++)
        assert(world.rows[i].state != ROW_LIVE || world.rows[i].is_detached || strcmp(world.rows[i].node, "n1") != 0);
}

static void end_badly(void)
{
    while (world.job_count)
        end_job(false);
    while (answer_one(BUS_AWAY))
        while (world.job_count)
            end_job(false);
}

/* As main.c ends a node. */
static void end(bool is_well)
{
    stop();
    sessions_turn(world.sessions);
    end_lines();
    if (is_well)
        end_well();
    else
        end_badly();
    sessions_free(&world.sessions);
    assert(!world.first && !world.job_count);
    for (int i = 0; i < ROWS_MAX; i++)
        free_lines(&world.rows[i]);
    stream_pool_free(&world.parts.streams);
    timers_free(&world.parts.timers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned kind = size ? *data : 0;
    begin(kind & 1);
    world.script = (struct script){ data + (size > 0), size - (size > 0) };
    while (world.script.size)
        step();
    end(kind & 2);
    return 0;
}

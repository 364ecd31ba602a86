/* store_test.c - what outlives a node, on a real Redis: accounts, session rows and routes, leases, beats and sweeps. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "suite.h"
#include "stanzabus/memory.h"

/* -- accounts -- */

static struct account some_account(int seed)
{
    struct account account = { .sha1 = { .iterations = 4096, .salt_size = 16 },
                               .sha256 = { .iterations = 10000, .salt_size = SCRAM_SALT_MAX } };
    for (int i = 0; i < 64; i++) {
        if (i < 16)
            account.sha1.salt[i] = (unsigned char)(seed + i);
        account.sha256.salt[i] = (unsigned char)(seed * 7 + i * 5);
        if (i < 20) {
            account.sha1.stored_key[i] = (unsigned char)(seed + 200 + i);
            account.sha1.server_key[i] = (unsigned char)(seed + 100 + i);
        }
        if (i < 32) {
            account.sha256.stored_key[i] = (unsigned char)(seed + 50 + i);
            account.sha256.server_key[i] = (unsigned char)(seed + 25 + i);
        }
    }
    return account;
}

static int64_t put(const char *bare, const struct account *account, enum account_put how)
{
    struct answer answer = { 0 };
    node.store->ops->account_put(node.store, text_of(bare), account, how, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static struct answer get(const char *bare)
{
    struct answer answer = { 0 };
    node.store->ops->account_get(node.store, text_of(bare), on_account, &answer);
    WAIT_ANSWER(&node, &answer);
    return answer;
}

static void test_accounts(void **state)
{
    struct account one = some_account(1), two = some_account(2);
    struct answer got;
    (void)state;
    two.sha1 = (struct scram_keys){ 0 };
    two.is_disabled = true;

    assert_false(get("juliet@example.com").has_account);
    assert_int_equal(put("juliet@example.com", &one, ACCOUNT_REPLACE), 0);
    assert_int_equal(put("juliet@example.com", &one, ACCOUNT_CREATE), 1);
    assert_int_equal(put("juliet@example.com", &two, ACCOUNT_CREATE), 0);
    got = get("juliet@example.com");
    assert_true(got.has_account);
    uint64_t generation = got.account.generation;
    assert_true(generation > 0);
    one.generation = generation;
    assert_memory_equal(&got.account, &one, sizeof one);
    assert_int_equal(put("juliet@example.com", &two, ACCOUNT_REPLACE), 1);
    got = get("juliet@example.com");
    assert_true(got.account.generation > generation);
    two.generation = got.account.generation;
    assert_memory_equal(&got.account, &two, sizeof two);
    assert_int_equal(put("juliet@example.com", &one, ACCOUNT_CREATE_OR_REPLACE), 1);
    got = get("juliet@example.com");
    one.generation = got.account.generation;
    assert_memory_equal(&got.account, &one, sizeof one);

    server_ask(&server, "HSET xmpp:{juliet@example.com}:account sha1 what");
    assert_int_equal(get("juliet@example.com").status, BUS_FAILED);
    server_ask(&server, "SET xmpp:{romeo@example.com}:account string");
    assert_int_equal(get("romeo@example.com").status, BUS_FAILED); /* WRONGTYPE */
    assert_int_equal(node.metrics.value[METRIC_BUS_COMMANDS_FAILED], 1);
}

static void test_account_delete(void **state)
{
    struct account one = some_account(1);
    struct answer first = { 0 }, second = { 0 };
    (void)state;
    put("juliet@example.com", &one, ACCOUNT_CREATE);
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions balcony row");
    node.store->ops->account_delete(node.store, TEXT("juliet@example.com"), on_done, &first);
    node.store->ops->account_delete(node.store, TEXT("juliet@example.com"), on_done, &second);
    WAIT_ANSWER(&node, &second);
    assert_int_equal(first.result, 1);
    assert_int_equal(second.result, 0);
    /* What is left for a day tells nodes that they are not to write its rows again; it had no contacts to be told. */
    assert_string_equal(server_ask(&server, "DEL xmpp:{juliet@example.com}:deleted"), "1");
    assert_string_equal(server_ask(&server, "KEYS *"), "");
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_account_list(void **state)
{
    struct account one = some_account(1);
    struct answer answer = { 0 };
    char name[64], *lines[8];
    (void)state;
    put("juliet@example.com", &one, ACCOUNT_CREATE);
    put("a{b}%c*d?[e]\\@example.com", &one, ACCOUNT_CREATE);
    put("j\xc3\xbcrgen@example.com", &one, ACCOUNT_CREATE);
    put("juliet@example.com.evil", &one, ACCOUNT_CREATE);
    put("juliet@sub.example.com", &one, ACCOUNT_CREATE);
    put("juliet@exampleXcom", &one, ACCOUNT_CREATE);
    server_ask(&server, "HSET xmpp:{romeo@example.com}:sessions balcony row");
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "u%d@other", i);
        node.store->ops->account_put(node.store, text_of(name), &one, ACCOUNT_CREATE, NULL, NULL);
    }
    node.store->ops->account_list(node.store, TEXT("example.com"), on_each, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    assert_int_equal(answer.result, 3);
    size_t count = 0;
    for (char *line = strtok(answer.text, "\n"); line && count < 8; line = strtok(NULL, "\n"))
        lines[count++] = line;
    assert_int_equal(count, 3);
    qsort(lines, count, sizeof *lines, compare_lines);
    assert_string_equal(lines[0], "a{b}%c*d?[e]\\@example.com");
    assert_string_equal(lines[1], "juliet@example.com");
    assert_string_equal(lines[2], "j\xc3\xbcrgen@example.com");
}

static void test_secret(void **state)
{
    struct answer first = { 0 }, second = { 0 }, other = { 0 };
    struct node node2;
    (void)state;
    node_open(&node2, &server, loop, NULL, NULL);
    redis_start(node2.redis);
    node.store->ops->secret_get(node.store, TEXT("server"), on_secret, &first);
    node2.store->ops->secret_get(node2.store, TEXT("server"), on_secret, &second);
    node.store->ops->secret_get(node.store, TEXT("other"), on_secret, &other);
    WAIT_ANSWER(&node, &first);
    WAIT_ANSWER(&node, &second);
    WAIT_ANSWER(&node, &other);
    assert_int_equal(first.result, 32);
    assert_memory_equal(first.text, second.text, 32);
    assert_memory_not_equal(first.text, other.text, 32);
    node_close(&node2);
}

/* -- session rows -- */

static struct session_row row(const char *resource, const char *node_id, uint64_t session, bool is_available,
                              int priority)
{
    return (struct session_row){ .bare = TEXT("juliet@example.com"),
                                 .resource = text_of(resource),
                                 .node = text_of(node_id),
                                 .session = session,
                                 .is_available = is_available,
                                 .priority = (int8_t)priority };
}

static struct answer bind_row(struct session_row r, enum bind_conflict conflict, unsigned max)
{
    struct answer answer = { 0 };
    node.store->ops->session_bind(node.store, &r, conflict, max, on_bound, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

typedef void session_op(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);

static int64_t write_session(session_op *op, struct session_row r)
{
    struct answer answer = { 0 };
    op(node.store, &r, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static void test_bind(void **state)
{
    struct answer answer;
    (void)state;
    assert_int_equal(bind_row(row("balcony", "n1", 7, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    assert_int_equal(bind_row(row("balcony", "n1", 7, false, 0), BIND_REFUSE, 3).result, BIND_DONE); /* asked twice */
    assert_int_equal(bind_row(row("balcony", "n1", 8, false, 0), BIND_REFUSE, 3).result, BIND_CONFLICT);
    assert_int_equal(bind_row(row("balcony", "n11", 7, false, 0), BIND_REFUSE, 3).result, BIND_CONFLICT);
    answer = bind_row(row("balcony", "n2", 18446744073709551615u, false, 0), BIND_REPLACE, 3);
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.text, "n1");
    assert_int_equal(answer.session, 7);
    answer = bind_row(row("balcony", "n2", 18446744073709551615u, false, 0), BIND_REPLACE,
                      3); /* the first answer was lost */
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.text, "n1");
    assert_int_equal(answer.session, 7);
    answer = bind_row(row("balcony", "n3", 1, false, 0), BIND_REPLACE, 3);
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.text, "n2");
    assert_true(answer.session == 18446744073709551615u);

    assert_int_equal(bind_row(row("second", "n1", 9, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    assert_int_equal(bind_row(row("third", "n1", 10, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    assert_int_equal(bind_row(row("fourth", "n1", 11, false, 0), BIND_REPLACE, 3).result, BIND_TOO_MANY);
    assert_int_equal(bind_row(row("third", "n1", 12, false, 0), BIND_REPLACE, 3).result, BIND_REPLACED);

    /* What was refused has left the index of its node again. */
    assert_string_equal(server_ask(&server, "SISMEMBER xmpp:node:{n1}:sessions %s", "8 juliet@example.com/balcony"),
                        "0");
    assert_string_equal(server_ask(&server, "SISMEMBER xmpp:node:{n1}:sessions %s", "11 juliet@example.com/fourth"),
                        "0");
    assert_string_equal(server_ask(&server, "SISMEMBER xmpp:node:{n1}:sessions %s", "12 juliet@example.com/third"),
                        "1");
}

static void on_blocked(void *ctx, enum bus_status status, int64_t told, uint64_t generation)
{
    on_done(ctx, status, told);
    ((struct answer *)ctx)->session = generation;
}

static struct answer block(const char *bare, enum account_block how)
{
    struct answer answer = { 0 };
    node.store->login->block(node.store, text_of(bare), how, on_blocked, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

static bool has_message(void *ctx)
{
    return node.messages >= *(size_t *)ctx;
}

/* What was blocked cannot bind again, not even to the row that it has; and its nodes are told. */
static void test_blocking(void **state)
{
    (void)state;
    struct account one = some_account(1);
    struct session_row first = row("balcony", "n1", 7, false, 0), second = row("garden", "n1", 8, false, 0);
    struct answer answer = { 0 }, listens = { 0 };

    assert_int_equal(block("juliet@example.com", BLOCK_DISABLE).result, -1);
    put("juliet@example.com", &one, ACCOUNT_CREATE);
    first.generation = second.generation = get("juliet@example.com").account.generation;
    assert_int_equal(bind_row(first, BIND_REFUSE, 9).result, BIND_DONE);
    assert_int_equal(bind_row(second, BIND_REFUSE, 9).result, BIND_DONE);
    server_ask(&server, "HSET xmpp:{juliet@example.com}:tokens phone x");
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions %s q", "");

    node.bus->ops->subscribe(node.bus, TEXT("xmpp:node:{n1}"), on_subscribed, &listens);
    WAIT_ANSWER(&node, &listens);
    node.keeps_messages = true;
    answer = block("juliet@example.com", BLOCK_KICK);
    assert_int_equal(answer.result, 2);
    assert_true(answer.session == first.generation);
    assert_true(run_until(loop, has_message, &(size_t){ 1 }, 5));
    assert_int_equal(node.messages, 1); /* once a node */
    assert_string_equal(node.payload[0], "blocked\n\nkicked\njuliet@example.com");
    assert_int_equal(bind_row(first, BIND_REFUSE, 9).result, BIND_DONE);

    answer = block("juliet@example.com", BLOCK_REVOKE);
    assert_true(answer.session > first.generation);
    assert_string_equal(server_ask(&server, "EXISTS xmpp:{juliet@example.com}:tokens"), "0");
    assert_int_equal(bind_row(first, BIND_REFUSE, 9).result, BIND_BLOCKED);
    first.generation = answer.session;
    assert_int_equal(bind_row(first, BIND_REFUSE, 9).result, BIND_DONE);

    block("juliet@example.com", BLOCK_DISABLE);
    assert_true(get("juliet@example.com").account.is_disabled);
    block("juliet@example.com", BLOCK_ENABLE);
    assert_false(get("juliet@example.com").account.is_disabled);

    /* A guest has no account: it is told, and none is made. */
    struct session_row guest = row("r", "n1", 9, false, 0);
    guest.bare = TEXT("guest@example.com");
    assert_int_equal(bind_row(guest, BIND_REFUSE, 9).result, BIND_DONE);
    assert_int_equal(block("guest@example.com", BLOCK_DISABLE).result, -1);
    assert_int_equal(block("guest@example.com", BLOCK_REVOKE).result, 1);
    assert_false(get("guest@example.com").has_account);
}

/* The session that changed the password stays. */
static void test_change_password(void **state)
{
    (void)state;
    struct account one = some_account(1), two = some_account(2);
    struct session_row own = row("balcony", "n1", 7, false, 0);
    struct staying staying = { own.node, own.session };
    struct answer answer = { 0 }, none = { 0 }, listens = { 0 };

    node.store->login->change_password(node.store, TEXT("juliet@example.com"), &one, &staying, on_blocked, &none);
    WAIT_ANSWER(&node, &none);
    assert_int_equal(none.result, -1);
    put("juliet@example.com", &one, ACCOUNT_CREATE);
    own.generation = get("juliet@example.com").account.generation;
    bind_row(own, BIND_REFUSE, 9);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:node:{n1}"), on_subscribed, &listens);
    WAIT_ANSWER(&node, &listens);
    node.keeps_messages = true;
    node.store->login->change_password(node.store, TEXT("juliet@example.com"), &two, &staying, on_blocked, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_true(run_until(loop, has_message, &(size_t){ 1 }, 5));
    assert_string_equal(node.payload[0], "blocked\nn1/7\npassword\njuliet@example.com");
    two.generation = answer.session;
    struct answer got = get("juliet@example.com");
    assert_memory_equal(&got.account, &two, sizeof two);
}

/* -- tokens -- */

struct tokens {
    struct answer answer;
    bool has_fresh, has_current;
    struct login_token fresh, current;
};

static void on_tokens(void *ctx, enum bus_status status, const struct login_token *fresh,
                      const struct login_token *current)
{
    struct tokens *tokens = ctx;
    tokens->has_fresh = fresh != NULL;
    tokens->has_current = current != NULL;
    if (fresh)
        tokens->fresh = *fresh;
    if (current)
        tokens->current = *current;
    on_done(&tokens->answer, status, 0);
}

static struct tokens tokens_of(const char *client)
{
    struct tokens tokens = { 0 };
    node.store->login->tokens_get(node.store, TEXT("juliet@example.com"), text_of(client), on_tokens, &tokens);
    WAIT_ANSWER(&node, &tokens.answer);
    assert_int_equal(tokens.answer.status, BUS_OK);
    return tokens;
}

static struct login_token some_token(unsigned char seed, int64_t life_s)
{
    struct login_token token = { .mechanism = "HT-SHA-256-NONE", .expires_ms = ((int64_t)time(NULL) + life_s) * 1000 };
    memset(token.nonce, seed, sizeof token.nonce);
    return token;
}

static int64_t put_token(const char *client, const struct login_token *token, uint64_t generation)
{
    struct answer answer = { 0 };
    node.store->login->token_put(node.store, TEXT("juliet@example.com"), text_of(client), token, generation, 3, on_done,
                                 &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static int64_t use_token(const char *client, const struct login_token *token, int64_t count, bool ends)
{
    struct answer answer = { 0 };
    node.store->login->token_use(node.store, TEXT("juliet@example.com"), text_of(client), token, count, ends, on_done,
                                 &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

/* Two slots a client (XEP-0484 5.1): the fresh one becomes the current one when it is used. */
static void test_tokens(void **state)
{
    (void)state;
    struct account one = some_account(1);
    struct login_token first = some_token(1, 100), second = some_token(2, 200);
    put("juliet@example.com", &one, ACCOUNT_CREATE);
    uint64_t generation = get("juliet@example.com").account.generation;

    assert_int_equal(put_token("phone", &first, generation - 1), 0); /* blocked since the login */
    assert_false(tokens_of("phone").has_fresh);
    assert_int_equal(put_token("phone", &first, generation), 1);
    struct tokens got = tokens_of("phone");
    assert_memory_equal(&got.fresh, &first, sizeof first);
    assert_false(got.has_current);
    assert_false(tokens_of("desk").has_fresh);
    assert_int_equal(use_token("desk", &first, -1, false), 0);
    assert_int_equal(use_token("phone", &first, -1, false), 1);
    assert_false(tokens_of("phone").has_fresh);
    assert_int_equal(put_token("phone", &second, generation), 1);
    assert_int_equal(use_token("phone", &first, 4, false), 1);
    assert_int_equal(use_token("phone", &first, 4, false), 0); /* a replay */
    assert_int_equal(tokens_of("phone").current.count, 4);
    assert_int_equal(use_token("phone", &second, -1, false), 1);
    assert_int_equal(use_token("phone", &first, -1, false), 0);
    assert_int_equal(use_token("phone", &second, -1, true), 1);
    assert_false(tokens_of("phone").has_current);
    assert_int_equal(use_token("phone", &second, -1, false), 0);
}

/* Of more clients than may be, the one whose token ends first loses it; the key ends with the last token. */
static void test_tokens_are_bounded(void **state)
{
    (void)state;
    struct login_token tokens[] = { some_token(1, 300), some_token(2, 100), some_token(3, 200), some_token(4, 50) };
    static const char *const clients[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++)
        assert_int_equal(put_token(clients[i], &tokens[i], 0), 1);
    assert_true(tokens_of("a").has_fresh);
    assert_false(tokens_of("b").has_fresh);
    assert_true(tokens_of("c").has_fresh);
    assert_true(tokens_of("d").has_fresh); /* it is the new one */
    int life = atoi(server_ask(&server, "TTL xmpp:{juliet@example.com}:tokens"));
    assert_in_range(life, 290, 300);
}

static void test_fencing(void **state)
{
    session_op *update = node.store->ops->session_update, *remove = node.store->ops->session_remove;
    (void)state;
    assert_int_equal(write_session(update, row("balcony", "n1", 7, true, 0)), 0);
    assert_int_equal(bind_row(row("balcony", "n1", 7, false, 0), BIND_REFUSE, 3).result, BIND_DONE);
    static const struct {
        const char *name, *node;
        uint64_t session;
        int64_t expected;
    } rows[] = {
        { "another node", "n2", 7, 0 },          { "another session", "n1", 8, 0 },  { "a longer name", "n11", 7, 0 },
        { "a shorter name", "n", 7, 0 },         { "a longer number", "n1", 77, 0 }, { "no name", "", 7, 0 },
        { "a pattern's character", ".1", 7, 0 }, { "its own", "n1", 7, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = write_session(update, row("balcony", rows[i].node, rows[i].session, true, 5));
        if (result != rows[i].expected)
            fail_msg("%s: %lld", rows[i].name, (long long)result);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = write_session(remove, row("balcony", rows[i].node, rows[i].session, true, 5));
        if (result != rows[i].expected)
            fail_msg("remove by %s: %lld", rows[i].name, (long long)result);
    }
    assert_int_equal(write_session(remove, row("balcony", "n1", 7, true, 5)), 0);
    assert_string_equal(server_ask(&server, "KEYS *"), ""); /* the index too */
}

/* -- routes -- */

static int64_t route(enum route_audience audience, const char *resource, unsigned hops, const char *event)
{
    struct answer answer = { 0 };
    struct route r = { .bare = TEXT("juliet@example.com"),
                       .resource = text_of(resource),
                       .audience = audience,
                       .hops = hops,
                       .event = text_of(event) };
    node.store->ops->route(node.store, &r, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static void bind_family(void)
{
    bind_row(row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    bind_row(row("high", "n2", 2, true, 127), BIND_REFUSE, 9);
    bind_row(row("low", "n1", 3, true, -1), BIND_REFUSE, 9);
    bind_row(row("silent", "n3", 4, false, 0), BIND_REFUSE, 9);
}

/* The resources in the edge of the message, sorted, as "node/resource node/resource". */
static void read_edge(const char *payload, char *out, size_t size)
{
    char copy[1024], *lines[16];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", strstr(payload, "\\n") + 2);
    *strchr(copy, '"') = '\0';
    for (char *line = copy; line && count < 16; line = strstr(line, "\\n")) {
        if (line != copy) {
            *line = '\0';
            line += 2;
        }
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "", lines[i]);
}

static void test_audiences(void **state)
{
    static const struct {
        enum route_audience audience;
        const char *resource, *expected; /* "": nobody */
    } rows[] = {
        { ROUTE_RESOURCE, "up", "n1/up" },
        { ROUTE_RESOURCE, "low", "n1/low" },
        { ROUTE_RESOURCE, "silent", "n3/silent" },
        { ROUTE_RESOURCE, "gone", "" },
        { ROUTE_RESOURCE, "Up", "" },
        { ROUTE_NON_NEGATIVE, "", "n1/up n2/high" },
        { ROUTE_AVAILABLE, "", "n1/low n1/up n2/high" },
        { ROUTE_RESOURCE_OR_NON_NEGATIVE, "silent", "n3/silent" },
        { ROUTE_RESOURCE_OR_NON_NEGATIVE, "low", "n1/low" },
        { ROUTE_RESOURCE_OR_NON_NEGATIVE, "gone", "n1/up n2/high" },
    };
    struct answer subscribed = { 0 };
    char edge[256];
    size_t expected_messages = 0;
    (void)state;
    bind_family();
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = route(rows[i].audience, rows[i].resource, 0, "{\"id\":\"1\"}");
        int64_t wanted = rows[i].expected[0] ? 1 : 0;
        for (const char *c = rows[i].expected; *c; c++)
            wanted += *c == ' ';
        if (result != wanted)
            fail_msg("row %zu: %lld resources", i, (long long)result);
        if (!wanted)
            continue;
        expected_messages++;
        assert_true(run_until(loop, has_message, &expected_messages, 5));
        read_edge(node.payload[expected_messages - 1], edge, sizeof edge);
        if (strcmp(edge, rows[i].expected) != 0)
            fail_msg("row %zu: %s", i, node.payload[expected_messages - 1]);
    }
    run_for(loop, 0.05);
    assert_int_equal(node.messages, expected_messages); /* for nobody means: not published */
}

/* Presence that changes moves a session from one audience to another. */
static void test_presence(void **state)
{
    session_op *update = node.store->ops->session_update;
    (void)state;
    bind_row(row("r", "n1", 1, false, 0), BIND_REFUSE, 9);
    assert_int_equal(route(ROUTE_AVAILABLE, "", 0, "{\"id\":1}"), 0);
    write_session(update, row("r", "n1", 1, true, -5));
    assert_int_equal(route(ROUTE_AVAILABLE, "", 0, "{\"id\":1}"), 1);
    assert_int_equal(route(ROUTE_NON_NEGATIVE, "", 0, "{\"id\":1}"), 0);
    write_session(update, row("r", "n1", 1, true, 1));
    assert_int_equal(route(ROUTE_NON_NEGATIVE, "", 0, "{\"id\":1}"), 1);
    write_session(update, row("r", "n1", 1, false, 1));
    assert_int_equal(route(ROUTE_NON_NEGATIVE, "", 0, "{\"id\":1}"), 0);
    assert_int_equal(route(ROUTE_RESOURCE, "r", 0, "{\"id\":1}"), 1);
}

static void test_edge_text(void **state)
{
    static const struct {
        const char *resource;
        unsigned hops;
        const char *expected;
    } rows[] = {
        { "balcony", 0, "{\"edge\":\"0\\nn1/balcony\",\"id\":\"x\"}" },
        { "say \"hi\" \\ {x} / *?[]%", 1, "{\"edge\":\"1\\nn1/say \\\"hi\\\" \\\\ {x} / *?[]%\",\"id\":\"x\"}" },
        { "\xe2\x98\x83 \xf0\x9f\x9a\x80", 12, "{\"edge\":\"12\\nn1/\xe2\x98\x83 \xf0\x9f\x9a\x80\",\"id\":\"x\"}" },
        { "a/b", 0, "{\"edge\":\"0\\nn1/a/b\",\"id\":\"x\"}" },
        { "%1 %n1", 0, "{\"edge\":\"0\\nn1/%1 %n1\",\"id\":\"x\"}" },
        { "control \x01", 0, "{\"edge\":\"0\\nn1/control \\u0001\",\"id\":\"x\"}" },
    };
    struct answer subscribed = { 0 };
    (void)state;
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t wanted = i + 1;
        assert_int_equal(bind_row(row(rows[i].resource, "n1", 7 + i, true, 0), BIND_REFUSE, 99).result, BIND_DONE);
        assert_int_equal(route(ROUTE_RESOURCE, rows[i].resource, rows[i].hops, "{\"id\":\"x\"}"), 1);
        assert_true(run_until(loop, has_message, &wanted, 5));
        assert_string_equal(node.payload[i], rows[i].expected);
        assert_int_equal(bind_row(row(rows[i].resource, "n2", 1, true, 0), BIND_REPLACE, 99).session, 7 + i);
        assert_int_equal(write_session(node.store->ops->session_remove, row(rows[i].resource, "n2", 1, true, 0)), 1);
    }
}

/* An address with characters that Redis's patterns and hash tags know. */
static void test_odd_address(void **state)
{
    struct answer subscribed = { 0 }, routed = { 0 };
    struct session_row r = row("r", "n1", 1, true, 0);
    struct route to = { .bare = TEXT("a}b*%@example.com"),
                        .resource = TEXT("r"),
                        .audience = ROUTE_RESOURCE,
                        .event = TEXT("{\"id\":1}") };
    size_t one = 1;
    (void)state;
    r.bare = to.bare;
    bind_row(r, BIND_REFUSE, 9);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{a%7Db%2A%25@example.com}"), on_subscribed, &subscribed);
    node.store->ops->route(node.store, &to, on_done, &routed);
    WAIT_ANSWER(&node, &routed);
    WAIT_ANSWER(&node, &subscribed);
    routed.count = 0;
    node.store->ops->route(node.store, &to, on_done, &routed);
    WAIT_ANSWER(&node, &routed);
    assert_true(run_until(loop, has_message, &one, 5));
}

/* What is asked through bus and store reaches Redis in the order of the calls. */
static void test_one_order(void **state)
{
    struct answer last = { 0 }, subscribed = { 0 };
    char payload[64];
    size_t all = 200;
    (void)state;
    bind_row(row("r", "n1", 1, true, 0), BIND_REFUSE, 9);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (int i = 0; i < 100; i++) {
        struct route r = { .bare = TEXT("juliet@example.com"), .resource = TEXT("r"), .audience = ROUTE_RESOURCE };
        snprintf(payload, sizeof payload, "{\"id\":%d}", i * 2);
        r.event = text_of(payload);
        node.store->ops->route(node.store, &r, on_done, &last);
        snprintf(payload, sizeof payload, "%d", i * 2 + 1);
        node.bus->ops->publish(node.bus, TEXT("xmpp:to:{juliet@example.com}"), (struct text){ 0 }, text_of(payload),
                               NULL, NULL);
    }
    assert_true(run_until(loop, has_message, &all, 5));
    for (int i = 0; i < 200; i++) {
        const char *id = strstr(node.payload[i], "\"id\":");
        assert_int_equal(atoi(id ? id + 5 : node.payload[i]), i);
    }
    assert_int_equal(last.count, 100);
}

static void test_script_flush(void **state)
{
    struct answer answers[50] = { 0 };
    (void)state;
    bind_family();
    server_ask(&server, "SCRIPT FLUSH");
    for (int i = 0; i < 50; i++) {
        struct route r = { .bare = TEXT("juliet@example.com"),
                           .resource = TEXT("up"),
                           .audience = ROUTE_RESOURCE,
                           .event = TEXT("{\"id\":1}") };
        node.store->ops->route(node.store, &r, on_done, &answers[i]);
    }
    WAIT_ANSWER(&node, &answers[49]);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].result, 1);
    }
    assert_int_equal(node.metrics.value[METRIC_BUS_COMMANDS_FAILED], 0);
    assert_int_equal(bind_row(row("new", "n1", 9, false, 0), BIND_REFUSE, 9).result, BIND_DONE);
}

/* -- leases -- */

static int64_t lease(const char *owner, int64_t ttl_ms)
{
    struct answer answer = { 0 };
    node.store->ops->lease_take(node.store, TEXT("echo.localhost"), text_of(owner), ttl_ms, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

static void test_leases(void **state)
{
    (void)state;
    assert_int_equal(lease("n1", 300), 1);
    assert_int_equal(lease("n2", 300), 0);
    run_for(loop, 0.2);
    assert_int_equal(lease("n1", 300), 1); /* renewed */
    run_for(loop, 0.2);
    assert_int_equal(lease("n2", 300), 0);
    run_for(loop, 0.35);
    assert_int_equal(lease("n2", 5000), 1); /* its time was over */
    assert_int_equal(lease("n1", 300), 0);
    node.store->ops->lease_release(node.store, TEXT("echo.localhost"), TEXT("n1")); /* not its own */
    assert_int_equal(lease("n1", 300), 0);
    node.store->ops->lease_release(node.store, TEXT("echo.localhost"), TEXT("n2"));
    assert_int_equal(lease("n1", 300), 1);
    assert_string_equal(server_ask(&server, "KEYS *"), "xmpp:{echo.localhost}:lease");
}

/* -- beats and sweeps -- */

enum { TTL_MS = 1500 };

static struct answer beat(struct node *n, const char *id)
{
    struct answer answer = { 0 };
    n->store->ops->node_beat(n->store, text_of(id), TTL_MS, on_done, &answer);
    WAIT_ANSWER(n, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

static struct answer sweep(struct node *n)
{
    struct answer answer = { 0 };
    n->store->ops->node_sweep(n->store, on_gone, on_done, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(n, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

/* Beats for a while, a third of the life apart. */
static void beat_for(const char *id, double seconds)
{
    for (double end = clock_now() + seconds; clock_now() < end;) {
        beat(&node, id);
        run_for(loop, TTL_MS / 3000.0);
    }
    beat(&node, id);
}

static void test_beats(void **state)
{
    struct answer gone = { 0 };
    (void)state;
    assert_int_equal(beat(&node, "n1").result, 1); /* the first */
    assert_int_equal(beat(&node, "n1").result, 1);
    server_ask(&server, "DEL xmpp:nodes");
    assert_int_equal(beat(&node, "n1").result, 0);
    assert_int_equal(beat(&node, "n1").result, 1);
    server_ask(&server, "SADD xmpp:node:{n1}:sessions x");
    node.store->ops->node_gone(node.store, TEXT("n1"), on_done, &gone);
    WAIT_ANSWER(&node, &gone);
    assert_string_equal(server_ask(&server, "KEYS *"), "");
}

static void test_sweep(void **state)
{
    struct node other;
    char resource[32];
    (void)state;
    node_open(&other, &server, loop, NULL, NULL);
    redis_start(other.redis);
    node_wait_up(&other);
    beat(&other, "dead");
    for (int i = 0; i < 150; i++) { /* more than one batch */
        snprintf(resource, sizeof resource, "r%d", i);
        bind_row(row(resource, "dead", (uint64_t)i, true, 0), BIND_REFUSE, 1000);
    }
    bind_row(row("say \"hi\" \\/", "dead", 900, true, 0), BIND_REFUSE, 1000);
    bind_row(row("r3", "me", 5, true, 0), BIND_REPLACE, 1000); /* taken over: not the dead node's any more */
    server_ask(&server, "SADD xmpp:node:{dead}:sessions %s", "of another form");
    node_close(&other);

    beat_for("me", TTL_MS / 1000.0 * 0.6);
    assert_int_equal(sweep(&node).result, 0); /* not dead yet, nor may this one sweep yet */
    beat_for("me", TTL_MS / 1000.0 * 0.5);
    struct answer swept = sweep(&node);
    assert_int_equal(swept.result, 150);
    assert_non_null(strstr(swept.text, "juliet@example.com/r0\n"));
    assert_non_null(strstr(swept.text, "juliet@example.com/say \"hi\" \\/\n"));
    assert_null(strstr(swept.text, "juliet@example.com/r3\n"));
    assert_string_equal(server_ask(&server, "HKEYS xmpp:{juliet@example.com}:sessions"), "r3");
    assert_string_equal(server_ask(&server, "HKEYS xmpp:nodes"), "me");
    assert_string_equal(server_ask(&server, "EXISTS xmpp:node:{dead}:sessions"), "0");
    assert_int_equal(sweep(&node).result, 0);
    assert_string_equal(server_ask(&server, "ZCARD xmpp:detached"), "151"); /* until all is told of each; r3's was said to be replaced */
    node.store->ops->session_told(node.store, TEXT("dead\n0\njuliet@example.com/r0"));
    run_for(loop, 0.05);
    assert_string_equal(server_ask(&server, "ZCARD xmpp:detached"), "150");
    assert_string_equal(server_ask(&server, "HLEN xmpp:{juliet@example.com}:ended"), "149");
}

/* Two sweepers at once: each dead node is one's. */
static void test_two_sweepers(void **state)
{
    struct node other;
    struct answer one = { 0 }, two = { 0 };
    (void)state;
    node_open(&other, &server, loop, NULL, NULL);
    redis_start(other.redis);
    node_wait_up(&other);
    for (int i = 0; i < 5; i++) {
        beat(&node, "me");
        beat(&other, "too");
        run_for(loop, TTL_MS / 3000.0);
    }
    server_ask(&server, "HSET xmpp:nodes dead %s", "1 1");
    bind_row(row("r", "dead", 1, true, 0), BIND_REFUSE, 9);
    beat(&node, "me");
    beat(&other, "too");
    node.store->ops->node_sweep(node.store, on_gone, on_done, &one);
    other.store->ops->node_sweep(other.store, on_gone, on_done, &two);
    WAIT_ANSWER(&node, &one);
    WAIT_ANSWER(&other, &two);
    assert_int_equal(one.result + two.result, 1);
    assert_string_equal(server_ask(&server, "HEXISTS xmpp:nodes dead"), "0");
    node_close(&other);
}

/* A sweeper died in the middle: its claim ends, and the next goes on. */
static void test_claim_ends(void **state)
{
    (void)state;
    beat_for("me", TTL_MS / 1000.0 * 1.1);
    bind_row(row("r", "dead", 1, true, 0), BIND_REFUSE, 9);
    server_ask(&server, "HSET xmpp:nodes dead %s", "99999999999999 by other");
    assert_int_equal(sweep(&node).result, 0);
    server_ask(&server, "HSET xmpp:nodes dead %s", "1000 by other");
    assert_int_equal(sweep(&node).result, 1);
}

/* Redis did not run for longer than a life: all look dead, and nobody is swept before everybody could beat again. */
static void test_no_sweep_after_pause(void **state)
{
    struct node other;
    struct answer beaten = { 0 }, swept = { 0 };
    (void)state;
    node_open(&other, &server, loop, NULL, NULL);
    redis_start(other.redis);
    node_wait_up(&other);
    bind_row(row("r", "other", 1, true, 0), BIND_REFUSE, 9);
    for (int i = 0; i < 5; i++) {
        beat(&node, "me");
        beat(&other, "other");
        run_for(loop, TTL_MS / 3000.0);
    }
    /* Asked before the pause, done after it, with the beat just before the sweep: the worst order there is. */
    kill(server.pid, SIGSTOP);
    node.store->ops->node_beat(node.store, TEXT("me"), TTL_MS, on_done, &beaten);
    node.store->ops->node_sweep(node.store, on_gone, on_done, &swept);
    run_for(loop, TTL_MS / 1000.0 + 0.3);
    kill(server.pid, SIGCONT);
    WAIT_ANSWER(&node, &swept);
    assert_int_equal(swept.status, BUS_OK);
    assert_int_equal(swept.result, 0);
    assert_int_equal(sweep(&node).result, 0);
    assert_int_equal(beat(&other, "other").result, 1);
    node_close(&other);
}

static void test_no_sweep_after_reconnect(void **state)
{
    (void)state;
    beat_for("me", TTL_MS / 1000.0 * 1.1);
    bind_row(row("r", "dead", 1, true, 0), BIND_REFUSE, 9);
    server_ask(&server, "CLIENT KILL TYPE normal");
    run_for(loop, 0.1);
    node_wait_up(&node);
    server_ask(&server, "HSET xmpp:nodes dead %s", "1 1");
    beat(&node, "me");
    assert_int_equal(sweep(&node).result, 0);
    beat_for("me", TTL_MS / 1000.0 * 1.1);
    assert_int_equal(sweep(&node).result, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accounts),
        TEST(test_account_delete),
        TEST(test_account_list),
        TEST(test_secret),
        TEST(test_bind),
        TEST(test_blocking),
        TEST(test_change_password),
        TEST(test_tokens),
        TEST(test_tokens_are_bounded),
        TEST(test_fencing),
        TEST(test_audiences),
        TEST(test_presence),
        TEST(test_edge_text),
        TEST(test_odd_address),
        TEST(test_one_order),
        TEST(test_script_flush),
        TEST(test_leases),
        TEST(test_beats),
        TEST(test_sweep),
        TEST(test_two_sweepers),
        TEST(test_claim_ends),
        TEST(test_no_sweep_after_pause),
        TEST(test_no_sweep_after_reconnect),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

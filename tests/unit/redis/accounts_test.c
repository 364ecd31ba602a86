/* accounts_test.c - accounts on a real Redis: keys, lists, blocking, passwords, login tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store_stage.h"
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

/* -- blocking and passwords -- */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accounts),
        TEST(test_account_delete),
        TEST(test_account_list),
        TEST(test_blocking),
        TEST(test_change_password),
        TEST(test_tokens),
        TEST(test_tokens_are_bounded),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

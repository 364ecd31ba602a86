/* store_accounts.c - accounts and secrets.  A hash an account: sha1 and sha256 hold "iterations:salt:stored:server"
 * in hex (RFC 5802 3: keys, never a password), disabled is 0 or 1 and always there, generation a number
 * (store_login.h). */
#include <assert.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "store_parts.h"

enum { SECRET_BYTES = 32, SCAN_COUNT = 1000 };

/* -- keys as text -- */

void hex_write(struct buffer *out, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *place = buffer_reserve(out, size * 2);
    for (size_t i = 0; i < size; i++) {
        *place++ = digits[bytes[i] >> 4];
        *place++ = digits[bytes[i] & 15];
    }
    out->size += size * 2;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_read(struct text hex, unsigned char *bytes, size_t max)
{
    if (hex.size % 2 || hex.size / 2 > max)
        return -1;
    for (size_t i = 0; i < hex.size; i += 2) {
        int high = hex_value(hex.data[i]), low = hex_value(hex.data[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i / 2] = (unsigned char)(high << 4 | low);
    }
    return (int)(hex.size / 2);
}

static void write_keys(struct buffer *out, const struct scram_keys *keys, size_t key_size)
{
    buffer_printf(out, "%u:", keys->iterations);
    hex_write(out, keys->salt, keys->salt_size);
    buffer_append_char(out, ':');
    hex_write(out, keys->stored_key, key_size);
    buffer_append_char(out, ':');
    hex_write(out, keys->server_key, key_size);
}

static struct text next_part(struct text *rest)
{
    const char *end = rest->size ? memchr(rest->data, ':', rest->size) : NULL;
    struct text part = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
    size_t used = part.size + (end ? 1 : 0);
    rest->data += used;
    rest->size -= used;
    return part;
}

static bool read_keys(struct text text, struct scram_keys *keys, int key_size)
{
    char digits[12];
    *keys = (struct scram_keys){ 0 };
    if (text.size == 0)
        return true; /* this hash is not stored */
    struct text iterations = next_part(&text);
    snprintf(digits, sizeof digits, "%.*s", iterations.size < sizeof digits ? (int)iterations.size : 0,
             iterations.data);
    keys->iterations = (unsigned)strtoul(digits, NULL, 10);
    int salt_size = hex_read(next_part(&text), keys->salt, sizeof keys->salt);
    keys->salt_size = salt_size > 0 ? (unsigned)salt_size : 0;
    return keys->iterations && salt_size > 0 &&
           hex_read(next_part(&text), keys->stored_key, sizeof keys->stored_key) == key_size &&
           hex_read(next_part(&text), keys->server_key, sizeof keys->server_key) == key_size;
}

/* -- account_get -- */

static void answer_account(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_account_fn *fn = (store_account_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    struct account account = { 0 };

    if (status != BUS_OK || count != 5 || reply[3].type == REPLY_NIL) {
        fn(pending->ctx, status, NULL);
        return;
    }
    account.is_disabled = text_is(reply[3].text, "1");
    account.generation = text_number(reply[4].text);
    if (!read_keys(reply[1].text, &account.sha1, 20) || !read_keys(reply[2].text, &account.sha256, 32)) {
        log_error(redis->settings.log, NULL, "account-unreadable",
                  "text=\"an account's keys in Redis are not as this version writes them\"");
        fn(pending->ctx, BUS_FAILED, NULL);
        return;
    }
    fn(pending->ctx, BUS_OK, &account);
}

void store_account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_account, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 6);
    command_word(queue, "HMGET");
    command_text(queue, redis_key(redis, bare, "account"));
    command_word(queue, "sha1");
    command_word(queue, "sha256");
    command_word(queue, "disabled");
    command_word(queue, "generation");
    command_end(queue, (struct pending){
                           .answer = answer_account, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- account_put -- */

static void write_hash(struct redis *redis, struct command_queue *queue, const char *field,
                       const struct scram_keys *keys, size_t key_size)
{
    redis->row.size = 0;
    if (keys->iterations)
        write_keys(&redis->row, keys, key_size);
    command_word(queue, field);
    command_text(queue, buffer_text(&redis->row));
}

void account_write_fields(struct redis *redis, struct command_queue *queue, const struct account *account)
{
    write_hash(redis, queue, "sha1", &account->sha1, 20);
    write_hash(redis, queue, "sha256", &account->sha256, 32);
    command_word(queue, "disabled");
    command_word(queue, account->is_disabled ? "1" : "0");
}

static void answer_put(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_done_fn *fn = (store_done_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK && count != 3)
        status = BUS_FAILED;
    if (fn)
        fn(pending->ctx, status, status == BUS_OK && reply[1].integer >= 0);
}

void store_account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                       store_done_fn *fn, void *ctx)
{
    static const char *const hows[] = {
        [ACCOUNT_CREATE] = "create", [ACCOUNT_REPLACE] = "replace", [ACCOUNT_CREATE_OR_REPLACE] = "either"
    };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_put, (any_fn *)fn, ctx);
    if (!queue)
        return;
    account_change_begin(redis, queue, bare, hows[how], NULL, ACCOUNT_FIELDS);
    account_write_fields(redis, queue, account);
    script_end(queue, SCRIPT_ACCOUNT_CHANGE, (struct pending){ .answer = answer_put, .fn = (any_fn *)fn, .ctx = ctx });
}

/* -- account_list -- */

struct listing {
    struct text pattern; /* behind the struct */
    store_each_fn *each;
    store_done_fn *fn;
    void *ctx;
    int64_t count;
};

static struct listing *listing_new(struct redis *redis, struct text domain)
{
    struct text prefix = redis->settings.prefix, key = redis_key(redis, domain, "account");
    struct buffer pattern = { 0 };
    pattern_literal(&pattern, prefix);
    BUFFER_LITERAL(&pattern, "{*@");
    pattern_literal(&pattern, (struct text){ key.data + prefix.size + 1, key.size - prefix.size - 1 });

    struct listing *listing = xcalloc(1, sizeof *listing + pattern.size);
    memcpy(listing + 1, pattern.data, pattern.size);
    listing->pattern = (struct text){ (const char *)(listing + 1), pattern.size };
    buffer_fini(&pattern);
    return listing;
}

static void answer_scanned(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count);

static void scan_from(struct redis *redis, struct listing *listing, struct text cursor)
{
    struct command_queue *queue = redis_take(redis, answer_scanned, NULL, listing);
    if (!queue)
        return;
    command_begin(queue, 6);
    command_word(queue, "SCAN");
    command_text(queue, cursor);
    command_word(queue, "MATCH");
    command_text(queue, listing->pattern);
    command_word(queue, "COUNT");
    command_integer(queue, SCAN_COUNT);
    command_end(queue, (struct pending){ .answer = answer_scanned, .ctx = listing });
}

/* {prefix}{name}:account, with the name percent-decoded. */
static void list_key(struct redis *redis, struct listing *listing, struct text key)
{
    static const char end[] = "}:account";
    size_t before = redis->settings.prefix.size + 1, behind = sizeof end - 1;
    struct buffer name = { 0 };
    if (key.size > before + behind &&
        percent_decode(&name, (struct text){ key.data + before, key.size - before - behind })) {
        listing->count++;
        listing->each(listing->ctx, buffer_text(&name));
    }
    buffer_fini(&name);
}

static void answer_scanned(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct listing *listing = pending->ctx;
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 3))
        status = BUS_FAILED;
    for (size_t i = 3; status == BUS_OK && i < count; i++)
        list_key(redis, listing, reply[i].text);
    if (status == BUS_OK && !text_is(reply[1].text, "0")) {
        scan_from(redis, listing, reply[1].text);
        return;
    }
    listing->fn(listing->ctx, status, listing->count);
    free(listing);
}

void store_account_list(struct store *store, struct text domain, store_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct listing *listing = listing_new(redis, domain);
    listing->each = each;
    listing->fn = fn;
    listing->ctx = ctx;
    scan_from(redis, listing, TEXT("0"));
}

/* -- secret_get -- */

static void answer_secret(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_secret_fn *fn = (store_secret_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    unsigned char secret[SECRET_BYTES];
    (void)redis;
    (void)count;
    if (status == BUS_OK &&
        (reply->type != REPLY_STRING || hex_read(reply->text, secret, sizeof secret) != SECRET_BYTES))
        status = BUS_FAILED;
    fn(pending->ctx, status,
       status == BUS_OK ? (struct text){ (const char *)secret, sizeof secret } : (struct text){ 0 });
}

/* Ours is written where there is none; what is there afterwards is everybody's. */
void store_secret_get(struct store *store, struct text name, store_secret_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    unsigned char secret[SECRET_BYTES];
    struct command_queue *queue = redis_take(redis, answer_secret, (any_fn *)fn, ctx);
    if (!queue)
        return;
    if (RAND_bytes(secret, sizeof secret) != 1)
        abort();
    redis->row.size = redis->key.size = 0;
    hex_write(&redis->row, secret, sizeof secret);
    buffer_printf(&redis->key, "%ssecret:%.*s", redis->prefix, TEXT_ARGS(name));

    command_begin(queue, 4);
    command_word(queue, "SET");
    command_text(queue, buffer_text(&redis->key));
    command_text(queue, buffer_text(&redis->row));
    command_word(queue, "NX");
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    command_begin(queue, 2);
    command_word(queue, "GET");
    command_text(queue, buffer_text(&redis->key));
    command_end(queue, (struct pending){
                           .answer = answer_secret, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* login_guard.c - failures by address and account in a window of ten minutes. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>
#include <uthash.h>

#include "gateway/session/hash.h"
#include "gateway/session/login_guard.h"

enum { KEY_SIZE = 16 };

struct guarded {
    UT_hash_handle hh;
    int64_t since_ms; /* the first failure of the window */
    unsigned failures;
    unsigned char key[KEY_SIZE];
};

struct login_guard {
    struct guarded *table; /* oldest failure first */
    unsigned free_failures;
    unsigned char secret[32]; /* so that nobody can choose names that collide */
};

struct login_guard *login_guard_new(unsigned failures)
{
    struct login_guard *guard = xcalloc(1, sizeof *guard);
    int done = RAND_bytes(guard->secret, sizeof guard->secret);
    assert(done == 1);
    (void)done;
    guard->free_failures = failures;
    return guard;
}

void login_guard_free(struct login_guard **pointer)
{
    struct login_guard *guard = *pointer;
    struct guarded *entry, *next;
    *pointer = NULL;
    if (!guard)
        return;
    HASH_ITER (hh, guard->table, entry, next) {
        HASH_DEL(guard->table, entry);
        free(entry);
    }
    free(guard);
}

/* Puts the entry at the end of the table, where the newest are; made when there is none. */
static struct guarded *touch(struct login_guard *guard, char kind, struct text name)
{
    struct arena arena = { 0 };
    unsigned char key[HASH_MAX];
    struct guarded *entry;

    hash_mac(HASH_SHA256, guard->secret, sizeof guard->secret, arena_printf(&arena, "%c%.*s", kind, TEXT_ARGS(name)),
             key);
    arena_fini(&arena);
    HASH_FIND(hh, guard->table, key, KEY_SIZE, entry);
    if (entry) {
        HASH_DEL(guard->table, entry);
    } else {
        if (HASH_COUNT(guard->table) >= LOGIN_GUARD_ENTRIES) {
            entry = guard->table;
            HASH_DEL(guard->table, entry);
        } else {
            entry = xmalloc(sizeof *entry);
        }
        *entry = (struct guarded){ .failures = 0 };
        memcpy(entry->key, key, KEY_SIZE);
    }
    HASH_ADD(hh, guard->table, key, KEY_SIZE, entry);
    return entry;
}

static unsigned count_failure(struct login_guard *guard, char kind, struct text name, int64_t now_ms)
{
    struct guarded *entry = touch(guard, kind, name);
    if (entry->failures == 0 || now_ms - entry->since_ms >= LOGIN_GUARD_WINDOW_MS) {
        entry->failures = 0;
        entry->since_ms = now_ms;
    }
    return ++entry->failures;
}

int64_t login_guard_failed(struct login_guard *guard, const char *address, struct text account, int64_t now_ms)
{
    unsigned failures = count_failure(guard, 'a', text_of(address), now_ms);
    unsigned of_account = account.size ? count_failure(guard, 'j', account, now_ms) : 0;

    if (of_account > failures)
        failures = of_account;
    if (failures <= guard->free_failures)
        return 0;
    int64_t delay = (int64_t)(failures - guard->free_failures) * LOGIN_GUARD_STEP_MS;
    return delay < LOGIN_GUARD_MAX_MS ? delay : LOGIN_GUARD_MAX_MS;
}

/* -- addresses -- */

/* host:port, [host]:port, or a host alone. */
static struct text host_of(const char *peer)
{
    struct text host = text_of(peer);
    const char *colon = strrchr(peer, ':');
    if (peer[0] == '[') {
        const char *end = strchr(peer, ']');
        return (struct text){ peer + 1, end ? (size_t)(end - peer - 1) : host.size - 1 };
    }
    if (colon && strchr(peer, ':') == colon)
        host.size = (size_t)(colon - peer);
    return host;
}

/* The number of groups until the end of text: "1:2" has two, "" none. */
static unsigned count_groups(struct text text)
{
    unsigned groups = text.size > 0;
    for (size_t i = 0; i < text.size; i++)
        groups += text.data[i] == ':';
    return groups;
}

/* Writes the first four groups of an address in any of its spellings, "::" filled up, without leading zeros. */
static void write_network(char out[64], struct text host)
{
    const char *gap = memmem(host.data, host.size, "::", 2);
    struct text front = { host.data, gap ? (size_t)(gap - host.data) : host.size };
    struct text back = { gap ? gap + 2 : NULL, gap ? host.size - front.size - 2 : 0 };
    unsigned front_groups = count_groups(front), zeros = 8 - front_groups - count_groups(back);
    size_t size = 0;

    for (unsigned group = 0; group < 4; group++) {
        struct text *from = group < front_groups ? &front : group >= front_groups + zeros ? &back : NULL;
        unsigned value = 0;
        while (from && from->size && from->data[0] != ':') {
            char c = (char)(from->data[0] | 0x20);
            value = value << 4 | (unsigned)(c >= 'a' ? c - 'a' + 10 : c & 0xf);
            from->data++;
            from->size--;
        }
        if (from && from->size) {
            from->data++;
            from->size--;
        }
        size += (size_t)snprintf(out + size, 64 - size, "%x:", value & 0xffff);
    }
    snprintf(out + size, 64 - size, ":/64");
}

void login_guard_address(char out[64], const char *peer)
{
    struct text host = host_of(peer), mapped = TEXT("::ffff:");
    if (text_starts_with(host, mapped) && memchr(host.data, '.', host.size)) {
        host.data += mapped.size;
        host.size -= mapped.size;
    }
    if (memchr(host.data, ':', host.size) && !memchr(host.data, '.', host.size))
        write_network(out, host);
    else
        snprintf(out, 64, "%.*s", TEXT_ARGS(host));
}

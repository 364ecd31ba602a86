/* store_parts.h - the operations of stanzabus/store.h, by what they are about. */
#ifndef STANZABUS_TRANSPORTS_REDIS_STORE_PARTS_H
#define STANZABUS_TRANSPORTS_REDIS_STORE_PARTS_H

#include "redis_inside.h"
#include "stanzabus/store_archive.h"
#include "stanzabus/store_roster.h"
#include "stanzabus/store_roster.h"

/* store_accounts.c: {prefix}{bare}:account (hash), {prefix}secret:name (string) */
void store_account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx);
void store_account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                       store_done_fn *fn, void *ctx);
void store_account_list(struct store *store, struct text domain, store_each_fn *each, store_done_fn *fn, void *ctx);
void store_secret_get(struct store *store, struct text name, store_secret_fn *fn, void *ctx);

/* store_deletion.c: every key of an account */
void store_account_delete(struct store *store, struct text bare, store_done_fn *fn, void *ctx);
void pattern_literal(struct buffer *out, struct text text); /* for SCAN's MATCH: stands for itself */
enum { ACCOUNT_FIELDS = 6 }; /* texts that account_write_fields writes */
void account_write_fields(struct redis *redis, struct command_queue *queue, const struct account *account);

/* store_login.c: the rest of store_login.h */
extern const struct login_ops redis_login_ops;
/* Begins a call of account_change.lua with so many fields to follow; staying may be NULL. */
void account_change_begin(struct redis *redis, struct command_queue *queue, struct text bare, const char *how,
                          const struct staying *staying, unsigned fields);
uint64_t text_number(struct text digits); /* 0 for an empty text */
void hex_write(struct buffer *out, const unsigned char *bytes, size_t size);
int hex_read(struct text hex, unsigned char *bytes, size_t max); /* bytes read, or -1 */

/* store_deletion.c knows what there is of an account */
void store_guest_keep(struct store *store, struct text bare, int64_t keep_ms);

/* store_tokens.c: the tokens of store_login.h */
void store_tokens_get(struct store *store, struct text bare, struct text client, store_tokens_fn *fn, void *ctx);
void store_token_put(struct store *store, struct text bare, struct text client, const struct login_token *token,
                     uint64_t generation, unsigned max_clients, store_done_fn *fn, void *ctx);
void store_token_use(struct store *store, struct text bare, struct text client, const struct login_token *token,
                     int64_t count, bool ends, store_done_fn *fn, void *ctx);

/* store_sessions.c: {prefix}{bare}:sessions (hash, a field a resource), and the node's index of them */
void store_session_bind(struct store *store, const struct session_row *row, enum bind_conflict conflict,
                        unsigned max_sessions, store_bind_fn *fn, void *ctx);
void store_session_update(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);
void store_session_remove(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);
void sender_parts(struct command_queue *queue, struct text bare, struct text from);
void store_route(struct store *store, const struct route *route, store_done_fn *fn, void *ctx);
/* xmpp:to:{bare} in redis->key; borrowed until the next name. */
struct text mailbox_of(struct redis *redis, struct text bare);
/* The command that ends a session which its node did not end; how is session_sweep.lua's. */
void session_write_sweep(struct redis *redis, struct command_queue *queue, struct text bare, struct text resource,
                         uint64_t session, struct text node, int64_t how, struct pending pending);
/* SADD or SREM "session bare/resource" in the set of the row's node, from which a sweep finds the rows of a dead one. */
void session_index(struct redis *redis, struct command_queue *queue, const char *verb, const struct session_row *row);
/* The row into redis->row; *owner is the part of it that says whose it is. */
struct text row_write(struct redis *redis, const struct session_row *row, struct text *owner);
/* Appends "session LF node/": what a row of this session's holds behind its letters. */
void session_owner(struct buffer *out, uint64_t session, struct text node);

/* store_leaving.c: {prefix}leaving (set), {prefix}{bare}:leaving (hash) */
void leaving_write(struct redis *redis, struct command_queue *queue, struct text bare); /* before the roster goes */
void leaving_next(struct store *store, store_each_fn *fn, void *ctx);
void leaving_read(struct store *store, struct text bare, store_leaving_fn *fn, void *ctx);
void leaving_done(struct store *store, struct text bare);

/* store_roster.c: n, t, f, b as bits */
/* An item as the hash of a roster keeps it. */
struct roster_item roster_item_read(struct text contact, struct text value);
unsigned subscription_of_letter(char letter);

/* store_nodes.c: {prefix}{address}:lease (string), {prefix}nodes (hash, a field a node), {prefix}node:{id}:sessions
 * (set) */
void store_lease_take(struct store *store, struct text address, struct text node, int64_t ttl_ms, store_done_fn *fn,
                      void *ctx);
void store_lease_release(struct store *store, struct text address, struct text node);
void store_node_beat(struct store *store, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx);
void store_node_gone(struct store *store, struct text node, store_done_fn *fn, void *ctx);
/* The set of "session bare/resource" of a node; in redis->key until the next name. */
struct text node_index_key(struct redis *redis, struct text node);
struct text nodes_key(struct redis *redis);

/* store_sm.c: {prefix}{bare}:sm:uid (hash), {prefix}detached (sorted set) */
int64_t sm_unix_ms(void);
uint64_t sm_number_of(struct text digits);
struct text sm_detached_key(struct redis *redis); /* in redis->key until the next name */
/* Until then, and so long from now, the session may be resumed; who finds it later ends it. */
void sm_write_deadline(struct redis *redis, struct command_queue *queue, struct text node, uint64_t session,
                       struct text bare, struct text resource, int64_t from_now_ms);

/* store_retention.c */
void store_archive_retain(struct store *store, struct text cursor, const struct archive_settings *bounds, store_retained_fn *fn,
                          void *ctx);

/* store_sm_expire.c */
void store_session_told(struct store *store, struct text mark);
/* To each, what session_sweep.lua has given. */
void session_tell_gone(store_gone_fn *each, void *ctx, struct text full, struct text mark, const struct reply *reply, size_t count);
void store_sm_expire(struct store *store, store_gone_fn *each, store_done_fn *fn, void *ctx);

/* store_sweep.c */
void store_node_sweep(struct store *store, store_gone_fn *each, store_done_fn *fn, void *ctx);

#endif

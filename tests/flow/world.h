/* world.h - a small world for dialogues: one or two nodes of the core in one process, around an in-memory bus and store, with
 * in-memory connections.  Time moves by hand.  Nothing here blocks, sleeps or opens a socket. */
#ifndef TESTS_FLOW_WORLD_H
#define TESTS_FLOW_WORLD_H

#include "stanzabus/router.h"

enum { WORLD_NODES_MAX = 2, WORLD_SETS_MAX = 64 };

struct world;
struct world_node;

/* -- memory_bus.c: every node has a bus of its own, all meet in one exchange -- */
struct exchange;
struct exchange *exchange_new(void);
void exchange_free(struct exchange **exchange);
struct bus *exchange_bus(struct exchange *exchange); /* owned by the exchange */
/* A listener outside of the nodes: a service, an observer. */
void exchange_listen(struct exchange *exchange, struct text channel,
                     void (*on_message)(void *ctx, struct text channel, struct text payload), void *ctx);
int exchange_publish(struct exchange *exchange, struct text channel, struct text payload); /* receivers, counted now */
bool exchange_step(struct exchange *exchange); /* carries one thing; false: nothing was waiting */
/* Queued work of the store goes through the same queue, so that order is kept as Redis keeps it. */
void exchange_defer(struct exchange *exchange, struct bus *bus, void (*run)(void *ctx), void *ctx);
void exchange_set_away(struct exchange *exchange, bool away); /* Redis has been away for redis.wait; or is back */
bool exchange_is_away(const struct exchange *exchange);

/* -- memory_store.c -- */
struct tables; /* what would be in Redis */
struct tables *tables_new(struct exchange *exchange, struct text prefix);
void tables_free(struct tables **tables);
struct store *tables_store(struct tables *tables, struct bus *bus); /* owned by the tables */
void tables_add_account(struct tables *tables, struct text bare, const struct account *account);
void tables_forget(struct tables *tables); /* Redis lost everything but the accounts */

/* -- memory_connection.c -- */
struct wire; /* the client's end of a connection */
struct wire *wire_open(const struct connection_callbacks *callbacks, void *ctx, enum stream_framing framing);
void wire_free(struct wire **wire);
void wire_send(struct wire *wire, struct text bytes, bool one_byte_at_a_time); /* WebSocket: one message */
struct buffer *wire_received(struct wire *wire);                             /* all bytes so far, TCP; consumed by the reader */
bool wire_take_message(struct wire *wire, struct buffer *out);                /* WebSocket: the next message */
bool wire_is_closed(const struct wire *wire);                                /* the server closed it */
void wire_drop(struct wire *wire);                                           /* the client's line goes dead */
void wire_step(struct wire *wire);                                           /* what the server asked for: close */

/* -- world.c -- */
struct world *world_new(unsigned nodes, const char *const *sets, size_t set_count);
void world_free(struct world **world);
void world_settle(struct world *world);              /* until nothing moves */
void world_pass(struct world *world, int64_t ms);    /* time goes by */
struct exchange *world_exchange(struct world *world);
struct tables *world_tables(struct world *world);
struct wire *world_connect(struct world *world, unsigned node, enum stream_framing framing);
const struct metrics *world_metrics(const struct world *world, unsigned node);
const struct config *world_config(const struct world *world);

#endif

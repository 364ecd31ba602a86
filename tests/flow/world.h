/* world.h - a small world for dialogues: one or two nodes of the core in one process, around a real Redis (redis_server.h),
 * with in-memory connections.  The core's time moves by hand; what the core asks of Redis is waited for. */
#ifndef TESTS_FLOW_WORLD_H
#define TESTS_FLOW_WORLD_H

#include "stanzabus/router.h"

enum { WORLD_NODES_MAX = 2, WORLD_SETS_MAX = 64 };

struct world;

/* -- memory_connection.c -- */
struct wire; /* the client's end of a connection */
struct wire *wire_open(const struct connection_callbacks *callbacks, void *ctx, enum stream_framing framing);
void wire_free(struct wire **wire);
void wire_send(struct wire *wire, struct text bytes, bool one_byte_at_a_time); /* WebSocket: one message */
/* After so many writes of the server the next one stays in its queue, and there is very much. */
void wire_stop_reading(struct wire *wire, unsigned after);
struct buffer *wire_received(struct wire *wire);                             /* all bytes so far, TCP; consumed by the reader */
bool wire_take_message(struct wire *wire, struct buffer *out);                /* WebSocket: the next message */
bool wire_is_closed(const struct wire *wire);                                /* the server closed it */
void wire_drop(struct wire *wire);                                           /* the client's line goes dead */
bool wire_step(struct wire *wire); /* what the server asked for: close, read on; false: nothing was to do */

/* -- world.c -- */
typedef void world_heard_fn(void *ctx, struct text channel, struct text payload);

/* What is heard on channels that the world listens to goes to heard. */
struct world *world_new(unsigned nodes, const char *const *sets, size_t set_count, world_heard_fn *heard, void *ctx);
void world_free(struct world **world);
void world_settle(struct world *world);           /* until nothing moves */
void world_pass(struct world *world, int64_t ms); /* time goes by */
void world_add_account(struct world *world, struct text bare, const struct account *account);
/* As a service does: neither is one of the nodes. */
void world_listen(struct world *world, struct text channel);
int64_t world_say(struct world *world, struct text channel, struct text payload); /* receivers */
struct wire *world_connect(struct world *world, unsigned node, enum stream_framing framing);
struct wire *world_connect_component(struct world *world, unsigned node);
const struct config *world_config(const struct world *world);
/* Redis is killed, and every node has given it up; is started again, and every node has it back. */
void world_lose_redis(struct world *world);
void world_regain_redis(struct world *world);

#endif

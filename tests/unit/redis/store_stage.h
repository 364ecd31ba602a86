/* store_stage.h - what the tests of accounts, sessions, nodes and the log share. */
#ifndef STANZABUS_TESTS_REDIS_STORE_STAGE_H
#define STANZABUS_TESTS_REDIS_STORE_STAGE_H

#include "suite.h"

/* Of juliet@example.com. */
struct session_row row(const char *resource, const char *node_id, uint64_t session, bool is_available, int priority);
typedef void session_op(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);
int64_t write_session(session_op *op, struct session_row r);
struct answer bind_row(struct session_row r, enum bind_conflict conflict, unsigned max);
bool has_message(void *ctx); /* for run_until: size_t, so many came to the node */
int compare_lines(const void *a, const void *b); /* for qsort of texts */

#endif

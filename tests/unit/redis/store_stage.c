/* store_stage.c - what store_stage.h says. */
#include <string.h>

#include "store_stage.h"

struct session_row row(const char *resource, const char *node_id, uint64_t session, bool is_available, int priority)
{
    return (struct session_row){ .bare = TEXT("juliet@example.com"),
                                 .resource = text_of(resource),
                                 .node = text_of(node_id),
                                 .session = session,
                                 .is_available = is_available,
                                 .priority = (int8_t)priority };
}

struct answer bind_row(struct session_row r, enum bind_conflict conflict, unsigned max)
{
    struct answer answer = { 0 };
    node.store->ops->session_bind(node.store, &r, conflict, max, on_bound, &answer);
    assert_int_equal(answer.count, 0);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

int64_t write_session(session_op *op, struct session_row r)
{
    struct answer answer = { 0 };
    op(node.store, &r, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

bool has_message(void *ctx)
{
    return node.messages >= *(size_t *)ctx;
}

int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

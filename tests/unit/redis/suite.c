/* suite.c - the server and the node of suite.h. */
#include "suite.h"

struct server server;
struct ev_loop *loop;
struct node node;

int suite_start(void **state)
{
    (void)state;
    server_make(&server);
    server_start(&server);
    loop = ev_loop_new(0);
    return 0;
}

int suite_stop(void **state)
{
    (void)state;
    ev_loop_destroy(loop);
    server_remove(&server);
    return 0;
}

int suite_open(void **state)
{
    (void)state;
    server_ask(&server, "FLUSHALL");
    node_open(&node, &server, loop, NULL, NULL);
    redis_start(node.redis);
    node_wait_up(&node);
    return 0;
}

int suite_close(void **state)
{
    (void)state;
    node_close(&node);
    return 0;
}

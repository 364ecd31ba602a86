/* suite.h - what most tests of the store stand on: one redis-server a program, and for each test a node on an empty Redis. */
#ifndef STANZABUS_TESTS_REDIS_SUITE_H
#define STANZABUS_TESTS_REDIS_SUITE_H

#include "fixture.h"

extern struct server server;
extern struct ev_loop *loop;
extern struct node node;

/* For cmocka: of the group, and of each test. */
int suite_start(void **state);
int suite_stop(void **state);
int suite_open(void **state);
int suite_close(void **state);

#endif

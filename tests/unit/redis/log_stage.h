/* log_stage.h - what the tests of the log share: messages for juliet@example.com, and what is heard of them. */
#ifndef STANZABUS_TESTS_REDIS_LOG_STAGE_H
#define STANZABUS_TESTS_REDIS_LOG_STAGE_H

#include "store_stage.h"
#include "stanzabus/store_log.h"

int log_stage_open(void **state); /* for cmocka, of each test */

void listen_on(const char *channel);
const char *next_heard(void); /* the next payload on what is listened to */
void hears(const char *payload);
void hears_nothing(void);

/* Whose uid is the resource. */
struct session_row held_row(const char *resource, const char *node_id, uint64_t session, bool is_available, int priority);
struct deliver message(enum route_audience audience, const char *resource, unsigned keep);
int64_t deliver(struct deliver what); /* enum deliver_result, or for how many */
int64_t deliver_numbered(struct deliver what, unsigned number); /* with its number as the event, so that order shows */
int64_t done(const char *uid, const uint64_t *numbers, size_t count);

struct settled settle_page(struct settled from, const char *archive_read); /* the page after that */
unsigned settle(const char *archive_read); /* all pages: how many were routed */

const char *log_of(void);
const char *flags_of(void);
void make_account(void);

#endif

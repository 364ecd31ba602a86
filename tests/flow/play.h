/* play.h - a dialogue being played in one variant: its people, and the channels that are listened to.
 * dialogue.c reads the words; person.c is the clients' side; captures.c and match.c compare; world.c is what they talk to. */
#ifndef TESTS_FLOW_PLAY_H
#define TESTS_FLOW_PLAY_H

#include <stdio.h>

#include "match.h"
#include "world.h"

enum { PEOPLE_MAX = 64, CHANNELS_MAX = 16 };

struct variant {
    const char *name;
    unsigned nodes;
    enum stream_framing framing;
    bool one_byte_at_a_time;
};

struct queued { /* a stanza, or an event, that nobody has looked at yet */
    struct queued *next;
    struct stanza *stanza;
    char *json;
};

struct queue {
    struct queued *first;
    struct queued **last;
};

struct play;
struct person {
    struct play *play;
    char name[32];
    struct wire *wire;
    enum stream_framing framing;
    struct stream *stream; /* reads what the server writes */
    struct queue got;
    char stream_id[64];    /* of a component's stream */
    bool ignores_presence; /* what it gets of that is not looked at */
};

struct channel_ear {
    char name[256];
    struct queue seen;
};

struct play {
    const char *file;
    int line;
    const struct variant *variant;
    struct world *world;
    struct stream_pool *pool;
    struct stream_limits limits;
    const char *sets[WORLD_SETS_MAX];
    size_t set_count;
    char *kept[WORLD_SETS_MAX];
    struct person people[PEOPLE_MAX];
    unsigned person_count, next_node;
    struct channel_ear ears[CHANNELS_MAX];
    unsigned ear_count;
    struct captures captures;
    FILE *events; /* FLOW_EVENTS: every event seen, a line each, for the schema check */
};

/* -- dialogue.c -- */
void fail(const struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void settle(struct play *play); /* until nothing moves; everybody reads what came */

/* -- queue.c -- */
struct queued *queue_add(struct queue *queue);
struct queued *queue_take(struct queue *queue); /* the first; NULL when empty */
void queued_free(struct queued *item);
void queue_clear(struct queue *queue);

/* -- person.c -- */
/* Of this name, made or made anew, at a node: the next one's turn when node is -1. */
struct person *person_connect(struct play *play, const char *name, enum stream_framing framing, int node);
void person_connect_component(struct play *play, const char *name, const char *domain, int node);
/* resource NULL: nothing is bound; empty: the server chooses. */
void person_log_in(struct person *person, const char *mechanism, const char *initial, const char *domain, const char *resource);
void person_hear(struct person *person); /* reads what the server has written */
void person_says(struct person *person, const char *xml);
void person_gets(struct person *person, const char *xml);           /* all of the pattern's stanzas are next, in order */
void person_gets_unordered(struct person *person, const char *xml); /* ... or in any order */
void person_gets_nothing(struct person *person);

#endif

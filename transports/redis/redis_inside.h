/* redis_inside.h - what the files of this folder share. */
#ifndef STANZABUS_TRANSPORTS_REDIS_INSIDE_H
#define STANZABUS_TRANSPORTS_REDIS_INSIDE_H

#include "batch.h"
#include "link.h"
#include "redis.h"
#include "resolver.h"
#include "scripts.h"
#include "stanzabus/store_log.h"
#include "stanzabus/store_peers.h"
#include "stanzabus/timer.h" /* container_of */
#include "subscriptions.h"

enum { INPUT_BYTES = 64 * 1024 };

struct sweep;

struct health {
    bool is_started;
    bool is_up;        /* both links ready, all subscriptions confirmed, a heartbeat came back */
    bool was_up;       /* ever */
    bool has_failed;   /* on_first_failure is over */
    bool has_gap;      /* subscriptions were lost since it was last up */
    bool is_listening; /* the subscriber's connection has confirmed all that was wanted when it was made */
    bool is_unheard;   /* an errand whose user may not have the heartbeat's channel: PING has to do */
    bool is_full;      /* on_full, and no on_drained since */
    double up_since, down_since, gap_since, full_since; /* loop time in seconds */
    double full_logged_at;
    double ticked_at;
    uint64_t beat_asked, beat_answered, beat_back; /* numbers of the heartbeats published, taken by Redis, received */
    uint64_t beat_floor;                           /* those up to it were published before a loss, and prove nothing */
    double beat_answered_at;
    char channel[128]; /* of the heartbeats */
    char reason[256];  /* why Redis cannot be reached, as last logged */
    double reason_at;
    char lost[128]; /* the link that was lost, and why, as last logged */
    double lost_at;
    char policy[32];              /* maxmemory-policy, as the greeting found it */
    bool keeps_nothing, has_save; /* persistence, as the greeting found it */
    struct ev_timer tick, away;
};

struct failures { /* replies that are errors: logged at most once a second */
    double logged_at;
    unsigned unlogged;
};

struct own_beats { /* of the node that beats through this store */
    char *node;    /* owned; NULL before the first beat */
    int64_t ttl_ms;
    bool is_known; /* Redis has confirmed one */
};

struct log_batch { /* of deliver or sent, for one account */
    struct batch batch;
    unsigned stream_seconds, waiting;
    size_t waiting_bytes;
    uint64_t beginning;
    struct archive_settings archive;
};

struct put_batch { /* of what goes to one other server or component */
    struct batch batch;
    unsigned bound;
    size_t bound_bytes;
    bool needs_holder;
    struct buffer node;
};

struct redis {
    struct bus bus;
    struct store store;
    struct ev_loop *loop;
    struct redis_url url;
    struct redis_settings settings;
    char *prefix; /* owned; settings.prefix */
    struct resolver *resolver;
    struct link commands, subscriber;
    struct subscriptions subscriptions;
    struct scripts scripts;
    struct health health;
    struct failures failures;
    struct own_beats beats;
    struct sweep *sweep;        /* under way, or NULL */
    struct ev_prepare core_turn; /* the core's on_turn */
    struct ev_prepare turn_end; /* writes what this turn queued */
    struct log_batch deliveries; /* closed by whatever is asked next, so that order is kept */
    struct log_batch sent;       /* closed at the end of the turn */
    struct put_batch puts;       /* closed at the end of the turn */
    struct command_queue copies; /* behind all of the turn */
    struct pending_ring later;  /* answers that need no Redis, given outside of the asker's call */
    struct ev_timer later_timer;
    struct ev_idle later_idle;
    struct buffer key; /* scratch for one name */
    struct buffer row; /* scratch for one value */
    char input[INPUT_BYTES];
};

static inline double redis_now(const struct redis *redis)
{
    return ev_now(redis->loop);
}

/* -- redis.c: the way of a command -- */

/* The queue to write a command into; NULL when it is refused, and then it is answered BUS_AWAY later. */
struct command_queue *redis_take(struct redis *redis, answer_fn *answer, any_fn *fn, void *ctx);
bool redis_may_take(struct redis *redis); /* will one more be taken? */
void redis_close_turn(struct redis *redis); /* what was gathered in it goes into the queue */
/* BUS_AWAY for one that is given up, counted. */
void redis_give_up(struct redis *redis, const struct pending *pending);
void redis_give_up_all(struct redis *redis, struct pending_ring *lost); /* empties it */
/* Answers outside of this call, with reply NULL. */
void redis_answer_later(struct redis *redis, answer_fn *answer, any_fn *fn, void *ctx, bool is_away);
/* The answer of the oldest command of the queue. */
void redis_answer(struct redis *redis, struct command_queue *queue, const struct reply *reply, size_t count);
enum bus_status reply_status(const struct reply *reply); /* NULL is BUS_AWAY */

/* The answer of a command of which store_done_fn wants the integer. */
void answer_done(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count);
void answer_nobody(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count);

/* {prefix}{address}:name in redis->key; borrowed until the next name. */
struct text redis_key(struct redis *redis, struct text address, const char *name);
/* Begins a call of a script with several keys of one account (names, ended by NULL) and so many arguments, which follow. */
void redis_script_begin(struct redis *redis, enum script script, struct text bare, const char *const *names, unsigned arguments);

/* -- greeting.c -- */
extern const struct link_events commands_events, subscriber_events;

/* -- health.c -- */
void health_init(struct redis *redis);
void health_fini(struct redis *redis);
void health_start(struct redis *redis);
/* The wanted subscriptions are asked for: the last to ask for is the own, and its answer means that all stand. */
void health_listen(struct redis *redis);
void health_check(struct redis *redis);                   /* a link got ready: is all of it? */
void health_watch_full(struct redis *redis, size_t held); /* on_full; with each command */
void health_watch_queue(struct redis *redis);             /* on_full, on_drained; once a loop turn */
bool health_take_message(struct redis *redis, struct text channel, struct text payload); /* true: a heartbeat */
void health_lost(struct redis *redis, const struct link *link, const char *reason);
void health_unreachable(struct redis *redis, const char *reason, const char *advice); /* a try failed */

/* -- store_log.c -- */
void log_batch_close(struct redis *redis, struct log_batch *batch); /* its command goes into the queue */

/* -- store_peers.c -- */
void put_batch_close(struct redis *redis, struct put_batch *puts); /* the same */

/* -- bus.c, store.c and its parts -- */
extern const struct bus_ops redis_bus_ops;
extern const struct store_ops redis_store_ops;
extern const struct archive_ops redis_archive_ops;
extern const struct documents_ops redis_documents_ops;
extern const struct blocklist_ops redis_blocklist_ops;
extern const struct sight_ops redis_sight_ops;
extern const struct sm_ops redis_sm_ops;               /* store_sm.c */
extern const struct pep_ops redis_pep_ops;
extern const struct roster_ops redis_roster_ops;
extern const struct presence_ops redis_presence_ops;
extern const struct log_ops redis_log_ops;
extern const struct peers_ops redis_peers_ops;

#define REDIS_OF_BUS(pointer) container_of(pointer, struct redis, bus)
#define REDIS_OF_STORE(pointer) container_of(pointer, struct redis, store)

#endif

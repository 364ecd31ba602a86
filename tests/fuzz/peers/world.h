/* world.h - what the files of this folder share: a world in memory around gateway/federation, and what they do for each other.
 *
 *   script ──> peers.c ──┬─> speech.c  what the other side says ──> line.c ──> gateway/federation
 *      (../script.c)     ├─> line.c    connections come, get TLS, drain, go
 *                        ├─> dialer.c  dials and proofs end
 *                        ├─> router.c  what came in is handled
 *                        ├─> person.c  people say something to them
 *                        ├─> node.c    other nodes say something
 *                        └─> answer.c  what Redis owes comes
 *
 *   gateway/federation ──┬─> store.c   asks Redis: owed (answer.c)
 *                        ├─> dialer.c  dials, has a name proved
 *                        ├─> line.c    writes, closes
 *                        └─> router.c  has stanzas for the router
 *   world.c: begins and ends it all, for each input. */
#ifndef TESTS_FUZZ_PEERS_WORLD_H
#define TESTS_FUZZ_PEERS_WORLD_H

#include "gateway/federation/peer.h"
#include "tests/fuzz/script.h"

enum { CONNECTIONS_MAX = 8, DIALS_MAX = 64, ANSWERS_MAX = 1024, ENTRIES_MAX = 32, OPEN_MAX = 32, KEY_MAX = 64 };

struct line { /* a connection */
    struct connection connection;
    bool is_used, is_closing, is_server;
    char id[PEER_ID_MAX + 1]; /* of the last header that we wrote to it */
    const char *proved;       /* by its certificate; NULL: nothing */
};

struct dial {
    struct dial **place;
    dialed_fn *fn;
    void *ctx;
    bool is_server;
};

struct proof {
    struct proof **place;
    proved_fn *fn;
    void *ctx;
};

struct answer { /* that Redis owes */
    store_done_fn *fn;
    void *ctx;
    int64_t result;
    store_entry_fn *each; /* of a read */
    char key[KEY_MAX];
    uint64_t first;
};

struct entry {
    char key[KEY_MAX];
    uint64_t number;
};

extern struct world {
    struct config *config;
    struct peers *peers;
    struct parts parts;
    struct bus bus;
    struct store store;
    struct metrics metrics;
    struct log log;
    int64_t now_ms;
    struct line lines[CONNECTIONS_MAX];
    struct dial *dials[DIALS_MAX];
    struct proof *proofs[DIALS_MAX];
    struct answer answers[ANSWERS_MAX];
    unsigned answer_count;
    struct entry entries[ENTRIES_MAX];
    unsigned entry_count;
    uint64_t last_number;
    struct {
        uint64_t peer, number;
    } open[OPEN_MAX];
    unsigned open_count;
    bool is_held_elsewhere;
} world;

/* -- world.c -- */
extern struct text event_text; /* a message from a person here */
void world_begin(void);
/* As main.c ends a node: connections, then what Redis owes, then the rest. */
void world_end(void);
const char *world_next_domain(void); /* that the script chooses */

/* -- line.c -- */
struct line *line_make(bool is_server); /* NULL: there are enough */
void line_accept(bool is_server);
struct line *line_next(void); /* that the script chooses; NULL: none */
const struct connection_callbacks *line_callbacks(const struct line *line);
void line_encrypt(void);
void line_fill_or_drain(void); /* what the other side has not read yet: nothing, what halts its queue, or what ends it */
void line_end(struct line *line);
void line_end_those_that_close(void);

/* -- speech.c, person.c, node.c -- */
void speech_say(void);
void person_send(void);
void node_speak(void);

/* -- dialer.c -- */
extern const struct dialer_ops dialer_ops;
void dialer_end_dial(void);
void dialer_end_proof(void);

/* -- answer.c: what Redis owes; store.c: what it is asked -- */
extern const struct bus_ops bus_ops;
extern const struct store_ops store_ops;
extern const struct peers_ops peers_ops;
extern const struct log_ops log_ops;
struct answer *answer_owe(store_done_fn *fn, void *ctx, int64_t result);
void answer_one(enum bus_status status);

/* -- router.c -- */
extern const struct peers_callbacks router_callbacks;
void router_handle_one(void);

#endif

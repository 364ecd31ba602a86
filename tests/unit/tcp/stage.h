/* stage.h - what the tests of tcp stand on: a loop that is turned by hand, a core that notes what it is told, and plain
 * sockets as clients, all in one thread. */
#ifndef STANZABUS_TESTS_TCP_STAGE_H
#define STANZABUS_TESTS_TCP_STAGE_H

#include <ev.h>

#include "transports/tcp/tcp.h"

/* What the core was told about one connection; connection->session points to it. */
struct told {
    struct connection *connection; /* NULL after on_closed */
    struct buffer in;
    int reads, encrypted, drained, closed;
    char reason[256];
    struct told *next;
};

struct stage {
    struct ev_loop *loop;
    struct tcp *tcp;
    int port;
    struct metrics metrics;
    struct log log;
    char *log_text;
    size_t log_size;

    struct told *first; /* the newest connection */
    int accepted, closed;
    /* what the core does when it is told; all may be unset */
    bool refuses;
    const char *says_at_refusal;
    void (*on_bytes)(struct told *told, const char *data, size_t size);
    void (*on_encrypted)(struct told *told);
    void (*on_drained)(struct told *told);
};

struct stage *stage_new(struct tls *tls, bool is_direct);
void stage_free(struct stage **stage);
void stage_turn(struct stage *stage);                     /* one turn of the loop, waiting at most a millisecond */
extern const struct connection_callbacks stage_callbacks; /* ctx = struct stage * */

/* Turns until the condition holds; fails the test after ten seconds. */
#define TURN_UNTIL(stage, condition) \
    do { \
        double until_ = ev_time() + 10; \
        while (!(condition)) { \
            if (ev_time() > until_) \
                fail_msg("waited in vain for: %s", #condition); \
            stage_turn(stage); \
        } \
    } while (0)

void told_write(struct told *told, const char *text);
void echo(struct told *told, const char *data, size_t size); /* an on_bytes */

int client_connect(int port);      /* a non-blocking socket, connected */
int client_connect_slow(int port); /* the same with the smallest receive buffer */
/* All that has come, appended; 0 at the peer's end, -1 when there is no more for now, -2 on a reset. */
int client_read(int fd, struct buffer *in);
void client_write(int fd, const char *text);
void client_reset(int fd); /* closes with RST */

#endif

/* tcp.c - the life of the transport. */
#include <stdlib.h>
#include <sys/resource.h>

#include "transports/tcp/tcp_inside.h"

enum { OPEN_FILES_MAX = 1024 * 1024 };

struct tcp *tcp_new(struct ev_loop *loop, const struct connection_callbacks *callbacks, void *ctx, struct tls *tls,
                    const struct log *log, struct metrics *metrics)
{
    struct tcp *tcp = xcalloc(1, sizeof *tcp);
    tcp->loop = loop;
    tcp->callbacks = callbacks;
    tcp->ctx = ctx;
    tcp->tls = tls;
    tcp->log = log;
    tcp->metrics = metrics;
    tcp->deadlines = (struct tcp_deadlines){ .handshake_ms = 10000, .flush_ms = 2000, .linger_ms = 1000 };
    tcp->input = xmalloc(TCP_READ_BYTES);
    LIST_INIT(&tcp->connections);
    tcp_turn_init(tcp);
    tcp_listeners_init(tcp);
    return tcp;
}

void tcp_free(struct tcp **owned)
{
    struct tcp *tcp = *owned;
    struct tcp_connection *c;
    if (!tcp)
        return;
    *owned = NULL;
    tcp_listeners_fini(tcp);
    LIST_FOREACH(c, &tcp->connections, entry)
        tcp_connection_end(c, TCP_END_STOP, NULL);
    while (tcp->turn)
        tcp_turn_run(tcp);
    tcp_turn_fini(tcp);
    out_pool_fini(&tcp->pool);
    buffer_fini(&tcp->plain);
    buffer_fini(&tcp->records);
    free(tcp->input);
    free(tcp);
}

size_t tcp_connection_count(const struct tcp *tcp)
{
    return tcp->connection_count;
}

void tcp_set_deadlines(struct tcp *tcp, const struct tcp_deadlines *deadlines)
{
    tcp->deadlines = *deadlines;
}

unsigned open_files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    rlim_t most = limit.rlim_max < OPEN_FILES_MAX ? limit.rlim_max : OPEN_FILES_MAX;
    if (limit.rlim_cur < most) {
        limit.rlim_cur = most;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur < OPEN_FILES_MAX ? (unsigned)limit.rlim_cur : OPEN_FILES_MAX;
}

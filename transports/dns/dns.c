/* dns.c - the resolver on the loop, and one look-up: its questions go out together, and the last answer ends it. */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "dns_inside.h"

enum { NEGATIVE_TTL_MAX = 30 }; /* seconds */

static void on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct dns *dns = io->data;
    (void)loop;
    (void)events;
    ub_process(dns->unbound);
}

static int complain(char *error, size_t size, const char *setting, int code)
{
    snprintf(error, size, "%s: %s", setting, ub_strerror(code));
    return -1;
}

/* Names that resolvers answer by themselves (RFC 6761), though the one that was set may know them: the networks of tests.
 * With the first call libunbound takes the settings; of those only the anchors' file can be wrong by now. */
static int ask_for_all(struct dns *dns, char *error, size_t size)
{
    int code = ub_ctx_zone_remove(dns->unbound, "test.");
    if (code == 0)
        code = ub_ctx_zone_remove(dns->unbound, "home.arpa.");
    return code ? complain(error, size, dns->is_validating ? "dns.trust_anchor" : "dns.servers", code) : 0;
}

static int set_servers(struct dns *dns, const struct dns_settings *settings, char *error, size_t size)
{
    int code = 0;
    if (settings->servers.count == 0)
        code = ub_ctx_resolvconf(dns->unbound, NULL);
    for (size_t i = 0; i < settings->servers.count && code == 0; i++) {
        char *server = text_dup(settings->servers.items[i]);
        code = ub_ctx_set_fwd(dns->unbound, server);
        free(server);
    }
    return code ? complain(error, size, "dns.servers", code) : 0;
}

static void set_number(struct dns *dns, const char *option, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    ub_ctx_set_option(dns->unbound, option, text);
}

static int set_options(struct dns *dns, const struct dns_settings *settings, char *error, size_t size)
{
    int code = ub_ctx_hosts(dns->unbound, NULL);
    if (code)
        return complain(error, size, "/etc/hosts", code);
    /* A resolver of the own network may stand on a loopback address, and may answer for names of that network only. */
    ub_ctx_set_option(dns->unbound, "do-not-query-localhost:", "no");
    set_number(dns, "cache-max-negative-ttl:", NEGATIVE_TTL_MAX);
    set_number(dns, "outgoing-range:", DNS_UDP_SOCKETS);
    set_number(dns, "outgoing-num-tcp:", DNS_TCP_SOCKETS);
    if (settings->trust_anchor.size) {
        char *path = text_dup(settings->trust_anchor);
        code = ub_ctx_add_ta_file(dns->unbound, path);
        free(path);
    } else {
        ub_ctx_set_option(dns->unbound, "module-config:", "iterator");
    }
    if (code)
        return complain(error, size, "dns.trust_anchor", code);
    return set_servers(dns, settings, error, size);
}

struct dns *dns_new(struct ev_loop *loop, const struct dns_settings *settings, char *error, size_t error_size)
{
    struct dns *dns = xcalloc(1, sizeof *dns);
    dns->loop = loop;
    dns->log = settings->log;
    dns->timeout_ms = settings->timeout_ms;
    dns->is_validating = settings->trust_anchor.size > 0;
    dns->unbound = ub_ctx_create();
    ev_io_init(&dns->io, on_readable, -1, EV_READ);
    if (!dns->unbound || set_options(dns, settings, error, error_size) || ub_ctx_async(dns->unbound, 1) ||
        ask_for_all(dns, error, error_size)) {
        dns_free(&dns);
        return NULL;
    }
    dns->io.data = dns;
    ev_io_set(&dns->io, ub_fd(dns->unbound), EV_READ);
    ev_io_start(loop, &dns->io);
    return dns;
}

bool dns_is_validating(const struct dns *dns)
{
    return dns->is_validating;
}

void dns_free(struct dns **owned)
{
    struct dns *dns = *owned;
    if (!dns)
        return;
    *owned = NULL;
    ev_io_stop(dns->loop, &dns->io);
    while (!LIST_EMPTY(&dns->queries)) {
        struct dns_query *query = LIST_FIRST(&dns->queries);
        dns_cancel(&query);
    }
    ub_ctx_delete(dns->unbound);
    free(dns);
}

/* -- one look-up -- */

static void query_free(struct dns_query *query)
{
    ev_timer_stop(query->dns->loop, &query->timeout);
    for (unsigned i = 0; i < query->question_count; i++) {
        if (query->questions[i].is_open)
            ub_cancel(query->dns->unbound, query->questions[i].id);
        ub_resolve_free(query->questions[i].result);
    }
    LIST_REMOVE(query, entry);
    free(query);
}

void dns_cancel(struct dns_query **owned)
{
    if (*owned)
        query_free(*owned);
    *owned = NULL;
}

static void finish(struct dns_query *query)
{
    query->finish(query);
    query_free(query);
}

bool dns_is_bogus(const struct dns_query *query)
{
    for (unsigned i = 0; i < query->question_count; i++)
        if (query->questions[i].result && query->questions[i].result->bogus)
            return true;
    return false;
}

bool dns_is_answered(const struct ub_result *result)
{
    return result && !result->bogus && (result->rcode == 0 || result->nxdomain);
}

bool dns_is_secure(const struct ub_result *result)
{
    return dns_is_answered(result) && result->secure;
}

static void on_answer(void *ctx, int error, struct ub_result *result)
{
    struct dns_question *question = ctx;
    struct dns_query *query = question->query;
    question->is_open = false;
    question->result = error ? NULL : result;
    if (question->result && result->bogus) {
        const char *why = result->why_bogus ? result->why_bogus : "";
        log_warning(query->dns->log, NULL, "dns-bogus", "name=%s type=%d reason=%s", result->qname, result->qtype,
                    log_quote(why, strlen(why)));
    }
    if (--query->open == 0)
        finish(query);
}

/* What was not answered counts as failed. */
static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    finish(timer->data);
}

struct dns_query *dns_query_new(struct dns *dns, void (*finish_fn)(struct dns_query *query))
{
    struct dns_query *query = xcalloc(1, sizeof *query);
    query->dns = dns;
    query->finish = finish_fn;
    LIST_INSERT_HEAD(&dns->queries, query, entry);
    ev_timer_init(&query->timeout, on_timeout, (double)dns->timeout_ms / 1000, 0);
    query->timeout.data = query;
    ev_timer_start(dns->loop, &query->timeout);
    return query;
}

/* A question that cannot even be asked ends with the timer, at once. */
void dns_ask(struct dns_query *query, const char *name, int type)
{
    struct dns_question *question = &query->questions[query->question_count++];
    question->query = query;
    question->is_open = ub_resolve_async(query->dns->unbound, name, type, DNS_CLASS_IN, question, on_answer, &question->id) == 0;
    if (question->is_open) {
        query->open++;
    } else if (query->open == 0) {
        ev_timer_stop(query->dns->loop, &query->timeout);
        ev_timer_set(&query->timeout, 0, 0);
        ev_timer_start(query->dns->loop, &query->timeout);
    }
}

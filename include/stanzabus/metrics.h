/* metrics.h - what is counted.  One struct a worker, in memory that the parent shares and sums; written by one thread,
 * read by another process at any time.  The second column is the name in /metrics behind "stanzabus_", the third its
 * type, the fourth its help line.  Every drop, refusal and bound has a counter here. */
#ifndef STANZABUS_METRICS_H
#define STANZABUS_METRICS_H

#include <stdint.h>

/* clang-format off */
#define METRICS(X) \
    X(CONNECTIONS,            "connections",                     gauge,   "open client connections") \
    X(CONNECTIONS_ACCEPTED,   "connections_accepted_total",      counter, "client connections accepted") \
    X(CONNECTIONS_REFUSED,    "connections_refused_total",       counter, "client connections refused at a limit") \
    X(WEBSOCKETS_REFUSED,     "websockets_refused_total",        counter, "WebSocket handshakes refused: form, subprotocol or origin") \
    X(SESSIONS,               "sessions",                        gauge,   "sessions with a bound resource") \
    X(LOGINS,                 "logins_total",                    counter, "successful logins") \
    X(LOGIN_FAILURES,         "login_failures_total",            counter, "failed logins") \
    X(LOGINS_DELAYED,         "logins_delayed_total",            counter, "answers to failed logins that were slowed down") \
    X(SESSIONS_BLOCKED,       "sessions_blocked_total",          counter, "sessions ended because their account was blocked or got another password") \
    X(REGISTRATIONS,          "registrations_total",             counter, "accounts made in band") \
    X(STREAM_ERRORS,          "stream_errors_total",             counter, "streams that ended in a stream error sent by this server") \
    X(STANZAS_IN,             "stanzas_in_total",                counter, "stanzas received from clients") \
    X(STANZAS_OUT,            "stanzas_out_total",               counter, "stanzas written to clients") \
    X(STANZA_ERRORS,          "stanza_errors_total",             counter, "stanzas answered with an error") \
    X(BYTES_IN,               "bytes_in_total",                  counter, "bytes received from clients, after TLS") \
    X(BYTES_OUT,              "bytes_out_total",                 counter, "bytes written to clients, before TLS") \
    X(TLS_HANDSHAKES,         "tls_handshakes_total",            counter, "TLS handshakes completed on TCP") \
    X(TLS_FAILURES,           "tls_failures_total",              counter, "TLS handshakes on TCP that failed or timed out") \
    X(CLIENT_QUEUE_OVERFLOWS, "client_queue_overflows_total",    counter, "sessions, servers and components closed because they did not read") \
    X(BUS_PUBLISHED,          "bus_published_total",             counter, "messages published on the bus") \
    X(BUS_RECEIVED,           "bus_received_total",              counter, "messages received from the bus") \
    X(BUS_RECONNECTS,         "bus_reconnects_total",            counter, "connections to Redis made again after a loss") \
    X(BUS_GAPS,               "bus_gaps_total",                  counter, "times subscriptions were lost and made again") \
    X(BUS_COMMANDS_FAILED,    "bus_commands_failed_total",       counter, "Redis commands given up or answered with an error") \
    X(OBSERVER_DROPS,         "observer_drops_total",            counter, "observer copies dropped because Redis was away") \
    X(SERVICE_EVENTS,         "service_events_total",            counter, "events taken from services") \
    X(SERVICE_REFUSALS,       "service_refusals_total",          counter, "events from services that were refused") \
    X(SERVICE_DROPS,          "service_drops_total",            counter, "events from services dropped because the queue toward Redis was full") \
    X(SERVICE_STRAYS,         "service_strays_total",            counter, "events from services that came after the lease had gone to another node") \
    X(REQUESTS_PENDING,       "requests_pending",                gauge,   "requests to services that wait for their answer") \
    X(REQUEST_TIMEOUTS,       "request_timeouts_total",          counter, "requests to services that nobody answered in time") \
    X(SM_ENABLED,             "sm_enabled_total",                counter, "sessions that enabled stream management (XEP-0198)") \
    X(SM_DETACHED,            "sm_detached",                     gauge,   "sessions without a connection that may be resumed") \
    X(SM_RESUMED,             "sm_resumed_total",                counter, "sessions resumed") \
    X(SM_NOT_RESUMED,         "sm_not_resumed_total",            counter, "resumptions refused") \
    X(SM_DROPPED,             "sm_dropped_total",                counter, "sessions without a connection that gave way to newer ones") \
    X(SM_OVERFLOWS,           "sm_overflows_total",              counter, "sessions ended because too much was not acknowledged") \
    X(SM_HANDED_OVER,         "sm_handed_over_total",           counter, "stanzas that went after a session which had gone on elsewhere") \
    X(SM_UNDELIVERED,         "sm_undelivered_total",            counter, "stanzas that a session's client had not acknowledged when it ended") \
    X(CSI_HELD,               "csi_held_total",                  counter, "presence and chat states held back for inactive clients (XEP-0352)") \
    X(REROUTED,               "rerouted_total",                  counter, "events routed again because their resource had gone") \
    X(UNDELIVERABLE,          "undeliverable_total",             counter, "events for a resource that had gone twice: answered with an error, or dropped if best effort") \
    X(MESSAGES_STORED,        "messages_stored_total",           counter, "messages that wait in the log, because nobody was there or others waited before them") \
    X(MESSAGES_SETTLED,       "messages_settled_total",          counter, "messages that had waited in the log and were routed again") \
    X(MESSAGES_DROPPED,       "messages_dropped_total",          counter, "headlines, errors and chat states for nobody, dropped as RFC 6121 says") \
    X(MESSAGES_REFUSED_FULL,  "messages_refused_full_total",     counter, "messages answered with an error because too many waited already") \
    X(MESSAGES_AGAIN,         "messages_again_total",            counter, "messages that came again and had been taken before") \
    X(LOG_GAPS,               "log_gaps_total",                  counter, "times an account's log was read because a number was missing") \
    X(LOG_DOUBLES,            "log_doubles_total",               counter, "delivered messages that could not be taken out of the log, and may come twice") \
    X(SENT_LOST,              "sent_lost_total",                 counter, "messages that the sender's own archive and resources missed because Redis was away") \
    X(PRESENCE_DROPS,         "presence_drops_total",            counter, "presence dropped, best effort") \
    X(BLOCKED,                "blocked_total",                   counter, "stanzas stopped by the sender's or the recipient's blocklist") \
    X(SUBSCRIPTION_DROPS,     "subscription_drops_total",        counter, "subscription stanzas dropped: Redis away for long, or too many requests wait") \
    X(ARCHIVE_QUERIES,        "archive_queries_total",           counter, "queries of archives (XEP-0313)") \
    X(ARCHIVE_RESULTS,        "archive_results_total",           counter, "archived messages that were sent to answer queries") \
    X(ARCHIVE_RETIRED,        "archive_retired_total",           counter, "archived messages removed by the walk over all archives: too old, or too many") \
    X(ARCHIVE_UNREADABLE,     "archive_unreadable_total",        counter, "archived messages left out of answers because they cannot be read") \
    X(CAPS_UNVERIFIED,        "caps_unverified_total",           counter, "answers of clients about their capabilities that did not fit their hash") \
    X(CAPS_ABROAD_DROPS,      "caps_abroad_drops_total",         counter, "resources of contacts at other servers of which nobody remembers, or asks, what nodes they wish for") \
    X(PEP_NOTICE_DROPS,       "pep_notice_drops_total",          counter, "notifications of pubsub nodes that did not reach contacts, because Redis was away") \
    X(PEERS,                  "peers",                           gauge,   "open connections with other servers and components") \
    X(PEER_LINKS,             "peer_links",                      gauge,   "other domains that something waits for or goes to") \
    X(PEER_LINKS_BROKEN,      "peer_links_broken_total",         counter, "times that what waited for another domain was sent back") \
    X(PEER_STANZAS_IN,        "peer_stanzas_in_total",           counter, "stanzas received from other servers and components") \
    X(PEER_PIGGYBACKS,        "peer_piggybacks_total",           counter, "links that are carried by a stream of another pair of domains, by its other side's consent") \
    X(PEER_PIGGYBACKS_FAILED, "peer_piggybacks_failed_total",    counter, "links that a stream was asked to carry in vain: they got a connection of their own") \
    X(PEER_PAUSES,            "peer_pauses_total",               counter, "times that a server or component was not read because too much of it was under way") \
    X(PEER_STANZAS_OUT,       "peer_stanzas_out_total",          counter, "stanzas written to other servers and components") \
    X(PEER_STANZAS_LENT,      "peer_stanzas_lent_total",         counter, "stanzas given to other nodes' connections of a component that share its load") \
    X(PEER_STANZAS_AGAIN,     "peer_stanzas_again_total",        counter, "stanzas for a component that went again because the node or connection that had them has gone") \
    X(REDIS_UP,               "redis_up",                        gauge,   "1 while Redis answers") \
    X(REDIS_QUEUE_BYTES,      "redis_queue_bytes",               gauge,   "bytes waiting to be written to Redis") \
    X(WORK_QUEUE,             "work_queue",                      gauge,   "jobs that wait for the thread pool") \
    X(WORK_REFUSED,           "work_refused_total",              counter, "jobs refused because the thread pool's queue was full") \
    X(WORKER_RESTARTS,        "worker_restarts_total",           counter, "worker processes that died and were started again")
/* clang-format on */

enum metric {
#define METRIC_ENUM(id, name, type, help) METRIC_##id,
    METRICS(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

struct metrics {
    int64_t value[METRIC_COUNT];
    int64_t ready;      /* 1 when the worker serves and Redis answers */
    int64_t started_ms; /* wall clock, Unix milliseconds; 0 = slot unused */
};

static inline void metric_add(struct metrics *m, enum metric which, int64_t amount)
{
    __atomic_store_n(&m->value[which], m->value[which] + amount, __ATOMIC_RELAXED);
}

static inline void metric_set(struct metrics *m, enum metric which, int64_t value)
{
    __atomic_store_n(&m->value[which], value, __ATOMIC_RELAXED);
}

#endif

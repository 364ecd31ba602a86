/* config.h - the settings, parsed once, const from then on.  One table (gateway/config/keys.c) holds each key's name,
 * default, unit and help; it prints `stanzabus config`, reads the file, the environment and --set, in this order of
 * growing weight: default < file < environment < --set. */
#ifndef STANZABUS_CONFIG_H
#define STANZABUS_CONFIG_H

#include "stanzabus/log.h"
#include "stanzabus/stream.h"

struct text_list {
    struct text *items;
    size_t count;
};

struct service_route { /* services.routes: xmlns=domain */
    struct text xmlns, domain;
};

struct listen_address { /* ADDRESS:PORT, [IPV6]:PORT, or off */
    bool is_on;
    char host[64];
    int port;
};

struct component_secret { /* components.accept */
    struct text domain, secret;
};
struct component_upstream { /* components.connect */
    struct text domain, secret;
    struct listen_address server; /* whom to call */
};

enum { OBSERVE_MESSAGE = 1, OBSERVE_PRESENCE = 2, OBSERVE_IQ = 4 };
enum archive_default { ARCHIVE_ALWAYS, ARCHIVE_ROSTER, ARCHIVE_NEVER }; /* XEP-0441 2.1.1 */
enum guest_reach { GUESTS_REACH_SERVICES, GUESTS_REACH_ACCOUNTS };

struct config {
    struct arena arena; /* owns every text below */

    struct text_list domains; /* domain: prepared; at least one */

    struct text_list contacts; /* KIND=URI, for disco (XEP-0157) */

    struct text redis_url;      /* redis://[user:password@]host:port[/db] or unix:///path or redis+unix:///path */
    int64_t redis_wait_ms;      /* redis.wait */
    struct text bus_prefix;     /* bus.prefix */
    unsigned bus_observe;       /* bus.observe: OBSERVE_ bits */
    bool bus_dead_payload;      /* bus.dead_payload: xmpp:dead carries the first 4 kB of what was refused */

    struct listen_address listen_tcp, listen_tls, listen_http, listen_https, listen_s2s, listen_component, listen_admin;

    bool http_demo;
    struct text_list http_origins;         /* empty: the page's own host; "*": any */
    struct text_list http_trusted_proxies; /* addresses or CIDR networks */

    struct text tls_certificate, tls_key; /* PEM files; {domain} in the path stands for each domain's name */
    struct text tls_client_ca;            /* PEM file; empty: no client certificates */

    struct text_list auth_mechanisms; /* in order of preference */
    bool auth_allow_plaintext;
    bool auth_legacy;
    bool auth_registration;
    unsigned auth_iterations;
    int64_t auth_fast_ms;      /* life of a login token (XEP-0484); 0: none are given */
    bool auth_fast_unbound;    /* also such that are bound to no channel */
    unsigned auth_fast_clients; /* installations of one account that have one */
    struct text auth_jwt_key, auth_jwt_jwks; /* files */
    struct text auth_jwt_issuer, auth_jwt_audience, auth_jwt_claim;
    int64_t auth_jwt_skew_ms;
    bool auth_jwt_plain, auth_jwt_create;
    struct text auth_service; /* one of services_domains; empty: logins are decided here */
    int64_t auth_service_wait_ms;
    struct text auth_anonymous_domain; /* empty: none */
    enum guest_reach auth_anonymous_reach;
    int64_t auth_anonymous_keep_ms;

    struct text_list services_domains;  /* prepared */
    struct text_list services_accounts; /* prepared bare JIDs */
    struct service_route *services_routes;
    size_t services_route_count;
    int64_t services_timeout_ms;
    unsigned services_pending; /* requests to services that may wait at once */

    enum archive_default archive_default;
    unsigned archive_days;  /* 0: for ever */
    unsigned archive_count; /* messages of an account; 0: no bound */
    size_t archive_bytes;   /* of Redis' memory, of an account; 0: no bound */
    unsigned archive_page;  /* most messages of one answer */
    bool s2s_tls_required;  /* s2s.tls */
    bool s2s_dialback;      /* s2s.dialback: without a certificate that proves the domain */
    bool s2s_services;      /* s2s.services: service domains are reached from other servers, and reach them */
    struct text s2s_ca;     /* PEM file, or "system" */
    struct text_list s2s_allow, s2s_block; /* domains; allow empty: all */
    unsigned s2s_queue;     /* stanzas that may wait for one other domain */
    size_t s2s_queue_bytes; /* and about the bytes of them */
    int64_t s2s_wait_ms;    /* how long they wait for its server */
    int64_t s2s_timeout_ms; /* for one try: DNS, TCP, TLS, proof */
    int64_t s2s_idle_ms;
    struct text_list dns_servers; /* empty: the machine's */
    struct text dns_trust_anchor;
    struct component_secret *components;
    size_t component_count;
    bool components_share;
    struct component_upstream *upstreams;
    size_t upstream_count;

    struct stream_limits limits;       /* limits.stanza_bytes, .depth, .attributes */
    struct stream_limits login_limits; /* before authentication: smaller, limits.login_bytes */
    int64_t limits_login_ms;           /* limits.login_seconds: from connect to bind */
    unsigned limits_login_failures;    /* failures of one address or account within ten minutes before answers slow down */
    unsigned limits_connections;       /* open connections in a worker; 0: what open files allow */
    unsigned limits_peers;       /* connections with other servers and components, and links, in a worker */
    unsigned limits_connections_per_address;
    unsigned limits_guests_per_address;
    unsigned limits_registrations;
    unsigned limits_sessions_per_account;
    size_t limits_vcard_bytes;         /* as kept: JSON */
    unsigned limits_private_items;     /* namespaces of private XML (XEP-0049) an account */
    size_t limits_private_bytes;       /* all of them together, as kept */
    unsigned limits_blocked;           /* addresses on one blocklist */
    unsigned limits_pep_nodes, limits_pep_items; /* nodes of an account, items of a node */
    size_t limits_pep_bytes, limits_pep_item_bytes; /* all items of an account together, one item */
    unsigned limits_roster_items;
    size_t limits_roster_item_bytes;    /* name and groups of a contact */
    unsigned limits_roster_requests;    /* requests for subscription that wait, an account */
    unsigned limits_directed_presence;  /* addresses that a session's directed presence is remembered for */
    unsigned limits_waiting;           /* messages in the log of an account that nobody is there for */
    size_t limits_waiting_bytes;       /* the same in bytes */
    unsigned limits_sm_queue;          /* stanzas sent and not acknowledged (XEP-0198) */
    size_t limits_sm_bytes;            /* the same in bytes, of those that no log holds */
    unsigned limits_detached_sessions; /* of one account */
    int64_t sm_resume_ms;              /* sm.resume_seconds; 0: sessions cannot be resumed */
    size_t limits_redis_queue;         /* bytes toward Redis */
    size_t limits_client_queue;        /* bytes toward one client */
    int64_t limits_client_stall_ms;    /* limits.client_stall: how long a full queue may stay full before the session ends */
    int64_t ping_interval_ms;          /* ping.interval: silence after which the server pings */
    int64_t ping_timeout_ms;

    struct text node_name;
    unsigned workers;
    enum log_level log_level;
    enum log_format log_format;
};

/* Where a mistake is: source is the file's name, "environment" or "--set"; line 0 outside files. */
struct config_error {
    char text[512]; /* "stanzabus.conf:12: limits.depth: 'x' is not a number from 1 to 1000" */
};

/* file may be NULL; environment is environ's form; sets are "key=value".  All mistakes are found, not only the first:
 * each is given to on_error.  NULL when there was one. */
struct config *config_load(const char *file, char *const *environment, const char *const *sets, size_t set_count,
                           void (*on_error)(void *ctx, const struct config_error *error), void *ctx);
void config_free(struct config **config);
/* The sample config: every key with default, unit and help, as a file that config_load takes. */
void config_print(FILE *out);

bool config_has_domain(const struct config *config, struct text domain); /* domain, or auth.anonymous_domain */
bool config_is_service_domain(const struct config *config, struct text domain);
bool config_is_service_account(const struct config *config, struct text bare);
bool config_has_mechanism(const struct config *config, const char *mechanism); /* ANONYMOUS: guests have a domain */

#endif

/* keys.c - every setting there is: name, kind, place, default, range, unit and help.  Whoever adds a setting adds a line
 * here and a member in config.h; file, environment, --set, checks and the sample follow from the line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/config/reading.h"

/* The member's offset; refuses to compile when the member's type is not what the kind of value writes. */
#define PLACE(member, type) \
    (offsetof(struct config, member) + \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct config *)0)->member), type) ? 1 : -1]))

#define BOOL(member, start) .read = read_bool, .place = PLACE(member, bool), .initial = start, .unit = "on or off"
#define NUMBER(member, start, low, high) \
    .read = read_number, .place = PLACE(member, unsigned), .initial = start, .min = low, .max = high
#define BYTES(member, start, low, high) \
    .read = read_bytes, .place = PLACE(member, size_t), .initial = start, .min = low, .max = high, \
    .unit = "bytes; k and M may follow the number"
#define DURATION(member, start, low, high) \
    .read = read_duration, .place = PLACE(member, int64_t), .initial = start, .min = low, .max = high, \
    .unit = "seconds; ms, s, m or h may follow the number"
#define TEXT_OF(kind, member, start) .read = kind, .place = PLACE(member, struct text), .initial = start
#define LIST(kind, member, start) \
    .read = kind, .place = PLACE(member, struct text_list), .initial = start, .unit = "comma-separated"
#define LISTEN(member, start) \
    .read = read_listen, .place = PLACE(member, struct listen_address), .initial = start, .unit = "ADDRESS:PORT or off"
#define WORD(member, type, start, words) \
    .read = read_word, .place = PLACE(member, type), .initial = start, .choices = words

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, KILO = 1024, MEGA = 1024 * KILO };

static const char *const reaches[] = { "services", "accounts", NULL };
static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const formats[] = { "text", "json", NULL };
static const char *const defaults[] = { "always", "roster", "never", NULL };
static const char *const tls_auto[] = { "0.0.0.0:5223", NULL };
static const char *const s2s_auto[] = { "0.0.0.0:5269", NULL };
static const char *const https_auto[] = { "0.0.0.0:5443", NULL };

const struct config_key config_keys[] = {
    { "domain", LIST(read_domains, domains, "localhost"),
      .help = "The domains that this server is; accounts live there." },

    { "contacts", LIST(read_contacts, contacts, ""), .help = "Whom people may turn to (XEP-0157), as abuse=mailto:abuse@example.com; "
      "also admin, feedback, sales, security, status, support." },

    { "redis.url", TEXT_OF(read_redis_url, redis_url, "redis://127.0.0.1:6379"),
      .help = "redis://[user:password@]host[:port][/db] or unix:///path; %-encode what is special in a password." },
    { "redis.wait", DURATION(redis_wait_ms, "10", 0, HOUR),
      .help = "How long clients are held back while Redis is away, before their stanzas are answered with an error." },

    { "bus.prefix", TEXT_OF(read_prefix, bus_prefix, "xmpp:"), .help = "Begins the name of every channel and key." },
    { "bus.observe", .read = read_observe, .place = PLACE(bus_observe, unsigned), .initial = "message,presence,iq",
      .unit = "comma-separated, or off", .help = "Which kinds of stanzas are copied to the observer channels." },
    { "bus.dead_payload", BOOL(bus_dead_payload, "off"),
      .help = "The dead channel also carries the first 4 kB of what was refused." },

    { "listen.tcp", LISTEN(listen_tcp, "0.0.0.0:5222"), .help = "XMPP over TCP with STARTTLS." },
    { "listen.tls", LISTEN(listen_tls, "auto"), .choices = tls_auto,
      .help = "XMPP over direct TLS; auto is 0.0.0.0:5223 once tls.certificate is set." },
    { "listen.http", LISTEN(listen_http, "0.0.0.0:5280"), .help = "WebSocket at /xmpp-websocket, and host-meta." },
    { "listen.https", LISTEN(listen_https, "auto"), .choices = https_auto,
      .help = "The same over TLS; auto is 0.0.0.0:5443 once tls.certificate is set." },
    { "listen.s2s", LISTEN(listen_s2s, "auto"), .choices = s2s_auto,
      .help = "Other servers (federation); auto is 0.0.0.0:5269 once tls.certificate is set.  off: no federation." },
    { "listen.component", LISTEN(listen_component, "off"), .help = "Components (XEP-0114), without TLS: as 127.0.0.1:5347." },
    { "listen.admin", LISTEN(listen_admin, "127.0.0.1:5281"),
      .help = "/healthz, /readyz and /metrics; keep it off public networks." },

    { "http.demo", BOOL(http_demo, "off"), .help = "The page to try things with, at / of the HTTP listeners." },
    { "http.origins", LIST(read_origins, http_origins, ""),
      .help = "Origins of pages that may connect, as https://chat.example.com; empty: the page's own host; *: any." },
    { "http.trusted_proxies", LIST(read_proxies, http_trusted_proxies, ""),
      .help = "Addresses or networks (10.0.0.0/8) whose X-Forwarded headers are believed." },

    { "tls.certificate", TEXT_OF(read_text, tls_certificate, ""), .unit = "a PEM file",
      .help = "Certificate and chain; {domain} in the path stands for each domain's name." },
    { "tls.key", TEXT_OF(read_text, tls_key, ""), .unit = "a PEM file",
      .help = "Private key, where it is not in tls.certificate; {domain} as there." },
    { "tls.client_ca", TEXT_OF(read_text, tls_client_ca, ""), .unit = "a PEM file",
      .help = "Authorities whose client certificates may log in (EXTERNAL); empty: none." },

    { "auth.mechanisms",
      LIST(read_mechanisms, auth_mechanisms,
           "SCRAM-SHA-256-PLUS,SCRAM-SHA-1-PLUS,SCRAM-SHA-256,SCRAM-SHA-1,OAUTHBEARER,PLAIN,EXTERNAL"),
      .help = "SASL mechanisms, best first; OAUTHBEARER is offered once there is a key for tokens." },
    { "auth.allow_plaintext", BOOL(auth_allow_plaintext, "off"),
      .help = "Logins over connections without TLS are allowed; for development." },
    { "auth.legacy", BOOL(auth_legacy, "off"), .help = "jabber:iq:auth for old clients (XEP-0078)." },
    { "auth.registration", BOOL(auth_registration, "off"), .help = "Anybody may make an account in band (XEP-0077)." },
    { "auth.iterations", NUMBER(auth_iterations, "10000", 4096, 1000000), .unit = "rounds",
      .help = "Rounds of SCRAM hashing for new passwords." },
    { "auth.fast", DURATION(auth_fast_ms, "336h", 0, 24ll * 366 * HOUR),
      .help = "How long a login token is good (XEP-0484); it is renewed when half of that is over; 0: none are given." },
    { "auth.fast_unbound", BOOL(auth_fast_unbound, "off"),
      .help = "Login tokens also for clients that cannot bind them to their TLS channel, as all in browsers." },
    { "auth.fast_clients", NUMBER(auth_fast_clients, "20", 1, 1000), .unit = "installations",
      .help = "How many installations of one account hold a login token; the one that ends first goes first." },
    { "auth.jwt_key", TEXT_OF(read_text, auth_jwt_key, ""), .unit = "a file",
      .help = "Checks JSON Web Tokens: a secret of 32 bytes or more (HS256), or a public key as PEM (RS256, ES256)." },
    { "auth.jwt_jwks", TEXT_OF(read_text, auth_jwt_jwks, ""), .unit = "a file",
      .help = "The same, as a set of keys (JWKS, RFC 7517); both are read again at SIGHUP." },
    { "auth.jwt_issuer", TEXT_OF(read_text, auth_jwt_issuer, ""), .help = "What iss of a token must be; empty: anything." },
    { "auth.jwt_audience", TEXT_OF(read_text, auth_jwt_audience, ""),
      .help = "What aud of a token must be or hold; empty: tokens that have an aud are not taken (RFC 7519 4.1.3)." },
    { "auth.jwt_claim", TEXT_OF(read_text, auth_jwt_claim, "sub"),
      .help = "The claim that names the account: juliet, or juliet@example.com." },
    { "auth.jwt_skew", DURATION(auth_jwt_skew_ms, "30", 0, HOUR), .help = "How far the issuer's clock may be apart." },
    { "auth.jwt_plain", BOOL(auth_jwt_plain, "off"),
      .help = "A token is also taken in place of a password (PLAIN), for clients without OAUTHBEARER." },
    { "auth.jwt_create", BOOL(auth_jwt_create, "off"), .help = "An account that a good token names is made if there is none." },
    { "auth.service", TEXT_OF(read_domain, auth_service, ""),
      .help = "The service domain that decides logins: passwords and tokens are published on its mailbox; empty: none." },
    { "auth.service_wait", DURATION(auth_service_wait_ms, "10", 100, HOUR), .help = "How long it may take." },
    { "auth.anonymous_domain", TEXT_OF(read_domain, auth_anonymous_domain, ""),
      .help = "The domain of guests (ANONYMOUS); empty: no guests." },
    { "auth.anonymous_keep", DURATION(auth_anonymous_keep_ms, "10m", SECOND, 24ll * 30 * HOUR),
      .help = "How long a guest without a session is kept: who comes back with the token until then is the same guest." },
    { "auth.anonymous_reach", WORD(auth_anonymous_reach, enum guest_reach, "services", reaches),
      .help = "Whom guests reach: services only, or local accounts too." },

    { "services.domains", LIST(read_domains, services_domains, ""),
      .help = "Domains whose addresses all belong to a service." },
    { "services.accounts", LIST(read_accounts, services_accounts, ""),
      .help = "Accounts that a service holds, as bot@example.com." },
    { "services.routes", .read = read_routes, .place = PLACE(services_routes, struct service_route *), .initial = "",
      .unit = "NAMESPACE=DOMAIN, comma-separated",
      .help = "Requests to the server with a payload of this namespace go to this service domain." },
    { "services.timeout", DURATION(services_timeout_ms, "30", 100, HOUR),
      .help = "How long a service may take to answer a request." },
    { "services.pending", NUMBER(services_pending, "10000", 1, 10000000), .unit = "requests",
      .help = "Requests to services that may wait for their answer at once, in a worker." },

    { "archive.default", WORD(archive_default, enum archive_default, "always", defaults),
      .help = "Whose messages the archive of an account keeps that has not chosen itself: everybody's, the roster's, nobody's." },
    { "archive.days", NUMBER(archive_days, "365", 0, 36500), .unit = "days",
      .help = "How long messages are kept; 0: for ever." },
    { "archive.count", NUMBER(archive_count, "100000", 0, 100000000), .unit = "messages",
      .help = "How many messages an account keeps, of the newest; 0: any number." },
    { "archive.bytes", BYTES(archive_bytes, "128M", 0, 1024ll * 1024 * MEGA),
      .help = "How much of Redis' memory these may take, about; 0: any amount." },
    { "archive.page", NUMBER(archive_page, "250", 10, 10000), .unit = "messages",
      .help = "The most that one query is answered with; the client asks for the next page." },
    { "s2s.tls", BOOL(s2s_tls_required, "on"), .help = "Streams between servers must be encrypted." },
    { "s2s.dialback", BOOL(s2s_dialback, "off"),
      .help = "Other servers may prove their domain by dialback, without a certificate that does." },
    { "s2s.services", BOOL(s2s_services, "off"), .help = "Service domains are reached from other servers, and reach them." },
    { "s2s.ca", TEXT_OF(read_text, s2s_ca, "system"), .unit = "PEM file, or system",
      .help = "Who may sign the certificates of other servers." },
    { "s2s.allow", LIST(read_domains, s2s_allow, ""), .help = "The only other domains that are talked to; empty: all." },
    { "s2s.block", LIST(read_domains, s2s_block, ""), .help = "Other domains that are not talked to." },
    { "s2s.queue", NUMBER(s2s_queue, "10000", 10, 100000), .unit = "stanzas",
      .help = "What may wait in Redis for one other domain or component; more is answered with an error." },
    { "s2s.queue_bytes", BYTES(s2s_queue_bytes, "32M", MEGA, 4096ll * MEGA),
      .help = "The same in memory, about; of stanzas over 4096 bytes." },
    { "s2s.wait", DURATION(s2s_wait_ms, "60", 0, 24ll * HOUR),
      .help = "How long it waits for a server that cannot be reached, before it goes back with an error." },
    { "s2s.timeout", DURATION(s2s_timeout_ms, "30", 100, HOUR), .help = "For one try to reach another server." },
    { "s2s.idle", DURATION(s2s_idle_ms, "600", 100, 24ll * HOUR), .help = "Silence after which a stream between servers is closed." },
    { "dns.servers", LIST(read_servers, dns_servers, ""), .help = "ADDRESS or ADDRESS@PORT of resolvers; empty: the machine's." },
    { "dns.trust_anchor", TEXT_OF(read_text, dns_trust_anchor, ""), .unit = "file",
      .help = "DNSSEC trust anchors, as /usr/share/dns/root.key: answers are validated, and TLSA records count (DANE)." },

    { "components.accept", .read = read_components, .place = PLACE(components, struct component_secret *), .initial = "",
      .unit = "DOMAIN:SECRET, comma-separated", .help = "Components that may connect to listen.component." },
    { "components.share", BOOL(components_share, "off"),
      .help = "Several connections of one component share the load, on whatever nodes they are; else all but one stand by." },
    { "components.connect", .read = read_upstreams, .place = PLACE(upstreams, struct component_upstream *), .initial = "",
      .unit = "DOMAIN:SECRET@HOST:PORT, comma-separated",
      .help = "Service domains for which this server is a component of another one." },

    { "limits.stanza_bytes", BYTES(limits.stanza_bytes, "262144", 10000, 16 * MEGA), .help = "The largest stanza." },
    { "limits.login_bytes", BYTES(login_limits.stanza_bytes, "10000", 10000, MEGA), .help = "The same before login." },
    { "limits.depth", NUMBER(limits.depth, "100", 8, 1000), .unit = "elements",
      .help = "How deep elements of a stanza nest." },
    { "limits.attributes", NUMBER(limits.attributes, "100", 8, 1000), .unit = "attributes",
      .help = "Attributes of one element, namespace declarations included." },
    { "limits.login_seconds", DURATION(limits_login_ms, "30", 100, HOUR),
      .help = "From connect to the bound resource." },
    { "limits.login_failures", NUMBER(limits_login_failures, "5", 1, 100000), .unit = "failures",
      .help = "Failed logins of one address or account within ten minutes before answers slow down." },
    { "limits.connections", NUMBER(limits_connections, "0", 0, 10000000), .unit = "connections",
      .help = "Open connections in a worker; 0: as many as open files allow." },
    { "limits.peers", NUMBER(limits_peers, "4000", 1, 1000000), .unit = "connections",
      .help = "Connections with other servers and components, and domains that something waits for, in a worker." },
    { "limits.connections_per_address", NUMBER(limits_connections_per_address, "5000", 1, 10000000),
      .unit = "connections", .help = "Open connections from one address, in a worker." },
    { "limits.guests_per_address", NUMBER(limits_guests_per_address, "1000", 1, 10000000), .unit = "guests",
      .help = "New guests that one address may be within auth.anonymous_keep." },
    { "limits.registrations", NUMBER(limits_registrations, "5", 1, 1000000), .unit = "accounts",
      .help = "Tries to make an account in band from one address in a day." },
    { "limits.sessions_per_account", NUMBER(limits_sessions_per_account, "50", 1, 10000), .unit = "sessions",
      .help = "Resources of one account at once." },
    { "limits.vcard_bytes", BYTES(limits_vcard_bytes, "128k", KILO, 16 * MEGA), .help = "A vCard, as it is kept." },
    { "limits.private_items", NUMBER(limits_private_items, "100", 1, 10000), .unit = "namespaces",
      .help = "Private XML (XEP-0049) of an account." },
    { "limits.private_bytes", BYTES(limits_private_bytes, "256k", KILO, 16 * MEGA), .help = "All of it together, as it is kept." },
    { "limits.blocked", NUMBER(limits_blocked, "1000", 1, 5000), .unit = "addresses", .help = "Whom one account may block." },
    { "limits.pep_nodes", NUMBER(limits_pep_nodes, "200", 1, 100000), .unit = "nodes",
      .help = "Personal pubsub nodes of one account." },
    { "limits.pep_items", NUMBER(limits_pep_items, "1000", 1, 100000), .unit = "items",
      .help = "Items of one such node; what max stands for in its configuration." },
    { "limits.pep_bytes", BYTES(limits_pep_bytes, "8M", KILO, 1024 * MEGA),
      .help = "All items of an account's nodes together." },
    { "limits.pep_item_bytes", BYTES(limits_pep_item_bytes, "200k", KILO, 16 * MEGA), .help = "One item." },
    { "limits.roster_items", NUMBER(limits_roster_items, "5000", 1, 1000000), .unit = "contacts",
      .help = "Contacts of one account." },
    { "limits.roster_item_bytes", BYTES(limits_roster_item_bytes, "4096", 64, 64 * KILO),
      .help = "Name and groups of one contact." },
    { "limits.roster_requests", NUMBER(limits_roster_requests, "1000", 1, 1000000), .unit = "requests",
      .help = "Requests for subscription that wait for the answer of one account." },
    { "limits.directed_presence", NUMBER(limits_directed_presence, "500", 1, 100000), .unit = "addresses",
      .help = "Addresses that one session may send its presence to by name." },
    { "limits.waiting", NUMBER(limits_waiting, "10000", 1, 10000000), .unit = "messages",
      .help = "Messages that wait for one account; one more is answered with an error.  Of people who are not in its roster: a tenth." },
    { "limits.waiting_bytes", BYTES(limits_waiting_bytes, "32M", MEGA, 4096ll * MEGA),
      .help = "The same in bytes; small ones (4 kB) are bounded by their number only." },
    { "limits.sm_queue", NUMBER(limits_sm_queue, "5000", 100, 1000000), .unit = "stanzas",
      .help = "What a client with stream management may leave unacknowledged before its session ends." },
    { "limits.sm_bytes", BYTES(limits_sm_bytes, "8M", 64 * KILO, 1024 * MEGA),
      .help = "The same in bytes, of stanzas that no log holds." },
    { "limits.detached_sessions", NUMBER(limits_detached_sessions, "10", 1, 10000), .unit = "sessions",
      .help = "Sessions of one account that wait without a connection to be resumed; the oldest give way." },
    { "limits.redis_queue", BYTES(limits_redis_queue, "16M", 64 * KILO, 4096ll * MEGA),
      .help = "What may wait to be sent to Redis before clients are held back, and services that speak unasked are not heard." },
    { "limits.client_queue", BYTES(limits_client_queue, "1M", 64 * KILO, 1024 * MEGA),
      .help = "What may wait to be sent to one client." },
    { "limits.client_stall", DURATION(limits_client_stall_ms, "30", 100, HOUR),
      .help = "How long that queue may stay full before the session ends." },

    { "ping.interval", DURATION(ping_interval_ms, "180", 100, 24ll * HOUR),
      .help = "Silence of a client after which the server pings it." },
    { "ping.timeout", DURATION(ping_timeout_ms, "30", 100, HOUR), .help = "How long it may take to answer." },

    { "sm.resume_seconds", DURATION(sm_resume_ms, "300", 0, 24ll * HOUR),
      .help = "How long a session waits for its client when the connection was lost (XEP-0198); 0: not at all." },

    { "node.name", TEXT_OF(read_node_name, node_name, ""),
      .help = "Begins the id of each worker on the bus; empty: the host name." },
    { "workers", NUMBER(workers, "1", 1, 256), .unit = "processes",
      .help = "Processes on the same ports; as many as cores." },
    { "log.level", WORD(log_level, enum log_level, "info", levels), .help = "Less important lines are not written." },
    { "log.format", WORD(log_format, enum log_format, "text", formats), .help = "How lines are written." },
};

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");

const struct config_key *config_key_find(struct text name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (text_is(name, config_keys[i].name))
            return &config_keys[i];
    return NULL;
}

void config_key_environment(const struct config_key *key, char *out, size_t size)
{
    snprintf(out, size, "STANZABUS_%s", key->name);
    for (char *c = out; *c; c++)
        *c = (char)(*c == '.' ? '_' : toupper((unsigned char)*c));
}

const struct config_key *config_key_find_environment(const char *variable)
{
    for (size_t i = 0; i < config_key_count; i++) {
        char name[64];
        config_key_environment(&config_keys[i], name, sizeof name);
        if (strcmp(name, variable) == 0)
            return &config_keys[i];
    }
    return NULL;
}

enum { COMPARED = 48 };

/* Levenshtein's distance, over names of at most COMPARED bytes. */
static unsigned distance(struct text a, struct text b)
{
    unsigned row[COMPARED + 1];
    for (size_t j = 0; j <= b.size; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.size; j++) {
            unsigned above = row[j], best = diagonal + (a.data[i - 1] != b.data[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[b.size];
}

const struct config_key *config_key_nearest(struct text name)
{
    const struct config_key *nearest = NULL;
    if (name.size > COMPARED)
        return NULL;
    unsigned best = 1 + (unsigned)name.size / 3; /* a third of the letters may be wrong */
    for (size_t i = 0; i < config_key_count; i++) {
        struct text other = text_of(config_keys[i].name);
        size_t apart = name.size < other.size ? other.size - name.size : name.size - other.size;
        unsigned away = apart <= best ? distance(name, other) : best + 1;
        if (away <= best && (!nearest || away < best)) {
            best = away;
            nearest = &config_keys[i];
        }
    }
    return nearest;
}

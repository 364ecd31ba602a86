/* check.c - what no single setting can see: whether they fit together. */
#include <ctype.h>
#include <unistd.h>

#include "gateway/config/reading.h"
#include "stanzabus/jid.h"

static struct config_source source_of(const struct config_reading *reading, const struct config_key *key)
{
    return reading->sources[key - config_keys];
}

#define COMPLAIN(reading, name, ...) \
    do { \
        const struct config_key *key_ = config_key_find(TEXT(name)); \
        reading_complain((reading), key_, source_of((reading), key_), __VA_ARGS__); \
    } while (0)

static void check_domains(struct config_reading *reading)
{
    const struct config *config = reading->config;
    if (config->domains.count == 0)
        COMPLAIN(reading, "domain", "names no domain; give one at least");
    for (size_t i = 0; i < config->services_domains.count; i++) {
        struct text domain = config->services_domains.items[i];
        if (list_has(&config->domains, domain))
            COMPLAIN(reading, "services.domains",
                     "'%s' is also in domain; a domain is either this server's or a service's", shown(domain).text);
    }
}

static void check_guests(struct config_reading *reading)
{
    const struct config *config = reading->config;
    struct text domain = config->auth_anonymous_domain;
    if (domain.size == 0)
        return;
    if (list_has(&config->domains, domain))
        COMPLAIN(reading, "auth.anonymous_domain", "'%s' is also in domain; guests need a domain of their own",
                 shown(domain).text);
    if (list_has(&config->services_domains, domain))
        COMPLAIN(reading, "auth.anonymous_domain",
                 "'%s' is also in services.domains; guests need a domain of their own", shown(domain).text);
}

static void check_auth_service(struct config_reading *reading)
{
    const struct config *config = reading->config;
    if (config->auth_service.size && !list_has(&config->services_domains, config->auth_service))
        COMPLAIN(reading, "auth.service", "'%s' is not in services.domains; add it there",
                 shown(config->auth_service).text);
}

static void check_service_accounts(struct config_reading *reading)
{
    const struct config *config = reading->config;
    for (size_t i = 0; i < config->services_accounts.count; i++) {
        struct text account = config->services_accounts.items[i];
        const char *at = memchr(account.data, '@', account.size);
        struct text domain = { at + 1, account.size - (size_t)(at + 1 - account.data) };
        if (!list_has(&config->domains, domain))
            COMPLAIN(reading, "services.accounts", "'%s' is not in a domain of this server; add its domain to domain",
                     shown(account).text);
    }
}

static void check_routes(struct config_reading *reading)
{
    const struct config *config = reading->config;
    for (size_t i = 0; i < config->services_route_count; i++) {
        struct text domain = config->services_routes[i].domain;
        if (!list_has(&config->services_domains, domain))
            COMPLAIN(reading, "services.routes", "'%s' is no service domain; add it to services.domains",
                     shown(domain).text);
    }
}

static void check_components(struct config_reading *reading)
{
    const struct config *config = reading->config;
    for (size_t i = 0; i < config->upstream_count; i++)
        if (!list_has(&config->services_domains, config->upstreams[i].domain))
            COMPLAIN(reading, "components.connect", "'%s' is no service domain; add it to services.domains",
                     shown(config->upstreams[i].domain).text);
    for (size_t i = 0; i < config->component_count; i++)
        if (config_has_domain(config, config->components[i].domain) || config_is_service_domain(config, config->components[i].domain))
            COMPLAIN(reading, "components.accept", "'%s' is one of domain or services.domains already",
                     shown(config->components[i].domain).text);
}

/* An automatic listener has its address, and is off until there is a certificate. */
static void settle_tls_listener(struct config_reading *reading, struct listen_address *address, const char *name)
{
    const struct config_key *key = config_key_find(text_of(name));
    bool has_certificate = reading->config->tls_certificate.size > 0;
    if (address->is_on && !has_certificate)
        reading_complain(reading, key, source_of(reading, key),
                         "needs a certificate: set tls.certificate, or %s to off", name);
    else if (address->port && has_certificate)
        address->is_on = true;
}

static void check_tls(struct config_reading *reading)
{
    struct config *config = reading->config;
    if (config->tls_key.size && !config->tls_certificate.size)
        COMPLAIN(reading, "tls.key", "is of no use alone: set tls.certificate too");
    if (config->tls_client_ca.size && !config->tls_certificate.size)
        COMPLAIN(reading, "tls.client_ca", "is of no use without TLS: set tls.certificate too");
    settle_tls_listener(reading, &config->listen_tls, "listen.tls");
    settle_tls_listener(reading, &config->listen_https, "listen.https");
    settle_tls_listener(reading, &config->listen_s2s, "listen.s2s");
}

static bool is_any_host(const struct listen_address *a)
{
    return strcmp(a->host, "0.0.0.0") == 0 || strcmp(a->host, "::") == 0;
}

static void check_listeners(struct config_reading *reading)
{
    const struct config *config = reading->config;
    const struct listener {
        const char *name;
        const struct listen_address *address;
    } listeners[] = { { "listen.tcp", &config->listen_tcp },
                      { "listen.tls", &config->listen_tls },
                      { "listen.http", &config->listen_http },
                      { "listen.https", &config->listen_https },
                      { "listen.s2s", &config->listen_s2s },
                      { "listen.component", &config->listen_component },
                      { "listen.admin", &config->listen_admin } };
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        const struct listen_address *a = listeners[i].address;
        for (size_t j = 0; j < i && a->is_on; j++) {
            const struct listen_address *b = listeners[j].address;
            if (!b->is_on || a->port != b->port)
                continue;
            if (strcmp(a->host, b->host) != 0 && !is_any_host(a) && !is_any_host(b))
                continue;
            const struct config_key *key = config_key_find(text_of(listeners[i].name));
            reading_complain(reading, key, source_of(reading, key), "has the port of %s (%d); give each its own",
                             listeners[j].name, a->port);
        }
    }
}

static void check_limits(struct config_reading *reading)
{
    struct config *config = reading->config;
    size_t stanza = config->limits.stanza_bytes;
    if (config->login_limits.stanza_bytes > stanza)
        COMPLAIN(reading, "limits.login_bytes", "is more than limits.stanza_bytes (%zu); set one of the two", stanza);
    if (config->limits_client_queue < stanza)
        COMPLAIN(reading, "limits.client_queue", "holds no stanza of limits.stanza_bytes (%zu); raise it", stanza);
    if (config->limits_redis_queue < stanza)
        COMPLAIN(reading, "limits.redis_queue", "holds no stanza of limits.stanza_bytes (%zu); raise it", stanza);
    config->login_limits.depth = config->limits.depth;
    config->login_limits.attributes = config->limits.attributes;
}

/* The host's name, with what a node's name may not hold replaced. */
static void settle_node_name(struct config *config)
{
    char name[64] = "";
    if (config->node_name.size)
        return;
    if (gethostname(name, sizeof name - 1) < 0 || !name[0])
        strcpy(name, "node");
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
            *c = '-';
    config->node_name = arena_text(&config->arena, text_of(name));
}

void check_config(struct config_reading *reading)
{
    check_domains(reading);
    check_guests(reading);
    check_auth_service(reading);
    check_service_accounts(reading);
    check_routes(reading);
    check_components(reading);
    check_tls(reading);
    check_listeners(reading);
    check_limits(reading);
    settle_node_name(reading->config);
    if (reading->config->auth_mechanisms.count == 0 && reading->config->auth_anonymous_domain.size == 0)
        COMPLAIN(reading, "auth.mechanisms", "is empty, so that nobody could log in; name one at least");
}

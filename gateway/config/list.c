/* list.c - values that are lists, separated by commas: domains, accounts, mechanisms, origins, proxies, routes. */
#include <ctype.h>

#include "stanzabus/ip.h"
#include "gateway/config/reading.h"
#include "stanzabus/jid.h"

/* The next item of *rest, trimmed; false at the end.  Empty items are passed over. */
static bool next_item(struct text *rest, struct text *item)
{
    while (rest->size) {
        const char *comma = memchr(rest->data, ',', rest->size);
        size_t size = comma ? (size_t)(comma - rest->data) : rest->size;
        *item = trimmed((struct text){ rest->data, size });
        *rest = (struct text){ rest->data + size + (comma != NULL), rest->size - size - (comma != NULL) };
        if (item->size)
            return true;
    }
    return false;
}

struct text_list split_list(struct arena *arena, struct text t)
{
    struct text_list list = { 0 };
    struct text rest = t, item;
    while (next_item(&rest, &item))
        list.count++;
    list.items = arena_alloc(arena, list.count * sizeof *list.items);
    list.count = 0;
    for (rest = t; next_item(&rest, &item);)
        list.items[list.count++] = item;
    return list;
}

bool list_has(const struct text_list *list, struct text item)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_equal(list->items[i], item))
            return true;
    return false;
}

/* Replaces *item by its prepared form, or says what it is not. */
typedef const char *(*item_check)(struct arena *arena, struct text *item);

static void read_list(const struct config_value *value, item_check check)
{
    struct arena *arena = &value->reading->config->arena;
    struct text_list given = split_list(arena, value->text),
                     good = { arena_alloc(arena, given.count * sizeof *good.items), 0 };
    for (size_t i = 0; i < given.count; i++) {
        struct text item = given.items[i];
        const char *wrong = check(arena, &item);
        if (wrong)
            value_complain(value, "'%s' %s", shown(given.items[i]).text, wrong);
        else if (list_has(&good, item))
            value_complain(value, "'%s' is named twice", shown(given.items[i]).text);
        else
            good.items[good.count++] = item;
    }
    *(struct text_list *)value->place = good;
}

static const char *check_domain(struct arena *arena, struct text *item)
{
    return jid_prepare_domain(arena, *item, item) < 0 ? "is not a domain" : NULL;
}

void read_domains(const struct config_value *value)
{
    read_list(value, check_domain);
}

void read_domain(const struct config_value *value)
{
    struct text domain = value->text;
    const char *wrong = domain.size ? check_domain(&value->reading->config->arena, &domain) : NULL;
    if (wrong)
        value_complain(value, "'%s' %s", shown(value->text).text, wrong);
    else
        *(struct text *)value->place = domain;
}

static const char *check_account(struct arena *arena, struct text *item)
{
    struct jid jid;
    if (jid_parse(arena, *item, &jid) < 0)
        return "is not an address";
    if (jid.local == 0)
        return "has no name before an @; whole domains are for services.domains";
    if (jid.resource)
        return "has a resource; leave out the / and what follows";
    *item = jid_text(&jid);
    return NULL;
}

void read_accounts(const struct config_value *value)
{
    read_list(value, check_account);
}

static const char *check_mechanism(struct arena *arena, struct text *item)
{
    static const char *const known[] = {
        "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER",
        "PLAIN", "EXTERNAL"
    };
    (void)arena;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (text_is(*item, known[i]))
            return NULL;
    if (text_is(*item, "ANONYMOUS"))
        return "is not set here: it is on when auth.anonymous_domain is set";
    return "is none of SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-256, SCRAM-SHA-1, OAUTHBEARER, PLAIN, EXTERNAL";
}

void read_mechanisms(const struct config_value *value)
{
    read_list(value, check_mechanism);
}

/* RFC 6454 6.1: scheme://host[:port], nothing behind. */
static const char *check_origin(struct arena *arena, struct text *item)
{
    static const char wrong[] = "is not an origin (as https://chat.example.com or http://localhost:8080), nor *";
    size_t scheme = 0;
    (void)arena;
    if (text_is(*item, "*"))
        return NULL;
    while (scheme < item->size && (isalnum((unsigned char)item->data[scheme]) || strchr("+-.", item->data[scheme])))
        scheme++;
    struct text rest = { item->data + scheme, item->size - scheme };
    if (scheme == 0 || rest.size < 4 || !text_starts_with(rest, TEXT("://")))
        return wrong;
    for (size_t i = 3; i < rest.size; i++)
        if (!isgraph((unsigned char)rest.data[i]) || strchr("/?#@*", rest.data[i]))
            return wrong;
    return NULL;
}

void read_origins(const struct config_value *value)
{
    read_list(value, check_origin);
}

static bool is_prefix_length(struct text t, int max)
{
    int number = 0;
    if (t.size == 0 || t.size > 3)
        return false;
    for (size_t i = 0; i < t.size; i++) {
        if (!isdigit((unsigned char)t.data[i]))
            return false;
        number = number * 10 + (t.data[i] - '0');
    }
    return number <= max;
}

static const char *check_network(struct arena *arena, struct text *item)
{
    const char *slash = memchr(item->data, '/', item->size);
    struct text address = { item->data, slash ? (size_t)(slash - item->data) : item->size };
    bool is_v4 = ip_is_v4(address);
    (void)arena;
    if (!is_v4 && !ip_is_v6(address))
        return "is not an address or a network (as 127.0.0.1, 10.0.0.0/8 or fd00::/8)";
    if (slash && !is_prefix_length((struct text){ slash + 1, item->size - address.size - 1 }, is_v4 ? 32 : 128))
        return is_v4 ? "does not end in /0 to /32" : "does not end in /0 to /128";
    return NULL;
}

void read_proxies(const struct config_value *value)
{
    read_list(value, check_network);
}

static const char *check_server(struct arena *arena, struct text *item)
{
    const char *at = memchr(item->data, '@', item->size);
    struct text address = { item->data, at ? (size_t)(at - item->data) : item->size };
    (void)arena;
    return ip_is_v4(address) || ip_is_v6(address) ? NULL : "is not ADDRESS or ADDRESS@PORT (as 192.0.2.53 or 127.0.0.1@5353)";
}

void read_servers(const struct config_value *value)
{
    read_list(value, check_server);
}

void read_observe(const struct config_value *value)
{
    static const char *const kinds[] = { "message", "presence", "iq" };
    struct text rest = value->text, item;
    unsigned bits = 0;
    if (text_is(value->text, "off"))
        rest.size = 0;
    while (next_item(&rest, &item)) {
        unsigned bit = 0;
        for (unsigned i = 0; i < 3; i++)
            if (text_is(item, kinds[i]))
                bit = 1u << i;
        if (!bit)
            value_complain(value, "'%s' is none of message, presence, iq (or off alone)", shown(item).text);
        bits |= bit;
    }
    *(unsigned *)value->place = bits;
}

/* NAMESPACE=DOMAIN; a namespace may hold = itself, a domain may not. */
static bool parse_route(struct arena *arena, struct text item, struct service_route *route)
{
    const char *equals = memrchr(item.data, '=', item.size);
    if (!equals)
        return false;
    size_t size = (size_t)(equals - item.data);
    route->xmlns = trimmed((struct text){ item.data, size });
    struct text domain = trimmed((struct text){ equals + 1, item.size - size - 1 });
    return route->xmlns.size && jid_prepare_domain(arena, domain, &route->domain) == 0;
}

void read_routes(const struct config_value *value)
{
    struct config *config = value->reading->config;
    struct text_list given = split_list(&config->arena, value->text);
    struct service_route *routes = arena_alloc(&config->arena, given.count * sizeof *routes);
    size_t count = 0;
    for (size_t i = 0; i < given.count; i++) {
        bool is_double = false;
        if (!parse_route(&config->arena, given.items[i], &routes[count])) {
            value_complain(value, "'%s' is not NAMESPACE=DOMAIN (as urn:example:order=orders.example.com)",
                           shown(given.items[i]).text);
            continue;
        }
        for (size_t n = 0; n < count; n++)
            is_double = is_double || text_equal(routes[n].xmlns, routes[count].xmlns);
        if (is_double)
            value_complain(value, "the namespace '%s' is named twice", shown(routes[count].xmlns).text);
        else
            count++;
    }
    *(struct service_route **)value->place = routes;
    config->services_route_count = count;
}

/* XEP-0157: KIND=URI. */
static bool is_contact(struct text item)
{
    static const char *const kinds[] = { "abuse", "admin", "feedback", "sales", "security", "status", "support" };
    const char *sign = memchr(item.data, '=', item.size);
    if (!sign || !memchr(sign, ':', item.size - (size_t)(sign - item.data)))
        return false;
    struct text kind = { item.data, (size_t)(sign - item.data) };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text_is(kind, kinds[i]))
            return true;
    return false;
}

void read_contacts(const struct config_value *value)
{
    struct text_list list = split_list(&value->reading->config->arena, value->text);
    for (size_t i = 0; i < list.count; i++)
        if (!is_contact(list.items[i]))
            value_complain(value, "'%s' is not KIND=URI (as abuse=mailto:abuse@example.com)", shown(list.items[i]).text);
    *(struct text_list *)value->place = list;
}

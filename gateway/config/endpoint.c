/* endpoint.c - values that name a place: where to listen, where Redis is. */
#include <ctype.h>
#include <stdio.h>

#include "stanzabus/ip.h"
#include "gateway/config/reading.h"
#include "stanzabus/jid.h"

static bool take_port(struct text digits, int *port)
{
    *port = 0;
    if (digits.size == 0 || digits.size > 5)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (!isdigit((unsigned char)digits.data[i]))
            return false;
        *port = *port * 10 + (digits.data[i] - '0');
    }
    return *port >= 1 && *port <= 65535;
}

/* Splits host:port or [ipv6]:port at the last colon; has_port is false without one. */
struct endpoint {
    struct text host, port;
    bool has_port, is_bracketed;
};

static struct endpoint split_endpoint(struct text t)
{
    struct endpoint e = { .host = t };
    const char *colon = t.size ? memrchr(t.data, ':', t.size) : NULL;
    const char *bracket = t.size ? memrchr(t.data, ']', t.size) : NULL;
    if (colon && (!bracket || colon > bracket)) {
        e.has_port = true;
        e.host.size = (size_t)(colon - t.data);
        e.port = (struct text){ colon + 1, t.size - e.host.size - 1 };
    }
    if (e.host.size >= 2 && e.host.data[0] == '[' && e.host.data[e.host.size - 1] == ']') {
        e.is_bracketed = true;
        e.host = (struct text){ e.host.data + 1, e.host.size - 2 };
    }
    return e;
}

static bool is_host(struct arena *arena, const struct endpoint *e)
{
    struct text prepared;
    if (e->is_bracketed)
        return ip_is_v6(e->host);
    return e->host.size > 0 && e->host.data[0] != '[' && jid_prepare_domain(arena, e->host, &prepared) == 0;
}

bool parse_listen(struct arena *arena, struct text t, struct listen_address *out)
{
    struct endpoint e = split_endpoint(t);
    if (!e.has_port || !take_port(e.port, &out->port) || !is_host(arena, &e) || e.host.size >= sizeof out->host)
        return false;
    snprintf(out->host, sizeof out->host, "%.*s", TEXT_ARGS(e.host));
    out->is_on = true;
    return true;
}

void read_listen(const struct config_value *value)
{
    struct listen_address address = { 0 };
    struct arena *arena = &value->reading->config->arena;
    const char *const *automatic = value->key->choices;
    if (automatic && text_is(value->text, "auto")) {
        parse_listen(arena, text_of(automatic[0]), &address);
        address.is_on = false;
    } else if (!text_is(value->text, "off") && !parse_listen(arena, value->text, &address)) {
        value_complain(value, "'%s' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222)%s off", shown(value->text).text,
                       automatic ? ", auto or" : " or");
        return;
    }
    *(struct listen_address *)value->place = address;
}

static bool is_percent_encoded(struct text t)
{
    for (size_t i = 0; i < t.size; i++) {
        if (!isgraph((unsigned char)t.data[i]))
            return false;
        if (t.data[i] != '%')
            continue;
        if (i + 2 >= t.size || !isxdigit((unsigned char)t.data[i + 1]) || !isxdigit((unsigned char)t.data[i + 2]))
            return false;
        if (t.data[i + 1] == '0' && t.data[i + 2] == '0')
            return false;
    }
    return true;
}

static bool is_database(struct text t)
{
    size_t digits = 0;
    while (digits < t.size && isdigit((unsigned char)t.data[digits]))
        digits++;
    return digits == t.size && digits <= 4;
}

/* Takes "user:password@" off the front of *rest. */
static void drop_user(struct text *rest)
{
    const char *at = rest->size ? memrchr(rest->data, '@', rest->size) : NULL;
    if (at)
        *rest = (struct text){ at + 1, rest->size - (size_t)(at + 1 - rest->data) };
}

/* What is wrong with the part behind redis://, or NULL. */
static const char *check_redis_host(struct arena *arena, struct text rest)
{
    const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
    int port;
    if (slash) {
        struct text database = { slash + 1, rest.size - (size_t)(slash + 1 - rest.data) };
        rest.size = (size_t)(slash - rest.data);
        if (!is_database(database))
            return "behind the / stands the number of a database";
    }
    drop_user(&rest);
    struct endpoint e = split_endpoint(rest);
    if (e.has_port && !take_port(e.port, &port))
        return "the port is not a number from 1 to 65535";
    if (!e.is_bracketed && memchr(e.host.data, '_', e.host.size)) /* names of containers have underscores */
        return e.host.size < 254 ? NULL : "the host's name is too long";
    return is_host(arena, &e) ? NULL : "behind redis:// stands [user:password@]host[:port][/db]";
}

/* What is wrong with the part behind unix://, or NULL. */
static const char *check_redis_path(struct text rest)
{
    const char *question = rest.size ? memchr(rest.data, '?', rest.size) : NULL;
    if (question) {
        struct text query = { question + 1, rest.size - (size_t)(question + 1 - rest.data) };
        rest.size = (size_t)(question - rest.data);
        if (query.size < 4 || !text_starts_with(query, TEXT("db=")) ||
            !is_database((struct text){ query.data + 3, query.size - 3 }))
            return "behind the ? stands db=NUMBER";
    }
    if (rest.size && rest.data[0] != '/')
        drop_user(&rest);
    return rest.size > 1 && rest.data[0] == '/' ? NULL
                                                : "the path of a Unix socket begins with / (unix:///run/redis.sock)";
}

static const char *check_redis_url(struct arena *arena, struct text url)
{
    static const struct text tcp = TEXT_INIT("redis://");
    static const struct text sockets[] = { TEXT_INIT("unix://"), TEXT_INIT("redis+unix://") };
    if (!is_percent_encoded(url))
        return "a character is special in URLs: write it as % and two hex digits";
    if (text_starts_with(url, tcp))
        return check_redis_host(arena, (struct text){ url.data + tcp.size, url.size - tcp.size });
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++)
        if (text_starts_with(url, sockets[i]))
            return check_redis_path((struct text){ url.data + sockets[i].size, url.size - sockets[i].size });
    if (text_starts_with(url, TEXT("rediss://")))
        return "TLS toward Redis is not built in; use redis:// over a trusted network, or a Unix socket";
    return "it must begin with redis:// or unix://";
}

/* The URL may hold a password, so no message shows any of it. */
void read_redis_url(const struct config_value *value)
{
    const char *wrong = check_redis_url(&value->reading->config->arena, value->text);
    if (wrong)
        value_complain(value, "%s", wrong);
    else
        *(struct text *)value->place = value->text;
}

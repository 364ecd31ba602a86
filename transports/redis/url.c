/* url.c - takes redis.url apart (RFC 3986 3): redis://[user:password@]host[:port][/db],
 * unix://[user:password@]/path[?db=N]. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "redis.h"
#include "url.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

bool percent_decode(struct buffer *out, struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%') {
            buffer_append_char(out, text.data[i]);
            continue;
        }
        int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return false;
        buffer_append_char(out, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

static char *decoded(struct text text)
{
    struct buffer out = { 0 };
    if (!percent_decode(&out, text)) {
        buffer_fini(&out);
        return NULL;
    }
    buffer_append_char(&out, '\0');
    return out.data;
}

/* Cuts off what stands before the first (or last) c; rest keeps what stands behind it. */
static bool cut(struct text *rest, char c, bool at_last, struct text *before)
{
    const char *at = NULL;
    if (rest->size)
        at = at_last ? memrchr(rest->data, c, rest->size) : memchr(rest->data, c, rest->size);
    if (!at)
        return false;
    *before = (struct text){ rest->data, (size_t)(at - rest->data) };
    *rest = (struct text){ at + 1, rest->size - before->size - 1 };
    return true;
}

static bool number(struct text text, int max, int *value)
{
    if (text.size == 0 || text.size > 6)
        return false;
    *value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *value = *value * 10 + text.data[i] - '0';
    }
    return *value <= max;
}

static const char *take_user(struct redis_url *url, struct text *rest)
{
    struct text info, user;
    if (!cut(rest, '@', true, &info))
        return NULL;
    if (cut(&info, ':', false, &user)) {
        if (user.size && !(url->user = decoded(user)))
            return "the user has a bad %-code";
    }
    if (!(url->password = decoded(info)))
        return "the password has a bad %-code";
    return NULL;
}

static const char *take_host(struct redis_url *url, struct text rest)
{
    struct text host = rest, port = TEXT("6379");
    int value;
    if (rest.size && rest.data[0] == '[') {
        rest = (struct text){ rest.data + 1, rest.size - 1 };
        if (!cut(&rest, ']', false, &host))
            return "an IPv6 address ends in ]";
        if (rest.size && rest.data[0] != ':')
            return "behind ] stands :port or nothing";
        if (rest.size)
            port = (struct text){ rest.data + 1, rest.size - 1 };
    } else if (cut(&rest, ':', true, &host)) {
        port = rest;
    }
    if (host.size == 0)
        return "the host is missing";
    if (!number(port, 65535, &value) || value == 0)
        return "the port is not a number from 1 to 65535";
    url->port = text_dup(port);
    url->host = decoded(host);
    return url->host ? NULL : "the host has a bad %-code";
}

static const char *parse_tcp(struct redis_url *url, struct text rest)
{
    struct text authority, db = { 0 };
    if (cut(&rest, '/', false, &authority))
        db = rest;
    else
        authority = rest;
    if (db.size && !number(db, 65535, &url->db))
        return "behind the / stands the number of a database";
    const char *wrong = take_user(url, &authority);
    return wrong ? wrong : take_host(url, authority);
}

static const char *parse_unix(struct redis_url *url, struct text rest)
{
    struct text path;
    url->is_unix = true;
    if (cut(&rest, '?', false, &path)) {
        if (rest.size < 3 || memcmp(rest.data, "db=", 3) != 0 ||
            !number((struct text){ rest.data + 3, rest.size - 3 }, 65535, &url->db))
            return "behind the ? stands db=number";
        rest = path;
    }
    const char *wrong = rest.size && rest.data[0] != '/' ? take_user(url, &rest) : NULL;
    if (wrong)
        return wrong;
    if (rest.size == 0 || rest.data[0] != '/')
        return "the path of a Unix socket begins with /";
    if (!(url->path = decoded(rest)))
        return "the path has a bad %-code";
    return strlen(url->path) < sizeof((struct sockaddr_un *)0)->sun_path ? NULL
                                                                         : "the path of the Unix socket is too long";
}

static const char *parse(struct redis_url *url, struct text text)
{
    static const struct scheme {
        struct text name;
        const char *(*parse)(struct redis_url *url, struct text rest);
    } schemes[] = {
        { TEXT_INIT("redis://"), parse_tcp },
        { TEXT_INIT("unix://"), parse_unix },
        { TEXT_INIT("redis+unix://"), parse_unix },
    };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (text_starts_with(text, schemes[i].name))
            return schemes[i].parse(
                url, (struct text){ text.data + schemes[i].name.size, text.size - schemes[i].name.size });
    if (text_starts_with(text, TEXT("rediss://")))
        return "TLS toward Redis is not built in; use redis:// over a trusted network, or a Unix socket";
    return "it begins with redis:// or unix://";
}

static char *shown(const struct redis_url *url)
{
    struct buffer out = { 0 };
    if (url->is_unix)
        buffer_printf(&out, "unix://%s", url->path);
    else
        buffer_printf(&out, strchr(url->host, ':') ? "redis://[%s]:%s" : "redis://%s:%s", url->host, url->port);
    if (url->db)
        buffer_printf(&out, url->is_unix ? "?db=%d" : "/%d", url->db);
    buffer_append_char(&out, '\0');
    return out.data;
}

int redis_url_parse(struct redis_url *url, struct text text, char *why, size_t why_size)
{
    *url = (struct redis_url){ 0 };
    const char *wrong = parse(url, text);
    if (wrong) {
        snprintf(why, why_size, "redis.url: %s", wrong);
        redis_url_fini(url);
        return -1;
    }
    url->shown = shown(url);
    return 0;
}

void redis_url_fini(struct redis_url *url)
{
    free(url->host);
    free(url->port);
    free(url->path);
    free(url->user);
    free(url->password);
    free(url->shown);
    *url = (struct redis_url){ 0 };
}

bool redis_url_is_valid(struct text text, char *why, size_t why_size)
{
    struct redis_url url;
    if (redis_url_parse(&url, text, why, why_size) < 0)
        return false;
    redis_url_fini(&url);
    return true;
}

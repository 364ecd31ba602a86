/* components.c - values that name components: which may connect here, and where this server is one itself. */
#include "gateway/config/reading.h"
#include "stanzabus/jid.h"

/* DOMAIN:SECRET; a secret may hold a colon itself. */
static bool split_secret(struct arena *arena, struct text item, struct text *domain, struct text *secret)
{
    const char *colon = memchr(item.data, ':', item.size);
    if (!colon)
        return false;
    size_t size = (size_t)(colon - item.data);
    *secret = (struct text){ colon + 1, item.size - size - 1 };
    return secret->size && jid_prepare_domain(arena, (struct text){ item.data, size }, domain) == 0;
}

void read_components(const struct config_value *value)
{
    struct config *config = value->reading->config;
    struct text_list given = split_list(&config->arena, value->text);
    struct component_secret *components = arena_alloc(&config->arena, given.count * sizeof *components);
    size_t count = 0;
    for (size_t i = 0; i < given.count; i++) {
        if (split_secret(&config->arena, given.items[i], &components[count].domain, &components[count].secret))
            count++;
        else
            value_complain(value, "item %zu is not DOMAIN:SECRET (as irc.example.com:secret)", i + 1);
    }
    *(struct component_secret **)value->place = components;
    config->component_count = count;
}

/* DOMAIN:SECRET@HOST:PORT; the last @ counts. */
static bool parse_upstream(struct arena *arena, struct text item, struct component_upstream *out)
{
    const char *at = memrchr(item.data, '@', item.size);
    if (!at)
        return false;
    size_t size = (size_t)(at - item.data);
    return split_secret(arena, (struct text){ item.data, size }, &out->domain, &out->secret) &&
           parse_listen(arena, (struct text){ at + 1, item.size - size - 1 }, &out->server);
}

void read_upstreams(const struct config_value *value)
{
    struct config *config = value->reading->config;
    struct text_list given = split_list(&config->arena, value->text);
    struct component_upstream *upstreams = arena_alloc(&config->arena, given.count * sizeof *upstreams);
    size_t count = 0;
    for (size_t i = 0; i < given.count; i++) {
        upstreams[count] = (struct component_upstream){ 0 };
        if (parse_upstream(&config->arena, given.items[i], &upstreams[count]))
            count++;
        else
            value_complain(value, "item %zu is not DOMAIN:SECRET@HOST:PORT (as orders.example.com:secret@127.0.0.1:5347)", i + 1);
    }
    *(struct component_upstream **)value->place = upstreams;
    config->upstream_count = count;
}

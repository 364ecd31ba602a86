/* override.c - what weighs more than the file: the environment, and --set on the command line above it. */
#include <ctype.h>
#include <stdlib.h>

#include "gateway/config/reading.h"

static const char environment_prefix[] = "STANZABUS_";

/* Variables that are not settings: the file's name (read by the command line), tests, and what a worker inherits. */
static bool is_for_others(const char *name)
{
    return strcmp(name, "STANZABUS_CONFIG") == 0 || strncmp(name, "STANZABUS_TEST_", 15) == 0 ||
           strncmp(name, "STANZABUS_WORKER_", 17) == 0;
}

/* Kubernetes puts the addresses of services into the environment of every pod; for one named stanzabus these are
 * STANZABUS_SERVICE_HOST, STANZABUS_SERVICE_PORT[_NAME], STANZABUS_PORT=tcp://... and STANZABUS_PORT_5222_TCP[_ADDR...]. */
static bool is_service_link(const char *name, const char *value)
{
    const char *port = strstr(name, "_PORT_");
    return strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") ||
           (port && isdigit((unsigned char)port[6])) || strncmp(value, "tcp://", 6) == 0 ||
           strncmp(value, "udp://", 6) == 0;
}

/* STANZABUS_REDIS_ULR: the key that was probably meant. */
static const struct config_key *nearest_variable(const char *name)
{
    char key[64];
    size_t size = 0;
    for (const char *c = name + strlen(environment_prefix); *c && size < sizeof key; c++)
        key[size++] = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    return config_key_nearest((struct text){ key, size });
}

static void complain_of_variable(struct config_reading *reading, const char *name)
{
    const struct config_source source = { .kind = SOURCE_ENVIRONMENT };
    const struct config_key *near = nearest_variable(name);
    char meant[64];
    if (near)
        config_key_environment(near, meant, sizeof meant);
    if (near)
        reading_complain(reading, NULL, source, "%s: is no setting: did you mean %s?", shown(text_of(name)).text,
                         meant);
    else
        reading_complain(reading, NULL, source, "%s: is no setting: `stanzabus config` lists all keys",
                         shown(text_of(name)).text);
}

static void read_variable(struct config_reading *reading, const char *variable)
{
    const char *equals = strchr(variable, '=');
    if (!equals || strncmp(variable, environment_prefix, strlen(environment_prefix)) != 0)
        return;
    char *name = text_dup((struct text){ variable, (size_t)(equals - variable) });
    const struct config_key *key = config_key_find_environment(name);
    if (key)
        reading_apply(reading, key, trimmed(text_of(equals + 1)), (struct config_source){ .kind = SOURCE_ENVIRONMENT });
    else if (!is_for_others(name) && !is_service_link(name, equals + 1))
        complain_of_variable(reading, name);
    free(name);
}

void read_environment(struct config_reading *reading, char *const *environment)
{
    for (; environment && *environment; environment++)
        read_variable(reading, *environment);
}

static void read_set(struct config_reading *reading, const char *set)
{
    const struct config_source source = { .kind = SOURCE_SET };
    const char *equals = strchr(set, '=');
    struct text name = trimmed(equals ? (struct text){ set, (size_t)(equals - set) } : text_of(set));
    const struct config_key *key = config_key_find(name), *near = key ? NULL : config_key_nearest(name);
    if (key && equals)
        reading_apply(reading, key, trimmed(text_of(equals + 1)), source);
    else if (key)
        reading_complain(reading, key, source, "has no value; write --set %s=VALUE", key->name);
    else if (near)
        reading_complain(reading, NULL, source, "%s: unknown key: did you mean %s?", shown_name(name).text, near->name);
    else
        reading_complain(reading, NULL, source, "%s: unknown key: `stanzabus config` lists all keys",
                         shown_name(name).text);
}

void read_sets(struct config_reading *reading, const char *const *sets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        read_set(reading, sets[i]);
}

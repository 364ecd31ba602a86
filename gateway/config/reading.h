/* reading.h - inside gateway/config: the table of keys, and the reading of one value after another into struct config.
 *
 *   file, environment, --set ──> reading_apply(key, text, source) ──> key->read ──> its place in struct config
 *                                                        └─ mistakes ──> on_error, each with its source
 *
 * When all sources are read, check.c looks at what no single key can see. */
#ifndef STANZABUS_CONFIG_READING_H
#define STANZABUS_CONFIG_READING_H

#include "stanzabus/config.h"

enum { CONFIG_KEYS_MAX = 160, CONFIG_FILE_MAX = 1024 * 1024 /* bytes */ };

enum source_kind { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_SET };

struct config_source {
    enum source_kind kind;
    unsigned line; /* of the file, from 1 */
};

struct config_value;

struct config_key {
    const char *name;
    void (*read)(const struct config_value *value); /* writes to value->place, or complains */
    size_t place;                                   /* offset in struct config */
    const char *initial;                            /* the default, as one would write it */
    int64_t min, max;                               /* of numbers, bytes, and milliseconds */
    const char *const *choices;                     /* of words; their numbers are those of the enum */
    const char *unit;                               /* for a person; NULL for none */
    const char *help;                               /* one line */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;
const struct config_key *config_key_find(struct text name);                        /* NULL when there is none */
const struct config_key *config_key_find_environment(const char *variable);        /* by STANZABUS_... */
const struct config_key *config_key_nearest(struct text name);                     /* NULL when none is near */
void config_key_environment(const struct config_key *key, char *out, size_t size); /* redis.url: STANZABUS_REDIS_URL */

struct config_reading {
    struct config *config;
    const char *file;                              /* its name, for messages; borrowed */
    struct config_source sources[CONFIG_KEYS_MAX]; /* by the key's place in the table: where its value came from */
    unsigned mistakes;
    void (*on_error)(void *ctx, const struct config_error *error);
    void *ctx;
};

struct config_value {
    struct config_reading *reading;
    const struct config_key *key;
    struct config_source source;
    struct text text; /* trimmed; lives as long as the config, NUL-terminated */
    void *place;
};

/* Loads from text in place of a file, which config_load has read; name is what messages call it. */
struct config *config_load_text(const char *name, struct text content, char *const *environment,
                                const char *const *sets, size_t set_count,
                                void (*on_error)(void *ctx, const struct config_error *error), void *ctx);

void reading_apply(struct config_reading *reading, const struct config_key *key, struct text text,
                   struct config_source source);
/* A mistake: where, then what.  key may be NULL. */
void reading_complain(struct config_reading *reading, const struct config_key *key, struct config_source source,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
void value_complain(const struct config_value *value, const char *format, ...) __attribute__((format(printf, 2, 3)));

void read_file(struct config_reading *reading, struct text content);
void read_environment(struct config_reading *reading, char *const *environment);
void read_sets(struct config_reading *reading, const char *const *sets, size_t count);
void check_config(struct config_reading *reading);

/* Text of the user for a message: cut, control characters replaced. */
struct shown {
    char text[84];
};
struct shown shown(struct text t);
struct shown shown_name(struct text name); /* up to what no key has in it: behind that may stand a password */
struct text trimmed(struct text t);
struct text_list split_list(struct arena *arena, struct text t); /* at commas, trimmed, empty items left out */
bool list_has(const struct text_list *list, struct text item);

/* The kinds of values, scalars first; the type is that of their place. */
void read_bool(const struct config_value *value);      /* bool */
void read_number(const struct config_value *value);    /* unsigned */
void read_bytes(const struct config_value *value);     /* size_t */
void read_duration(const struct config_value *value);  /* int64_t, milliseconds */
void read_word(const struct config_value *value);      /* an enum: the number of the choice */
void read_text(const struct config_value *value);      /* struct text, as it is */
void read_prefix(const struct config_value *value);    /* struct text */
void read_node_name(const struct config_value *value); /* struct text */
void read_domain(const struct config_value *value);    /* struct text, prepared; may be empty */
void read_redis_url(const struct config_value *value); /* struct text */
/* struct listen_address.  For "auto" is_on is false and the address is choices[0]; check_config turns it on. */
void read_listen(const struct config_value *value);
bool parse_listen(struct arena *arena, struct text t, struct listen_address *out);
void read_components(const struct config_value *value); /* struct component_secret *, and component_count */
void read_upstreams(const struct config_value *value);  /* struct component_upstream *, and upstream_count */
void read_servers(const struct config_value *value);    /* struct text_list: ADDRESS or ADDRESS@PORT */
void read_observe(const struct config_value *value); /* unsigned, OBSERVE_ bits */
void read_domains(const struct config_value *value); /* struct text_list, and so on */
void read_accounts(const struct config_value *value);
void read_mechanisms(const struct config_value *value);
void read_origins(const struct config_value *value);
void read_proxies(const struct config_value *value);
void read_contacts(const struct config_value *value);
void read_routes(const struct config_value *value); /* struct service_route *, and services_route_count */

#endif

/* config.c - loads the settings from all sources, in the order of their weight, and answers questions about them. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "gateway/config/reading.h"

static void write_source(const struct config_reading *reading, const struct config_key *key,
                         struct config_source source, struct buffer *out)
{
    char variable[64];
    switch (source.kind) {
    case SOURCE_FILE:
        buffer_printf(out, "%s:%u: ", reading->file, source.line);
        break;
    case SOURCE_ENVIRONMENT:
        if (key)
            config_key_environment(key, variable, sizeof variable);
        buffer_printf(out, "environment: %s%s", key ? variable : "", key ? ": " : "");
        return;
    case SOURCE_SET:
        buffer_printf(out, "--set ");
        break;
    case SOURCE_DEFAULT:
        break;
    }
    if (key)
        buffer_printf(out, "%s: ", key->name);
}

__attribute__((format(printf, 4, 0))) static void complain(struct config_reading *reading, const struct config_key *key,
                                                           struct config_source source, const char *format,
                                                           va_list list)
{
    struct config_error error;
    struct buffer where = { 0 };
    char what[400];
    write_source(reading, key, source, &where);
    vsnprintf(what, sizeof what, format, list);
    snprintf(error.text, sizeof error.text, "%.*s%s", TEXT_ARGS(buffer_text(&where)), what);
    buffer_fini(&where);
    reading->mistakes++;
    if (reading->on_error)
        reading->on_error(reading->ctx, &error);
}

void reading_complain(struct config_reading *reading, const struct config_key *key, struct config_source source,
                      const char *format, ...)
{
    va_list list;
    va_start(list, format);
    complain(reading, key, source, format, list);
    va_end(list);
}

void value_complain(const struct config_value *value, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    complain(value->reading, value->key, value->source, format, list);
    va_end(list);
}

void reading_apply(struct config_reading *reading, const struct config_key *key, struct text text,
                   struct config_source source)
{
    struct config_value value = { .reading = reading,
                                  .key = key,
                                  .source = source,
                                  .text = arena_text(&reading->config->arena, text),
                                  .place = (char *)reading->config + key->place };
    reading->sources[key - config_keys] = source;
    key->read(&value);
}

static void read_defaults(struct config_reading *reading)
{
    for (size_t i = 0; i < config_key_count; i++)
        reading_apply(reading, &config_keys[i], text_of(config_keys[i].initial),
                      (struct config_source){ SOURCE_DEFAULT, 0 });
    assert(reading->mistakes == 0);
}

struct config *config_load_text(const char *name, struct text content, char *const *environment,
                                const char *const *sets, size_t set_count,
                                void (*on_error)(void *ctx, const struct config_error *error), void *ctx)
{
    struct config_reading reading = {
        .config = xcalloc(1, sizeof(struct config)), .file = name, .on_error = on_error, .ctx = ctx
    };
    read_defaults(&reading);
    read_file(&reading, content);
    read_environment(&reading, environment);
    read_sets(&reading, sets, set_count);
    check_config(&reading);
    if (reading.mistakes)
        config_free(&reading.config);
    return reading.config;
}

/* The whole of the file in *out.  NULL, or what is wrong. */
static const char *slurp(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return strerror(errno);
    size_t got;
    do {
        got = fread(buffer_reserve(out, 4096), 1, 4096, file);
        out->size += got;
    } while (got && out->size <= CONFIG_FILE_MAX);
    const char *wrong = ferror(file)                  ? strerror(errno)
                        : out->size > CONFIG_FILE_MAX ? "larger than 1 MB: is it the right file?"
                                                      : NULL;
    fclose(file);
    return wrong;
}

struct config *config_load(const char *file, char *const *environment, const char *const *sets, size_t set_count,
                           void (*on_error)(void *ctx, const struct config_error *error), void *ctx)
{
    struct buffer content = { 0 };
    struct config *config = NULL;
    const char *wrong = file ? slurp(file, &content) : NULL;
    if (!wrong) {
        config = config_load_text(file, buffer_text(&content), environment, sets, set_count, on_error, ctx);
    } else if (on_error) {
        struct config_error error;
        snprintf(error.text, sizeof error.text, "%s: cannot read it: %s", shown(text_of(file)).text, wrong);
        on_error(ctx, &error);
    }
    buffer_fini(&content);
    return config;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    arena_fini(&(*config)->arena);
    free(*config);
    *config = NULL;
}

bool config_has_domain(const struct config *config, struct text domain)
{
    return list_has(&config->domains, domain) ||
           (config->auth_anonymous_domain.size && text_equal(config->auth_anonymous_domain, domain));
}

bool config_is_service_domain(const struct config *config, struct text domain)
{
    return list_has(&config->services_domains, domain);
}

bool config_is_service_account(const struct config *config, struct text bare)
{
    return list_has(&config->services_accounts, bare);
}

bool config_has_mechanism(const struct config *config, const char *mechanism)
{
    if (strcmp(mechanism, "ANONYMOUS") == 0)
        return config->auth_anonymous_domain.size > 0;
    return list_has(&config->auth_mechanisms, text_of(mechanism));
}

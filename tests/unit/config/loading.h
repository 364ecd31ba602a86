/* loading.h - for the tests of config: loads from text, and keeps every message. */
#ifndef STANZABUS_TESTS_CONFIG_LOADING_H
#define STANZABUS_TESTS_CONFIG_LOADING_H

#include <stdlib.h>

#include "gateway/config/reading.h"

struct loading {
    struct config *config; /* NULL when there were mistakes */
    struct buffer errors;  /* one a line */
};

static inline void keep_error(void *ctx, const struct config_error *error)
{
    struct loading *loading = ctx;
    buffer_printf(&loading->errors, "%s\n", error->text);
}

static inline struct loading load(const char *content, char *const *environment, const char *const *sets,
                                  size_t set_count)
{
    struct loading loading = { 0 };
    struct text text = text_of(content);
    char *copy = malloc(text.size ? text.size : 1); /* exactly its size, for the address sanitizer */
    text.data = memcpy(copy, content, text.size);
    loading.config = config_load_text("test.conf", text, environment, sets, set_count, keep_error, &loading);
    buffer_append_char(&loading.errors, '\0');
    free(copy);
    return loading;
}

static inline void loading_fini(struct loading *loading)
{
    config_free(&loading->config);
    buffer_fini(&loading->errors);
}

#endif

/* config.c - fuzzes the configuration file: it loads or it is told why, and what loads keeps its promises. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/config/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static void count_error(void *ctx, const struct config_error *error)
{
    must(error->text[0] != '\0' && memchr(error->text, '\0', sizeof error->text), "a mistake has words");
    ++*(unsigned *)ctx;
}

/* The values of the numbers and listeners are where the table says they may be. */
static void check_loaded(const struct config *config)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const char *place = (const char *)config + key->place;
        int64_t number = key->read == read_number     ? *(const unsigned *)place
                         : key->read == read_bytes    ? (int64_t) * (const size_t *)place
                         : key->read == read_duration ? *(const int64_t *)place
                                                      : key->min;
        must(number >= key->min && number <= key->max, "a number is in its range");
    }
    must(config->domains.count > 0, "there is a domain");
    must(config->node_name.size > 0 && config->bus_prefix.size > 0, "names are not empty");
    must(config->limits_client_queue >= config->limits.stanza_bytes, "a queue holds a stanza");
    must(config->listen_tcp.port > 0 || !config->listen_tcp.is_on, "a listener has a port");
    must(config->tls_certificate.size || !config->listen_tls.is_on, "TLS has a certificate");
}

/* The text is a file, and its first line is a --set as well. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text content = { (const char *)data, size };
    const char *newline = size ? memchr(data, '\n', size) : NULL;
    char *line = text_dup((struct text){ content.data, newline ? (size_t)(newline - content.data) : size });
    const char *sets[] = { line };
    for (size_t set_count = 0; set_count < 2; set_count++) {
        unsigned mistakes = 0;
        struct config *config = config_load_text("fuzz", content, NULL, sets, set_count, count_error, &mistakes);
        must(!config == (mistakes > 0), "a config loads when nothing is wrong");
        if (config)
            check_loaded(config);
        config_free(&config);
    }
    free(line);
    return 0;
}

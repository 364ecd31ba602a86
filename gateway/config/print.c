/* print.c - the sample config: every key with its default, unit and help, as a file that config_load takes. */
#include "gateway/config/reading.h"

static void print_range(FILE *out, const struct config_key *key)
{
    const char *unit = key->unit ? key->unit : "";
    if (key->read == read_word) {
        for (size_t i = 0; key->choices[i]; i++)
            fprintf(out, "%s%s", i ? ", " : " (", key->choices[i]);
        fputc(')', out);
    } else if (key->read == read_duration) {
        fprintf(out, " (%g to %g %s)", (double)key->min / 1000, (double)key->max / 1000, unit);
    } else if (key->max) {
        fprintf(out, " (%lld to %lld %s)", (long long)key->min, (long long)key->max, unit);
    } else if (key->unit) {
        fprintf(out, " (%s)", unit);
    }
}

static void print_key(FILE *out, const struct config_key *key)
{
    fprintf(out, "# %s", key->help);
    print_range(out, key);
    fprintf(out, "\n#%s =%s%s\n", key->name, key->initial[0] ? " " : "", key->initial);
}

/* Bytes of the name before its dot; the whole name where there is none. */
static size_t group(const struct config_key *key)
{
    return strcspn(key->name, ".");
}

void config_print(FILE *out)
{
    fputs("# stanzabus: every setting with its default.  Take away the # before a key to set it.\n"
          "# The same keys as environment variables: redis.url is STANZABUS_REDIS_URL; on the command line:\n"
          "# --set redis.url=...  Order of growing weight: default, file, environment, --set.\n",
          out);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i], *last = i ? key - 1 : NULL;
        if (!last || group(key) != group(last) || memcmp(key->name, last->name, group(key)) != 0)
            fputc('\n', out);
        print_key(out, key);
    }
}

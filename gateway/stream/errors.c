/* errors.c - the condition tables of RFC 6120 4.9.3, 6.5 and 8.3.3, looked up by number or by name. */
#include <assert.h>

#include "stanzabus/errors.h"

struct stanza_row {
    struct text name;
    const char *type;
    int code;
};

static const struct stanza_row stanza_rows[] = {
#define STANZA_ROW(id, name, type, code) [STANZA_ERROR_##id] = { TEXT_INIT(name), type, code },
    STANZA_CONDITIONS(STANZA_ROW)
#undef STANZA_ROW
};

static const char *const stream_names[] = {
#define STREAM_NAME(id, name) [STREAM_ERROR_##id] = name,
    STREAM_CONDITIONS(STREAM_NAME)
#undef STREAM_NAME
};

static const char *const sasl_names[] = {
#define SASL_NAME(id, name) [SASL_ERROR_##id] = name,
    SASL_CONDITIONS(SASL_NAME)
#undef SASL_NAME
};

const char *stanza_condition_name(enum stanza_condition condition)
{
    assert(condition < STANZA_ERROR_COUNT);
    return stanza_rows[condition].name.data;
}

const char *stanza_condition_type(enum stanza_condition condition)
{
    assert(condition < STANZA_ERROR_COUNT);
    return stanza_rows[condition].type;
}

int stanza_condition_code(enum stanza_condition condition)
{
    assert(condition < STANZA_ERROR_COUNT);
    return stanza_rows[condition].code;
}

int stanza_condition_find(struct text name)
{
    for (int i = 0; i < STANZA_ERROR_COUNT; i++)
        if (text_equal(name, stanza_rows[i].name))
            return i;
    return -1;
}

const char *stream_condition_name(enum stream_condition condition)
{
    assert(condition < STREAM_ERROR_COUNT);
    return stream_names[condition];
}

const char *sasl_condition_name(enum sasl_condition condition)
{
    assert(condition < SASL_ERROR_COUNT);
    return sasl_names[condition];
}

/* words.c - closed lists of words, and the forms of dates, numbers and languages. */
#include "words.h"

const char *const words_show[] = { "away", "chat", "dnd", "xa", NULL };
const char *const words_chat_state[] = { "active", "composing", "paused", "inactive", "gone", NULL };
const char *const words_marker[] = { "displayed", "received", "acknowledged", NULL };
const char *const words_hint[] = { "no-permanent-store", "no-store", "no-copy", "store", NULL };
const char *const words_error_type[] = { "cancel", "modify", "auth", "wait", "continue", NULL };

static const char *const message_types[] = { "chat", "normal", "groupchat", "headline", "error", NULL };
static const char *const presence_types[] = { "unavailable",  "subscribe", "subscribed", "unsubscribe",
                                              "unsubscribed", "probe",     "error",      NULL };
static const char *const iq_types[] = { "get", "set", "result", "error", NULL };

const char *const *words_type(enum stanza_kind kind)
{
    return kind == STANZA_MESSAGE ? message_types : kind == STANZA_PRESENCE ? presence_types : iq_types;
}

bool words_hold(const char *const *words, struct text word)
{
    for (; *words; words++)
        if (text_is(word, *words))
            return true;
    return false;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* pattern: 'd' for a digit, anything else for itself; text must be as long. */
static bool has_form(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++)
        if (*pattern == 'd' ? !is_digit(*text) : *text != *pattern)
            return false;
    return true;
}

bool is_date_time(struct text text)
{
    enum { WHOLE = sizeof "2026-11-22T14:40:00" - 1, OFFSET = sizeof "+01:00" - 1 };
    if (text.size <= WHOLE || !has_form(text.data, "dddd-dd-ddTdd:dd:dd"))
        return false;
    const char *at = text.data + WHOLE, *end = text.data + text.size;
    if (*at == '.') {
        const char *fraction = ++at;
        while (at < end && is_digit(*at))
            at++;
        if (at == fraction)
            return false;
    }
    if (end - at == 1)
        return *at == 'Z';
    return end - at == OFFSET && (*at == '+' || *at == '-') && has_form(at + 1, "dd:dd");
}

bool is_canonical_integer(struct text text, long least, long most)
{
    if (text.size == 0)
        return false;
    bool is_negative = text.data[0] == '-';
    const char *at = text.data + is_negative, *end = text.data + text.size;
    long value = 0;
    if (at == end || end - at > 9 || (*at == '0' && (is_negative || end - at > 1)))
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        value = value * 10 + (*at - '0');
    }
    value = is_negative ? -value : value;
    return value >= least && value <= most;
}

bool is_language(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!is_digit(c) && c != '-' && (unsigned char)((c | 0x20) - 'a') >= 26)
            return false;
    }
    return true;
}

bool is_white_space(struct text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!strchr(" \t\n\r", text.data[i]) || !text.data[i])
            return false;
    return true;
}

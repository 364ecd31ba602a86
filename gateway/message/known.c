/* known.c - which children of a stanza have a field of their own.  Only one that the field says in full: an element with
 * an unexpected attribute or child, a second of its kind, or one that is empty where content is expected is left to
 * "extensions", which lose nothing. */
#include "to_json.h"
#include "words.h"

enum { OF_MESSAGE = 1 << STANZA_MESSAGE, OF_PRESENCE = 1 << STANZA_PRESENCE, OF_IQ = 1 << STANZA_IQ };
enum how_many {
    ONCE,         /* in a stanza */
    ONCE_BY_NAME, /* several elements share the field */
    ONCE_BY_LANG,
    ANY_NUMBER
};

struct known {
    struct text name; /* NULL data: is_plain knows the names */
    struct text xmlns;
    unsigned kinds;
    enum field field;
    enum how_many how_many;
    bool (*is_plain)(const struct element *element);
};

static bool has_no_children(const struct element *element)
{
    return !element->children;
}

static bool is_bare(const struct element *element)
{
    return !element->attributes && !element->children;
}

static bool has_only_text(const struct element *element)
{
    for (const struct node *n = element->children; n; n = n->next)
        if (n->element)
            return false;
    return true;
}

static bool has_some_text(const struct element *element)
{
    return element->children && has_only_text(element);
}

/* Exactly the attributes of required (with a value) and some of optional; lists of names that end with NULL. */
static bool has_attributes(const struct element *element, const char *const *required, const char *const *optional)
{
    unsigned found = 0, wanted = 0;
    while (required[wanted])
        wanted++;
    for (const struct attribute *a = element->attributes; a; a = a->next) {
        if (a->xmlns.size)
            return false;
        if (words_hold(required, a->name) && a->value.size)
            found++;
        else if (!words_hold(optional, a->name))
            return false;
    }
    return found == wanted;
}

static const char *const none[] = { NULL };
static const char *const id_only[] = { "id", NULL };

static bool has_only_language(const struct element *element)
{
    const struct attribute *a = element->attributes;
    return !a || (!a->next && text_equal(a->xmlns, TEXT(XMLNS_XML)) && text_equal(a->name, TEXT("lang")));
}

static bool is_language_text(const struct element *element)
{
    return has_only_text(element) && has_only_language(element);
}

static bool is_plain_text(const struct element *element)
{
    return !element->attributes && has_only_text(element);
}

/* The text of an element that holds nothing but one node of it. */
static struct text short_text(const struct element *element)
{
    const struct node *n = element->children;
    return n && !n->next && !n->element ? n->text : (struct text){ NULL, 0 };
}

static bool is_show(const struct element *element)
{
    return !element->attributes && words_hold(words_show, short_text(element));
}

static bool is_priority(const struct element *element)
{
    return !element->attributes && is_canonical_integer(short_text(element), PRIORITY_LEAST, PRIORITY_MOST);
}

static bool is_chat_state(const struct element *element)
{
    return is_bare(element) && words_hold(words_chat_state, element->name);
}

static bool is_reference(const struct element *element)
{
    return has_no_children(element) && has_attributes(element, id_only, none);
}

static bool is_receipt(const struct element *element)
{
    if (text_equal(element->name, TEXT("request")))
        return is_bare(element);
    return text_equal(element->name, TEXT("received")) && is_reference(element);
}

static bool is_marker(const struct element *element)
{
    if (text_equal(element->name, TEXT("markable")))
        return is_bare(element);
    return words_hold(words_marker, element->name) && is_reference(element);
}

static bool is_reply(const struct element *element)
{
    static const char *const to_only[] = { "to", NULL };
    return has_no_children(element) && has_attributes(element, id_only, to_only);
}

static bool is_reaction(const struct element *element)
{
    if (!has_attributes(element, id_only, none))
        return false;
    for (const struct node *n = element->children; n; n = n->next)
        if (!n->element || !element_is(n->element, "reaction", XMLNS_REACTIONS) || n->element->attributes ||
            !has_some_text(n->element))
            return false;
    return true;
}

static bool is_delay(const struct element *element)
{
    static const char *const stamp_only[] = { "stamp", NULL }, *const from_only[] = { "from", NULL };
    return has_only_text(element) && has_attributes(element, stamp_only, from_only) &&
           is_date_time(element_get(element, "stamp"));
}

/* XEP-0066 3: a url, and perhaps a desc behind it. */
static bool is_oob(const struct element *element)
{
    const struct node *url = element->children, *desc = url ? url->next : NULL;
    if (element->attributes || !url || !url->element || !element_is(url->element, "url", XMLNS_OOB) ||
        url->element->attributes || !has_some_text(url->element))
        return false;
    return !desc || (!desc->next && desc->element && element_is(desc->element, "desc", XMLNS_OOB) &&
                     is_plain_text(desc->element));
}

static bool is_stanza_id(const struct element *element)
{
    static const char *const id_and_by[] = { "id", "by", NULL };
    return has_no_children(element) && has_attributes(element, id_and_by, none);
}

static bool is_hint(const struct element *element)
{
    return is_bare(element) && words_hold(words_hint, element->name);
}

static bool is_error_head(const struct element *element)
{
    static const char *const type_only[] = { "type", NULL }, *const optional[] = { "by", "code", NULL };
    struct text code = element_get(element, "code");
    return has_attributes(element, type_only, optional) && words_hold(words_error_type, element_get(element, "type")) &&
           (!code.data || is_canonical_integer(code, CODE_LEAST, CODE_MOST));
}

/* RFC 6120 8.3.2: the condition, perhaps a text, perhaps one condition of the application; in this order. */
static bool is_error(const struct element *element)
{
    const struct node *n = element->children;
    if (!is_error_head(element) || !n || !n->element || !text_equal(n->element->xmlns, TEXT(XMLNS_STANZA_ERRORS)) ||
        stanza_condition_find(n->element->name) < 0 || !is_bare(n->element))
        return false;
    n = n->next;
    if (n && n->element && element_is(n->element, "text", XMLNS_STANZA_ERRORS)) {
        if (!is_language_text(n->element))
            return false;
        n = n->next;
    }
    return !n || (n->element && !n->next && !text_equal(n->element->xmlns, TEXT(XMLNS_STANZA_ERRORS)));
}

/* clang-format off */
static const struct known table[] = {
    { TEXT_INIT("body"),      TEXT_INIT(XMLNS_CLIENT),      OF_MESSAGE,               FIELD_BODY,       ONCE_BY_LANG, is_language_text },
    { TEXT_INIT("thread"),    TEXT_INIT(XMLNS_CLIENT),      OF_MESSAGE,               FIELD_THREAD,     ONCE,         is_plain_text },
    { TEXT_INIT("subject"),   TEXT_INIT(XMLNS_CLIENT),      OF_MESSAGE,               FIELD_SUBJECT,    ONCE_BY_LANG, is_language_text },
    { TEXT_INIT("show"),      TEXT_INIT(XMLNS_CLIENT),      OF_PRESENCE,              FIELD_SHOW,       ONCE,         is_show },
    { TEXT_INIT("status"),    TEXT_INIT(XMLNS_CLIENT),      OF_PRESENCE,              FIELD_STATUS,     ONCE_BY_LANG, is_language_text },
    { TEXT_INIT("priority"),  TEXT_INIT(XMLNS_CLIENT),      OF_PRESENCE,              FIELD_PRIORITY,   ONCE,         is_priority },
    { TEXT_INIT("error"),     TEXT_INIT(XMLNS_CLIENT),      OF_MESSAGE | OF_PRESENCE | OF_IQ, FIELD_ERROR, ONCE,      is_error },
    { { NULL, 0 },            TEXT_INIT(XMLNS_CHAT_STATES), OF_MESSAGE,               FIELD_CHAT_STATE, ONCE,         is_chat_state },
    { { NULL, 0 },            TEXT_INIT(XMLNS_RECEIPTS),    OF_MESSAGE,               FIELD_RECEIPT,    ONCE_BY_NAME, is_receipt },
    { { NULL, 0 },            TEXT_INIT(XMLNS_MARKERS),     OF_MESSAGE,               FIELD_MARKER,     ONCE_BY_NAME, is_marker },
    { { NULL, 0 },            TEXT_INIT(XMLNS_HINTS),       OF_MESSAGE,               FIELD_HINTS,      ONCE_BY_NAME, is_hint },
    { TEXT_INIT("origin-id"), TEXT_INIT(XMLNS_SID),         OF_MESSAGE,               FIELD_ORIGIN_ID,  ONCE,         is_reference },
    { TEXT_INIT("stanza-id"), TEXT_INIT(XMLNS_SID),         OF_MESSAGE,               FIELD_STANZA_IDS, ANY_NUMBER,   is_stanza_id },
    { TEXT_INIT("reply"),     TEXT_INIT(XMLNS_REPLY),       OF_MESSAGE,               FIELD_REPLY,      ONCE,         is_reply },
    { TEXT_INIT("replace"),   TEXT_INIT(XMLNS_CORRECT),     OF_MESSAGE,               FIELD_REPLACES,   ONCE,         is_reference },
    { TEXT_INIT("reactions"), TEXT_INIT(XMLNS_REACTIONS),   OF_MESSAGE,               FIELD_REACTION,   ONCE,         is_reaction },
    { TEXT_INIT("delay"),     TEXT_INIT(XMLNS_DELAY),       OF_MESSAGE | OF_PRESENCE, FIELD_DELAY,      ONCE,         is_delay },
    { TEXT_INIT("x"),         TEXT_INIT(XMLNS_OOB),         OF_MESSAGE,               FIELD_OOB,        ONCE,         is_oob },
};
/* clang-format on */

static const struct known *find_known(const struct element *element, struct text xmlns, unsigned kind)
{
    for (const struct known *k = table; k < table + sizeof table / sizeof *table; k++)
        if (text_equal(k->xmlns, xmlns) && (!k->name.data || text_equal(k->name, element->name)) && (k->kinds & kind))
            return k->is_plain(element) ? k : NULL;
    return NULL;
}

/* Two texts without a language are the same language too. */
static bool same_language(const struct element *a, const struct element *b)
{
    struct text mine = element_lang(a), other = element_lang(b);
    return !mine.data == !other.data && text_equal(mine, other);
}

static bool is_repeated(const struct uses *uses, const struct known *known, const struct element *element)
{
    if (known->how_many == ANY_NUMBER)
        return false;
    for (unsigned i = 0; i < uses->count; i++) {
        const struct use *use = &uses->items[i];
        if (use->field == known->field &&
            (known->how_many == ONCE ||
             (known->how_many == ONCE_BY_NAME && text_equal(use->element->name, element->name)) ||
             (known->how_many == ONCE_BY_LANG && same_language(use->element, element))))
            return true;
    }
    return false;
}

void uses_collect(struct uses *uses, const struct stanza *stanza)
{
    struct text content = stanza->root->xmlns;
    uses->count = 0;
    uses->has_rest = false;
    for (const struct node *n = stanza->root->children; n; n = n->next) {
        if (!n->element)
            continue;
        struct text xmlns = neutral_namespace(n->element->xmlns, content);
        const struct known *known = find_known(n->element, xmlns, 1u << stanza->kind);
        if (known && uses->count < USES_MAX && !is_repeated(uses, known, n->element))
            uses->items[uses->count++] = (struct use){ n->element, known->field };
        else
            uses->has_rest = true;
    }
}

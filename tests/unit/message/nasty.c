/* nasty.c - random trees and texts, and every known payload, whole or with something odd about it. */
#include "nasty.h"

#define PICK(dice, list) (list)[dice_roll(dice, sizeof(list) / sizeof *(list))]

unsigned dice_roll(struct dice *dice, unsigned sides)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return (unsigned)(dice->state >> 33) % sides;
}

/* -- texts -- */

static const char *const pieces[] = {
    "a",
    "hello ",
    "<b>&amp;</b>",
    "]]>",
    "<![CDATA[",
    "&",
    "'",
    "\"",
    "\\",
    "\\u0000",
    "\t",
    "\n",
    "\r",
    "\r\n",
    " ",
    "  ",
    "\x7f",
    "\xc2\x80",
    "\xc2\x85",
    "\xc3\xa9",
    "\xe2\x80\xa8",
    "\xe2\x82\xac",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbd",
    "\xf0\x90\x80\x80",
    "\xf0\x9f\x92\x98",
    "\xf4\x8f\xbf\xbf",
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "{",
    "}",
    "[",
    ",",
    "\":\"",
    "12345678",
    "12345678901234567890",
    "xmlns",
    "e\xcc\x81",
    "\xef\xbb\xbf",
};

struct text nasty_text(struct dice *dice, struct arena *arena, size_t size)
{
    struct buffer out = { 0 };
    while (out.size < size) {
        const char *piece = PICK(dice, pieces);
        buffer_append(&out, piece, strlen(piece));
    }
    struct text text = arena_text(arena, buffer_text(&out));
    buffer_fini(&out);
    return text;
}

static struct text some_text(struct dice *dice, struct arena *arena)
{
    return nasty_text(dice, arena, dice_roll(dice, 8) ? 1 + dice_roll(dice, 12) : 1 + dice_roll(dice, 300));
}

/* -- trees -- */

static const char *const names[] = { "a",
                                     "query",
                                     "x",
                                     "body",
                                     "error",
                                     "data",
                                     "name",
                                     "xmlns_",
                                     "_",
                                     "a-b.c",
                                     "\xc3\xa9t\xc3\xa9",
                                     "\xd0\xb0\xcc\x81",
                                     "message",
                                     "item",
                                     "type",
                                     "id" };
static const char *const spaces[] = { XMLNS_CLIENT,
                                      "",
                                      "urn:x",
                                      "urn:x#y",
                                      "http://a.example/?q='1'&b=<\"2\">",
                                      "jabber:iq:auth",
                                      "jabber:iq:register",
                                      XMLNS_STREAM,
                                      "urn:xmpp:receipts",
                                      "\xc3\xa9" };
static const char *const attribute_spaces[] = { "", "", "", "urn:p", "urn:q", XMLNS_XML, "http://a.example/{b}?'&\"" };
static const char *const xml_names[] = { "lang", "space", "id", "base" };

static bool has_attribute(const struct element *e, struct text xmlns, struct text name)
{
    for (const struct attribute *a = e->attributes; a; a = a->next)
        if (text_equal(a->xmlns, xmlns) && text_equal(a->name, name))
            return true;
    return false;
}

static void add_attribute(struct dice *dice, struct arena *arena, struct element *e)
{
    struct text xmlns = text_of(PICK(dice, attribute_spaces));
    struct text name = text_of(text_is(xmlns, XMLNS_XML) ? PICK(dice, xml_names) : PICK(dice, names));
    if (!has_attribute(e, xmlns, name))
        element_set_ns(arena, e, xmlns, name, dice_roll(dice, 4) ? some_text(dice, arena) : TEXT(""));
}

static void add_tree(struct dice *dice, struct arena *arena, struct element *parent, unsigned depth)
{
    struct text xmlns = dice_roll(dice, 2) ? parent->xmlns : text_of(PICK(dice, spaces));
    struct element *e = element_add(arena, parent, text_of(PICK(dice, names)), xmlns);
    while (dice_roll(dice, 3) == 0)
        add_attribute(dice, arena, e);
    for (unsigned children = dice_roll(dice, 4); children; children--) {
        if (depth > 0 && dice_roll(dice, 2))
            add_tree(dice, arena, e, depth - 1);
        else
            element_add_text(arena, e, some_text(dice, arena));
    }
}

/* -- known payloads -- */

#define STANZAS XMLNS_STANZA_ERRORS
struct payload {
    const char *name, *xmlns, *attributes[4], *text, *child, *child_xmlns;
};
static const struct payload payloads[] = {
    { "body", XMLNS_CLIENT, { NULL }, "hi", NULL, NULL },
    { "subject", XMLNS_CLIENT, { NULL }, "s", NULL, NULL },
    { "thread", XMLNS_CLIENT, { NULL }, "t-1", NULL, NULL },
    { "show", XMLNS_CLIENT, { NULL }, "away", NULL, NULL },
    { "status", XMLNS_CLIENT, { NULL }, "out", NULL, NULL },
    { "priority", XMLNS_CLIENT, { NULL }, "-7", NULL, NULL },
    { "error", XMLNS_CLIENT, { "type", "cancel" }, NULL, "item-not-found", STANZAS },
    { "error", XMLNS_CLIENT, { "type", "wait", "code", "500" }, NULL, "gone", STANZAS },
    { "active", "http://jabber.org/protocol/chatstates", { NULL }, NULL, NULL, NULL },
    { "request", "urn:xmpp:receipts", { NULL }, NULL, NULL, NULL },
    { "received", "urn:xmpp:receipts", { "id", "1" }, NULL, NULL, NULL },
    { "markable", "urn:xmpp:chat-markers:0", { NULL }, NULL, NULL, NULL },
    { "displayed", "urn:xmpp:chat-markers:0", { "id", "1" }, NULL, NULL, NULL },
    { "reply", "urn:xmpp:reply:0", { "id", "1", "to", "a@b" }, NULL, NULL, NULL },
    { "replace", "urn:xmpp:message-correct:0", { "id", "1" }, NULL, NULL, NULL },
    { "reactions", "urn:xmpp:reactions:0", { "id", "1" }, NULL, "reaction", "urn:xmpp:reactions:0" },
    { "delay", "urn:xmpp:delay", { "stamp", "2002-09-10T23:08:25Z", "from", "b" }, "late", NULL, NULL },
    { "x", "jabber:x:oob", { NULL }, NULL, "url", "jabber:x:oob" },
    { "stanza-id", "urn:xmpp:sid:0", { "id", "1", "by", "b" }, NULL, NULL, NULL },
    { "origin-id", "urn:xmpp:sid:0", { "id", "1" }, NULL, NULL, NULL },
    { "no-store", "urn:xmpp:hints", { NULL }, NULL, NULL, NULL },
    { "store", "urn:xmpp:hints", { NULL }, NULL, NULL, NULL },
};
static const char *const odd_texts[] = { "",    "-0",          "+1",   "007",   "128", "-128",
                                         "127", "99999999999", "away", " away", "dnd", "x" };
static const char *const languages[] = { "", "de", "en-GB", "x y" };

static void make_odd(struct dice *dice, struct arena *arena, struct element *e)
{
    switch (dice_roll(dice, 7)) {
    case 0:
        add_attribute(dice, arena, e);
        break;
    case 1:
        add_tree(dice, arena, e, 2);
        break;
    case 2:
        element_add_text(arena, e, some_text(dice, arena));
        break;
    case 3: /* without its content */
        e->children = NULL;
        e->children_end = &e->children;
        break;
    case 4: /* without its first attribute */
        if (e->attributes)
            element_set_ns(arena, e, e->attributes->xmlns, e->attributes->name, (struct text){ NULL, 0 });
        break;
    case 5:
        if (e->attributes)
            e->attributes->value = text_of(PICK(dice, odd_texts));
        break;
    default:
        e->children = NULL;
        e->children_end = &e->children;
        element_add_text(arena, e, text_of(PICK(dice, odd_texts)));
    }
}

static void add_payload(struct dice *dice, struct arena *arena, struct element *root)
{
    const struct payload *p = &PICK(dice, payloads);
    bool is_content = strcmp(p->xmlns, XMLNS_CLIENT) == 0;
    struct element *e = element_add(arena, root, text_of(p->name), is_content ? root->xmlns : text_of(p->xmlns));
    for (int i = 0; i < 4 && p->attributes[i]; i += 2)
        element_set(arena, e, p->attributes[i],
                    dice_roll(dice, 4) ? text_of(p->attributes[i + 1]) : some_text(dice, arena));
    if (p->text)
        element_add_text(arena, e, dice_roll(dice, 3) ? text_of(p->text) : some_text(dice, arena));
    if (p->child) {
        struct element *child = element_add(arena, e, text_of(p->child), text_of(p->child_xmlns));
        if (strcmp(p->child_xmlns, STANZAS) != 0)
            element_add_text(arena, child, some_text(dice, arena));
        else if (dice_roll(dice, 2))
            element_add_text(arena, element_add(arena, e, TEXT("text"), TEXT(STANZAS)), some_text(dice, arena));
    }
    if (dice_roll(dice, 3) == 0)
        element_set_ns(arena, e, TEXT(XMLNS_XML), TEXT("lang"), text_of(PICK(dice, languages)));
    if (dice_roll(dice, 3) == 0)
        make_odd(dice, arena, e);
}

/* -- stanzas -- */

static const char *const kinds[] = { "message", "message", "presence", "iq" };
static const char *const root_attributes[] = { "id", "from", "to", "type", "x" };
static const char *const types[] = {
    "chat", "groupchat", "error", "get", "result", "unavailable", "probe", "shout", ""
};

struct stanza *nasty_stanza(struct dice *dice)
{
    struct stanza *stanza = stanza_new();
    struct arena *arena = &stanza->arena;
    struct text content = dice_roll(dice, 10) ? TEXT(XMLNS_CLIENT) : TEXT(XMLNS_SERVER);
    struct element *root = element_new(arena, text_of(PICK(dice, kinds)), content);
    stanza_set_root(stanza, root);
    for (unsigned i = 0; i < sizeof root_attributes / sizeof *root_attributes; i++)
        if (dice_roll(dice, 3))
            element_set(arena, root, root_attributes[i],
                        strcmp(root_attributes[i], "type") == 0 ? text_of(PICK(dice, types)) : some_text(dice, arena));
    while (dice_roll(dice, 4) == 0)
        add_attribute(dice, arena, root);
    for (unsigned children = dice_roll(dice, 9); children; children--) {
        unsigned what = dice_roll(dice, 12);
        if (what < 8)
            add_payload(dice, arena, root);
        else if (what < 11)
            add_tree(dice, arena, root, 4);
        else
            element_add_text(arena, root, some_text(dice, arena));
    }
    return stanza;
}

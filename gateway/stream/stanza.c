/* stanza.c - a stanza's life, and its answers: reply and error (RFC 6120 8.2.3, 8.3). */
#include <assert.h>

#include "stanzabus/stanza.h"

/* The struct lies in the first chunk of its own arena: a typical stanza is one allocation. */
struct stanza *stanza_new(void)
{
    struct arena arena = { 0 };
    struct stanza *stanza = arena_alloc(&arena, sizeof *stanza);
    *stanza = (struct stanza){ .arena = arena, .kind = STANZA_NONE };
    return stanza;
}

void stanza_free(struct stanza **stanza)
{
    if (!*stanza)
        return;
    struct arena arena = (*stanza)->arena; /* a copy, because the original goes with its chunk */
    *stanza = NULL;
    arena_fini(&arena);
}

static enum stanza_kind kind_of(const struct element *root)
{
    if (!text_equal(root->xmlns, TEXT(XMLNS_CLIENT)) && !text_equal(root->xmlns, TEXT(XMLNS_SERVER)))
        return STANZA_NONE;
    if (text_equal(root->name, TEXT("message")))
        return STANZA_MESSAGE;
    if (text_equal(root->name, TEXT("presence")))
        return STANZA_PRESENCE;
    return text_equal(root->name, TEXT("iq")) ? STANZA_IQ : STANZA_NONE;
}

void stanza_set_root(struct stanza *stanza, struct element *root)
{
    stanza->root = root;
    stanza->kind = kind_of(root);
}

struct stanza *stanza_make(const char *name, const char *xmlns)
{
    struct stanza *stanza = stanza_new();
    stanza_set_root(stanza, element_new(&stanza->arena, text_of(name), text_of(xmlns)));
    return stanza;
}

static void copy_attribute(struct stanza *to, const char *name, const struct stanza *from, const char *source)
{
    struct text value = element_get(from->root, source);
    if (value.data)
        element_set(&to->arena, to->root, name, arena_text(&to->arena, value));
}

/* The same kind of stanza, going back: from and to swapped, id kept, of the given type; no children. */
static struct stanza *turn_round(const struct stanza *request, struct text type)
{
    struct stanza *answer = stanza_new();
    struct arena *arena = &answer->arena;
    const struct element *root = request->root;
    stanza_set_root(answer, element_new(arena, arena_text(arena, root->name), arena_text(arena, root->xmlns)));
    copy_attribute(answer, "from", request, "to");
    copy_attribute(answer, "to", request, "from");
    copy_attribute(answer, "id", request, "id");
    if (type.data)
        element_set(arena, answer->root, "type", arena_text(arena, type));
    return answer;
}

struct stanza *stanza_reply(const struct stanza *request)
{
    if (request->kind == STANZA_IQ)
        return turn_round(request, TEXT("result"));
    return turn_round(request, element_get(request->root, "type"));
}

/* RFC 6120 8.3.1: no error answers an error.  8.2.3: nothing answers an iq result.  What is no stanza at all has no
 * stanza errors. */
static bool takes_error(const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    if (stanza->kind == STANZA_NONE || text_equal(type, TEXT("error")))
        return false;
    return !(stanza->kind == STANZA_IQ && text_equal(type, TEXT("result")));
}

struct stanza *stanza_error(const struct stanza *stanza, enum stanza_condition condition, const char *text)
{
    if (!takes_error(stanza))
        return NULL;

    struct stanza *answer = turn_round(stanza, TEXT("error"));
    struct arena *arena = &answer->arena;
    struct element *error = element_add(arena, answer->root, TEXT("error"), answer->root->xmlns);
    element_set(arena, error, "type", text_of(stanza_condition_type(condition)));
    element_add(arena, error, text_of(stanza_condition_name(condition)), TEXT(XMLNS_STANZA_ERRORS));
    if (text) {
        struct element *described = element_add(arena, error, TEXT("text"), TEXT(XMLNS_STANZA_ERRORS));
        element_set_ns(arena, described, TEXT(XMLNS_XML), TEXT("lang"), TEXT("en"));
        element_add_text(arena, described, arena_text(arena, text_of(text)));
    }
    return answer;
}

struct stanza *stanza_copy(const struct stanza *stanza)
{
    struct stanza *copy = stanza_new();
    stanza_set_root(copy, element_copy(&copy->arena, stanza->root));
    copy->bytes = stanza->bytes;
    return copy;
}

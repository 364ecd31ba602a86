/* archive_result.c - an archived message on its way to the one who asked for it (XEP-0313 4.2, XEP-0297). */
#include "gateway/router/archive/archive.h"

static struct text stamp_of(struct arena *arena, const struct archive_id *id)
{
    struct buffer stamp = { 0 };
    json_write_time(&stamp, id->ms);
    struct text text = arena_text(arena, buffer_text(&stamp));
    buffer_fini(&stamp);
    return text;
}

void archive_result_wrap(const struct archive_ids *ids, struct stanza *stanza, const struct archive_result *what)
{
    struct arena *arena = &stanza->arena;
    struct element *archived = stanza->root;
    struct element *message = element_new(arena, TEXT("message"), TEXT(XMLNS_CLIENT));
    struct archive_id id = { 0 };

    archive_id_parse(what->raw, &id);
    element_set(arena, message, "from", what->bare);
    element_set(arena, message, "to", what->to);
    struct element *result = element_add(arena, message, TEXT("result"), TEXT(XMLNS_MAM));
    if (what->queryid.data)
        element_set(arena, result, "queryid", what->queryid);
    element_set(arena, result, "id", archive_id_show(ids, arena, what->bare, what->raw));
    struct element *forwarded = element_add(arena, result, TEXT("forwarded"), TEXT("urn:xmpp:forward:0"));
    struct element *delay = element_add(arena, forwarded, TEXT("delay"), TEXT("urn:xmpp:delay"));
    element_set(arena, delay, "stamp", stamp_of(arena, &id));
    element_append(arena, forwarded, archived);
    stanza_set_root(stanza, message);
}

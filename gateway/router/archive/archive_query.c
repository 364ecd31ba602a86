/* archive_query.c - the form of a query, field by field (XEP-0313 4.1), and its page (4.3). */
#include <stdlib.h>

#include "gateway/router/archive/archive_query.h"
#include "stanzabus/data_form.h"
#include "stanzabus/message.h"

struct reading {
    struct arena *arena;
    const struct archive_query_terms *terms;
    struct archive_query *query;
    enum stanza_condition condition;
    const char *text;
    unsigned known_room;
};

static bool refuse(struct reading *reading, enum stanza_condition condition, const char *text)
{
    reading->condition = condition;
    reading->text = text;
    return false;
}

/* -- bounds -- */

static void raise_lower(struct archive_query *query, struct archive_bound bound)
{
    int order = archive_id_compare(&bound.id, &query->lower.id);
    if (order > 0 || (order == 0 && bound.is_exclusive))
        query->lower = bound;
}

static void drop_upper(struct archive_query *query, struct archive_bound bound)
{
    int order = archive_id_compare(&bound.id, &query->upper.id);
    if (order < 0 || (order == 0 && bound.is_exclusive))
        query->upper = bound;
}

static void add_known(struct reading *reading, const struct archive_id *id)
{
    struct archive_query *query = reading->query;
    if (query->known_count == reading->known_room) {
        unsigned room = reading->known_room * 2 + 4;
        struct archive_id *known = arena_alloc(reading->arena, room * sizeof *known);
        if (query->known_count)
            memcpy(known, query->known, query->known_count * sizeof *known);
        query->known = known;
        reading->known_room = room;
    }
    query->known[query->known_count++] = *id;
}

/* 4.1.3, 4.3.2: an id that is none of this archive's is one that is not there. */
static bool take_id(struct reading *reading, struct text shown, struct archive_id *id)
{
    if (!archive_id_read(reading->terms->ids, reading->terms->bare, shown, id))
        return refuse(reading, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    add_known(reading, id);
    return true;
}

static bool take_after(struct reading *reading, struct text shown)
{
    struct archive_bound bound = { .is_exclusive = true };
    if (!take_id(reading, shown, &bound.id))
        return false;
    raise_lower(reading->query, bound);
    return true;
}

static bool take_before(struct reading *reading, struct text shown)
{
    struct archive_bound bound = { .is_exclusive = true };
    if (!take_id(reading, shown, &bound.id))
        return false;
    drop_upper(reading->query, bound);
    return true;
}

/* -- fields -- */

static bool read_with(struct reading *reading, const struct element *field)
{
    if (jid_parse(reading->arena, data_field_value(reading->arena, field), &reading->query->with) < 0)
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, "'with' is no address");
    return true;
}

static bool read_time(struct reading *reading, const struct element *field, int64_t *ms)
{
    struct text value = data_field_value(reading->arena, field);
    reading->query->is_bounded = true;
    if (!value.size || !date_time_read(value, ms))
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, "'start' and 'end' are times as XEP-0082 writes them");
    *ms = *ms < 0 ? 0 : *ms;
    return true;
}

static bool read_start(struct reading *reading, const struct element *field)
{
    struct archive_bound bound = { { 0, 0 }, false };
    if (!read_time(reading, field, &bound.id.ms))
        return false;
    raise_lower(reading->query, bound);
    return true;
}

static bool read_end(struct reading *reading, const struct element *field)
{
    struct archive_bound bound = { { 0, UINT64_MAX }, false };
    if (!read_time(reading, field, &bound.id.ms))
        return false;
    drop_upper(reading->query, bound);
    return true;
}

static bool read_before_id(struct reading *reading, const struct element *field)
{
    reading->query->is_bounded = true;
    return take_before(reading, data_field_value(reading->arena, field));
}

static bool read_after_id(struct reading *reading, const struct element *field)
{
    reading->query->is_bounded = true;
    return take_after(reading, data_field_value(reading->arena, field));
}

static int compare_ids(const void *a, const void *b)
{
    return archive_id_compare(a, b);
}

static bool read_ids(struct reading *reading, const struct element *field)
{
    struct archive_query *query = reading->query;
    unsigned most = reading->terms->most < ARCHIVE_QUERY_IDS ? reading->terms->most : ARCHIVE_QUERY_IDS;
    query->ids = arena_alloc(reading->arena, most * sizeof *query->ids);
    for (const struct element *value = NULL; (value = data_field_next_value(field, value));) {
        if (query->id_count == most)
            return refuse(reading, STANZA_ERROR_POLICY_VIOLATION, "too many ids in one query");
        if (!take_id(reading, element_text(reading->arena, value), &query->ids[query->id_count]))
            return false;
        query->id_count++;
    }
    qsort(query->ids, query->id_count, sizeof *query->ids, compare_ids);
    unsigned kept = 0;
    for (unsigned i = 0; i < query->id_count; i++)
        if (i == 0 || archive_id_compare(&query->ids[i], &query->ids[kept - 1]) != 0)
            query->ids[kept++] = query->ids[i];
    query->id_count = kept;
    return true;
}

/* 4.1.4: understood; there is no group chat in these archives, whatever is asked. */
static bool read_groupchat(struct reading *reading, const struct element *field)
{
    bool is_wanted;
    if (!data_value_is_boolean(data_field_value(reading->arena, field), &is_wanted))
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, "'include-groupchat' is true or false");
    return true;
}

static bool read_form_type(struct reading *reading, const struct element *field)
{
    if (!text_is(data_field_value(reading->arena, field), XMLNS_MAM))
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, "the form's FORM_TYPE is " XMLNS_MAM);
    return true;
}

static const struct {
    const char *var, *type;
    bool (*read)(struct reading *reading, const struct element *field);
} fields[] = {
    { "FORM_TYPE", "hidden", read_form_type },
    { "with", "jid-single", read_with },
    { "start", "text-single", read_start },
    { "end", "text-single", read_end },
    { "before-id", "text-single", read_before_id },
    { "after-id", "text-single", read_after_id },
    { "ids", "list-multi", read_ids },
    { "include-groupchat", "boolean", read_groupchat },
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

/* 4.1.5: an unknown field is feature-not-implemented, never passed over. */
static bool read_field(struct reading *reading, const struct element *field, unsigned *seen)
{
    struct text var = element_get(field, "var");
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!text_is(var, fields[i].var))
            continue;
        if (*seen & 1u << i)
            return refuse(reading, STANZA_ERROR_BAD_REQUEST, "a field of the form is there twice");
        *seen |= 1u << i;
        return fields[i].read(reading, field);
    }
    return refuse(reading, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED, "a field of the form is unknown here");
}

static bool read_form(struct reading *reading, const struct element *payload)
{
    const struct element *form = element_child(payload, "x", XMLNS_DATA);
    unsigned seen = 0;
    if (!form)
        return true;
    if (!text_is(element_get(form, "type"), "submit"))
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, "the form is of type submit");
    for (const struct element *field = NULL; (field = data_form_next(form, field));)
        if (!read_field(reading, field, &seen))
            return false;
    if (!(seen & 1))
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, "the form's FORM_TYPE is " XMLNS_MAM);
    return true;
}

/* -- the page -- */

/* before and after together are undefined (XEP-0313 11): both hold here. */
static bool read_page(struct reading *reading, const struct element *payload)
{
    const struct archive_query_terms *terms = reading->terms;
    struct archive_query *query = reading->query;
    struct result_set set;
    if (!result_set_read(reading->arena, payload, &set))
        return refuse(reading, STANZA_ERROR_BAD_REQUEST, NULL);
    if (set.index >= 0) /* XEP-0059 2.6 */
        return refuse(reading, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED, "pages are not found by index here");
    query->max = set.max < 0 ? terms->page : set.max > (int64_t)terms->most ? terms->most : (unsigned)set.max;
    query->is_backwards = set.is_backwards;
    query->is_flipped = element_child(payload, "flip-page", XMLNS_MAM) != NULL;
    query->is_paged = set.after.data || set.before.data;
    if (set.after.data && !take_after(reading, set.after))
        return false;
    return !set.before.data || take_before(reading, set.before);
}

bool archive_query_read(struct arena *arena, const struct element *payload, const struct archive_query_terms *terms,
                        struct archive_query *out, enum stanza_condition *condition, const char **text)
{
    struct reading reading = { .arena = arena, .terms = terms, .query = out };
    *out = (struct archive_query){ .queryid = element_get(payload, "queryid"),
                                   .upper = { { INT64_MAX, UINT64_MAX }, false } };
    bool is_read = true;
    if (element_get(payload, "node").data) /* XEP-0442: nodes are pubsub's */
        is_read = refuse(&reading, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    is_read = is_read && read_form(&reading, payload) && read_page(&reading, payload);
    *condition = reading.condition;
    *text = reading.text;
    return is_read;
}

void archive_query_write_form(struct arena *arena, struct element *payload)
{
    struct element *form = data_form_add(arena, payload, "form", XMLNS_MAM);
    for (unsigned i = 1; i < FIELD_COUNT; i++) {
        struct element *field = data_form_add_field(arena, form, fields[i].type, fields[i].var, NULL, (struct text){ 0 });
        if (!text_is(text_of(fields[i].type), "list-multi"))
            continue;
        /* 4.1.5: any id may be given, and none are listed (XEP-0122 3.2.2). */
        const struct text xmlns = TEXT("http://jabber.org/protocol/xdata-validate");
        struct element *validate = element_add(arena, field, TEXT("validate"), xmlns);
        element_set(arena, validate, "datatype", TEXT("xs:string"));
        element_add(arena, validate, TEXT("open"), xmlns);
    }
}

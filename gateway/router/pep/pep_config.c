/* pep_config.c - the configuration of a personal pubsub node.  One table names every field: what it takes, its default,
 * its label.  A field with one choice only is there because clients ask for it by name. */
#include "gateway/router/pep/pep_config.h"

#include <stdio.h>
#include <stdlib.h>

enum kind { BOOLEAN, CHOICE, COUNT, LINE, LINES };

struct row {
    const char *name; /* behind "pubsub#" */
    enum kind kind;
    const char *start;
    const char *label;
    const char *choices[6];
};

static const struct row rows[PEP_FIELD_COUNT] = {
    [PEP_TITLE] = { "title", LINE, "", "A name for the node", { 0 } },
    [PEP_DESCRIPTION] = { "description", LINE, "", "What the node is for", { 0 } },
    [PEP_TYPE] = { "type", LINE, "", "The namespace of the items", { 0 } },
    [PEP_ACCESS_MODEL] = { "access_model", CHOICE, "presence", "Who may read",
                           { "open", "presence", "roster", "whitelist", NULL } },
    [PEP_ROSTER_GROUPS_ALLOWED] = { "roster_groups_allowed", LINES, "", "Roster groups that may read", { 0 } },
    [PEP_PUBLISH_MODEL] = { "publish_model", CHOICE, "publishers", "Who may publish", { "publishers", NULL } },
    [PEP_MAX_ITEMS] = { "max_items", COUNT, "1", "How many items are kept: a number, or max", { 0 } },
    [PEP_PERSIST_ITEMS] = { "persist_items", BOOLEAN, "1", "Items are kept", { 0 } },
    [PEP_ITEM_EXPIRE] = { "item_expire", CHOICE, "max", "How long items are kept", { "max", NULL } },
    [PEP_SEND_LAST_PUBLISHED_ITEM] = { "send_last_published_item", CHOICE, "on_sub_and_presence",
                                       "When the last item is sent unasked",
                                       { "never", "on_sub", "on_sub_and_presence", NULL } },
    [PEP_DELIVER_NOTIFICATIONS] = { "deliver_notifications", BOOLEAN, "1", "Notifications are sent", { 0 } },
    [PEP_DELIVER_PAYLOADS] = { "deliver_payloads", BOOLEAN, "1", "Notifications carry the payload", { 0 } },
    [PEP_NOTIFY_CONFIG] = { "notify_config", BOOLEAN, "0", "Changes of the configuration are told", { 0 } },
    [PEP_NOTIFY_DELETE] = { "notify_delete", BOOLEAN, "1", "The node's deletion is told", { 0 } },
    [PEP_NOTIFY_RETRACT] = { "notify_retract", BOOLEAN, "1", "The retraction of items is told", { 0 } },
    [PEP_NOTIFICATION_TYPE] = { "notification_type", CHOICE, "headline", "The type of notifications",
                                { "headline", NULL } },
    [PEP_PURGE_OFFLINE] = { "purge_offline", CHOICE, "0", "Items go when the publisher goes offline", { "0", NULL } },
};

static const char *const form_types[] = {
    [BOOLEAN] = "boolean", [CHOICE] = "list-single", [COUNT] = "text-single", [LINE] = "text-single", [LINES] = "text-multi"
};

void pep_config_default(struct pep_config *config)
{
    for (int i = 0; i < PEP_FIELD_COUNT; i++)
        config->value[i] = text_of(rows[i].start);
}

bool pep_config_is(const struct pep_config *config, enum pep_field field, const char *value)
{
    return text_is(config->value[field], value);
}

/* -- as lines of the store: LF and % in values are escaped -- */

static void append_line(struct buffer *out, enum pep_field field, struct text value)
{
    buffer_append_text(out, text_of(rows[field].name));
    buffer_append_char(out, '=');
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\n')
            BUFFER_LITERAL(out, "%0A");
        else if (value.data[i] == '%')
            BUFFER_LITERAL(out, "%25");
        else
            buffer_append_char(out, value.data[i]);
    }
    buffer_append_char(out, '\n');
}

void pep_config_write(struct buffer *out, const struct pep_config *config)
{
    for (int i = 0; i < PEP_FIELD_COUNT; i++)
        append_line(out, (enum pep_field)i, config->value[i]);
}

static struct text unescape(struct arena *arena, struct text value)
{
    if (!value.size || !memchr(value.data, '%', value.size))
        return value;
    char *out = arena_alloc(arena, value.size), *end = out;
    for (size_t i = 0; i < value.size; i++) {
        bool is_escape = value.data[i] == '%' && i + 2 < value.size;
        *end++ = is_escape ? (value.data[i + 1] == '0' ? '\n' : '%') : value.data[i];
        i += is_escape ? 2 : 0;
    }
    return (struct text){ out, (size_t)(end - out) };
}

static int find_field(struct text name)
{
    for (int i = 0; i < PEP_FIELD_COUNT; i++)
        if (text_is(name, rows[i].name))
            return i;
    return -1;
}

void pep_config_read(struct arena *arena, struct text lines, struct pep_config *config)
{
    pep_config_default(config);
    lines = arena_text(arena, lines);
    while (lines.size) {
        struct text line = text_take_line(&lines);
        const char *equals = memchr(line.data, '=', line.size);
        int field = equals ? find_field((struct text){ line.data, (size_t)(equals - line.data) }) : -1;
        if (field >= 0)
            config->value[field] =
                unescape(arena, (struct text){ equals + 1, (size_t)(line.data + line.size - equals - 1) });
    }
}

/* -- as a form -- */

static bool refuse(struct pep_fault *fault, enum pep_field field, const char *what)
{
    fault->is_access_model = field == PEP_ACCESS_MODEL;
    snprintf(fault->text, sizeof fault->text, "pubsub#%s: %s", rows[field].name, what);
    return false;
}

static bool read_boolean(struct pep_fault *fault, enum pep_field field, struct text *value)
{
    bool is_on;
    if (!data_value_is_boolean(*value, &is_on))
        return refuse(fault, field, "0 or 1 expected");
    *value = is_on ? TEXT("1") : TEXT("0");
    return true;
}

static bool read_choice(struct pep_fault *fault, enum pep_field field, struct text *value)
{
    char what[160];
    int used = snprintf(what, sizeof what, "this server knows only");
    for (const char *const *choice = rows[field].choices; *choice; choice++) {
        if (text_is(*value, *choice))
            return true;
        used += snprintf(what + used, sizeof what - (size_t)used, " %s", *choice);
    }
    if (field == PEP_PURGE_OFFLINE && text_is(*value, "false")) {
        *value = TEXT("0");
        return true;
    }
    return refuse(fault, field, what);
}

static bool read_count(struct arena *arena, struct pep_fault *fault, enum pep_field field, unsigned most,
                       struct text *value)
{
    unsigned long count = 0;
    char what[80];
    if (text_is(*value, "max"))
        return true;
    snprintf(what, sizeof what, "max or a number from 1 to %u expected", most);
    for (size_t i = 0; i < value->size; i++) {
        if (value->data[i] < '0' || value->data[i] > '9' || count > most)
            return refuse(fault, field, what);
        count = count * 10 + (unsigned long)(value->data[i] - '0');
    }
    if (count < 1 || count > most)
        return refuse(fault, field, what);
    *value = arena_printf(arena, "%lu", count);
    return true;
}

enum { LINE_MAX_BYTES = 1024, GROUPS_MAX_BYTES = 8192 };

static bool read_line(struct pep_fault *fault, enum pep_field field, const struct text *value)
{
    return value->size <= LINE_MAX_BYTES || refuse(fault, field, "longer than 1024 bytes");
}

static bool read_lines(struct arena *arena, struct pep_fault *fault, enum pep_field field, const struct element *form_field,
                       struct text *value)
{
    struct buffer joined = { 0 };
    for (const struct element *v = data_field_next_value(form_field, NULL); v; v = data_field_next_value(form_field, v)) {
        if (joined.size)
            buffer_append_char(&joined, '\n');
        buffer_append_text(&joined, element_text(arena, v));
    }
    bool fits = joined.size <= GROUPS_MAX_BYTES;
    *value = fits ? arena_text(arena, buffer_text(&joined)) : TEXT("");
    buffer_fini(&joined);
    return fits || refuse(fault, field, "too many");
}

static bool read_value(struct arena *arena, const struct element *form_field, enum pep_field field, unsigned most,
                       struct text *value, struct pep_fault *fault)
{
    *value = data_field_value(arena, form_field);
    if (!value->data)
        *value = TEXT("");
    switch (rows[field].kind) {
    case BOOLEAN:
        return read_boolean(fault, field, value);
    case CHOICE:
        return read_choice(fault, field, value);
    case COUNT:
        return read_count(arena, fault, field, most, value);
    case LINE:
        return read_line(fault, field, value);
    case LINES:
        return read_lines(arena, fault, field, form_field, value);
    }
    return false;
}

bool pep_config_submit(struct arena *arena, const struct element *form, unsigned most, struct pep_config *config,
                       struct buffer *lines, struct pep_fault *fault)
{
    const struct text prefix = TEXT("pubsub#");
    *fault = (struct pep_fault){ 0 };
    for (const struct element *f = data_form_next(form, NULL); f; f = data_form_next(form, f)) {
        struct text var = element_get(f, "var"), value;
        if (text_is(var, "FORM_TYPE"))
            continue;
        int field = -1;
        if (text_starts_with(var, prefix))
            field = find_field((struct text){ var.data + prefix.size, var.size - prefix.size });
        if (field < 0) {
            fault->is_unknown_field = true;
            snprintf(fault->text, sizeof fault->text, "%.*s: this server does not know this field",
                     var.size > 100 ? 100 : (int)var.size, var.size ? var.data : "");
            return false;
        }
        if (!read_value(arena, f, (enum pep_field)field, most, &value, fault))
            return false;
        config->value[field] = value;
        if (lines)
            append_line(lines, (enum pep_field)field, value);
    }
    return true;
}

void pep_config_form(struct arena *arena, struct element *parent, const char *type, const char *form_type,
                     const struct pep_config *config)
{
    struct element *form = data_form_add(arena, parent, type, form_type);
    bool is_asking = strcmp(type, "form") == 0;
    for (int i = 0; i < PEP_FIELD_COUNT; i++) {
        const struct row *row = &rows[i];
        struct text value = config->value[i];
        struct element *field = data_form_add_field(
            arena, form, form_types[row->kind], arena_printf(arena, "pubsub#%s", row->name).data,
            is_asking ? row->label : NULL, row->kind == LINES ? (struct text){ NULL, 0 } : arena_text(arena, value));
        while (row->kind == LINES && value.size)
            data_field_add_value(arena, field, arena_text(arena, text_take_line(&value)));
        for (const char *const *choice = row->choices; is_asking && row->kind == CHOICE && *choice; choice++)
            data_field_add_option(arena, field, NULL, text_of(*choice));
    }
}

/* -- who may read -- */

static bool shares_line(struct text a, struct text b)
{
    while (a.size) {
        struct text mine = text_take_line(&a), rest = b;
        while (rest.size)
            if (text_equal(mine, text_take_line(&rest)))
                return true;
    }
    return false;
}

enum pep_access pep_config_access(const struct pep_config *config, const struct pep_contact *contact)
{
    if (contact->is_owner || pep_config_is(config, PEP_ACCESS_MODEL, "open"))
        return PEP_MAY_READ;
    if (pep_config_is(config, PEP_ACCESS_MODEL, "presence"))
        return contact->is_subscribed ? PEP_MAY_READ : PEP_NEEDS_PRESENCE;
    if (pep_config_is(config, PEP_ACCESS_MODEL, "roster"))
        return shares_line(config->value[PEP_ROSTER_GROUPS_ALLOWED], contact->groups) ? PEP_MAY_READ : PEP_NEEDS_GROUP;
    return PEP_CLOSED; /* whitelist: nobody is on it but the owner (XEP-0223) */
}

/* caps_hash.c - the verification string of XEP-0115 5, built again from a disco#info answer, and its hash. */
#include "gateway/router/pep/caps.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "stanzabus/credential.h"
#include "stanzabus/data_form.h"

/* Names of XEP-0300 and RFC 3279's registry, and OpenSSL's. */
static const struct {
    const char *name, *digest;
} hashes[] = {
    { "sha-1", "SHA1" },       { "sha-256", "SHA256" },     { "sha-384", "SHA384" },
    { "sha-512", "SHA512" },   { "sha3-256", "SHA3-256" },  { "sha3-512", "SHA3-512" },
    { "blake2b-512", "BLAKE2b512" },
};

static const char *find_digest(struct text name)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (text_is(name, hashes[i].name))
            return hashes[i].digest;
    return NULL;
}

bool caps_hash_is_known(struct text name)
{
    return find_digest(name) != NULL;
}

/* i;octet (RFC 4790 9.3). */
static int compare(struct text a, struct text b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_texts(const void *a, const void *b)
{
    return compare(*(const struct text *)a, *(const struct text *)b);
}

/* '<' in a text stays the entity that it came as: who could say the separator itself could give one client's string with
 * another's features (5.1, 5.2). */
static void append(struct buffer *out, struct text text, char behind)
{
    for (const char *stop; (stop = text.size ? memchr(text.data, '<', text.size) : NULL);) {
        size_t before = (size_t)(stop - text.data);
        buffer_append(out, text.data, before);
        BUFFER_LITERAL(out, "&lt;");
        text = (struct text){ stop + 1, text.size - before - 1 };
    }
    buffer_append_text(out, text);
    buffer_append_char(out, behind);
}

/* -- identities -- */

enum { IDENTITY_PARTS = 4 };
struct identity {
    struct text part[IDENTITY_PARTS]; /* category, type, lang, name */
};

static int compare_identities(const void *a, const void *b)
{
    int order = 0;
    for (int i = 0; !order && i < IDENTITY_PARTS; i++)
        order = compare(((const struct identity *)a)->part[i], ((const struct identity *)b)->part[i]);
    return order;
}

static size_t count_children(const struct element *parent, const char *name, const char *xmlns)
{
    size_t count = 0;
    for (const struct node *n = parent->children; n; n = n->next)
        count += n->element && element_is(n->element, name, xmlns);
    return count;
}

static bool append_identities(struct arena *arena, const struct element *query, struct buffer *out)
{
    size_t count = 0;
    struct identity *list = arena_alloc(arena, (count_children(query, "identity", XMLNS_DISCO_INFO) + 1) * sizeof *list);
    for (const struct node *n = query->children; n; n = n->next)
        if (n->element && element_is(n->element, "identity", XMLNS_DISCO_INFO))
            list[count++] = (struct identity){ { element_get(n->element, "category"), element_get(n->element, "type"),
                                                 element_lang(n->element), element_get(n->element, "name") } };
    qsort(list, count, sizeof *list, compare_identities);
    for (size_t i = 0; i < count; i++) {
        if (i && compare_identities(&list[i - 1], &list[i]) == 0)
            return false;
        for (int part = 0; part < IDENTITY_PARTS; part++)
            append(out, list[i].part[part], part + 1 < IDENTITY_PARTS ? '/' : '<');
    }
    return true;
}

/* -- features -- */

static bool append_features(struct arena *arena, const struct element *query, struct buffer *out)
{
    size_t count = 0;
    struct text *list = arena_alloc(arena, (count_children(query, "feature", XMLNS_DISCO_INFO) + 1) * sizeof *list);
    for (const struct node *n = query->children; n; n = n->next)
        if (n->element && element_is(n->element, "feature", XMLNS_DISCO_INFO))
            list[count++] = element_get(n->element, "var");
    qsort(list, count, sizeof *list, compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (i && compare(list[i - 1], list[i]) == 0)
            return false;
        append(out, list[i], '<');
    }
    return true;
}

/* -- forms (XEP-0128) -- */

struct part { /* a form by its FORM_TYPE, or a field by its var */
    struct text name;
    const struct element *element;
};

static int compare_parts(const void *a, const void *b)
{
    return compare(((const struct part *)a)->name, ((const struct part *)b)->name);
}

static void append_values(struct arena *arena, const struct element *field, struct buffer *out)
{
    size_t count = 0;
    struct text *list = arena_alloc(arena, (count_children(field, "value", XMLNS_DATA) + 1) * sizeof *list);
    for (const struct element *v = data_field_next_value(field, NULL); v; v = data_field_next_value(field, v))
        list[count++] = element_text(arena, v);
    qsort(list, count, sizeof *list, compare_texts);
    for (size_t i = 0; i < count; i++)
        append(out, list[i], '<');
}

static void append_form(struct arena *arena, const struct part *form, struct buffer *out)
{
    size_t count = 0;
    struct part *fields = arena_alloc(arena, (count_children(form->element, "field", XMLNS_DATA) + 1) * sizeof *fields);
    for (const struct element *f = data_form_next(form->element, NULL); f; f = data_form_next(form->element, f))
        if (!text_is(element_get(f, "var"), "FORM_TYPE"))
            fields[count++] = (struct part){ element_get(f, "var"), f };
    qsort(fields, count, sizeof *fields, compare_parts);
    append(out, form->name, '<');
    for (size_t i = 0; i < count; i++) {
        append(out, fields[i].name, '<');
        append_values(arena, fields[i].element, out);
    }
}

/* 5.4, 3.5 and 3.6.  True: one to count; *is_wrong: ill-formed. */
static bool read_form_type(struct arena *arena, const struct element *form, struct text *name, bool *is_wrong)
{
    const struct element *field = data_form_field(form, "FORM_TYPE");
    if (!field || !text_is(element_get(field, "type"), "hidden"))
        return false;
    *name = data_field_value(arena, field);
    for (const struct element *v = data_field_next_value(field, NULL); v; v = data_field_next_value(field, v))
        *is_wrong = *is_wrong || !text_equal(element_text(arena, v), *name);
    return name->data != NULL;
}

static bool append_forms(struct arena *arena, const struct element *query, struct buffer *out)
{
    size_t count = 0;
    bool is_wrong = false;
    struct part *forms = arena_alloc(arena, (count_children(query, "x", XMLNS_DATA) + 1) * sizeof *forms);
    for (const struct node *n = query->children; n; n = n->next) {
        if (!n->element || !element_is(n->element, "x", XMLNS_DATA))
            continue;
        forms[count].element = n->element;
        count += read_form_type(arena, n->element, &forms[count].name, &is_wrong);
    }
    qsort(forms, count, sizeof *forms, compare_parts);
    for (size_t i = 0; i < count && !is_wrong; i++) {
        is_wrong = i && compare(forms[i - 1].name, forms[i].name) == 0;
        append_form(arena, &forms[i], out);
    }
    return !is_wrong;
}

/* -- the whole -- */

static const struct text wish_end = TEXT_INIT("+notify");

static bool is_wish(struct text var)
{
    return var.size > wish_end.size && memcmp(var.data + var.size - wish_end.size, wish_end.data, wish_end.size) == 0;
}

/* A feature could also stand in the string as an identity with its slashes, or as a form's field: wishes are believed of
 * features only, so that nobody can answer for another's client and leave them out. */
static bool has_only_plain_wishes(const struct element *query, const struct buffer *string)
{
    long wishes = 0;
    for (const struct node *n = query->children; n; n = n->next)
        wishes += n->element && element_is(n->element, "feature", XMLNS_DISCO_INFO) && is_wish(element_get(n->element, "var"));
    const char *at = string->data, *end = at + string->size;
    while (at && (at = memmem(at, (size_t)(end - at), "+notify<", wish_end.size + 1))) {
        at += wish_end.size + 1;
        wishes--;
    }
    return wishes == 0;
}

bool caps_string(struct arena *arena, const struct element *query, struct buffer *out)
{
    return append_identities(arena, query, out) && append_features(arena, query, out) && append_forms(arena, query, out) &&
           has_only_plain_wishes(query, out);
}

/* -- the hash -- */

bool caps_verify(struct arena *arena, const struct element *query, struct text name, struct text ver)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char encoded[EVP_MAX_MD_SIZE * 2];
    unsigned size = 0;
    struct buffer string = { 0 };
    const char *digest_name = find_digest(name);
    const EVP_MD *method = digest_name ? EVP_get_digestbyname(digest_name) : NULL;
    bool is_good = method && caps_string(arena, query, &string) &&
                   EVP_Digest(string.data ? string.data : "", string.size, digest, &size, method, NULL) == 1;
    buffer_fini(&string);
    return is_good &&
           text_equal(ver, (struct text){ encoded, credential_base64(encoded, sizeof encoded, digest, size) });
}

void caps_wishes(const struct element *query, struct buffer *out, size_t most)
{
    for (const struct node *n = query->children; n; n = n->next) {
        if (!n->element || !element_is(n->element, "feature", XMLNS_DISCO_INFO))
            continue;
        struct text var = element_get(n->element, "var");
        if (!is_wish(var))
            continue;
        var.size -= wish_end.size;
        if (out->size + var.size + 1 > most || memchr(var.data, '\n', var.size))
            continue;
        buffer_append_text(out, var);
        buffer_append_char(out, '\n');
    }
}

/* xml_load.c - a small tree builder on expat, independent of the one under test. */
#include "xml_load.h"

#include <dirent.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEPARATOR = '\1' };

struct loading {
    unsigned depth, skip; /* elements open; how many of them lie above the stanza */
    struct stanza *stanza;
    struct element *current;
    void (*each)(void *ctx, struct stanza *stanza);
    void *ctx;
};

static struct text split(struct arena *arena, const char *name, struct text *xmlns)
{
    const char *separator = strchr(name, SEPARATOR);
    *xmlns = separator ? arena_text(arena, (struct text){ name, (size_t)(separator - name) }) : TEXT("");
    return arena_text(arena, text_of(separator ? separator + 1 : name));
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
    struct loading *l = ctx;
    if (l->depth++ < l->skip)
        return;
    if (!l->current)
        l->stanza = stanza_new();
    struct arena *arena = &l->stanza->arena;
    struct text xmlns, local = split(arena, name, &xmlns);
    struct element *element = element_new(arena, local, xmlns);
    for (; *attributes; attributes += 2) {
        struct text space, key = split(arena, attributes[0], &space);
        element_set_ns(arena, element, space, key, arena_text(arena, text_of(attributes[1])));
    }
    if (l->current)
        element_append(arena, l->current, element);
    else
        stanza_set_root(l->stanza, element);
    l->current = element;
}

static void on_end(void *ctx, const char *name)
{
    struct loading *l = ctx;
    (void)name;
    l->depth--;
    if (!l->current)
        return;
    l->current = l->current->parent;
    if (l->current)
        return;
    struct stanza *whole = l->stanza;
    l->stanza = NULL;
    l->each(l->ctx, whole);
}

static void on_text(void *ctx, const char *data, int size)
{
    struct loading *l = ctx;
    if (l->current)
        element_add_text(&l->stanza->arena, l->current,
                         arena_text(&l->stanza->arena, (struct text){ data, (size_t)size }));
}

static int load(struct text xml, struct loading *l)
{
    XML_Parser parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
    XML_SetUserData(parser, l);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    int status = XML_Parse(parser, xml.data, (int)xml.size, 1) == XML_STATUS_OK ? 0 : -1;
    XML_ParserFree(parser);
    if (l->stanza)
        stanza_free(&l->stanza);
    return status;
}

int xml_load_children(struct text document, void (*each)(void *ctx, struct stanza *stanza), void *ctx)
{
    struct loading l = { .skip = 1, .each = each, .ctx = ctx };
    return load(document, &l);
}

static void keep(void *ctx, struct stanza *stanza)
{
    *(struct stanza **)ctx = stanza;
}

struct stanza *xml_load(struct text xml)
{
    struct stanza *stanza = NULL;
    struct buffer wrapped = { 0 };
    BUFFER_LITERAL(&wrapped, "<corpus xmlns='" XMLNS_CLIENT "' xmlns:stream='" XMLNS_STREAM "'>");
    buffer_append_text(&wrapped, xml);
    BUFFER_LITERAL(&wrapped, "</corpus>");
    int status = xml_load_children(buffer_text(&wrapped), keep, &stanza);
    buffer_fini(&wrapped);
    if (status != 0 && stanza)
        stanza_free(&stanza);
    return stanza;
}

char *file_load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = xmalloc(*size + 1);
    *size = fread(data, 1, *size, file);
    data[*size] = '\0';
    fclose(file);
    return data;
}

struct corpus {
    const char *file;
    void (*each)(void *ctx, const char *file, struct stanza *stanza);
    void *ctx;
};

static void on_corpus_stanza(void *ctx, struct stanza *stanza)
{
    struct corpus *corpus = ctx;
    corpus->each(corpus->ctx, corpus->file, stanza);
}

static int is_xml(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".xml") == 0;
}

unsigned corpus_load(void (*each)(void *ctx, const char *file, struct stanza *stanza), void *ctx)
{
    struct dirent **entries;
    unsigned files = 0;
    int count = scandir(TESTS_DIR "/corpus", &entries, is_xml, alphasort);
    for (int i = 0; i < count; i++) {
        struct corpus corpus = { entries[i]->d_name, each, ctx };
        char path[4096];
        size_t size;
        snprintf(path, sizeof path, TESTS_DIR "/corpus/%s", entries[i]->d_name);
        char *data = file_load(path, &size);
        if (data && xml_load_children((struct text){ data, size }, on_corpus_stanza, &corpus) == 0)
            files++;
        else
            fprintf(stderr, "%s: cannot be read\n", path);
        free(data);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return files;
}

/* file.c - the configuration file, line by line: "key = value", [section] before the rest of a key, comments behind # or ;
 * at the start of a line or after white space.  Indentation means nothing. */
#include <ctype.h>

#include "gateway/config/reading.h"

struct file {
    struct config_reading *reading;
    struct text section;
    struct config_source source;
};

/* Takes the next line off *rest, without its end. */
static struct text next_line(struct text *rest)
{
    const char *end = memchr(rest->data, '\n', rest->size);
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    struct text line = { rest->data, size };
    size += end != NULL;
    *rest = (struct text){ rest->data + size, rest->size - size };
    return line;
}

static struct text without_comment(struct text line)
{
    for (size_t i = 0; i < line.size; i++) {
        bool opens = line.data[i] == '#' || line.data[i] == ';';
        if (opens && (i == 0 || isspace((unsigned char)line.data[i - 1])))
            line.size = i;
    }
    return trimmed(line);
}

static void read_section(struct file *file, struct text line)
{
    struct text name = trimmed((struct text){ line.data + 1, line.size - 1 });
    if (name.size < 2 || name.data[name.size - 1] != ']') {
        reading_complain(file->reading, NULL, file->source, "a section is written [name]");
        return;
    }
    file->section = trimmed((struct text){ name.data, name.size - 1 });
}

static void complain_of_unknown(struct file *file, struct text name)
{
    const struct config_key *near = config_key_nearest(name);
    if (near)
        reading_complain(file->reading, NULL, file->source, "unknown key '%s': did you mean %s?", shown_name(name).text,
                         near->name);
    else
        reading_complain(file->reading, NULL, file->source, "unknown key '%s': `stanzabus config` lists all keys",
                         shown_name(name).text);
}

static void read_pair(struct file *file, struct text name, struct text text)
{
    struct config_reading *reading = file->reading;
    if (file->section.size)
        name = arena_printf(&reading->config->arena, "%.*s.%.*s", TEXT_ARGS(file->section), TEXT_ARGS(name));
    const struct config_key *key = config_key_find(name);
    if (!key) {
        complain_of_unknown(file, name);
        return;
    }
    struct config_source before = reading->sources[key - config_keys];
    if (before.kind == SOURCE_FILE)
        reading_complain(reading, key, file->source, "is already set on line %u; remove one of the two", before.line);
    else
        reading_apply(reading, key, text, file->source);
}

static void read_line(struct file *file, struct text line)
{
    if (line.size == 0)
        return;
    if (line.data[0] == '[') {
        read_section(file, line);
        return;
    }
    const char *equals = memchr(line.data, '=', line.size);
    size_t size = equals ? (size_t)(equals - line.data) : 0;
    struct text name = trimmed((struct text){ line.data, size });
    if (name.size == 0)
        reading_complain(file->reading, NULL, file->source, "a line is key = value, [section], or a comment behind #");
    else
        read_pair(file, name, trimmed((struct text){ equals + 1, line.size - size - 1 }));
}

void read_file(struct config_reading *reading, struct text content)
{
    struct file file = { .reading = reading, .source = { SOURCE_FILE, 0 } };
    if (text_starts_with(content, TEXT("\xef\xbb\xbf"))) /* byte order mark */
        content = (struct text){ content.data + 3, content.size - 3 };
    while (content.size) {
        struct text line = next_line(&content);
        file.source.line++;
        if (memchr(line.data, '\0', line.size)) {
            reading_complain(reading, NULL, file.source, "holds a NUL byte: this is no text file");
            return;
        }
        read_line(&file, without_comment(line));
    }
}

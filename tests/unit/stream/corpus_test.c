/* corpus_test.c - every stanza of tests/corpus (examples of the XEPs) is read from a stream, written in both scopes and
 * read again: nothing may change. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "round_trip.h"

enum { CORPUS_STANZAS = 2275 };

struct run {
    const char *file;
    unsigned stanzas;
};

static void on_open(void *ctx, const struct stream_header *header)
{
    (void)ctx;
    (void)header;
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct run *run = ctx;
    run->stanzas++;
    if (!survives(stanza->root))
        fail_msg("%s: stanza %u changes on its way", run->file, run->stanzas);
    stanza_free(&stanza);
}

static void on_close(void *ctx)
{
    fail_msg("%s: closed", ((struct run *)ctx)->file);
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    fail_msg("%s: %s, %s", ((struct run *)ctx)->file, stream_condition_name(condition), text);
}

static struct buffer read_file(const char *path)
{
    struct buffer content = { 0 };
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t got = 1; got > 0; content.size += got)
        got = fread(buffer_reserve(&content, 65536), 1, 65536, file);
    fclose(file);
    return content;
}

/* A stream must not carry comments (RFC 6120 11.1), so they are cut out of the examples. */
static void cut_comments(struct buffer *xml)
{
    char *start, *end;
    while ((start = memmem(xml->data, xml->size, "<!--", 4)) != NULL) {
        size_t behind = xml->size - (size_t)(start - xml->data);
        end = memmem(start, behind, "-->", 3);
        assert_non_null(end);
        end += 3;
        memmove(start, end, behind - (size_t)(end - start));
        xml->size -= (size_t)(end - start);
    }
}

/* What stands between <corpus ...> and </corpus>; corpus declares what a stream header does. */
static void feed_corpus(struct run *run, const struct buffer *xml, size_t step)
{
    static const struct stream_callbacks callbacks = { on_open, on_stanza, on_close, on_error };
    static const struct stream_limits limits = { 262144, 64, 64 };
    static const struct text open =
        TEXT_INIT("<corpus xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
    static const struct text header =
        TEXT_INIT("<stream:stream xmlns='" XMLNS_CLIENT "' xmlns:stream='" XMLNS_STREAM "'>");
    const char *start = memmem(xml->data, xml->size, open.data, open.size);
    assert_non_null(start);
    start += open.size;
    const char *end = memmem(start, xml->size - (size_t)(start - xml->data), "</corpus>", 9);
    assert_non_null(end);

    struct stream_pool *pool = stream_pool_new();
    struct stream *stream = stream_new(pool, FRAMING_TCP, &limits, &callbacks, run);
    stream_feed(stream, header.data, header.size);
    for (; start < end; start += step)
        stream_feed(stream, start, (size_t)(end - start) < step ? (size_t)(end - start) : step);
    stream_free(&stream);
    stream_pool_free(&pool);
}

static void run_corpus(struct run *run, size_t step)
{
    DIR *folder = opendir(TESTS_DIR "/corpus");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".xml") != 0)
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/corpus/%s", TESTS_DIR, entry->d_name);
        struct buffer xml = read_file(path);
        cut_comments(&xml);
        run->file = entry->d_name;
        feed_corpus(run, &xml, step);
        buffer_fini(&xml);
    }
    closedir(folder);
}

static void test_corpus(void **state)
{
    (void)state;
    static const size_t steps[] = { 1 << 20, 61 };
    for (size_t i = 0; i < 2; i++) {
        struct run run = { 0 };
        run_corpus(&run, steps[i]);
        assert_int_equal(run.stanzas, CORPUS_STANZAS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_corpus) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

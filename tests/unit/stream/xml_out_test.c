/* xml_out_test.c - what a tree looks like as XML, in both scopes.  The input is XML of a stream, so every row is also a
 * round trip: what was written is read again and must be equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "round_trip.h"

#define NS_STREAM " xmlns:stream='http://etherx.jabber.org/streams'"

static const struct row {
    const char *name, *input;
    const char *stream, *alone; /* expected; NULL: as the input; "": as the other scope */
} rows[] = {
    { "default namespace", "<iq type='get'/>", NULL, "<iq xmlns='jabber:client' type='get'/>" },
    { "declared where it changes", "<iq><a xmlns='urn:a'><b/></a><c/></iq>", NULL,
      "<iq xmlns='jabber:client'><a xmlns='urn:a'><b/></a><c/></iq>" },
    { "and back", "<a xmlns='urn:a'><b xmlns='jabber:client'/></a>", NULL, "" },
    { "none inside jabber:client", "<iq><a xmlns=''><b/></a></iq>", NULL,
      "<iq xmlns='jabber:client'><a xmlns=''><b/></a></iq>" },
    { "none at the top", "<a xmlns=''><b/></a>", NULL, "<a><b/></a>" },
    { "prefixes of the peer go", "<p:a xmlns:p='urn:p' x='1' p:y='2'><p:b/></p:a>",
      "<a xmlns='urn:p' x='1' xmlns:ns1='urn:p' ns1:y='2'><b/></a>", "" },
    { "attributes in namespaces", "<a xmlns='urn:a' xmlns:b='urn:b' xmlns:c='urn:c' b:x='1' c:x='2' b:y='3' x='4'/>",
      "<a xmlns='urn:a' xmlns:ns0='urn:b' ns0:x='1' xmlns:ns1='urn:c' ns1:x='2' ns0:y='3' x='4'/>", "" },
    { "xml: needs no declaration", "<a xmlns='urn:a' xml:lang='en' xml:space='preserve'/>", NULL, "" },
    { "an element of the xml namespace", "<a xmlns='urn:a'><xml:b/></a>", NULL, "" },
    { "stream:", "<stream:error><x xmlns='urn:x'/><y/></stream:error>", NULL,
      "<stream:error" NS_STREAM "><x xmlns='urn:x'/><y xmlns='jabber:client'/></stream:error>" },
    { "stream: inside, declared once a branch", "<iq><stream:a><stream:b/></stream:a><stream:c/></iq>", NULL,
      "<iq xmlns='jabber:client'><stream:a" NS_STREAM "><stream:b/></stream:a><stream:c" NS_STREAM "/></iq>" },
    { "text", "<a xmlns='urn:a'>&amp;&lt;&gt;\"'\t\n</a>", NULL, "" },
    { "end of a CDATA section in text", "<a xmlns='urn:a'><![CDATA[x]]]]><![CDATA[>&<]]></a>",
      "<a xmlns='urn:a'>x]]&gt;&amp;&lt;</a>", "" },
    { "carriage return in text", "<a xmlns='urn:a'>a\r\nb&#13;\nc\rd</a>", "<a xmlns='urn:a'>a\nb&#13;\nc\nd</a>", "" },
    { "values", "<a xmlns='urn:a' b=\"&amp;&lt;&gt;&quot;'&#10;&#13;&#9; x\"/>",
      "<a xmlns='urn:a' b='&amp;&lt;&gt;&quot;&apos;&#10;&#13;&#9; x'/>", "" },
    { "namespace names are values too", "<a xmlns='urn:&amp;&apos;'/>", NULL, "" },
    { "nothing but references", "<a xmlns='urn:a'>&#38;&#x3c;</a>", "<a xmlns='urn:a'>&amp;&lt;</a>", "" },
    { "beyond ASCII", "<a xmlns='urn:a' \xC3\xA4='\xF0\x9F\x98\x80'>\xE2\x82\xAC\xEF\xBF\xBD</a>", NULL, "" },
    { "mixed content", "<a xmlns='urn:a'> x <b/> y <b/> </a>", NULL, "" },
};

static void assert_written(const struct row *row, const struct element *element, enum stanza_scope scope,
                           const char *expected)
{
    struct buffer out = { 0 };
    BUFFER_LITERAL(&out, "before"); /* it appends */
    element_write(&out, element, scope);
    buffer_append_char(&out, '\0');
    if (strcmp(out.data + 6, expected) != 0)
        fail_msg("%s:\n  %s\nexpected\n  %s", row->name, out.data, expected);
    buffer_fini(&out);
}

static void test_rows(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        const char *in_stream = row->stream ? row->stream : row->input;
        const char *alone = row->alone && *row->alone ? row->alone : in_stream;
        struct stanza *stanza = parse_in_stream(row->input, strlen(row->input));
        if (!stanza)
            fail_msg("%s: not parsed", row->name);
        assert_written(row, stanza->root, SCOPE_STREAM, in_stream);
        assert_written(row, stanza->root, SCOPE_SELF_CONTAINED, alone);
        assert_true(survives(stanza->root));
        stanza_free(&stanza);
    }
}

/* XEP-0220 2: between servers the prefix of the header stands before what is in that namespace, and is not needed within. */
static void test_dialback_prefix(void **state)
{
    static const struct row row = { .name = "db:" };
    static const char key[] = "<result xmlns='jabber:server:dialback' from='a.example'><error xmlns='jabber:client'/><x/></result>";
    (void)state;
    struct stanza *stanza = parse_in_stream(key, sizeof key - 1);
    assert_written(&row, stanza->root, SCOPE_SERVERS, "<db:result from='a.example'><error/><db:x/></db:result>");
    assert_written(&row, stanza->root, SCOPE_STREAM, key);
    stanza_free(&stanza);
}

/* Every character that XML knows, in text and in values; and each that it does not is refused. */
static void test_all_characters(void **state)
{
    (void)state;
    struct buffer xml = { 0 };
    for (unsigned c = 1; c < 0x10FFFF; c += c < 0x3000 || (c > 0xFF00 && c < 0x10010) ? 1 : 977) {
        bool is_xml =
            c == 9 || c == 10 || c == 13 || (c >= 0x20 && c < 0xD800) || (c >= 0xE000 && c < 0xFFFE) || c >= 0x10000;
        xml.size = 0;
        buffer_printf(&xml, "<a xmlns='urn:a' b='-&#%u;'>&#x%x;</a>", c, c);
        struct stanza *stanza = parse_in_stream(xml.data, xml.size);
        if (!stanza == is_xml)
            fail_msg("U+%04X was %s", c, stanza ? "taken" : "refused");
        if (stanza && !survives(stanza->root))
            fail_msg("U+%04X does not survive", c);
        stanza_free(&stanza);
    }
    buffer_fini(&xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_dialback_prefix),
        cmocka_unit_test(test_all_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

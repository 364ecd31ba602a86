/* caps_hash_test.c - verification strings and hashes: the examples of XEP-0115 5.2 and 5.3, and what is ill-formed (5.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/router/pep/caps.h"
#include "tests/unit/stream/round_trip.h"

#define QUERY "<query xmlns='http://jabber.org/protocol/disco#info'>"
#define FORM(type) "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>" type "</value></field>"

static const char simple[] = QUERY "<identity category='client' name='Exodus 0.9.1' type='pc'/>"
                                   "<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#info'/>"
                                   "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/caps'/></query>";

static const char complex[] =
    QUERY "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
          "<identity xml:lang='el' category='client' name='&#936; 0.11' type='pc'/>"
          "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
          "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
          "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
          "<field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>"
          "<field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>"
          "<field var='software'><value>Psi</value></field><field var='software_version'><value>0.11</value></field></x></query>";

static const struct {
    const char *xml, *hash, *ver;
    bool is_good;
} rows[] = {
    { simple, "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=", true },
    { complex, "sha-1", "q07IKJEyjvHSyhy//CH0CxmKi8w=", true },
    { simple, "sha-1", "q07IKJEyjvHSyhy//CH0CxmKi8w=", false },
    { simple, "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0", false },
    { simple, "sha-1", "", false },
    { simple, "md5", "QgayPKawpkPSDYmwT/WM94uAlu0=", false },
    { simple, "", "QgayPKawpkPSDYmwT/WM94uAlu0=", false },
    { QUERY "</query>", "sha-1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=", true },
    { QUERY "</query>", "sha-256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true },
    { QUERY "</query>", "sha-512",
      "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==", true },
    { QUERY "</query>", "sha3-256", "p//G+L8e12ZRwUdWoGHWYvWA/03kO0n6gtgKS4D4Q0o=", true },
};

static struct stanza *parse(const char *xml)
{
    struct stanza *stanza = parse_message(xml, strlen(xml));
    assert_non_null(stanza);
    return stanza;
}

static void test_hashes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stanza *stanza = parse(rows[i].xml);
        if (caps_verify(&stanza->arena, stanza->root, text_of(rows[i].hash), text_of(rows[i].ver)) != rows[i].is_good)
            fail_msg("row %zu", i);
        stanza_free(&stanza);
    }
}

static const struct {
    const char *xml, *string; /* NULL: ill-formed */
} strings[] = {
    { simple, "client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<"
              "http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<" },
    { complex, "client/pc/el/\xce\xa8 0.11<client/pc/en/Psi 0.11<http://jabber.org/protocol/caps<"
               "http://jabber.org/protocol/disco#info<http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<"
               "urn:xmpp:dataforms:softwareinfo<ip_version<ipv4<ipv6<os<Mac<os_version<10.5.1<software<Psi<"
               "software_version<0.11<" },
    { QUERY "<feature var='b'/><feature var='B'/><feature var='ba'/></query>", "B<b<ba<" },
    { QUERY "<identity category='a-b' type='t'/><identity category='a' type='t'/></query>", "a/t//<a-b/t//<" },
    { QUERY FORM("b") "<field var='z'><value>2</value><value>1</value></field><field var='a'/></x>" FORM("a") "</x></query>",
      "a<b<a<z<1<2<" },
    /* A form without a hidden FORM_TYPE is not counted. */
    { QUERY "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>a</value></field></x><x xmlns='jabber:x:data'/></query>", "" },
    { QUERY "<feature var='a'/><feature var='a'/></query>", NULL },
    /* Nobody says another client's string with other features: '<' is none, and wishes are features. */
    { QUERY "<identity category='client' type='pc' name='Psi&lt;http://jabber.org/protocol/muc'/></query>",
      "client/pc//Psi&lt;http://jabber.org/protocol/muc<" },
    { QUERY "<feature var='a&lt;b'/><feature var='c+notify'/></query>", "a&lt;b<c+notify<" },
    { QUERY "<identity category='http:' type='' xml:lang='jabber.org' name='protocol/mood+notify'/></query>", NULL },
    { QUERY "<feature var='c+notify'/>" FORM("a") "<field var='d+notify'/></x></query>", NULL },
    { QUERY "<identity category='a' type='t' name='n'/><identity category='a' type='t' name='n'/></query>", NULL },
    { QUERY FORM("a") "</x>" FORM("a") "</x></query>", NULL },
    { QUERY "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>a</value><value>b</value></field></x></query>",
      NULL },
};

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct stanza *stanza = parse(strings[i].xml);
        struct buffer out = { 0 };
        bool is_good = caps_string(&stanza->arena, stanza->root, &out);
        if (is_good != (strings[i].string != NULL) || (is_good && !text_is(buffer_text(&out), strings[i].string)))
            fail_msg("row %zu: %.*s", i, TEXT_ARGS(buffer_text(&out)));
        buffer_fini(&out);
        stanza_free(&stanza);
    }
}

static void test_wishes(void **state)
{
    struct stanza *stanza = parse(QUERY "<feature var='a+notify'/><feature var='b'/><feature var='+notify'/>"
                                        "<feature var='x&#10;y+notify'/><feature var='urn:c+notify'/></query>");
    struct buffer out = { 0 };
    (void)state;
    caps_wishes(stanza->root, &out, 100);
    assert_true(text_is(buffer_text(&out), "a\nurn:c\n"));
    out.size = 0;
    caps_wishes(stanza->root, &out, 6);
    assert_true(text_is(buffer_text(&out), "a\n"));
    buffer_fini(&out);
    stanza_free(&stanza);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hashes), cmocka_unit_test(test_strings),
                                        cmocka_unit_test(test_wishes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

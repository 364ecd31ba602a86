/* test_event_write.c - what each part of a stanza looks like in "data". */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "there_and_back.h"
#include "xml_load.h"

struct row {
    const char *name, *xml, *data;
};

#define SID "urn:xmpp:sid:0"
#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* clang-format off */
static const struct row rows[] = {
    { "the least", "<message/>", "{'kind':'message'}" },
    { "addresses", "<message type='chat' id='a1' from='juliet@example.com/balcony' to='echo.example.com'><body>hi</body></message>",
      "{'kind':'message','type':'chat','id':'a1','from':'juliet@example.com/balcony','to':'echo.example.com','body':'hi'}" },
    { "an empty id is one", "<iq id='' type='get'/>", "{'kind':'iq','id':'','type':'get'}" },
    { "lang", "<message xml:lang='en'/>", "{'kind':'message','lang':'en'}" },
    { "a type nobody knows", "<message type='shout'/>", "{'kind':'message','attrs':{'type':'shout'}}" },
    { "the type of another kind", "<presence type='chat'/>", "{'kind':'presence','attrs':{'type':'chat'}}" },
    { "attributes nobody knows", "<message id='1' x='y' p:z='w' xml:space='preserve' xmlns:p='urn:p'/>",
      "{'kind':'message','id':'1','attrs':{'x':'y','{urn:p}z':'w','xml:space':'preserve'}}" },
    { "text beside the children", "<message>oh<body>hi</body> <thread/>no</message>",
      "{'kind':'message','body':'hi','thread':'','text':'oh no'}" },
    { "white space beside them", "<message> <body>hi</body>\n</message>", "{'kind':'message','body':'hi'}" },
    { "another content namespace", "<s:message xmlns:s='jabber:server'><s:body>hi</s:body><s:foo><s:bar/><x xmlns=''/></s:foo></s:message>",
      "{'kind':'message','body':'hi','extensions':[{'name':'foo','children':[{'name':'bar'},{'name':'x','xmlns':''}]}]}" },

    { "escapes", "<message><body>&quot;\\&#10;&#13;&#9;/\xc3\xa9\xe2\x80\xa8\xf0\x9f\x92\x98\x7f</body></message>",
      "{'kind':'message','body':'\\\"\\\\\\n\\r\\t/\xc3\xa9\xe2\x80\xa8\xf0\x9f\x92\x98\x7f'}" },
    { "an empty body", "<message><body/></message>", "{'kind':'message','body':''}" },
    { "body in two languages", "<message><body>hi</body><body xml:lang='de'>hallo</body></message>",
      "{'kind':'message','body':'hi','bodies':{'de':'hallo'}}" },
    { "the plain one comes last", "<message><body xml:lang='de'>hallo</body><body xml:lang='fr'>salut</body><body>hi</body></message>",
      "{'kind':'message','body':'hi','bodies':{'de':'hallo','fr':'salut'}}" },
    { "no plain one", "<message><body xml:lang='de'>hallo</body><body xml:lang='fr'>salut</body></message>",
      "{'kind':'message','body':'hallo','body_lang':'de','bodies':{'fr':'salut'}}" },
    { "a language twice", "<message><body xml:lang='de'>a</body><body xml:lang='de'>b</body></message>",
      "{'kind':'message','body':'a','body_lang':'de','extensions':[{'name':'body','attrs':{'xml:lang':'de'},'children':['b']}]}" },
    { "two plain bodies", "<message><body>a</body><body>b</body></message>",
      "{'kind':'message','body':'a','extensions':[{'name':'body','children':['b']}]}" },
    { "a body with an attribute", "<message><body a='b'>x</body></message>",
      "{'kind':'message','extensions':[{'name':'body','attrs':{'a':'b'},'children':['x']}]}" },
    { "a body with an element", "<message><body>x<b/>y</body></message>",
      "{'kind':'message','extensions':[{'name':'body','children':['x',{'name':'b'},'y']}]}" },
    { "subject", "<message><subject xml:lang=''>s</subject></message>", "{'kind':'message','subject':'s','subject_lang':''}" },
    { "thread with a parent", "<message><thread parent='p'>t</thread></message>",
      "{'kind':'message','extensions':[{'name':'thread','attrs':{'parent':'p'},'children':['t']}]}" },

    { "presence", "<presence><show>away</show><status>out</status><priority>-5</priority></presence>",
      "{'kind':'presence','show':'away','status':'out','priority':-5}" },
    { "statuses", "<presence><status>a</status><status xml:lang='x'>b</status></presence>",
      "{'kind':'presence','status':'a','statuses':{'x':'b'}}" },
    { "show nobody knows", "<presence><show>gone</show></presence>",
      "{'kind':'presence','extensions':[{'name':'show','children':['gone']}]}" },
    { "an empty show", "<presence><show/></presence>", "{'kind':'presence','extensions':[{'name':'show'}]}" },
    { "priority not canonical", "<presence><priority>+5</priority></presence>",
      "{'kind':'presence','extensions':[{'name':'priority','children':['+5']}]}" },
    { "priority with a zero", "<presence><priority>05</priority></presence>",
      "{'kind':'presence','extensions':[{'name':'priority','children':['05']}]}" },
    { "priority too big", "<presence><priority>128</priority></presence>",
      "{'kind':'presence','extensions':[{'name':'priority','children':['128']}]}" },
    { "body in presence", "<presence><body>x</body></presence>", "{'kind':'presence','extensions':[{'name':'body','children':['x']}]}" },

    { "error", "<iq type='error' id='1'><error type='cancel'><item-not-found xmlns='" STANZAS "'/></error></iq>",
      "{'kind':'iq','type':'error','id':'1','error':{'type':'cancel','condition':'item-not-found'}}" },
    { "error in full", "<iq type='error' id='1'><error by='x' code='404' type='cancel'><item-not-found xmlns='" STANZAS "'/>"
      "<text xmlns='" STANZAS "' xml:lang='en'>no</text><a xmlns='urn:a' b='c'/></error></iq>",
      "{'kind':'iq','type':'error','id':'1','error':{'type':'cancel','condition':'item-not-found','text':'no','lang':'en','by':'x','code':404,"
      "'application':{'name':'a','xmlns':'urn:a','attrs':{'b':'c'}}}}" },
    { "error with an address", "<iq type='error'><error type='cancel'><gone xmlns='" STANZAS "'>xmpp:x</gone></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','attrs':{'type':'cancel'},'children':[{'name':'gone','xmlns':'" STANZAS "','children':['xmpp:x']}]}]}" },
    { "error in the wrong order", "<iq type='error'><error type='cancel'><text xmlns='" STANZAS "'>x</text><gone xmlns='" STANZAS "'/></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','attrs':{'type':'cancel'},'children':[{'name':'text','xmlns':'" STANZAS "','children':['x']},{'name':'gone','xmlns':'" STANZAS "'}]}]}" },
    { "error with two conditions", "<iq type='error'><error type='cancel'><gone xmlns='" STANZAS "'/><conflict xmlns='" STANZAS "'/></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','attrs':{'type':'cancel'},'children':[{'name':'gone','xmlns':'" STANZAS "'},{'name':'conflict','xmlns':'" STANZAS "'}]}]}" },
    { "error with two of an application", "<iq type='error'><error type='cancel'><gone xmlns='" STANZAS "'/><a xmlns='b'/><c xmlns='b'/></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','attrs':{'type':'cancel'},'children':[{'name':'gone','xmlns':'" STANZAS "'},{'name':'a','xmlns':'b'},{'name':'c','xmlns':'b'}]}]}" },
    { "error that nobody defined", "<iq type='error'><error type='cancel'><oops xmlns='" STANZAS "'/></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','attrs':{'type':'cancel'},'children':[{'name':'oops','xmlns':'" STANZAS "'}]}]}" },
    { "error with formatting", "<iq type='error'><error type='cancel'> <gone xmlns='" STANZAS "'/></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','attrs':{'type':'cancel'},'children':[' ',{'name':'gone','xmlns':'" STANZAS "'}]}]}" },
    { "error without a type", "<iq type='error'><error><gone xmlns='" STANZAS "'/></error></iq>",
      "{'kind':'iq','type':'error','extensions':[{'name':'error','children':[{'name':'gone','xmlns':'" STANZAS "'}]}]}" },

    { "chat state", "<message><composing xmlns='http://jabber.org/protocol/chatstates'/></message>", "{'kind':'message','chat_state':'composing'}" },
    { "receipts", "<message><request xmlns='urn:xmpp:receipts'/><received xmlns='urn:xmpp:receipts' id='7'/></message>",
      "{'kind':'message','receipt':{'request':true,'received':'7'}}" },
    { "a receipt of nothing", "<message><received xmlns='urn:xmpp:receipts'/></message>",
      "{'kind':'message','extensions':[{'name':'received','xmlns':'urn:xmpp:receipts'}]}" },
    { "markers", "<message><markable xmlns='urn:xmpp:chat-markers:0'/><displayed xmlns='urn:xmpp:chat-markers:0' id='7'/></message>",
      "{'kind':'message','marker':{'markable':true,'displayed':'7'}}" },
    { "reply", "<message><reply xmlns='urn:xmpp:reply:0' id='7' to='a@b'/></message>", "{'kind':'message','reply':{'id':'7','to':'a@b'}}" },
    { "replaces", "<message><replace xmlns='urn:xmpp:message-correct:0' id='7'/></message>", "{'kind':'message','replaces':'7'}" },
    { "reaction", "<message><reactions xmlns='urn:xmpp:reactions:0' id='7'><reaction>a</reaction><reaction>b</reaction></reactions></message>",
      "{'kind':'message','reaction':{'id':'7','emojis':['a','b']}}" },
    { "reaction taken back", "<message><reactions xmlns='urn:xmpp:reactions:0' id='7'/></message>", "{'kind':'message','reaction':{'id':'7','emojis':[]}}" },
    { "delay", "<message><delay xmlns='urn:xmpp:delay' from='x' stamp='2002-09-10T23:08:25Z'>late</delay></message>",
      "{'kind':'message','delay':{'stamp':'2002-09-10T23:08:25Z','from':'x','reason':'late'}}" },
    { "delay at no time", "<presence><delay xmlns='urn:xmpp:delay' stamp='today'/></presence>",
      "{'kind':'presence','extensions':[{'name':'delay','xmlns':'urn:xmpp:delay','attrs':{'stamp':'today'}}]}" },
    { "oob", "<message><x xmlns='jabber:x:oob'><url>http://a</url><desc/></x></message>", "{'kind':'message','oob':{'url':'http://a','desc':''}}" },
    { "oob with formatting", "<message><x xmlns='jabber:x:oob'> <url>a</url></x></message>",
      "{'kind':'message','extensions':[{'name':'x','xmlns':'jabber:x:oob','children':[' ',{'name':'url','children':['a']}]}]}" },
    { "stanza ids", "<message><stanza-id xmlns='" SID "' id='1' by='a'/><origin-id xmlns='" SID "' id='2'/><stanza-id xmlns='" SID "' id='3' by='b'/></message>",
      "{'kind':'message','stanza_ids':[{'id':'1','by':'a'},{'id':'3','by':'b'}],'origin_id':'2'}" },
    { "hints", "<message><no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/></message>",
      "{'kind':'message','hints':['no-store','no-copy'],'extensions':[{'name':'no-copy','xmlns':'urn:xmpp:hints'}]}" },

    { "extensions", "<iq type='get' id='1'><query xmlns='a' b='c' d:e='f' xmlns:d='g'>x<y xmlns='h'/><z/>  <w xmlns='jabber:client'/></query></iq>",
      "{'kind':'iq','type':'get','id':'1','extensions':[{'name':'query','xmlns':'a','attrs':{'b':'c','{g}e':'f'},'children':['x',{'name':'y','xmlns':'h'},{'name':'z'},'  ',{'name':'w','xmlns':'jabber:client'}]}]}" },
    { "a secret", "<iq type='set' id='1'><query xmlns='jabber:iq:register' x='y'><username>u</username><password>p</password></query></iq>",
      "{'kind':'iq','type':'set','id':'1','extensions':[{'name':'query','xmlns':'jabber:iq:register'}]}" },
    { "a secret far below", "<message><a xmlns='b'><c><query xmlns='jabber:iq:auth'><password>p</password></query></c></a></message>",
      "{'kind':'message','extensions':[{'name':'a','xmlns':'b','children':[{'name':'c','children':[{'name':'query','xmlns':'jabber:iq:auth'}]}]}]}" },
};
/* clang-format on */

/* Expectations are written with ' for ", but for those that escape it. */
static struct buffer quoted(const char *data)
{
    struct buffer out = { 0 };
    for (; *data; data++)
        buffer_append_char(&out, *data == '\'' ? '"' : *data);
    return out;
}

static void test_data(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stanza *stanza = xml_load(text_of(rows[i].xml));
        struct buffer json = { 0 }, expected = quoted(rows[i].data);
        assert_non_null(stanza);
        write_sample(&json, stanza);
        const char *data = memmem(json.data, json.size, "\"data\":", 7);
        struct text got = { data + 7, (size_t)(json.data + json.size - data) - 8 };
        if (!text_equal(got, buffer_text(&expected)) && ++failed)
            printf("%s:\n  got      %.*s\n  expected %.*s\n", rows[i].name, TEXT_ARGS(got),
                   TEXT_ARGS(buffer_text(&expected)));
        buffer_fini(&json);
        const char *difference = there_and_back(stanza, &json);
        if (difference && ++failed)
            printf("%s: there and back: %s\n", rows[i].name, difference);
        buffer_fini(&json);
        buffer_fini(&expected);
        stanza_free(&stanza);
    }
    assert_int_equal(failed, 0);
}

static void test_head(void **state)
{
    (void)state;
    struct stanza *stanza = xml_load(TEXT("<presence/>"));
    struct buffer json = { 0 };
    struct event_head head = { .id = TEXT("01a203b3-1e7b-7cc1-b1a2-3e0f6c1d9a10"),
                               .wall_ms = 1795358400123,
                               .source = TEXT("romeo@example.com/my phone"),
                               .subject = TEXT("j\"@example.com") };
    event_write(&json, stanza, &head);
    head.subject = TEXT("");
    event_write(&json, stanza, &head);
    buffer_append_char(&json, '\0');
    assert_string_equal(json.data, "{\"specversion\":\"1.0\",\"id\":\"01a203b3-1e7b-7cc1-b1a2-3e0f6c1d9a10\","
                                   "\"source\":\"xmpp:romeo@example.com/my%20phone\",\"type\":\"xmpp.presence\","
                                   "\"subject\":\"j\\\"@example.com\",\"time\":\"2026-11-22T14:40:00.123Z\","
                                   "\"datacontenttype\":\"application/json\",\"data\":{\"kind\":\"presence\"}}"
                                   "{\"specversion\":\"1.0\",\"id\":\"01a203b3-1e7b-7cc1-b1a2-3e0f6c1d9a10\","
                                   "\"source\":\"xmpp:romeo@example.com/my%20phone\",\"type\":\"xmpp.presence\","
                                   "\"time\":\"2026-11-22T14:40:00.123Z\","
                                   "\"datacontenttype\":\"application/json\",\"data\":{\"kind\":\"presence\"}}");
    buffer_fini(&json);
    stanza_free(&stanza);
}

/* No more than so many children have fields; the rest is not lost. */
static void test_many_children(void **state)
{
    (void)state;
    struct buffer xml = { 0 }, json = { 0 };
    BUFFER_LITERAL(&xml, "<message>");
    for (int i = 0; i < 100; i++)
        buffer_printf(&xml, "<body xml:lang='l%d'>%d</body><stanza-id xmlns='" SID "' id='%d' by='b'/>", i, i, i);
    BUFFER_LITERAL(&xml, "</message>");
    struct stanza *stanza = xml_load(buffer_text(&xml));
    const char *difference = there_and_back(stanza, &json);
    if (difference)
        fail_msg("%s", difference);
    buffer_fini(&xml);
    buffer_fini(&json);
    stanza_free(&stanza);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_many_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

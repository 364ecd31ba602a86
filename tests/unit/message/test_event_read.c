/* test_event_read.c - what services may say: the stanza that it makes, or the reason why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stanzabus/message.h"

static const struct event_limits limits = { .bytes = 4096, .depth = 12 };

struct taken {
    const char *name, *json, *xml;
};
struct refused {
    const char *name, *json, *reason, *text;
};

#define DATA(members) "{'data':{" members "}}"
#define MESSAGE(members) DATA("'kind':'message','to':'a@b'," members)
#define EXTENSION(tree) MESSAGE("'extensions':[" tree "]")
#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* In the tables ' stands for ". */
static struct buffer quoted(const char *json)
{
    struct buffer out = { 0 };
    for (; *json; json++)
        buffer_append_char(&out, *json == '\'' ? '"' : *json);
    return out;
}

/* clang-format off */
static const struct taken taken[] = {
    { "brief", "{'data':{'kind':'message','to':'juliet@example.com','body':'hi'}}", "<message to='juliet@example.com'><body>hi</body></message>" },
    { "the example of the contract",
      "{'specversion':'1.0','id':'01a203b3-1e7b-7cc1-b1a2-3e0f6c1d9a10','source':'xmpp:juliet@example.com/balcony','type':'xmpp.message','subject':'echo.example.com',"
      "'time':'2026-11-22T14:40:00.123Z','datacontenttype':'application/json','data':{'kind':'message','type':'chat','id':'a1','from':'juliet@example.com/balcony',"
      "'to':'echo.example.com','body':'Art thou not Romeo?','thread':'t-1','extensions':[{'name':'request','xmlns':'urn:xmpp:receipts'}]}}",
      "<message type='chat' id='a1' from='juliet@example.com/balcony' to='echo.example.com'><body>Art thou not Romeo?</body><thread>t-1</thread><request xmlns='urn:xmpp:receipts'/></message>" },
    { "any order", "{'data':{'body':'hi','to':'a@b','kind':'message'},'type':'xmpp.message'}", "<message to='a@b'><body>hi</body></message>" },
    { "white space", " {\n\t'data' : { 'kind' : 'message' , 'to' : 'a@b' } }\r\n", "<message to='a@b'/>" },
    { "attributes of other makers", "{'traceparent':'00-1','sampled':true,'n0':1,'dataschema':null,'data':{'kind':'presence'}}", "<presence/>" },
    { "null is as good as absent", "{'specversion':null,'id':null,'time':null,'data':{'kind':'presence'}}", "<presence/>" },
    { "a content type with a parameter", "{'datacontenttype':'application/json; charset=utf-8','data':{'kind':'presence'}}", "<presence/>" },
    { "escapes", MESSAGE("'body':'\\u00e9\\ud83d\\uDC98\\/\\n\\\"'"), "<message to='a@b'><body>\xc3\xa9\xf0\x9f\x92\x98/\n\"</body></message>" },
    { "an escaped key", MESSAGE("'b\\u006fdy':'x'"), "<message to='a@b'><body>x</body></message>" },
    { "an empty body", MESSAGE("'body':''"), "<message to='a@b'><body/></message>" },
    { "languages", MESSAGE("'lang':'en','bodies':{'de':'d'},'body_lang':'fr','body':'f'"),
      "<message to='a@b' xml:lang='en'><body xml:lang='de'>d</body><body xml:lang='fr'>f</body></message>" },
    { "presence", DATA("'kind':'presence','type':'unavailable','show':'xa','status':'s','priority':-128"),
      "<presence type='unavailable'><show>xa</show><status>s</status><priority>-128</priority></presence>" },
    { "priority minus zero", DATA("'kind':'presence','priority':-0"), "<presence><priority>0</priority></presence>" },
    { "a request", DATA("'kind':'iq','type':'get','extensions':[{'name':'ping','xmlns':'urn:xmpp:ping'}]"), "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>" },
    { "an empty result", DATA("'kind':'iq','type':'result','id':'1','to':'a@b/c'"), "<iq type='result' id='1' to='a@b/c'/>" },
    { "an error", DATA("'kind':'iq','type':'error','id':'1','to':'a@b/c','error':{'condition':'item-not-found','text':'no'}"),
      "<iq type='error' id='1' to='a@b/c'><error type='cancel'><item-not-found xmlns='" STANZAS "'/><text xmlns='" STANZAS "'>no</text></error></iq>" },
    { "an error in full", DATA("'kind':'message','type':'error','to':'a','error':{'application':{'name':'x','xmlns':'y'},'code':404,'by':'z','lang':'en','text':'no','condition':'gone','type':'modify'}"),
      "<message type='error' to='a'><error type='modify' by='z' code='404'><gone xmlns='" STANZAS "'/><text xmlns='" STANZAS "' xml:lang='en'>no</text><x xmlns='y'/></error></message>" },
    { "an error as a tree", DATA("'kind':'message','type':'error','to':'a','extensions':[{'name':'error'}]"), "<message type='error' to='a'><error/></message>" },
    { "daily extensions", MESSAGE("'chat_state':'paused','receipt':{'received':'1'},'marker':{'displayed':'2'},'reply':{'id':'3'},'replaces':'4',"
      "'reaction':{'emojis':['x','y'],'id':'5'},'delay':{'stamp':'2002-09-10T23:08:25.1+01:00','reason':'r'},'oob':{'url':'u','desc':'d'},'stanza_ids':[{'by':'a','id':'6'}],'origin_id':'7','hints':['store']"),
      "<message to='a@b'><paused xmlns='http://jabber.org/protocol/chatstates'/><received xmlns='urn:xmpp:receipts' id='1'/><displayed xmlns='urn:xmpp:chat-markers:0' id='2'/>"
      "<reply xmlns='urn:xmpp:reply:0' id='3'/><replace xmlns='urn:xmpp:message-correct:0' id='4'/><reactions xmlns='urn:xmpp:reactions:0' id='5'><reaction>x</reaction><reaction>y</reaction></reactions>"
      "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25.1+01:00'>r</delay><x xmlns='jabber:x:oob'><url>u</url><desc>d</desc></x><stanza-id xmlns='urn:xmpp:sid:0' id='6' by='a'/>"
      "<origin-id xmlns='urn:xmpp:sid:0' id='7'/><store xmlns='urn:xmpp:hints'/></message>" },
    { "a tree", EXTENSION("{'children':['x',{'name':'c'},{'name':'d','xmlns':''},'y'],'attrs':{'a':'1','xml:lang':'en','{urn:p}q':'2'},'xmlns':'urn:x','name':'n'}"),
      "<message to='a@b'><n xmlns='urn:x' a='1' xml:lang='en' xmlns:ns2='urn:p' ns2:q='2'>x<c/><d xmlns=''/>y</n></message>" },
    { "a tree without a namespace", EXTENSION("{'name':'n'}"), "<message to='a@b'><n/></message>" },
    { "names of other scripts", EXTENSION("{'name':'\xc3\xa9t\xc3\xa9','attrs':{'\xd0\xb0\xcc\x81':''}}"), "<message to='a@b'><\xc3\xa9t\xc3\xa9 \xd0\xb0\xcc\x81=''/></message>" },
    { "own attributes and text", MESSAGE("'attrs':{'x':'y'},'text':'t'"), "<message to='a@b' x='y'>t</message>" },
};

static const struct refused refused[] = {
    /* not JSON, not UTF-8 */
    { "nothing", "", "not-json", "a value expected at byte 0" },
    { "a word", "hello", "not-json", "a value expected at byte 0" },
    { "an array", "[]", "wrong-type", "an object expected" },
    { "cut", "{'data':{'kind':'mess", "not-json", "data.kind: a string that does not end" },
    { "cut between members", "{'data':{'kind':'message'", "not-json", "data.kind: ',' or '}' expected at byte 25" },
    { "a comma too many", "{'data':{'kind':'presence',}}", "not-json", "data: a key expected at byte 27" },
    { "garbage behind", "{'data':{'kind':'presence'}}x", "not-json", "the end expected at byte 28" },
    { "two documents", "{'data':{'kind':'presence'}}{}", "not-json", "the end expected at byte 28" },
    { "a byte order mark", "\xef\xbb\xbf{'data':{'kind':'presence'}}", "not-json", "a value expected at byte 0" },
    { "a comment", "{/**/'data':{}}", "not-json", "a key expected at byte 1" },
    { "a raw line break", MESSAGE("'body':'a\nb'"), "not-json", "data.body: a control character in a string must be escaped" },
    { "an unknown escape", MESSAGE("'body':'\\x41'"), "not-json", "data.body: unknown escape" },
    { "half an escape", MESSAGE("'body':'\\u00e'"), "not-json", "data.body: \\u needs four hexadecimal digits" },
    { "a number with a zero", DATA("'kind':'presence','priority':01"), "not-json", "data.priority: a number expected at byte 38" },
    { "Latin-1", MESSAGE("'body':'caf\xe9'"), "not-utf-8", "data.body: not UTF-8" },
    { "an overlong form", MESSAGE("'body':'\xc0\xaf'"), "not-utf-8", "data.body: not UTF-8" },
    { "a surrogate in UTF-8", MESSAGE("'body':'\xed\xa0\x80'"), "not-utf-8", "data.body: not UTF-8" },
    { "beyond Unicode", MESSAGE("'body':'\xf4\x90\x80\x80'"), "not-utf-8", "data.body: not UTF-8" },
    { "cut inside a character", MESSAGE("'body':'\xe2\x82'"), "not-utf-8", "data.body: not UTF-8" },
    { "not UTF-8 in a key", MESSAGE("'b\xff':'x'"), "not-utf-8", "data: not UTF-8" },
    { "not UTF-8 in what nobody reads", "{'trace':'\xff','data':{'kind':'presence'}}", "not-utf-8", "trace: not UTF-8" },
    /* characters that XML has not */
    { "NUL", MESSAGE("'body':'\\u0000'"), "bad-value", "data.body: a character that XML cannot carry" },
    { "bell", MESSAGE("'body':'\\u0007'"), "bad-value", "data.body: a character that XML cannot carry" },
    { "backspace", MESSAGE("'body':'\\b'"), "bad-value", "data.body: a character that XML cannot carry" },
    { "U+FFFE", MESSAGE("'body':'\\ufffe'"), "bad-value", "data.body: a character that XML cannot carry" },
    { "U+FFFF in UTF-8", MESSAGE("'body':'\xef\xbf\xbf'"), "bad-value", "data.body: a character that XML cannot carry" },
    { "a high surrogate alone", MESSAGE("'body':'\\ud800'"), "bad-value", "data.body: half of a surrogate pair" },
    { "a low surrogate alone", MESSAGE("'body':'\\udc00x'"), "bad-value", "data.body: half of a surrogate pair" },
    { "two high surrogates", MESSAGE("'body':'\\ud800\\ud800'"), "bad-value", "data.body: half of a surrogate pair" },
    /* duplicates */
    { "a key twice", MESSAGE("'body':'a','body':'b'"), "duplicate-key", "data.body: this key is there twice" },
    { "a key twice, once escaped", MESSAGE("'body':'a','b\\u006fdy':'b'"), "duplicate-key", "data.body: this key is there twice" },
    { "data twice", "{'data':{'kind':'presence'},'data':{'kind':'presence'}}", "duplicate-key", "data: this key is there twice" },
    { "an attribute twice", EXTENSION("{'name':'n','attrs':{'a':'1','a':'2'}}"), "duplicate-key", "data.extensions[0].attrs.a: this key is there twice" },
    { "a language twice", MESSAGE("'bodies':{'de':'1','de':'2'}"), "duplicate-key", "data.bodies.de: this key is there twice" },
    { "a language twice, once plain", MESSAGE("'bodies':{'de':'1'},'body':'2','body_lang':'de'"), "bad-value", "data.body_lang: this language is there twice" },
    /* the envelope */
    { "no data", "{}", "missing-field", "data: this field is needed" },
    { "data that is none", "{'data':null}", "wrong-type", "data: an object expected" },
    { "no kind", "{'data':{}}", "missing-field", "data.kind: this field is needed" },
    { "another version", "{'specversion':'0.3','data':{'kind':'presence'}}", "bad-value", "specversion: only CloudEvents 1.0 is spoken here" },
    { "the version as a number", "{'specversion':1.0,'data':{'kind':'presence'}}", "wrong-type", "specversion: a string expected" },
    { "an empty id", "{'id':'','data':{'kind':'presence'}}", "bad-value", "id: must not be empty" },
    { "a type of its own", "{'type':'com.example.order','data':{'kind':'presence'}}", "bad-value", "type: does not agree with data.kind" },
    { "the wrong type", "{'type':'xmpp.message','data':{'kind':'presence'}}", "bad-value", "type: does not agree with data.kind" },
    { "no time", "{'time':'yesterday','data':{'kind':'presence'}}", "bad-value", "time: not a date and time (RFC 3339)" },
    { "another content", "{'datacontenttype':'text/xml','data':{'kind':'presence'}}", "bad-value", "datacontenttype: data must be application/json" },
    { "edge", "{'edge':'n','data':{'kind':'presence'}}", "not-allowed", "edge: only the gateway sets this field" },
    { "replyto", "{'replyto':'xmpp:from:{bank.example.com}:n7','data':{'kind':'presence'}}", "not-allowed", "replyto: only the gateway sets this field" },
    { "a name that is no attribute's", "{'data_base64':'x','data':{'kind':'presence'}}", "unknown-field", "data_base64: unknown field" },
    { "an attribute that is an object", "{'trace':{},'data':{'kind':'presence'}}", "wrong-type", "trace: a string, a boolean or an integer expected" },
    /* data */
    { "an unknown kind", DATA("'kind':'memo'"), "bad-value", "data.kind: none of the known words" },
    { "a misspelt field", MESSAGE("'boddy':'hi'"), "unknown-field", "data.boddy: unknown field" },
    { "a field of another kind", DATA("'kind':'presence','body':'hi'"), "unknown-field", "data.body: this kind has no such field" },
    { "a number for a body", MESSAGE("'body':5"), "wrong-type", "data.body: a string expected" },
    { "null for a body", MESSAGE("'body':null"), "wrong-type", "data.body: a string expected" },
    { "an unknown type", MESSAGE("'type':'get'"), "bad-value", "data.type: no type of this kind" },
    { "nowhere to", DATA("'kind':'message','body':'hi'"), "missing-field", "data.to: a message needs its address" },
    { "an empty address", DATA("'kind':'message','to':''"), "bad-address", "data.to: not an address" },
    { "an empty sender", MESSAGE("'from':''"), "bad-address", "data.from: not an address" },
    { "a language that is none", MESSAGE("'lang':'en us'"), "bad-value", "data.lang: not a language" },
    { "a language without text", MESSAGE("'body_lang':'en'"), "missing-field", "data.body: a language without its text" },
    { "priority too big", DATA("'kind':'presence','priority':128"), "bad-value", "data.priority: from -128 to 127 expected" },
    { "priority far too big", DATA("'kind':'presence','priority':99999999999999999999"), "bad-value", "data.priority: from -128 to 127 expected" },
    { "priority as a fraction", DATA("'kind':'presence','priority':1.5"), "wrong-type", "data.priority: an integer expected, without fraction and exponent" },
    { "priority as text", DATA("'kind':'presence','priority':'5'"), "wrong-type", "data.priority: an integer expected" },
    { "show nobody knows", DATA("'kind':'presence','show':'busy'"), "bad-value", "data.show: none of the known words" },
    { "a chat state nobody knows", MESSAGE("'chat_state':'body'"), "bad-value", "data.chat_state: none of the known words" },
    { "a receipt that is false", MESSAGE("'receipt':{'request':false}"), "wrong-type", "data.receipt.request: true expected" },
    { "a receipt with more", MESSAGE("'receipt':{'x':1}"), "unknown-field", "data.receipt.x: unknown field" },
    { "a reply to nothing", MESSAGE("'reply':{'to':'a'}"), "missing-field", "data.reply.id: this field is needed" },
    { "a reaction without emojis", MESSAGE("'reaction':{'id':'1'}"), "missing-field", "data.reaction.emojis: this field is needed" },
    { "an empty emoji", MESSAGE("'reaction':{'id':'1','emojis':['x','']}"), "bad-value", "data.reaction.emojis[1]: must not be empty" },
    { "a delay at no time", MESSAGE("'delay':{'stamp':'now'}"), "bad-value", "data.delay.stamp: not a date and time (RFC 3339)" },
    { "an empty url", MESSAGE("'oob':{'url':''}"), "bad-value", "data.oob.url: must not be empty" },
    { "a stanza id by nobody", MESSAGE("'stanza_ids':[{'id':'1'}]"), "missing-field", "data.stanza_ids[0].by: this field is needed" },
    { "a hint nobody knows", MESSAGE("'hints':['store','shop']"), "bad-value", "data.hints[1]: none of the known words" },
    /* iq and error */
    { "an iq without a type", DATA("'kind':'iq'"), "missing-field", "data.type: get, set, result or error" },
    { "a request for nothing", DATA("'kind':'iq','type':'get'"), "missing-field", "data.extensions: a request has exactly one payload" },
    { "a request for two things", DATA("'kind':'iq','type':'get','extensions':[{'name':'a'},{'name':'b'}]"), "bad-value", "data.extensions: a request has exactly one payload" },
    { "a result with two", DATA("'kind':'iq','type':'result','id':'1','to':'a','extensions':[{'name':'a'},{'name':'b'}]"), "bad-value", "data.extensions: a result has at most one payload" },
    { "a result of nothing", DATA("'kind':'iq','type':'result','to':'a'"), "missing-field", "data.id: an answer needs the id of its request" },
    { "a result for nobody", DATA("'kind':'iq','type':'result','id':'1'"), "missing-field", "data.to: an answer needs its address" },
    { "type error without one", MESSAGE("'type':'error'"), "missing-field", "data.error: type error needs it" },
    { "an error without the type", MESSAGE("'error':{'condition':'gone'}"), "not-allowed", "data.error: only with type error" },
    { "a condition nobody knows", MESSAGE("'type':'error','error':{'condition':'oops'}"), "bad-value", "data.error.condition: no condition of RFC 6120 8.3.3" },
    { "an error of no type", MESSAGE("'type':'error','error':{'condition':'gone','type':'x'}"), "bad-value", "data.error.type: no type of error" },
    { "an error without a condition", MESSAGE("'type':'error','error':{}"), "missing-field", "data.error.condition: this field is needed" },
    { "an application that is none", MESSAGE("'type':'error','error':{'condition':'gone','application':{'name':'x','xmlns':'" STANZAS "'}}"),
      "bad-value", "data.error.application: needs a namespace of the application's own" },
    /* trees */
    { "a tree without a name", EXTENSION("{'xmlns':'x'}"), "missing-field", "data.extensions[0].name: every element needs its name" },
    { "a tree that is text", EXTENSION("'x'"), "wrong-type", "data.extensions[0]: an object expected" },
    { "a tree with more", EXTENSION("{'name':'n','text':'x'}"), "unknown-field", "data.extensions[0].text: unknown field (name, xmlns, attrs, children are known)" },
    { "an empty name", EXTENSION("{'name':''}"), "bad-value", "data.extensions[0].name: not the name of an XML element" },
    { "a name with a colon", EXTENSION("{'name':'a:b'}"), "bad-value", "data.extensions[0].name: not the name of an XML element" },
    { "a name that is XML", EXTENSION("{'name':'a><b'}"), "bad-value", "data.extensions[0].name: not the name of an XML element" },
    { "a name that is a number", EXTENSION("{'name':'1'}"), "bad-value", "data.extensions[0].name: not the name of an XML element" },
    { "an astral name", EXTENSION("{'name':'\xf0\x90\x80\x80'}"), "bad-value", "data.extensions[0].name: not the name of an XML element" },
    { "a namespace with a line break", EXTENSION("{'name':'n','xmlns':'a\\nb'}"), "bad-value", "data.extensions[0].xmlns: not an XML namespace" },
    { "a namespace with a brace", EXTENSION("{'name':'n','xmlns':'a}b'}"), "bad-value", "data.extensions[0].xmlns: not an XML namespace" },
    { "the namespace of xml", EXTENSION("{'name':'n','xmlns':'http://www.w3.org/XML/1998/namespace'}"), "bad-value", "data.extensions[0].xmlns: not an XML namespace" },
    { "the namespace of xmlns", EXTENSION("{'name':'n','xmlns':'http://www.w3.org/2000/xmlns/'}"), "bad-value", "data.extensions[0].xmlns: not an XML namespace" },
    { "xmlns as an attribute", EXTENSION("{'name':'n','attrs':{'xmlns':'x'}}"), "bad-value", "data.extensions[0].attrs.xmlns: not the name of an XML attribute" },
    { "xmlns:x as an attribute", EXTENSION("{'name':'n','attrs':{'xmlns:x':'x'}}"), "bad-value", "data.extensions[0].attrs.xmlns:x: not the name of an XML attribute" },
    { "a prefix", EXTENSION("{'name':'n','attrs':{'p:x':'x'}}"), "bad-value", "data.extensions[0].attrs.p:x: not the name of an XML attribute" },
    { "xml: written out", EXTENSION("{'name':'n','attrs':{'{http://www.w3.org/XML/1998/namespace}lang':'x'}}"),
      "bad-value", "data.extensions[0].attrs.{http://www.w3.org/XML/1998/namespace}lang: not a namespace for an attribute" },
    { "an open brace", EXTENSION("{'name':'n','attrs':{'{x':'x'}}"), "bad-value", "data.extensions[0].attrs.{x: '}' expected behind the namespace of an attribute" },
    { "empty braces", EXTENSION("{'name':'n','attrs':{'{}x':'x'}}"), "bad-value", "data.extensions[0].attrs.{}x: not a namespace for an attribute" },
    { "an attribute that is a number", EXTENSION("{'name':'n','attrs':{'x':1}}"), "wrong-type", "data.extensions[0].attrs.x: a string expected" },
    { "a child that is a number", EXTENSION("{'name':'n','children':['a',2]}"), "wrong-type", "data.extensions[0].children[1]: a string or an object expected" },
    { "an attribute that has a field", MESSAGE("'attrs':{'from':'x'}"), "not-allowed", "data.attrs.from: this attribute has a field of its own" },
    { "too deep", EXTENSION("{'name':'a','children':[{'name':'a','children':[{'name':'a','children':[{'name':'a','children':[{'name':'a','children':['x']}]}]}]}]}"),
      "too-deep", "data.extensions[0].children[0].children[0].children[0].children[0].children: more than 12 levels" },
};
/* clang-format on */

static void test_taken(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct buffer json = quoted(taken[i].json), xml = { 0 };
        struct event event;
        struct refusal why;
        if (event_read(buffer_text(&json), EVENT_FROM_SERVICE, &limits, &event, &why) == 0)
            element_write(&xml, event.stanza->root, SCOPE_STREAM);
        else
            buffer_printf(&xml, "%s: %s", why.reason, why.text);
        memset(json.data, 'x', json.size); /* nothing that was read may point there */
        if (event.stanza && !text_equal(event.type, TEXT("")) && !text_starts_with(event.type, TEXT("xmpp.")))
            failed++;
        if (!text_is(buffer_text(&xml), taken[i].xml) && ++failed)
            printf("%s:\n  got      %.*s\n  expected %s\n", taken[i].name, TEXT_ARGS(buffer_text(&xml)), taken[i].xml);
        stanza_free(&event.stanza);
        buffer_fini(&json);
        buffer_fini(&xml);
    }
    assert_int_equal(failed, 0);
}

static void test_refused(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct buffer json = quoted(refused[i].json);
        struct event event;
        struct refusal why = { .reason = "taken" };
        int status = event_read(buffer_text(&json), EVENT_FROM_SERVICE, &limits, &event, &why);
        if ((status != -1 || strcmp(why.reason, refused[i].reason) || strcmp(why.text, refused[i].text)) && ++failed)
            printf("%s:\n  got      %s: %s\n  expected %s: %s\n", refused[i].name, status ? why.reason : "taken",
                   why.text, refused[i].reason, refused[i].text);
        assert_true(status == 0 || !event.stanza);
        stanza_free(&event.stanza);
        buffer_fini(&json);
    }
    assert_int_equal(failed, 0);
}

/* Every beginning of a good event is refused as JSON, and none is read beyond its end. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct buffer json = quoted(taken[1].json);
    for (size_t size = 0; size < json.size; size++) {
        char *cut = xmalloc(size ? size : 1);
        memcpy(cut, json.data, size);
        struct event event;
        struct refusal why;
        assert_int_equal(event_read((struct text){ cut, size }, EVENT_FROM_SERVICE, &limits, &event, &why), -1);
        assert_string_equal(why.reason, "not-json");
        free(cut);
    }
    buffer_fini(&json);
}

#define WHOLE "{'specversion':'1.0','id':'e1','source':'xmpp:a@b','type':'xmpp.presence',"
static const struct taken from_nodes[] = {
    { "fields of a later version",
      "{'edge':'E','replyto':'R',"
      "'specversion':'1.0','id':'e1','source':'xmpp:a@b','type':'xmpp.presence','New':{'a':[1.5e3,null,false]},"
      "'data':{'kind':'presence','mood':{'x':[]},'delay':{'stamp':'2002-09-10T23:08:25Z','by':1},'extensions':[{'name':"
      "'n','more':0}]}}",
      "<presence><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/><n/></presence>" },
    { "a type nobody knows", WHOLE "'data':{'kind':'presence','attrs':{'type':'invisible'}}}",
      "<presence type='invisible'/>" },
    { "an iq that is none", "{'specversion':'1.0','id':'e1','source':'xmpp:a@b','type':'xmpp.iq','data':{'kind':'iq'}}",
      "<iq/>" },
    { "two types", WHOLE "'data':{'kind':'presence','type':'probe','attrs':{'type':'invisible'}}}",
      "duplicate-key: data.attrs.type: there is data.type already" },
    { "an attribute that has a field", WHOLE "'data':{'kind':'presence','attrs':{'to':'a'}}}",
      "not-allowed: data.attrs.to: this attribute has a field of its own" },
    { "xml: written out",
      WHOLE "'data':{'kind':'presence','attrs':{'{http://www.w3.org/XML/1998/namespace}space':'x'}}}",
      "bad-value: data.attrs.{http://www.w3.org/XML/1998/namespace}space: not a namespace for an attribute" },
    { "xmlns as a namespace",
      WHOLE "'data':{'kind':'presence','extensions':[{'name':'a','xmlns':'http://www.w3.org/2000/xmlns/'}]}}",
      "bad-value: data.extensions[0].xmlns: not an XML namespace" },
    { "a namespace that is no IRI", WHOLE "'data':{'kind':'presence','extensions':[{'name':'a','xmlns':'a b{}'}]}}",
      "<presence><a xmlns='a b{}'/></presence>" },
    { "no source", "{'specversion':'1.0','id':'e1','type':'xmpp.iq','data':{'kind':'iq'}}",
      "missing-field: source: this field is needed" },
    { "too deep where nobody reads", WHOLE "'X':[[[[[[[[[[[[]]]]]]]]]]]],'data':{'kind':'presence'}}",
      "too-deep: X[0][0][0][0][0][0][0][0][0][0][0]: more than 12 levels" },
    { "a name that is none", WHOLE "'data':{'kind':'presence','extensions':[{'name':'a b'}]}}",
      "bad-value: data.extensions[0].name: not the name of an XML element" },
};

static void test_from_nodes(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof from_nodes / sizeof *from_nodes; i++) {
        struct buffer json = quoted(from_nodes[i].json), xml = { 0 };
        struct event event;
        struct refusal why;
        if (event_read(buffer_text(&json), EVENT_FROM_NODE, &limits, &event, &why) == 0)
            element_write(&xml, event.stanza->root, SCOPE_STREAM);
        else
            buffer_printf(&xml, "%s: %s", why.reason, why.text);
        if (!text_is(buffer_text(&xml), from_nodes[i].xml) && ++failed)
            printf("%s:\n  got      %.*s\n  expected %s\n", from_nodes[i].name, TEXT_ARGS(buffer_text(&xml)),
                   from_nodes[i].xml);
        if (i == 0 && (!text_is(event.edge, "E") || !text_is(event.replyto, "R") || !text_is(event.id, "e1")))
            failed++;
        stanza_free(&event.stanza);
        buffer_fini(&json);
        buffer_fini(&xml);
    }
    assert_int_equal(failed, 0);
}

/* The sender finds what was refused by its id, wherever it stands. */
static void test_refusals_name_the_id(void **state)
{
    (void)state;
    static const struct {
        const char *json, *id;
    } ids[] = {
        { MESSAGE("'x':1,'id':'late'"), "late" },
        { "{'x_':1,'id':'event','data':{'kind':'message'}}", "event" },
        { "{'id':'event','data':{'id':'data','kind':'memo'}}", "data" },
        { "{'data':{'id':'d\\u0061ta','kind':'message','to':5},", "data" },
        { "{'data':{'id':5}}", "" },
        { "{'id':'e1','data':", "e1" },
        { "not even JSON", "" },
    };
    struct event event;
    struct refusal why;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct buffer json = quoted(ids[i].json);
        assert_int_equal(event_read(buffer_text(&json), EVENT_FROM_SERVICE, &limits, &event, &why), -1);
        assert_string_equal(why.id, ids[i].id);
        buffer_fini(&json);
    }
    struct buffer json = { 0 };
    buffer_printf(&json, "{\"data\":{\"id\":\"%0200d\"}}", 1); /* does not fit, and half of it is of no use */
    assert_int_equal(event_read(buffer_text(&json), EVENT_FROM_SERVICE, &limits, &event, &why), -1);
    assert_string_equal(why.id, "");
    buffer_fini(&json);
}

static void test_too_big(void **state)
{
    (void)state;
    struct event event;
    struct refusal why;
    struct buffer json = { 0 };
    buffer_printf(&json, "{\"data\":{\"kind\":\"message\",\"to\":\"a@b\",\"id\":\"1\",\"body\":\"%05000d\"}}", 1);
    assert_int_equal(event_read(buffer_text(&json), EVENT_FROM_SERVICE, &limits, &event, &why), -1);
    assert_string_equal(why.reason, "too-big");
    buffer_fini(&json);
}

/* A long path and a key of long characters end in whole characters. */
static void test_long_texts_are_cut(void **state)
{
    (void)state;
    struct event event;
    struct refusal why;
    struct buffer json = { 0 };
    BUFFER_LITERAL(&json, "{\"data\":{\"");
    for (int i = 0; i < 200; i++)
        BUFFER_LITERAL(&json, "\xe2\x82\xac");
    BUFFER_LITERAL(&json, "\":1}}");
    assert_int_equal(event_read(buffer_text(&json), EVENT_FROM_SERVICE, &limits, &event, &why), -1);
    assert_string_equal(why.reason, "unknown-field");
    assert_int_equal(strlen(why.text), strlen("data.: unknown field") + 48);
    buffer_fini(&json);
}

/* Many keys are told apart as well as few. */
static void test_many_attributes(void **state)
{
    (void)state;
    static const struct event_limits wide = { .bytes = 1 << 20, .depth = 12 };
    for (int twice = 0; twice < 2; twice++) {
        struct event event;
        struct refusal why;
        struct buffer json = { 0 };
        buffer_printf(&json, "{\"data\":{\"kind\":\"presence\",\"extensions\":[{\"name\":\"n\",\"attrs\":{");
        for (int i = 0; i < 20000; i++)
            buffer_printf(&json, "\"a%d\":\"\",", twice && i == 19999 ? 3 : i);
        buffer_printf(&json, "\"z\":\"\"}}]}}");
        int status = event_read(buffer_text(&json), EVENT_FROM_SERVICE, &wide, &event, &why);
        assert_int_equal(status, twice ? -1 : 0);
        if (twice)
            assert_string_equal(why.text, "data.extensions[0].attrs.a3: this key is there twice");
        stanza_free(&event.stanza);
        buffer_fini(&json);
    }
}

/* The rows for check_schemas.py: name, verdict, JSON; NUL behind each. */
static void print_row(const char *name, const char *verdict, const char *row)
{
    struct buffer json = quoted(row);
    printf("%s\t%s\t%.*s%c", name, verdict, TEXT_ARGS(buffer_text(&json)), 0);
    buffer_fini(&json);
}

static int print_rows(void)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        print_row(taken[i].name, "taken", taken[i].json);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        print_row(refused[i].name, refused[i].reason, refused[i].json);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--rows") == 0)
        return print_rows();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_from_nodes),
        cmocka_unit_test(test_refusals_name_the_id),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_many_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* xml_in.c - expat, its handlers, and the limits on what it is given (RFC 6120 11).  It is suspended at each event of a
 * stream and resumed by the next feed, so that no caller's code ever runs inside it. */
#include "gateway/stream/xml_in.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>
#include <expat.h>

#include "gateway/stream/tree.h"

enum {
    PIECE = 4096,             /* bytes given to expat at a time: its buffer grows with them and never shrinks */
    RESCANS = 64,             /* unfinished tokens may be looked at again for that many times the stanza limit */
    GROWN_NAMES = 1024,       /* about 220 bytes each, if all are different ... */
    GROWN_BYTES = 256 * 1024, /* ... and their own length */
    GROWN_STANZA = 16 * 1024  /* one that is longer has stretched the buffers */
};

struct xml_in {
    XML_Parser parser;
    const struct stream_limits *limits; /* of the running feed */
    struct tree tree;
    struct start_tag start_tag;
    struct xml_fault fault;
    enum xml_in_event event;
    size_t fed;        /* bytes given to expat since the beginning */
    size_t first;      /* index of the first byte of the open top-level element */
    size_t last;       /* index behind the last top-level element */
    size_t boundary;   /* index behind the last complete thing at the top level */
    size_t held;       /* bytes behind the event that expat has already */
    size_t unread;     /* bytes of an unfinished token that expat has, as of its last look */
    struct buffer deferred; /* ... and those that it has not been given yet */
    size_t rescanned;  /* bytes looked at again since the boundary */
    size_t biggest;    /* size of the biggest top-level element */
    unsigned names;    /* of elements, attributes and prefixes, so far */
    unsigned declared; /* namespaces, for the element that comes next */
    unsigned depth;    /* open elements, the root included */
    bool suspended;    /* expat waits behind an event */
    bool replaying;    /* a start tag of our own: no event, no limits */
    bool framed;       /* messages: expat is not suspended at their end */
};

/* Expat's reparse deferral holds back the end of a stanza.  Distributions ported it back to older versions: whether it is
 * there is asked of the library that is loaded, not of the header. */
extern XML_Bool XMLCALL XML_SetReparseDeferralEnabled(XML_Parser parser, XML_Bool enabled) __attribute__((weak));

static const XML_Memory_Handling_Suite memory = { xmalloc, xrealloc, free };

static void fail(struct xml_in *in, enum stream_condition condition, const char *text)
{
    if (in->event == XML_IN_FAULT)
        return;
    in->event = XML_IN_FAULT;
    in->fault = (struct xml_fault){ condition, text };
    XML_StopParser(in->parser, XML_FALSE);
}

static void happen(struct xml_in *in, enum xml_in_event event)
{
    in->event = event;
    if (!in->framed)
        XML_StopParser(in->parser, XML_TRUE);
}

/* -- handlers; after a failure expat may still make a call or two -- */

static void XMLCALL on_xml_declaration(void *context, const XML_Char *version, const XML_Char *encoding, int standalone)
{
    (void)version;
    (void)standalone;
    if (encoding && strcasecmp(encoding, "UTF-8") != 0)
        fail(context, STREAM_ERROR_UNSUPPORTED_ENCODING, "the encoding of XMPP is UTF-8");
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                               int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    fail(context, STREAM_ERROR_RESTRICTED_XML, "document type declaration");
}

static void XMLCALL on_comment(void *context, const XML_Char *text)
{
    (void)text;
    fail(context, STREAM_ERROR_RESTRICTED_XML, "comment");
}

static void XMLCALL on_instruction(void *context, const XML_Char *target, const XML_Char *data)
{
    (void)target;
    (void)data;
    fail(context, STREAM_ERROR_RESTRICTED_XML, "processing instruction");
}

/* Comes before the start of the element that declares it.  A namespace is an IRI (Namespaces in XML 1.0 2.2); one that no
 * IRI can be would end the stream of a recipient whose parser joins namespace and name with such a character. */
static void XMLCALL on_namespace(void *context, const XML_Char *prefix, const XML_Char *uri)
{
    struct xml_in *in = context;
    in->declared++;
    if (uri && strpbrk(uri, " <>\"{}|\\^`\t\r\n"))
        fail(in, STREAM_ERROR_NOT_WELL_FORMED, "a namespace that is no IRI");
    if (in->depth == 0 && !in->replaying)
        start_tag_declare(&in->start_tag, prefix, uri);
}

static void XMLCALL on_raw(void *context, const XML_Char *text, int size)
{
    struct xml_in *in = context;
    tree_text(&in->tree, text, (size_t)size);
}

/* The only way to see the root's prefix is the raw text of its tag; the tree's text buffer is free to hold it. */
static void start_root(struct xml_in *in, const XML_Char *name, const XML_Char **attributes)
{
    XML_SetDefaultHandler(in->parser, on_raw);
    XML_DefaultCurrent(in->parser);
    XML_SetDefaultHandler(in->parser, NULL);
    start_tag_complete(&in->start_tag, buffer_text(&in->tree.text));
    buffer_fini(&in->tree.text);
    tree_start(&in->tree, name, attributes);
    happen(in, XML_IN_HEADER);
}

static const char stream_header[] = XMLNS_STREAM "\1stream"; /* as expat names it, behind NAME_SEPARATOR */

/* False when the element must not be: too big, too deep, or nothing that stands at the top level. */
static bool accept_start(struct xml_in *in, const XML_Char *name, unsigned attributes)
{
    if (attributes > in->limits->attributes)
        fail(in, STREAM_ERROR_POLICY_VIOLATION, "too many attributes on one element");
    else if (in->depth > in->limits->depth)
        fail(in, STREAM_ERROR_POLICY_VIOLATION, "elements nested too deeply");
    else if (in->depth == 1 && in->event == XML_IN_STANZA)
        fail(in, STREAM_ERROR_BAD_FORMAT, "more than one element in a message"); /* RFC 7395 3.3.3 */
    else if (in->depth == 1 && strcmp(name, stream_header) == 0 && in->framed)
        fail(in, STREAM_ERROR_INVALID_NAMESPACE, "the header is <open/> on WebSocket"); /* RFC 7395 3.3.2 */
    else if (in->depth == 1 && strcmp(name, stream_header) == 0)
        fail(in, STREAM_ERROR_BAD_FORMAT, "a stream header inside the stream");
    return in->event != XML_IN_FAULT;
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct xml_in *in = context;
    if (in->event == XML_IN_FAULT)
        return;

    unsigned count = (unsigned)XML_GetSpecifiedAttributeCount(in->parser) / 2 + in->declared;
    in->names += 1 + count;
    in->declared = 0;
    if (in->replaying) {
        in->depth++;
        return;
    }
    if (!accept_start(in, name, count))
        return;
    if (in->depth == 0) {
        start_root(in, name, attributes);
    } else {
        if (in->depth == 1)
            in->first = (size_t)XML_GetCurrentByteIndex(in->parser);
        tree_start(&in->tree, name, attributes);
        if (in->tree.namespace_bytes > in->limits->stanza_bytes)
            fail(in, STREAM_ERROR_POLICY_VIOLATION, "too many long namespaces");
    }
    in->depth++;
}

static bool is_white(const XML_Char *text, int size)
{
    for (int i = 0; i < size; i++)
        if (!strchr(" \t\r\n", text[i]) || text[i] == '\0')
            return false;
    return true;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int size)
{
    struct xml_in *in = context;
    if (in->event == XML_IN_FAULT)
        return;
    if (in->depth > 1)
        tree_text(&in->tree, text, (size_t)size);
    else if (!is_white(text, size)) /* white space is a keepalive, RFC 6120 11.7 */
        fail(in, STREAM_ERROR_BAD_FORMAT, "text between stanzas");
}

/* An empty section would go unnoticed as text, and an open one is a state that must not last beyond a message or sleep. */
static void XMLCALL on_cdata(void *context)
{
    struct xml_in *in = context;
    if (in->depth <= 1)
        fail(in, STREAM_ERROR_BAD_FORMAT, "text between stanzas");
}

/* The index behind the token that a handler, or the end of a feed, stands at. */
static size_t token_end(struct xml_in *in)
{
    return (size_t)XML_GetCurrentByteIndex(in->parser) + (size_t)XML_GetCurrentByteCount(in->parser);
}

static void end_top_level(struct xml_in *in)
{
    in->last = token_end(in);
    size_t size = in->last - in->first;
    if (size > in->limits->stanza_bytes) {
        fail(in, STREAM_ERROR_POLICY_VIOLATION, "stanza too big");
        return;
    }
    if (size > in->biggest)
        in->biggest = size;
    in->tree.stanza->bytes = size;
    happen(in, XML_IN_STANZA);
}

static void end_root(struct xml_in *in)
{
    if (in->framed)
        fail(in, STREAM_ERROR_NOT_WELL_FORMED, "mismatched tag");
    else if (in->event != XML_IN_HEADER) /* of an empty element: start_tag knows */
        happen(in, XML_IN_END);
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct xml_in *in = context;
    (void)name;
    if (in->event == XML_IN_FAULT)
        return;
    if (--in->depth == 0) {
        end_root(in);
        return;
    }
    tree_end(&in->tree);
    if (in->depth == 1)
        end_top_level(in);
}

/* -- life -- */

static XML_Parser new_parser(struct xml_in *in, unsigned long salt)
{
    /* A given encoding overrides what a declaration or a byte order mark says. */
    const XML_Char separator[] = { NAME_SEPARATOR, '\0' };
    XML_Parser parser = XML_ParserCreate_MM("UTF-8", &memory, separator);
    XML_SetHashSalt(parser, salt);
    if (XML_SetReparseDeferralEnabled)
        XML_SetReparseDeferralEnabled(parser, XML_FALSE);
    XML_SetUserData(parser, in);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartCdataSectionHandler(parser, on_cdata);
    XML_SetStartNamespaceDeclHandler(parser, on_namespace);
    XML_SetXmlDeclHandler(parser, on_xml_declaration);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetCommentHandler(parser, on_comment);
    XML_SetProcessingInstructionHandler(parser, on_instruction);
    return parser;
}

struct xml_in *xml_in_new(unsigned long salt)
{
    struct xml_in *in = xcalloc(1, sizeof *in);
    in->parser = new_parser(in, salt);
    return in;
}

struct xml_in *xml_in_new_behind(unsigned long salt, const char *start_tag)
{
    struct xml_in *in = xml_in_new(salt);
    in->replaying = true;
    in->fed = in->boundary = strlen(start_tag);
    enum XML_Status status = XML_Parse(in->parser, start_tag, (int)in->fed, XML_FALSE);
    assert(status == XML_STATUS_OK && in->depth == 1);
    (void)status;
    in->replaying = false;
    return in;
}

struct xml_in *xml_in_new_framed(unsigned long salt)
{
    struct xml_in *in = xml_in_new_behind(salt, "<messages>");
    in->framed = true;
    return in;
}

void xml_in_free(struct xml_in **in)
{
    if (!*in)
        return;
    XML_ParserFree((*in)->parser);
    tree_fini(&(*in)->tree);
    buffer_fini(&(*in)->deferred);
    buffer_fini(&(*in)->start_tag.text);
    free(*in);
    *in = NULL;
}

/* -- feeding -- */

/* Every look at an unfinished token begins at its first byte, so tiny pieces of a big one would cost its size squared.
 * Stanzas end in '>': a piece without any completes none, and waits until there is as much as expat has already.  Newer
 * versions of expat can do the same; older ones cannot. */
static bool defer(struct xml_in *in, const char *data, size_t size)
{
    if (in->deferred.size + size >= in->unread || memchr(data, '>', size))
        return false;
    buffer_append(&in->deferred, data, size);
    return true;
}

static enum XML_Status parse(struct xml_in *in, const char *data, size_t size)
{
    in->rescanned += in->unread;
    in->fed += size;
    return XML_Parse(in->parser, data, (int)size, XML_FALSE);
}

static enum XML_Status parse_with_deferred(struct xml_in *in, const char *data, size_t size)
{
    if (in->deferred.size == 0)
        return parse(in, data, size);
    buffer_append(&in->deferred, data, size);
    enum XML_Status status = parse(in, in->deferred.data, in->deferred.size);
    buffer_fini(&in->deferred);
    return status;
}

static void check_size(struct xml_in *in)
{
    if (in->fed + in->deferred.size - in->boundary > in->limits->stanza_bytes)
        fail(in, STREAM_ERROR_POLICY_VIOLATION, in->depth == 0 ? "stream header too big" : "stanza too big");
    else if (in->rescanned / RESCANS > in->limits->stanza_bytes)
        fail(in, STREAM_ERROR_POLICY_VIOLATION, "too many small pieces of one big tag");
}

/* Behind a piece without an event: what is complete no longer counts, what is not is measured. */
static void measure(struct xml_in *in, size_t size)
{
    XML_Index index = XML_GetCurrentByteIndex(in->parser);
    in->unread = index < 0 ? in->unread + size : in->fed - (size_t)index;
    if (in->depth == 1 && in->event != XML_IN_STANZA)
        in->boundary = in->fed - in->unread;
    check_size(in);
}

static enum xml_in_event fault(struct xml_in *in)
{
    if (in->event != XML_IN_FAULT)
        in->fault = xml_fault_of(in->parser);
    return in->event = XML_IN_FAULT;
}

/* Expat takes a zero among the first two bytes for UTF-16, whatever it was told: that is refused before. */
enum xml_in_event xml_in_feed(struct xml_in *in, const struct stream_limits *limits, const char *data, size_t size,
                              size_t *taken)
{
    enum XML_Status status;
    size_t piece = in->held, before = in->fed - in->held;
    assert(in->event != XML_IN_FAULT && !in->framed && size >= in->held);
    in->limits = limits;
    in->event = XML_IN_MORE;
    if (in->suspended) {
        status = XML_ResumeParser(in->parser);
    } else {
        piece = size < PIECE ? size : PIECE;
        if (in->fed < 2 && memchr(data, '\0', piece < 2 ? piece : 2))
            fail(in, STREAM_ERROR_UNSUPPORTED_ENCODING, "not UTF-8");
        *taken = piece;
        if (defer(in, data, piece)) {
            check_size(in);
            return in->event;
        }
        status = parse_with_deferred(in, data, piece);
    }
    *taken = piece;
    in->held = 0;
    in->suspended = status == XML_STATUS_SUSPENDED;
    if (status == XML_STATUS_ERROR || in->event == XML_IN_FAULT)
        return fault(in);
    if (!in->suspended) {
        measure(in, in->fed - before);
        return in->event;
    }
    in->boundary = token_end(in);
    in->held = in->fed - in->boundary;
    in->unread = in->rescanned = 0;
    *taken = piece - in->held;
    return in->event;
}

enum xml_in_event xml_in_message(struct xml_in *in, const struct stream_limits *limits, const char *data, size_t size)
{
    assert(in->event != XML_IN_FAULT && in->framed);
    in->limits = limits;
    in->event = XML_IN_MORE;
    in->boundary = in->fed;
    in->unread = in->rescanned = 0;
    for (size_t done = 0, piece; done < size; done += piece) {
        piece = in->unread > PIECE ? in->unread : PIECE;
        if (piece > size - done)
            piece = size - done;
        if (parse(in, data + done, piece) == XML_STATUS_ERROR)
            return fault(in);
        measure(in, piece);
        if (in->event == XML_IN_FAULT)
            return in->event;
    }
    if (in->event != XML_IN_STANZA || in->last != in->fed)
        fail(in, STREAM_ERROR_NOT_WELL_FORMED, "not a whole element");
    return in->event;
}

/* -- results -- */

struct stanza *xml_in_take(struct xml_in *in)
{
    return tree_take(&in->tree);
}

struct xml_fault xml_in_fault(const struct xml_in *in)
{
    return in->fault;
}

const struct start_tag *xml_in_start_tag(const struct xml_in *in)
{
    return &in->start_tag;
}

bool xml_in_is_between(const struct xml_in *in)
{
    return in->depth == 1 && in->fed == in->boundary + in->held;
}

bool xml_in_has_grown(const struct xml_in *in)
{
    return in->names > GROWN_NAMES || in->fed > GROWN_BYTES || in->biggest > GROWN_STANZA;
}

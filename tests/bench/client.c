/* client.c - the steps of a login, and what every client answers by itself. */
#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void fail(struct client *client, const char *what, struct text stanza)
{
    snprintf(client->problem, sizeof client->problem, "%s: %.*s", what, (int)(stanza.size < 200 ? stanza.size : 200),
             stanza.data);
    link_end(&client->link, client->problem);
}

static bool is_stanza(struct text xml)
{
    return xml_is(xml, "message") || xml_is(xml, "presence") || xml_is(xml, "iq");
}

void client_send(struct client *client, const char *xml, size_t size)
{
    if (client->step == CLIENT_READY && client->settings->acknowledges && is_stanza((struct text){ xml, size }))
        client->sent++;
    link_write(&client->link, xml, size);
}

void client_sendf(struct client *client, const char *format, ...)
{
    char text[4096];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (size > 0 && (size_t)size < sizeof text)
        client_send(client, text, (size_t)size);
}

static void send_header(struct client *client)
{
    if (client->settings->target.websocket)
        client_sendf(client, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%s' version='1.0'/>",
                     client->settings->domain);
    else
        client_sendf(client,
                     "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' "
                     "xmlns:stream='http://etherx.jabber.org/streams'>",
                     client->settings->domain);
}

static char *user_of(const struct client *client)
{
    const char *pattern = client->settings->user_pattern, *number = strstr(pattern, "%d");
    char *user;
    if (!number)
        return xstrdup(pattern);
    if (asprintf(&user, "%.*s%u%s", (int)(number - pattern), pattern, client->number, number + 2) < 0)
        abort();
    return user;
}

/* -- SASL -- */
static void send_sasl(struct client *client, const char *element, const char *mechanism, struct text message)
{
    struct buffer out = { 0 };
    buffer_printf(&out, "<%s xmlns='urn:ietf:params:xml:ns:xmpp-sasl'", element);
    if (mechanism)
        buffer_printf(&out, " mechanism='%s'", mechanism);
    BUFFER_LITERAL(&out, ">");
    base64_write(&out, (const unsigned char *)message.data, message.size);
    buffer_printf(&out, "</%s>", element);
    client_send(client, out.data, out.size);
    buffer_fini(&out);
}

static void scram_drop(struct client *client)
{
    if (!client->scram)
        return;
    free((char *)client->scram->user);
    free(client->scram);
    client->scram = NULL;
}

static void start_scram(struct client *client, struct buffer *first)
{
    scram_drop(client);
    client->scram = xcalloc(1, sizeof *client->scram);
    client->scram->hash = strcmp(client->settings->mechanism, "SCRAM-SHA-1") == 0 ? EVP_sha1() : EVP_sha256();
    client->scram->user = user_of(client);
    client->scram->password = client->settings->password;
    client->scram->salted = &client->salted;
    client->scram->last_salted = client->settings->last_salted;
    scram_first(client->scram, first);
}

static void authenticate(struct client *client, struct text features)
{
    const char *mechanism = client->settings->mechanism;
    struct buffer first = { 0 };
    char offered[64];
    snprintf(offered, sizeof offered, ">%s<", mechanism);
    if (!xml_mentions(features, offered)) {
        fail(client, "the mechanism is not offered", features);
        return;
    }
    if (strncmp(mechanism, "SCRAM-", 6) == 0) {
        start_scram(client, &first);
    } else if (strcmp(mechanism, "PLAIN") == 0) {
        char *user = user_of(client);
        buffer_append(&first, "", 1);
        buffer_append_text(&first, text_of(user));
        buffer_append(&first, "", 1);
        buffer_append_text(&first, text_of(client->settings->password));
        free(user);
    }
    send_sasl(client, "auth", mechanism, buffer_text(&first));
    buffer_fini(&first);
    client->step = CLIENT_AUTH;
}

static struct text content_of(struct text element)
{
    const char *start = memchr(element.data, '>', element.size);
    const char *end = memrchr(element.data, '<', element.size);
    return start && end > start ? (struct text){ start + 1, (size_t)(end - start - 1) } : (struct text){ 0 };
}

static void answer_challenge(struct client *client, struct text challenge)
{
    struct buffer said = { 0 }, answer = { 0 };
    bool is_fine = client->scram && base64_read(&said, content_of(challenge));
    if (is_fine && client->step == CLIENT_AUTH)
        is_fine = scram_final(client->scram, buffer_text(&said), &answer);
    else if (is_fine)
        is_fine = scram_verify(client->scram, buffer_text(&said)); /* the signature came as a challenge of its own */
    if (is_fine)
        send_sasl(client, "response", NULL, buffer_text(&answer));
    else
        fail(client, "bad challenge", challenge);
    client->step = CLIENT_CHALLENGED;
    buffer_fini(&said);
    buffer_fini(&answer);
}

static void authenticated(struct client *client, struct text success)
{
    struct buffer said = { 0 };
    struct text content = content_of(success);
    if (client->scram && content.size &&
        (!base64_read(&said, content) || !scram_verify(client->scram, buffer_text(&said))))
        fail(client, "the server does not know the password", success);
    buffer_fini(&said);
    scram_drop(client);
    client->step = CLIENT_SECOND_HEADER;
    send_header(client);
}

/* -- binding -- */
static void bind_resource(struct client *client)
{
    client_sendf(client,
                 "<iq type='set' id='bind' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                 "<resource>%s</resource></bind></iq>",
                 client->settings->resource);
    client->step = CLIENT_BINDING;
}

static void ready(struct client *client)
{
    client->step = CLIENT_READY;
    client->sent = client->acked = client->received = 0;
    client_sendf(client, "<presence xmlns='jabber:client'/>");
    client->events->on_ready(client);
}

static void bound(struct client *client, struct text result)
{
    struct text jid = xml_child_text(result, "jid");
    if (!jid.size) {
        fail(client, "not bound", result);
        return;
    }
    free(client->jid);
    client->jid = text_dup(jid);
    if (client->settings->acknowledges) {
        client->step = CLIENT_ENABLING;
        client_sendf(client, "<enable xmlns='urn:xmpp:sm:3'/>");
    } else {
        ready(client);
    }
}

void client_acknowledge(struct client *client)
{
    if (client->settings->acknowledges)
        client_sendf(client, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", client->received);
}

/* XEP-0198 4: what is no stanza is not counted. */
static void acknowledge(struct client *client, struct text element)
{
    if (is_stanza(element))
        client->received++;
    else if (xml_is(element, "r"))
        client_acknowledge(client);
    else if (xml_is(element, "a"))
        client->acked = (uint32_t)strtoul(xml_attribute(element, "h").data, NULL, 10);
}

void client_ask(struct client *client)
{
    if (client->settings->acknowledges)
        client_sendf(client, "<r xmlns='urn:xmpp:sm:3'/>");
}

/* A server's own request is answered, as RFC 6120 8.2.3 wants it. */
static bool answer_request(struct client *client, struct text stanza)
{
    struct text type = xml_attribute(stanza, "type"), id = xml_attribute(stanza, "id"),
                from = xml_attribute(stanza, "from");
    if (!xml_is(stanza, "iq") || !(text_is(type, "get") || text_is(type, "set")))
        return false;
    client_sendf(client, "<iq xmlns='jabber:client' type='result' id='%.*s' to='%.*s'/>", TEXT_ARGS(id),
                 from.size ? (int)from.size : (int)strlen(client->settings->domain),
                 from.size ? from.data : client->settings->domain);
    return true;
}

static void on_element(struct client *client, struct text element)
{
    if (client->step == CLIENT_READY) {
        if (client->settings->acknowledges)
            acknowledge(client, element);
        if (!answer_request(client, element))
            client->events->on_stanza(client, element);
    } else if (xml_is(element, "open")) {
        return;
    } else if (xml_is(element, "features")) {
        if (client->step == CLIENT_HEADER)
            authenticate(client, element);
        else
            bind_resource(client);
    } else if (xml_is(element, "challenge")) {
        answer_challenge(client, element);
    } else if (xml_is(element, "success")) {
        authenticated(client, element);
    } else if (client->step == CLIENT_BINDING && xml_is(element, "iq") &&
               text_is(xml_attribute(element, "id"), "bind")) {
        bound(client, element);
    } else if (client->step == CLIENT_ENABLING && xml_is(element, "enabled")) {
        ready(client);
    } else if (xml_is(element, "failed") || xml_is(element, "failure") || xml_is(element, "error")) {
        fail(client, "refused", element);
    }
}

static size_t on_data(struct link *link, struct text data)
{
    struct client *client = (struct client *)link;
    struct text element;
    if (link->target->websocket) {
        if (xml_is(data, "close"))
            link_end(link, "closed by the server");
        else
            on_element(client, data);
        return data.size;
    }
    while (!link->is_ending && xml_next(&client->cutter, data, &element))
        on_element(client, element);
    if (client->cutter.is_over)
        link_end(link, "closed by the server");
    size_t used = client->cutter.start;
    xml_dropped(&client->cutter, used);
    return used;
}

static void on_open(struct link *link)
{
    struct client *client = (struct client *)link;
    client->step = CLIENT_HEADER;
    send_header(client);
}

static void on_closed(struct link *link, const char *reason)
{
    struct client *client = (struct client *)link;
    client->step = CLIENT_OFF;
    scram_drop(client);
    client->events->on_closed(client, reason);
}

static const struct link_events link_events = { .on_open = on_open, .on_data = on_data, .on_closed = on_closed };

void client_open(struct client *client, struct loop *loop, const struct client_settings *settings,
                 const struct client_events *events, unsigned number)
{
    client->settings = settings;
    client->events = events;
    client->number = number;
    client->cutter = (struct xml_cutter){ 0 };
    link_open(&client->link, loop, &settings->target, &link_events, number);
}

void client_close(struct client *client)
{
    if (client->settings->target.websocket)
        client_sendf(client, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    else
        client_sendf(client, "</stream:stream>");
}

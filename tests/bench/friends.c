/* friends.c - the friends of the mode login. */
#include "friends.h"

#include <stdio.h>
#include <stdlib.h>

struct friend {
    struct client client;
    struct friends *friends;
};

struct friends {
    struct crowd crowd;
    struct friend *all;
    unsigned count;
    bool *has_asked; /* by the client's number, from bench->first */
};

static void send_presence(struct client *client, const char *type, struct text to)
{
    const char *slash = memchr(to.data, '/', to.size);
    client_sendf(client, "<presence xmlns='jabber:client' type='%s' to='%.*s'/>", type,
                 slash ? (int)(slash - to.data) : (int)to.size, to.data);
}

void friends_answer(struct client *client, struct text stanza)
{
    if (xml_is(stanza, "presence") && text_is(xml_attribute(stanza, "type"), "subscribe"))
        send_presence(client, "subscribed", xml_attribute(stanza, "from"));
}

bool friends_has(struct text from)
{
    static const char end[] = "/friend";
    size_t size = sizeof end - 1;
    return from.size > size && memcmp(from.data + from.size - size, end, size) == 0;
}

static void on_stanza(struct client *client, struct text stanza)
{
    friends_answer(client, stanza);
    if (xml_is(stanza, "presence") && text_is(xml_attribute(stanza, "type"), "subscribe"))
        send_presence(client, "subscribe", xml_attribute(stanza, "from"));
}

static void on_ready(struct client *client)
{
    crowd_ready(&((struct friend *)client)->friends->crowd);
}

static void on_closed(struct client *client, const char *reason)
{
    crowd_closed(&((struct friend *)client)->friends->crowd, client, reason);
}

static const struct client_events events = { .on_ready = on_ready, .on_stanza = on_stanza, .on_closed = on_closed };

void friends_greet(struct friends *friends, struct client *client)
{
    bool *has_asked = &friends->has_asked[client->number];
    client_sendf(client, "<iq xmlns='jabber:client' type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
    for (unsigned i = 0; !*has_asked && i < friends->count; i++)
        send_presence(client, "subscribe", text_of(friends->all[i].client.jid));
    *has_asked = true;
}

struct friends *friends_open(struct bench *bench)
{
    struct friends *friends = xcalloc(1, sizeof *friends);
    const struct bench as_it_was = *bench;
    friends->count = bench->friends;
    friends->has_asked = xcalloc(bench->first + bench->connections, sizeof *friends->has_asked);
    friends->all = xcalloc(bench->friends, sizeof *friends->all);
    friends->crowd = (struct crowd){ .bench = bench, .clients = xcalloc(bench->friends, sizeof(struct client *)) };
    for (unsigned i = 0; i < bench->friends; i++) {
        friends->all[i].friends = friends;
        friends->crowd.clients[i] = &friends->all[i].client;
    }
    bench->client.resource = "friend";
    bench->first += bench->connections;
    bench->connections = bench->friends;
    bool is_open = crowd_open(&friends->crowd, &events);
    bench->client.resource = as_it_was.client.resource;
    bench->first = as_it_was.first;
    bench->connections = as_it_was.connections;
    return is_open ? friends : NULL;
}

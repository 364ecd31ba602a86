/* talk.c - the modes echo and chat: messages go out, come back from a service or arrive at a partner, and each is
 * checked: none missing, none twice, in order, body and sender as they should be.
 * Windowed: each connection keeps in_flight messages under way.  Fixed rate: message k is due at start + k / rate, and
 * its latency counts from that moment, however late the generator or the server is (no coordinated omission). */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { RING = 8192, BODY_MAX = 4096 };

struct talker {
    struct client client;
    struct talk *talk;
    struct late send;      /* at the end of the turn: all that the window allows in one write */
    struct talker *source; /* whose messages come in here: itself (echo), or its partner (chat) */
    const char *to, *expected_from;
    uint64_t sent, received; /* of the messages that this one sends */
    uint64_t sent_at[RING];
};

struct talk {
    struct bench *bench;
    struct crowd crowd;
    struct talker *talkers;
    bool has_begun, is_sending, is_measuring, is_broken;
    uint64_t measured, received, sent, errors;
    struct histogram histogram;
    char filler[BODY_MAX];
};

static void broken(struct talk *talk, const struct talker *talker, const char *what, struct text stanza)
{
    if (talk->errors++ == 0)
        fprintf(stderr, "load: client %u: %s: %.*s\n", talker->client.number, what,
                (int)(stanza.size < 600 ? stanza.size : 600), stanza.data);
    talk->is_broken = true;
}

/* "c12-345-" and filler up to the wanted size. */
static unsigned write_body(const struct talker *talker, uint64_t sequence, char *out)
{
    unsigned wanted = talker->talk->bench->body_bytes;
    unsigned head = (unsigned)sprintf(out, "c%u-%llu-", talker->client.number, (unsigned long long)sequence);
    unsigned size = head > wanted ? head : wanted;
    memcpy(out + head, talker->talk->filler, size - head);
    return size;
}

static void send_one(struct talker *talker, uint64_t at_ns)
{
    char text[BODY_MAX + 512];
    struct talk *talk = talker->talk;
    unsigned size = (unsigned)snprintf(text, 400, "<message%s to='%s' type='chat' id='m%llu'><body>",
                                       talk->bench->client.target.websocket ? " xmlns='jabber:client'" : "", talker->to,
                                       (unsigned long long)talker->sent);
    size += write_body(talker, talker->sent, text + size);
    memcpy(text + size, "</body></message>", 17);
    talker->sent_at[talker->sent % RING] = at_ns;
    talker->sent++;
    talk->sent++;
    client_send(&talker->client, text, size + 17);
}

static void run_send(struct late *late)
{
    struct talker *talker = (struct talker *)((char *)late - offsetof(struct talker, send));
    unsigned in_flight = talker->talk->bench->in_flight;
    if (!talker->talk->is_sending)
        return;
    uint64_t now = loop_now();
    while (talker->sent - talker->received < in_flight)
        send_one(talker, now);
    client_ask(&talker->client);
}

static void on_stanza(struct client *client, struct text stanza)
{
    struct talker *talker = (struct talker *)client, *source = talker->source;
    struct talk *talk = talker->talk;
    char expected[BODY_MAX + 64];
    if (!xml_is(stanza, "message") || !talk->has_begun)
        return; /* an old one, kept for this login */
    if (text_is(xml_attribute(stanza, "type"), "error")) {
        broken(talk, talker, "an error came back", stanza);
        return;
    }
    unsigned size = write_body(source, source->received, expected);
    if (!text_equal(xml_child_text(stanza, "body"), (struct text){ expected, size }))
        broken(talk, talker, "not the message that was due", stanza);
    if (!text_is(xml_attribute(stanza, "from"), talker->expected_from))
        broken(talk, talker, "not from the right sender", stanza);
    if (talk->is_measuring) {
        histogram_add(&talk->histogram, loop_now() - source->sent_at[source->received % RING]);
        talk->measured++;
    }
    source->received++;
    talk->received++;
    if (talk->is_sending && !talk->bench->rate)
        loop_late(&talk->bench->loop, &source->send);
}

static void on_ready(struct client *client)
{
    crowd_ready(&((struct talker *)client)->talk->crowd);
}

static void on_closed(struct client *client, const char *reason)
{
    struct talker *talker = (struct talker *)client;
    crowd_closed(&talker->talk->crowd, client, reason);
    talker->talk->is_broken = true;
}

static const struct client_events events = { .on_ready = on_ready, .on_stanza = on_stanza, .on_closed = on_closed };

static void make_talkers(struct talk *talk, bool is_chat)
{
    struct bench *bench = talk->bench;
    talk->talkers = xcalloc(bench->connections, sizeof *talk->talkers);
    talk->crowd = (struct crowd){ .bench = bench, .clients = xcalloc(bench->connections, sizeof(struct client *)) };
    for (unsigned i = 0; i < bench->connections; i++) {
        struct talker *talker = &talk->talkers[i];
        talker->talk = talk;
        talker->send.run = run_send;
        talker->source = is_chat ? &talk->talkers[i ^ 1] : talker;
        talk->crowd.clients[i] = &talker->client;
    }
    for (unsigned i = 0; i < sizeof talk->filler; i++)
        talk->filler[i] = (char)('a' + i % 26);
}

static void choose_addresses(struct talk *talk, bool is_chat)
{
    for (unsigned i = 0; i < talk->bench->connections; i++) {
        struct talker *talker = &talk->talkers[i];
        talker->to = is_chat ? talk->talkers[i ^ 1].client.jid : talk->bench->to;
        talker->expected_from = talker->to;
    }
}

/* Runs for a time; with a fixed rate, sends what is due. */
static void run_phase(struct talk *talk, double seconds, uint64_t *start, uint64_t *count)
{
    struct bench *bench = talk->bench;
    uint64_t end = loop_now() + (uint64_t)(seconds * 1e9);
    if (!bench->rate) {
        bench_run_for(bench, seconds, &talk->is_broken);
        return;
    }
    while (!bench_stopped && !talk->is_broken) {
        uint64_t due = *start + (uint64_t)((double)*count * 1e9 / bench->rate), now = loop_now();
        if (now >= end)
            return;
        if (due > now) {
            loop_turn(&bench->loop, due < end ? due : end);
            continue;
        }
        struct talker *talker = &talk->talkers[*count % bench->connections];
        if (talker->sent - talker->received >= RING) {
            fprintf(stderr, "load: %u answers of one connection are missing: the server does not keep up\n", RING);
            talk->is_broken = true;
        }
        send_one(talker, due);
        client_ask(&talker->client);
        ++*count;
    }
}

static void start_sending(struct talk *talk)
{
    talk->has_begun = talk->is_sending = true;
    for (unsigned i = 0; !talk->bench->rate && i < talk->bench->connections; i++)
        loop_late(&talk->bench->loop, &talk->talkers[i].send);
}

static void report(struct talk *talk, double seconds, const char *mode)
{
    struct bench *bench = talk->bench;
    report_open(bench, mode);
    report_number("in_flight", bench->rate ? 0 : bench->in_flight);
    report_number("rate", bench->rate);
    report_number("body_bytes", bench->body_bytes);
    report_number("seconds", seconds);
    report_number("messages", (double)talk->measured);
    report_number("per_second", (double)talk->measured / seconds);
    report_number("missing", (double)(talk->sent - talk->received));
    report_number("errors", (double)talk->errors);
    report_cpu(bench, (double)talk->measured);
    report_latency(&talk->histogram);
    report_close();
}

static void check_acks(struct talk *talk)
{
    for (unsigned i = 0; talk->bench->client.acknowledges && i < talk->bench->connections; i++) {
        const struct client *client = &talk->talkers[i].client;
        if (client->acked != client->sent) {
            fprintf(stderr, "load: client %u sent %u stanzas, and %u are acknowledged\n", client->number, client->sent,
                    client->acked);
            talk->errors++;
            talk->is_broken = true;
            return;
        }
    }
}

static void measure(struct talk *talk, const char *mode)
{
    struct bench *bench = talk->bench;
    uint64_t start = loop_now(), count = 0;
    start_sending(talk);
    run_phase(talk, bench->warm_up, &start, &count);
    for (int i = 0; i < bench->group_count; i++)
        proc_start(&bench->groups[i]);
    uint64_t from = loop_now();
    talk->is_measuring = true;
    run_phase(talk, bench->seconds, &start, &count);
    talk->is_measuring = false;
    double seconds = (double)(loop_now() - from) / 1e9;
    for (int i = 0; i < bench->group_count; i++)
        proc_stop(&bench->groups[i]);
    talk->is_sending = false;
    for (int i = 0; i < 100 && talk->sent != talk->received && !talk->is_broken; i++)
        bench_run_for(bench, 0.1, &talk->is_broken);
    for (unsigned i = 0; i < bench->connections; i++) {
        client_acknowledge(&talk->talkers[i].client);
        client_ask(&talk->talkers[i].client);
    }
    bench_run_for(bench, 0.2, &talk->is_broken); /* anything that comes twice shows now, and the last acknowledgements */
    check_acks(talk);
    report(talk, seconds, mode);
}

static int run_talk(struct bench *bench, bool is_chat)
{
    struct talk *talk = xcalloc(1, sizeof *talk);
    talk->bench = bench;
    if (is_chat)
        bench->connections &= ~1u;
    if (bench->in_flight > RING || bench->body_bytes > BODY_MAX - 64 || (!is_chat && !bench->to)) {
        fprintf(stderr, "load: --in-flight up to %d, --body up to %d, and echo needs --to\n", RING, BODY_MAX - 64);
        return 2;
    }
    make_talkers(talk, is_chat);
    if (!crowd_open(&talk->crowd, &events))
        return 1;
    choose_addresses(talk, is_chat);
    bench_run_for(bench, 1, NULL); /* presence and rosters settle */
    measure(talk, is_chat ? "chat" : "echo");
    return talk->is_broken || talk->sent != talk->received;
}

int mode_echo(struct bench *bench)
{
    return run_talk(bench, false);
}

int mode_chat(struct bench *bench)
{
    return run_talk(bench, true);
}

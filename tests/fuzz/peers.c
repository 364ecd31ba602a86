/* peers.c - other servers and components that say anything at any time, while dials, Redis, TLS and the clock do what they like:
 * the whole of gateway/federation over connections, a store and a dialer in memory.  The input is a script: a byte for what
 * happens next, bytes for the details. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/federation/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONNECTIONS_MAX = 8, DIALS_MAX = 64, ANSWERS_MAX = 1024, ENTRIES_MAX = 32, OPEN_MAX = 32, KEY_MAX = 64 };

static const char *const domains[] = { "one.example", "two.example", "other.example", "third.example", "irc.example", "bridge.example", "evil example" };
enum { DOMAIN_COUNT = sizeof domains / sizeof domains[0] };

struct script {
    const uint8_t *data;
    size_t size;
};

struct line { /* a connection */
    struct connection connection;
    bool is_used, is_closing, is_server;
    char id[PEER_ID_MAX + 1]; /* of the last header that we wrote to it */
    const char *proved;       /* by its certificate; NULL: nothing */
};

struct dial {
    struct dial **place;
    dialed_fn *fn;
    void *ctx;
    bool is_server;
};

struct proof {
    struct proof **place;
    proved_fn *fn;
    void *ctx;
};

struct answer { /* that Redis owes */
    store_done_fn *fn;
    void *ctx;
    int64_t result;
    store_entry_fn *each; /* of a read */
    char key[KEY_MAX];
    uint64_t first;
};

struct entry {
    char key[KEY_MAX];
    uint64_t number;
};

static struct world {
    struct config *config;
    struct peers *peers;
    struct parts parts;
    struct bus bus;
    struct store store;
    struct metrics metrics;
    struct log log;
    int64_t now_ms;
    struct script script;
    struct line lines[CONNECTIONS_MAX];
    struct dial *dials[DIALS_MAX];
    struct proof *proofs[DIALS_MAX];
    struct answer answers[ANSWERS_MAX];
    unsigned answer_count;
    struct entry entries[ENTRIES_MAX];
    unsigned entry_count;
    uint64_t last_number;
    struct {
        uint64_t peer, number;
    } open[OPEN_MAX];
    unsigned open_count;
    bool is_held_elsewhere;
} world;

static unsigned next(unsigned bound)
{
    if (world.script.size == 0)
        return 0;
    world.script.size--;
    return *world.script.data++ % bound;
}

static const char *next_domain(void)
{
    return domains[next(DOMAIN_COUNT)];
}

/* -- connections -- */

static struct line *line_of(struct connection *connection)
{
    return (struct line *)connection;
}

static void take_written(struct connection *connection, const char *data, size_t size)
{
    struct line *line = line_of(connection);
    char *text = text_dup((struct text){ data, size }), *id = strstr(text, "<stream:stream") ? strstr(text, " id='") : NULL;
    if (id) {
        id += 5;
        snprintf(line->id, sizeof line->id, "%.*s", (int)strcspn(id, "'"), id);
    }
    free(text);
}

static void close_line(struct connection *connection)
{
    line_of(connection)->is_closing = true;
}

static void change_nothing(struct connection *connection)
{
    (void)connection;
}

static void start_tls(struct connection *connection, struct text domain)
{
    (void)domain;
    connection->can_start_tls = false;
}

static const char *find_fault(struct connection *connection, const char *domain)
{
    const char *proved = line_of(connection)->proved;
    return proved && strcmp(proved, domain) == 0 ? NULL : "another name";
}

static const struct connection_ops line_ops = { .write = take_written,
                                                .close = close_line,
                                                .pause = change_nothing,
                                                .resume = change_nothing,
                                                .start_tls = start_tls,
                                                .peer_fault = find_fault };

static struct line *make_line(bool is_server)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct line *line = &world.lines[i];
        if (line->is_used)
            continue;
        *line = (struct line){ .is_used = true, .is_server = is_server, .connection = { .ops = &line_ops, .framing = FRAMING_TCP } };
        unsigned kind = next(4);
        line->connection.is_encrypted = is_server && kind == 1;
        line->connection.can_start_tls = is_server && kind > 1;
        line->proved = kind & 1 ? next_domain() : NULL;
        return line;
    }
    return NULL;
}

static const struct connection_callbacks *callbacks_of(const struct line *line)
{
    return line->is_server ? &peers_server_callbacks : &peers_component_callbacks;
}

static void end_line(struct line *line)
{
    if (line->connection.session)
        callbacks_of(line)->on_closed(world.peers, &line->connection, "over");
    line->is_used = false;
}

static void end_those_that_close(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (world.lines[i].is_used && world.lines[i].is_closing)
            end_line(&world.lines[i]);
}

/* -- the dialer -- */

static struct dial *make_dial(dialed_fn *fn, void *ctx, bool is_server)
{
    for (int i = 0; i < DIALS_MAX; i++) {
        if (world.dials[i])
            continue;
        struct dial *dial = world.dials[i] = xmalloc(sizeof *dial);
        *dial = (struct dial){ &world.dials[i], fn, ctx, is_server };
        return dial;
    }
    abort(); /* more than there may be links and questions */
}

static struct dial *dial_server(struct dialer *dialer, struct text domain, struct text own, dialed_fn *fn, void *ctx)
{
    (void)dialer;
    (void)domain;
    (void)own;
    return make_dial(fn, ctx, true);
}

static struct dial *dial_host(struct dialer *dialer, const char *host, int port, dialed_fn *fn, void *ctx)
{
    (void)dialer;
    (void)host;
    (void)port;
    return make_dial(fn, ctx, false);
}

static void cancel(struct dialer *dialer, struct dial **owned)
{
    (void)dialer;
    *(*owned)->place = NULL;
    free(*owned);
    *owned = NULL;
}

static struct proof *prove(struct dialer *dialer, struct text domain, struct connection *connection, proved_fn *fn, void *ctx)
{
    (void)dialer;
    (void)domain;
    (void)connection;
    for (int i = next(2) ? 0 : DIALS_MAX; i < DIALS_MAX; i++) {
        if (world.proofs[i])
            continue;
        struct proof *proof = world.proofs[i] = xmalloc(sizeof *proof);
        *proof = (struct proof){ &world.proofs[i], fn, ctx };
        return proof;
    }
    return NULL;
}

static void cancel_proof(struct proof **owned)
{
    *(*owned)->place = NULL;
    free(*owned);
    *owned = NULL;
}

static const struct dialer_ops dialer_ops = { dial_server, dial_host, cancel, prove, cancel_proof };
static struct dialer dialer = { &dialer_ops };

static void end_dial(void)
{
    struct dial **place = &world.dials[next(DIALS_MAX)], *dial = *place;
    if (!dial)
        return;
    enum dial_result result = (enum dial_result)next(3);
    struct line *line = result == DIAL_CONNECTED ? make_line(dial->is_server) : NULL;
    *place = NULL;
    dial->fn(dial->ctx, line || result != DIAL_CONNECTED ? result : DIAL_FAILED, line ? &line->connection : NULL, "so it is");
    free(dial);
}

static void end_proof(void)
{
    struct proof **place = &world.proofs[next(DIALS_MAX)], *proof = *place;
    if (!proof)
        return;
    *place = NULL;
    proof->fn(proof->ctx, next(2));
    free(proof);
}

/* -- the store: what it is asked is answered when the script says so -- */

static struct answer *owe(store_done_fn *fn, void *ctx, int64_t result)
{
    if (world.answer_count == ANSWERS_MAX)
        abort(); /* nothing here may ask so much without an answer */
    struct answer *answer = &world.answers[world.answer_count++];
    *answer = (struct answer){ .fn = fn, .ctx = ctx, .result = result };
    return answer;
}

static void lease_take(struct store *store, struct text address, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)address;
    (void)node;
    (void)ttl_ms;
    owe(fn, ctx, !world.is_held_elsewhere);
}

static void lease_release(struct store *store, struct text address, struct text node)
{
    (void)store;
    (void)address;
    (void)node;
}

static void note(struct store *store, struct text key)
{
    (void)store;
    (void)key;
}

static void find_orphans(struct store *store, peers_each_fn *each, store_done_fn *fn, void *ctx)
{
    (void)store;
    for (unsigned i = next(4); i > 0; i--)
        each(ctx, text_of("one.example>other.example"));
    owe(fn, ctx, 0);
}

static void copy_key(char out[KEY_MAX], struct text key)
{
    snprintf(out, KEY_MAX, "%.*s", TEXT_ARGS(key));
}

static void put(struct store *store, const struct peers_put *put, store_done_fn *fn, void *ctx)
{
    static const int64_t results[] = { PEERS_OWN, PEERS_OWN, PEERS_OWN, PEERS_PUSHED, PEERS_QUEUED, PEERS_NOBODY, PEERS_FULL, PEERS_DOUBLE };
    int64_t result = results[next(sizeof results / sizeof results[0])];
    (void)store;
    if (result >= 0 && world.entry_count < ENTRIES_MAX) {
        struct entry *entry = &world.entries[world.entry_count++];
        entry->number = ++world.last_number;
        copy_key(entry->key, put->key);
        if (result == PEERS_OWN)
            result += (int64_t)entry->number;
    }
    owe(fn, ctx, result);
}

static void done(struct store *store, struct text bare, struct text uid, const uint64_t *numbers, size_t count, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)uid;
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < world.entry_count; j++)
            if (world.entries[j].number == numbers[i] && text_is(bare, world.entries[j].key))
                world.entries[j--] = world.entries[--world.entry_count];
    if (fn)
        owe(fn, ctx, 1);
}

static void read_log(struct store *store, struct text bare, uint64_t first, uint64_t last, store_entry_fn *each, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)last;
    struct answer *answer = owe(fn, ctx, 0);
    answer->each = each;
    answer->first = first;
    copy_key(answer->key, bare);
}

static void reach(struct store *store, struct text bare, uint64_t number, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)bare;
    (void)number;
    owe(fn, ctx, next(2));
}

static void tell_holder(struct store *store, struct text key, struct text node, struct text what, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)key;
    (void)node;
    (void)what;
    owe(fn, ctx, next(3));
}

static void hand_over(struct store *store, struct text key, struct text node, struct text heir, int64_t ttl_ms)
{
    (void)store;
    (void)key;
    (void)node;
    (void)heir;
    (void)ttl_ms;
}

static void publish(struct bus *bus, struct text channel, struct text head, struct text tail, bus_published_fn *fn, void *ctx)
{
    (void)bus;
    (void)channel;
    (void)head;
    (void)tail;
    if (fn)
        owe(fn, ctx, next(2));
}

static const struct bus_ops bus_ops = { .publish = publish };
static const struct store_ops store_ops = { .lease_take = lease_take, .lease_release = lease_release };
static const struct peers_ops peers_ops = { .note = note, .forget = note, .orphans = find_orphans, .put = put, .tell_holder = tell_holder, .hand_over = hand_over };
static const struct log_ops log_ops = { .done = done, .read = read_log, .reach = reach };

static struct text event = { "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"xmpp:a@one.example/x\",\"type\":\"xmpp.message\",\"data\":{\"kind\":\"message\","
                             "\"from\":\"a@one.example/x\",\"to\":\"b@other.example\",\"body\":\"hi\"}}", 0 };

/* Those of the log that were asked for, in order; the callback may take some out. */
static void give_entries(const struct answer *answer)
{
    for (uint64_t number = answer->first; number <= world.last_number; number++)
        for (unsigned i = 0; i < world.entry_count; i++)
            if (world.entries[i].number == number && strcmp(world.entries[i].key, answer->key) == 0) {
                answer->each(answer->ctx, &(struct log_entry){ .number = number, .event = event });
                break;
            }
}

static void answer_one(enum bus_status status)
{
    if (world.answer_count == 0)
        return;
    struct answer answer = world.answers[0];
    memmove(world.answers, world.answers + 1, --world.answer_count * sizeof answer);
    if (answer.each && status == BUS_OK)
        give_entries(&answer);
    answer.fn(answer.ctx, status, answer.result);
}

/* -- the router -- */

static void on_stanza(void *ctx, struct stanza *stanza, uint64_t peer, uint64_t number)
{
    (void)ctx;
    stanza_free(&stanza);
    if (world.open_count == OPEN_MAX) {
        peers_handled(world.peers, world.open[0].peer, world.open[0].number);
        memmove(world.open, world.open + 1, --world.open_count * sizeof world.open[0]);
    }
    world.open[world.open_count].peer = peer;
    world.open[world.open_count++].number = number;
}

static void on_undelivered(void *ctx, struct stanza *stanza, enum stanza_condition condition, const char *text)
{
    (void)ctx;
    (void)condition;
    (void)text;
    stanza_free(&stanza);
}

static const struct peers_callbacks callbacks = { on_stanza, on_undelivered };

static void handle_one(void)
{
    if (world.open_count == 0)
        return;
    unsigned chosen = next(world.open_count);
    peers_handled(world.peers, world.open[chosen].peer, world.open[chosen].number);
    world.open[chosen] = world.open[--world.open_count];
}

/* -- what the other side says -- */

/* In a template: %f %t domains that the script chooses; %i the id that we gave it last; %k a right key for the two; %h the hash of
 * a component. */
static const char *const templates[] = {
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='%f' to='%t' version='1.0'>",
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='%f' to='%t' id='theirs' version='1.0'>",
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='theirs'>",
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='irc.example'>",
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='bridge.example' id='theirs'>",
    "<handshake>%h</handshake>",
    "<handshake/>",
    "<stream:features/>",
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
    "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>b3RoZXIuZXhhbXBsZQ==</auth>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
    "<bidi xmlns='urn:xmpp:bidi'/>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t'>key</db:result>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t' type='valid'/>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t' type='invalid'/>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t' type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
    "<db:verify xmlns:db='jabber:server:dialback' from='%f' to='%t' id='%i'>%k</db:verify>",
    "<db:verify xmlns:db='jabber:server:dialback' from='%f' to='%t' id='%i' type='valid'/>",
    "<db:verify xmlns:db='jabber:server:dialback' from='%f' to='%t' id='%i' type='invalid'/>",
    "<message from='a@%f/x' to='b@%t'><body>hi</body></message>",
    "<iq from='%f' to='b@%t/x' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<presence from='a@%f' to='b@%t'/>",
    "<message to='b@%t'/>",
    "<enable xmlns='urn:xmpp:sm:3'/>",
    "<enabled xmlns='urn:xmpp:sm:3'/>",
    "<failed xmlns='urn:xmpp:sm:3'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    "<a xmlns='urn:xmpp:sm:3' h='2'/>",
    "<a xmlns='urn:xmpp:sm:3' h='4000000000'/>",
    "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "</stream:stream>",
};
enum { TEMPLATE_COUNT = sizeof templates / sizeof templates[0] };

static void fill(struct buffer *out, const char *template, const char *id)
{
    const char *from = next_domain(), *to = next_domain();
    char key[65], hash[41];
    for (const char *c = template; *c; c++) {
        if (*c != '%') {
            buffer_append_char(out, *c);
            continue;
        }
        switch (*++c) {
        case 'f':
            buffer_printf(out, "%s", from);
            break;
        case 't':
            buffer_printf(out, "%s", to);
            break;
        case 'i':
            buffer_printf(out, "%s", id);
            break;
        case 'k':
            dialback_key(peers_secret(world.peers), text_of(from), text_of(to), text_of(id), key);
            buffer_printf(out, "%s", key);
            break;
        case 'h':
            component_hash(text_of(id), TEXT("secret"), hash);
            buffer_printf(out, "%s", hash);
            break;
        }
    }
}

static struct line *next_line(void)
{
    struct line *line = &world.lines[next(CONNECTIONS_MAX)];
    return line->is_used && line->connection.session ? line : NULL;
}

static void say(void)
{
    struct line *line = next_line(), *asked = &world.lines[next(CONNECTIONS_MAX)]; /* a verifier speaks of another stream's id */
    struct buffer text = { 0 };
    if (!line)
        return;
    fill(&text, templates[next(TEMPLATE_COUNT)], asked->id[0] ? asked->id : line->id);
    callbacks_of(line)->on_bytes(world.peers, &line->connection, text.data, text.size);
    buffer_fini(&text);
}

static void encrypt(void)
{
    struct line *line = next_line();
    if (!line || line->connection.is_encrypted)
        return;
    line->connection.is_encrypted = true;
    line->proved = next_domain();
    callbacks_of(line)->on_encrypted(world.peers, &line->connection);
}

static void accept_one(bool is_server)
{
    struct line *line = make_line(is_server);
    if (line && !callbacks_of(line)->on_accept(world.peers, &line->connection))
        line->is_used = false;
}

/* -- what people say to them -- */

struct sent {
    struct stanza *stanza;
};

static void on_sent(void *ctx, enum bus_status status, int64_t result)
{
    struct sent *sent = ctx;
    (void)status;
    (void)result;
    stanza_free(&sent->stanza);
    free(sent);
}

static void send_one(void)
{
    const char *from = next_domain(), *to = next_domain();
    struct text from_text = text_of(from), to_text = text_of(to);
    if (!peers_reach(world.peers, from_text, to_text) || world.entry_count == ENTRIES_MAX)
        return;
    struct sent *sent = xmalloc(sizeof *sent);
    struct refusal why = { 0 };
    struct event read = { 0 };
    if (event_read(event, EVENT_FROM_NODE, &world.peers->limits, &read, &why))
        abort();
    sent->stanza = read.stanza;
    peers_send(world.peers, sent->stanza, from_text, to_text, event, TEXT("s"), 1, on_sent, sent);
}

/* Words of another node; %l a link, %n a number, %e an event. */
static const char *const words[][2] = {
    { "queued", "%l\n%n\n%e" },    { "share", "irc.example\nn2\n%n\n1" },   { "lent", "irc.example\nn2\n1\n%n\n%e" },
    { "carried", "irc.example\n%n\n%n\n" }, { "returned", "irc.example\n%n\n" },
};
enum { WORD_COUNT = sizeof words / sizeof words[0] };

static void hear_node(void)
{
    const char *const *word = words[next(WORD_COUNT)];
    struct buffer payload = { 0 };
    for (const char *c = word[1]; *c; c++) {
        if (*c != '%')
            buffer_append_char(&payload, *c);
        else if (*++c == 'l')
            buffer_printf(&payload, "%s>%s", next_domain(), next_domain());
        else if (*c == 'n')
            buffer_printf(&payload, "%u", next(8));
        else
            buffer_append_text(&payload, event);
    }
    peers_command(world.peers, text_of(word[0]), buffer_text(&payload));
    buffer_fini(&payload);
}

static void pass_time(void)
{
    world.now_ms += 100 << next(12);
    timers_advance(world.parts.timers, world.now_ms);
}

static void step(void)
{
    switch (next(16)) {
    case 0:
        accept_one(true);
        break;
    case 1:
        accept_one(false);
        break;
    case 2:
        end_dial();
        break;
    case 3:
        end_proof();
        break;
    case 4:
        answer_one(BUS_OK);
        break;
    case 5:
        answer_one(next(4) ? BUS_OK : BUS_AWAY);
        break;
    case 6:
        handle_one();
        break;
    case 7:
        encrypt();
        break;
    case 8:
        send_one();
        break;
    case 9:
        hear_node();
        break;
    case 10:
        pass_time();
        break;
    case 11: {
        struct line *line = &world.lines[next(CONNECTIONS_MAX)];
        if (line->is_used)
            end_line(line);
        break;
    }
    case 12: {
        struct line *line = next_line();
        if (line)
            callbacks_of(line)->on_drained(world.peers, &line->connection);
        break;
    }
    case 13:
        world.is_held_elsewhere = next(2);
        if (next(2))
            peers_back(world.peers);
        break;
    default:
        say();
    }
    peers_turn(world.peers);
    end_those_that_close();
    while (world.answer_count > ANSWERS_MAX / 4)
        answer_one(BUS_OK);
}

/* -- a world for each input -- */

static int64_t no_time(void *ctx)
{
    (void)ctx;
    return 0;
}

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

static void begin(void)
{
    static const char *const sets[] = { "domain=one.example",          "services.domains=two.example,bridge.example", "s2s.services=on",
                                        "s2s.dialback=on",             "s2s.tls=off",           "s2s.queue=10",
                                        "limits.peers=10",       "components.accept=irc.example:secret",
                                        "components.share=on",         "components.connect=bridge.example:secret@127.0.0.1:5347",
                                        "limits.client_queue=1M" };
    if (!world.config) {
        world.config = config_load(NULL, NULL, sets, sizeof sets / sizeof sets[0], complain, NULL);
        if (!world.config)
            abort();
        world.config->listen_s2s.is_on = true; /* with a certificate, which would have to be a file */
        event.size = strlen(event.data);
    }
    struct config *config = world.config;
    world = (struct world){ .config = config, .now_ms = 1000, .log = { LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, NULL, NULL } };
    world.bus = (struct bus){ .ops = &bus_ops };
    world.store = (struct store){ .ops = &store_ops, .log = &log_ops, .peers = &peers_ops };
    world.parts = (struct parts){ .config = config,
                                  .bus = &world.bus,
                                  .store = &world.store,
                                  .timers = timers_new(world.now_ms),
                                  .streams = stream_pool_new(),
                                  .metrics = &world.metrics,
                                  .log = &world.log,
                                  .node = TEXT("n1"),
                                  .wall_ms = no_time };
    world.peers = peers_new(&world.parts, &dialer, &callbacks, NULL);
}

/* As main.c ends a node: connections, then what Redis owes, then the rest. */
static void end(void)
{
    peers_stop(world.peers);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (world.lines[i].is_used)
            end_line(&world.lines[i]);
    while (world.answer_count)
        answer_one(BUS_AWAY);
    peers_free(&world.peers);
    for (int i = 0; i < DIALS_MAX; i++)
        if (world.dials[i] || world.proofs[i])
            abort(); /* they would call back into what is gone */
    stream_pool_free(&world.parts.streams);
    timers_free(&world.parts.timers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    world.script = (struct script){ data, size };
    peers_start(world.peers);
    while (world.script.size)
        step();
    end();
    return 0;
}

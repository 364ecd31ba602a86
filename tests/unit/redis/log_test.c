/* log_test.c - session rows as the log needs them, and the log itself, on a real Redis. */
#include <stdio.h>

#include "log_stage.h"
#include "stanzabus/memory.h"

/* -- rows -- */

/* What a row says of its session, and what is told of the account. */
static void test_row_letters(void **state)
{
    session_op *update = node.store->ops->session_update, *remove = node.store->ops->session_remove;
    struct session_row r = held_row("balcony", "n1", 7, true, -3);
    struct answer answer;
    (void)state;
    r.uid = TEXT("n0.5");
    listen_on("xmpp:to:{juliet@example.com}");
    bind_row(r, BIND_REFUSE, 1);
    assert_string_equal(server_ask(&server, "HGET xmpp:{juliet@example.com}:sessions balcony"), "m---7\nn1/balcony\nn0.5\n-3");
    r.has_carbons = r.is_resumable = r.is_interested = true;
    assert_int_equal(write_session(update, r), 1);
    assert_string_equal(server_ask(&server, "HGET xmpp:{juliet@example.com}:sessions balcony"), "mcsi7\nn1/balcony\nn0.5\n-3");
    hears("account 1 -");
    assert_int_equal(write_session(update, r), 1); /* no news */

    /* The flags are no row: they count for nothing. */
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions %s bN", "");
    answer = bind_row(held_row("balcony", "n2", 8, true, 0), BIND_REPLACE, 1);
    assert_int_equal(answer.result, BIND_REPLACED);
    assert_string_equal(answer.flags, "bN");
    assert_int_equal(answer.carbons, 0);
    hears("account 0 bN");
    hears_nothing();
    assert_int_equal(bind_row(held_row("garden", "n2", 9, true, 0), BIND_REPLACE, 1).result, BIND_TOO_MANY);

    /* What an ended session may have held waits for somebody. */
    server_ask(&server, "XADD xmpp:{juliet@example.com}:log 0-* e {} t n2.8");
    assert_int_equal(write_session(remove, held_row("balcony", "n2", 8, true, 0)), 2);
    assert_string_equal(server_ask(&server, "HVALS xmpp:{juliet@example.com}:sessions"), "bNqr");
}

/* -- delivering -- */

/* Who gets it, who holds it, and what a payload says of it. */
static void test_deliver(void **state)
{
    (void)state;
    listen_on("xmpp:to:{juliet@example.com}");
    assert_int_equal(deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG)), DELIVER_NO_ACCOUNT);
    make_account();
    bind_row(held_row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    bind_row(held_row("low", "n1", 2, true, -1), BIND_REFUSE, 9);
    bind_row(held_row("silent", "n3", 4, false, 0), BIND_REFUSE, 9);

    assert_int_equal(deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG)), 1);
    hears("{\"edge\":\"0 1 - -\\nn1/up\",\"id\":\"1\"}");
    assert_string_equal(log_of(), "0-1\ne\n\"id\":\"1\"}\nt\nup");
    assert_int_equal(deliver(message(ROUTE_RESOURCE, "low", KEEP_LOG)), 1);
    hears("{\"edge\":\"0 2 - -\\nn1/low\",\"id\":\"1\"}");
    assert_int_equal(deliver(message(ROUTE_RESOURCE_OR_NON_NEGATIVE, "silent", KEEP_LOG)), 1);
    hears("{\"edge\":\"0 3 - -\\nn3/silent\",\"id\":\"1\"}");
    assert_int_equal(deliver(message(ROUTE_RESOURCE_OR_NON_NEGATIVE, "gone", 0)), 1);
    hears("{\"edge\":\"0 0 - -\\nn1/up\",\"id\":\"1\"}"); /* not one to keep */
    assert_int_equal(deliver(message(ROUTE_RESOURCE, "gone", KEEP_LOG | KEEP_ARCHIVE)), DELIVER_NOBODY);
    assert_string_equal(server_ask(&server, "EXISTS xmpp:{juliet@example.com}:archive"), "0");
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "3");
    assert_string_equal(flags_of(), "(nil)");
    hears_nothing();
}

static void test_archive(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG | KEEP_ARCHIVE);
    static const struct {
        const char *flags, *full, *bare, *roster; /* full, bare: exceptions for the sender */
        char preference;
        bool is_kept;
    } rows[] = {
        { "", "", "", "", 'A', true },
        { "", "", "", "", 'N', false },
        { "", "", "", "", 'R', false },
        { "", "", "", "romeo@example.net", 'R', true },
        { "N", "", "", "", 'A', false },
        { "A", "", "", "", 'N', true },
        { "R", "", "", "romeo@example.net", 'N', true },
        { "R", "", "", "nurse@example.net", 'A', false },
        { "Np", "", "a", "", 'A', true },
        { "Ap", "", "n", "", 'A', false },
        { "Ap", "n", "a", "", 'A', false },
        { "Np", "", "", "", 'N', false },
    };
    (void)state;
    make_account();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct archive_settings settings = { .preference = rows[i].preference };
        what.archive = &settings;
        server_ask(&server, "DEL xmpp:{juliet@example.com}:archive xmpp:{juliet@example.com}:prefs "
                            "xmpp:{juliet@example.com}:roster xmpp:{juliet@example.com}:sessions "
                            "xmpp:{juliet@example.com}:with:romeo@example.net");
        if (rows[i].flags[0])
            server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions %s %s", "", rows[i].flags);
        if (rows[i].full[0])
            server_ask(&server, "HSET xmpp:{juliet@example.com}:prefs romeo@example.net/orchard %s", rows[i].full);
        if (rows[i].bare[0])
            server_ask(&server, "HSET xmpp:{juliet@example.com}:prefs romeo@example.net %s", rows[i].bare);
        if (rows[i].roster[0])
            server_ask(&server, "HSET xmpp:{juliet@example.com}:roster %s item", rows[i].roster);
        assert_int_equal(deliver(what), DELIVER_STORED);
        if (strcmp(server_ask(&server, "XLEN xmpp:{juliet@example.com}:archive"), rows[i].is_kept ? "1" : "0") != 0)
            fail_msg("row %zu", i);
    }
}

/* A number is taken once, and the answer says so; lower ones come from a link that was lost. */
static void test_doubles(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    (void)state;
    bind_row(held_row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    what.stream = TEXT("n1.9");
    what.number = 9;
    assert_int_equal(deliver(what), 1);
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    what.number = 10;
    assert_int_equal(deliver(what), 1);
    what.number = 9;
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    what.number = 10;
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    what.stream = TEXT("n1.10");
    assert_int_equal(deliver(what), 1);
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "3");
    assert_string_equal(server_ask(&server, "TTL xmpp:{juliet@example.com}:seen"), "-1");
    write_session(node.store->ops->session_remove, held_row("up", "n1", 1, true, 0));
    assert_string_equal(server_ask(&server, "TTL xmpp:{juliet@example.com}:seen"), "1800");
    bind_row(held_row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    assert_string_equal(server_ask(&server, "TTL xmpp:{juliet@example.com}:seen"), "-1");
}

/* Of very many streams the older generation is remembered for some time only. */
static void test_many_streams(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    char stream[16];
    (void)state;
    bind_row(held_row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    what.number = 7;
    for (unsigned i = 1; i <= 700; i++) {
        snprintf(stream, sizeof stream, "n1.%u", i);
        what.stream = text_of(stream);
        assert_int_equal(deliver(what), 1);
    }
    assert_string_equal(server_ask(&server, "ZCARD xmpp:{juliet@example.com}:seen:old"), "600");
    assert_string_equal(server_ask(&server, "TTL xmpp:{juliet@example.com}:seen:old"), "60");
    assert_string_equal(flags_of(), "o");
    for (unsigned i = 1; i <= 700; i += 50) {
        snprintf(stream, sizeof stream, "n1.%u", i);
        what.stream = text_of(stream);
        assert_int_equal(deliver(what), DELIVER_DOUBLE);
    }
    server_ask(&server, "DEL xmpp:{juliet@example.com}:seen:old");
    for (what.number = 8; what.number < 200; what.number++)
        assert_int_equal(deliver(what), 1);
    assert_string_equal(flags_of(), "");
}

static void test_blocked(void **state)
{
    static const char *const blocked[] = { "romeo@example.net/orchard", "romeo@example.net", "example.net" };
    (void)state;
    make_account();
    bind_row(held_row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions %s b", "");
    for (size_t i = 0; i < 3; i++) {
        server_ask(&server, "DEL xmpp:{juliet@example.com}:blocked");
        server_ask(&server, "SADD xmpp:{juliet@example.com}:blocked %s", blocked[i]);
        assert_int_equal(deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG)), DELIVER_BLOCKED);
    }
    server_ask(&server, "DEL xmpp:{juliet@example.com}:blocked");
    assert_int_equal(deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG)), 1);
}

static void test_copies(void **state)
{
    struct session_row r = held_row("wants", "n1", 1, true, 0);
    struct deliver sent = message(ROUTE_RESOURCE, "up", KEEP_CARBON);
    struct answer answer = { 0 };
    (void)state;
    r.has_carbons = true;
    listen_on("xmpp:to:{juliet@example.com}");
    bind_row(held_row("up", "n2", 2, true, 0), BIND_REFUSE, 9);
    bind_row(r, BIND_REFUSE, 9);
    hears("account 1 -");
    assert_int_equal(deliver(message(ROUTE_RESOURCE, "up", KEEP_CARBON)), 1);
    hears("{\"edge\":\"0 0 - -\\nn2/up\\n+n1/wants\",\"id\":\"1\"}");
    assert_int_equal(deliver(message(ROUTE_RESOURCE, "wants", KEEP_CARBON)), 1);
    hears("{\"edge\":\"0 0 - -\\nn1/wants\",\"id\":\"1\"}");
    sent.stream = TEXT("n2.2");
    sent.number = 1;
    node.store->log->sent(node.store, &sent, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.result, 1);
    hears("{\"edge\":\"0 0 - s\\nn1/wants\",\"id\":\"1\"}");
    node.store->log->sent(node.store, &sent, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    hears_nothing(); /* the same number again */
}

/* -- leaving -- */

/* An entry of several stays until each was done with it, or has gone. */
static void test_done(void **state)
{
    const uint64_t sole[] = { 1, 3 }, shared[] = { 2 | LOG_SHARED }, fourth[] = { 4 | LOG_SHARED };
    (void)state;
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG)); /* 1 */
    bind_row(held_row("b", "n1", 2, true, 0), BIND_REFUSE, 9);
    assert_int_equal(deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG)), 2); /* 2 */
    deliver(message(ROUTE_RESOURCE, "a", KEEP_LOG));                         /* 3 */
    deliver(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG));                      /* 4 */
    assert_int_equal(done("a", sole, 2), 2);
    assert_int_equal(done("a", shared, 1), 0);
    assert_int_equal(done("a", shared, 1), 0);
    assert_int_equal(done("b", shared, 1), 1);
    assert_int_equal(done("a", fourth, 1), 0);
    assert_int_equal(write_session(node.store->ops->session_remove, held_row("b", "n1", 2, true, 0)), 2);
    assert_int_equal(done("a", fourth, 1), 1); /* b has gone */
    assert_string_equal(server_ask(&server, "EXISTS xmpp:{juliet@example.com}:acked"), "0");
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "0");
}

static int64_t reach(uint64_t number)
{
    struct answer answer = { 0 };
    node.store->log->reach(node.store, TEXT("juliet@example.com"), number, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer.result;
}

/* Redis lost the log: who is done with what was in it takes nothing out of the one that begins, whatever it may be asked first. */
static void test_done_with_lost(void **state)
{
    const uint64_t lost[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    (void)state;
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    what.beginning = 1000;
    assert_int_equal(deliver(what), 1);
    assert_int_equal(deliver(what), 1);
    assert_int_equal(done("a", lost, 9), 0);
    assert_string_equal(log_of(), "0-1000\ne\n\"id\":\"1\"}\nt\na\n0-1001\ne\n\"id\":\"1\"}\nt\na");

    server_ask(&server, "DEL xmpp:{juliet@example.com}:log");
    assert_int_equal(reach(3), 1); /* another node has seen 9 */
    assert_int_equal(reach(9), 0);
    assert_int_equal(deliver(what), 1);
    assert_int_equal(done("a", lost, 9), 0);
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "1");
}

static void test_bound(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    (void)state;
    make_account();
    what.waiting = 2;
    what.stream = TEXT("s");
    for (what.number = 1; what.number <= 2; what.number++)
        assert_int_equal(deliver(what), DELIVER_STORED);
    assert_int_equal(deliver(what), DELIVER_FULL);
    assert_int_equal(deliver(what), DELIVER_FULL); /* its number was not taken */
}

/* Who is in no roster fills a tenth of it; the account's people, and the account itself, are told nothing of that. */
static void test_bound_of_strangers(void **state)
{
    struct deliver stranger = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), contact = stranger, own = stranger, service = stranger;
    char big[8192] = "{\"big\":\"";
    (void)state;
    make_account();
    server_ask(&server, "HSET xmpp:{juliet@example.com}:roster nurse@example.net item");
    contact.from = TEXT("nurse@example.net/x");
    own.from = TEXT("juliet@example.com/x");
    service.is_trusted = true;
    stranger.waiting = contact.waiting = own.waiting = service.waiting = 2000;
    for (int i = 0; i < 200; i++)
        assert_int_equal(deliver(stranger), DELIVER_STORED);
    assert_int_equal(deliver(stranger), DELIVER_FULL);
    assert_int_equal(deliver(contact), DELIVER_STORED);
    assert_int_equal(deliver(own), DELIVER_STORED);
    assert_int_equal(deliver(service), DELIVER_STORED);

    memset(big + strlen(big), 'x', sizeof big - strlen(big) - 3);
    strcpy(big + sizeof big - 3, "\"}");
    server_ask(&server, "DEL xmpp:{juliet@example.com}:log");
    stranger.event = contact.event = text_of(big);
    stranger.waiting_bytes = contact.waiting_bytes = 4000000;
    unsigned count = 0;
    while (deliver(stranger) == DELIVER_STORED)
        count++;
    assert_in_range(count, 30, 50);
    assert_int_equal(deliver(contact), DELIVER_STORED);
}

/* -- asked again, because the first answer was lost -- */

/* Whatever has changed since: it was stored, and is not answered with an error. */
static void test_again_stored(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    (void)state;
    make_account();
    what.stream = TEXT("s");
    what.number = 1;
    assert_int_equal(deliver(what), DELIVER_STORED);
    what.waiting = 1;
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sessions %s qb", "");
    server_ask(&server, "SADD xmpp:{juliet@example.com}:blocked example.net");
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    assert_int_equal(deliver(what), DELIVER_BACKLOG); /* who asked first did not hear that it is to be settled */
    server_ask(&server, "DEL xmpp:{juliet@example.com}:account xmpp:{juliet@example.com}:sessions");
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    assert_string_equal(server_ask(&server, "XLEN xmpp:{juliet@example.com}:log"), "1");
}

/* It was refused, though a higher number of its stream was taken meanwhile. */
static void test_again_refused(void **state)
{
    struct deliver what = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), to_nobody = message(ROUTE_RESOURCE, "gone", KEEP_LOG);
    (void)state;
    make_account();
    what.stream = to_nobody.stream = TEXT("s");
    to_nobody.number = 1;
    assert_int_equal(deliver(to_nobody), DELIVER_NOBODY);
    what.number = 2;
    assert_int_equal(deliver(what), DELIVER_STORED);
    what.number = 3;
    what.waiting = 1;
    assert_int_equal(deliver(what), DELIVER_FULL);
    what.number = 4;
    what.waiting = 2;
    assert_int_equal(deliver(what), DELIVER_STORED);
    assert_int_equal(deliver(to_nobody), DELIVER_NOBODY);
    what.number = 2;
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    what.number = 3;
    assert_int_equal(deliver(what), DELIVER_FULL);
    what.number = 4;
    assert_int_equal(deliver(what), DELIVER_DOUBLE);
    assert_string_equal(server_ask(&server, "TTL xmpp:{juliet@example.com}:seen:refused"), "60");
}

/* To others first, then to oneself, in one turn: both are numbered in the stream, and neither is lost for the other. */
static void test_sent_then_to_oneself(void **state)
{
    struct deliver sent = message(ROUTE_RESOURCE, "up", KEEP_ARCHIVE), own = message(ROUTE_NON_NEGATIVE, "", KEEP_LOG);
    struct answer answers[2] = { 0 };
    (void)state;
    bind_row(held_row("up", "n1", 1, true, 0), BIND_REFUSE, 9);
    sent.stream = own.stream = TEXT("n1.1");
    sent.number = 1;
    own.number = 2;
    own.from = TEXT("juliet@example.com/up");
    node.store->log->sent(node.store, &sent, on_done, &answers[0]);
    node.store->log->deliver(node.store, &own, on_done, &answers[1]);
    WAIT_ANSWER(&node, &answers[0]);
    WAIT_ANSWER(&node, &answers[1]);
    assert_int_equal(answers[0].result, 1);
    assert_int_equal(answers[1].result, 1);
}

/* -- reading -- */

static void note_entry(void *ctx, const struct log_entry *entry)
{
    struct answer *answer = ctx;
    size_t used = strlen(answer->text);
    snprintf(answer->text + used, sizeof answer->text - used, "%llu %.*s %.*s%s\n", (unsigned long long)entry->number,
             TEXT_ARGS(entry->holders), TEXT_ARGS(entry->event), entry->is_late ? " late" : "");
}

static void test_read(void **state)
{
    struct answer answer = { 0 };
    (void)state;
    make_account();
    deliver_numbered(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), 1);
    bind_row(held_row("a", "n1", 1, true, 0), BIND_REFUSE, 9);
    bind_row(held_row("b", "n1", 2, false, 0), BIND_REFUSE, 9);
    settle("");
    deliver_numbered(message(ROUTE_RESOURCE, "b", KEEP_LOG), 2);
    bind_row(held_row("b", "n1", 2, true, 0), BIND_REFUSE, 9);
    deliver_numbered(message(ROUTE_NON_NEGATIVE, "", KEEP_LOG), 3);
    node.store->log->read(node.store, TEXT("juliet@example.com"), 0, 0, note_entry, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.result, 3);
    const char *both = strstr(answer.text, "4 a b ") ? "a b" : "b a"; /* of a hash, in no order */
    char expected[256];
    snprintf(expected, sizeof expected, "2 a {\"m\":1} late\n3 b {\"m\":2}\n4 %s {\"m\":3}\n", both);
    assert_string_equal(answer.text, expected);
    answer = (struct answer){ 0 };
    node.store->log->read(node.store, TEXT("juliet@example.com"), 3, 3, note_entry, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_string_equal(answer.text, "3 b {\"m\":2}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_stage_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_row_letters),
        TEST(test_deliver),
        TEST(test_archive),
        TEST(test_doubles),
        TEST(test_many_streams),
        TEST(test_blocked),
        TEST(test_copies),
        TEST(test_done),
        TEST(test_done_with_lost),
        TEST(test_bound),
        TEST(test_bound_of_strangers),
        TEST(test_again_stored),
        TEST(test_again_refused),
        TEST(test_sent_then_to_oneself),
        TEST(test_read),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

/* abroad_test.c - what the store knows of the clients of contacts at other servers, on a real Redis. */
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "stanzabus/store_pep.h"

#define BARE TEXT("juliet@example.com")
#define CONTACT "romeo@far.example"
#define KEY "xmpp:{juliet@example.com}:pep:abroad"

struct pep_seen {
    int count;
    enum bus_status status;
    int result;
    long total;
    char text[4096]; /* before; or rows: "wishes|kind|address\n" with ',' for LF */
};

static void add_text(struct pep_seen *seen, struct text text, char end)
{
    size_t size = strlen(seen->text);
    for (size_t i = 0; i < text.size && size < sizeof seen->text - 3; i++)
        seen->text[size++] = text.data[i] == '\n' ? ',' : text.data[i];
    seen->text[size++] = end;
    seen->text[size] = '\0';
}

static void on_pep(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pep_seen *seen = ctx;
    seen->count++;
    seen->status = status;
    if (status != BUS_OK)
        return;
    seen->result = answer->result;
    seen->total = answer->total;
    if (!answer->row_count)
        add_text(seen, answer->config, '\0');
    for (size_t i = 0; i < answer->row_count; i++) {
        add_text(seen, answer->rows[i].node, '|');
        add_text(seen, answer->rows[i].config, '|');
        add_text(seen, answer->rows[i].id, '\n');
    }
}

static bool is_seen(void *ctx)
{
    return ((struct pep_seen *)ctx)->count > 0;
}

static struct pep_seen abroad(enum pep_abroad_how how, const char *resource, const char *kind, const char *nodes)
{
    struct pep_seen seen = { 0 };
    struct pep_abroad request = { BARE, TEXT(CONTACT), text_of(resource), how, text_of(kind), text_of(nodes) };
    node.store->pep->abroad(node.store, &request, on_pep, &seen);
    assert_true(run_until(loop, is_seen, &seen, 5));
    assert_int_equal(seen.status, BUS_OK);
    return seen;
}

static void audience_is(const char *contact, const char *wanted, const char *rows)
{
    struct pep_seen seen = { 0 };
    node.store->pep->audience(node.store, BARE, text_of(contact), text_of(wanted), on_pep, &seen);
    assert_true(run_until(loop, is_seen, &seen, 5));
    assert_int_equal(seen.status, BUS_OK);
    assert_string_equal(seen.text, rows);
}

static int open_node(void **state)
{
    suite_open(state);
    server_ask(&server, "HSET xmpp:{juliet@example.com}:roster " CONTACT " %s", "1\x1f" "b--\x1f");
    return 0;
}

static void test_learned(void **state)
{
    (void)state;
    assert_int_equal(abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "").result, PEP_TO_LEARN);
    audience_is("", "tune", "|h:v:n|" CONTACT "/orchard\n");
    assert_int_equal(abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "").result, PEP_TO_LEARN);
    assert_int_equal(abroad(PEP_ABROAD_LEARNED, "orchard", "h:w:n", "tune\n").result, PEP_NO_NODE);
    assert_int_equal(abroad(PEP_ABROAD_LEARNED, "garden", "h:v:n", "tune\n").result, PEP_NO_NODE);
    assert_int_equal(abroad(PEP_ABROAD_LEARNED, "orchard", "h:v:", "tune\nmood\n").result, PEP_DONE);
    assert_int_equal(abroad(PEP_ABROAD_LEARNED, "orchard", "h:v:n", "tune\n").result, PEP_NO_NODE);
    assert_int_equal(abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "").result, PEP_KNOWN);
    audience_is("", "mood", "mood,||" CONTACT "/orchard\n");
    audience_is("", "moo", "");
    audience_is(CONTACT, "", "tune,mood,||" CONTACT "/orchard\n");
}

static void test_another_kind(void **state)
{
    (void)state;
    abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "");
    abroad(PEP_ABROAD_LEARNED, "orchard", "h:v:n", "tune\n");
    assert_int_equal(abroad(PEP_ABROAD_SAID, "orchard", "h:w:n", "").result, PEP_TO_LEARN);
    audience_is("", "tune", "tune,|h:w:n|" CONTACT "/orchard\n");
    struct pep_seen seen = abroad(PEP_ABROAD_LEARNED, "orchard", "h:w:n", "");
    assert_int_equal(seen.result, PEP_DONE);
    assert_string_equal(seen.text, "tune,");
    audience_is("", "tune", "");
}

static void test_missed_and_come(void **state)
{
    (void)state;
    assert_int_equal(abroad(PEP_ABROAD_CAME, "orchard", "", "").result, PEP_NO_NODE);
    abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "");
    abroad(PEP_ABROAD_LEARNED, "orchard", "h:v:n", "tune\n");
    assert_int_equal(abroad(PEP_ABROAD_CAME, "orchard", "", "").result, PEP_KNOWN); /* told a moment ago */
    abroad(PEP_ABROAD_MISSED, "orchard", "", "");
    struct pep_seen seen = abroad(PEP_ABROAD_CAME, "orchard", "", "");
    assert_int_equal(seen.result, PEP_TO_LEARN);
    assert_string_equal(seen.text, "h:v:n");
    seen = abroad(PEP_ABROAD_LEARNED, "orchard", "h:v:n", "tune\n");
    assert_int_equal(seen.result, PEP_DONE);
    assert_string_equal(seen.text, ""); /* so that all is told */
}

static void test_gone(void **state)
{
    (void)state;
    abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "");
    abroad(PEP_ABROAD_SAID, "garden", "h:v:n", "");
    abroad(PEP_ABROAD_GONE, "orchard", "", "");
    audience_is("", "tune", "|h:v:n|" CONTACT "/garden\n");
    abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "");
    abroad(PEP_ABROAD_GONE, "", "", "");
    assert_string_equal(server_ask(&server, "EXISTS " KEY), "0");
    server_ask(&server, "HSET xmpp:{juliet@example.com}:roster " CONTACT " %s", "2\x1fns-\x1f");
    assert_int_equal(abroad(PEP_ABROAD_SAID, "orchard", "h:v:n", "").result, PEP_NO_NODE);
    assert_string_equal(server_ask(&server, "EXISTS " KEY), "0");
}

/* One contact cannot fill the store: what was said longest ago is forgotten, and counted. */
static void test_bound(void **state)
{
    char nodes[2001], resource[16];
    long forgotten = 0;
    (void)state;
    memset(nodes, 'n', sizeof nodes - 2);
    strcpy(nodes + sizeof nodes - 2, "\n");
    for (int i = 0; i < 20; i++) {
        snprintf(resource, sizeof resource, "r%d", i);
        forgotten += abroad(PEP_ABROAD_SAID, resource, "h:v:n", "").total;
        forgotten += abroad(PEP_ABROAD_LEARNED, resource, "h:v:n", nodes).total;
    }
    assert_int_equal(forgotten, 12);
    assert_true(atoi(server_ask(&server, "HSTRLEN " KEY " " CONTACT)) <= 16384);
    assert_int_equal(abroad(PEP_ABROAD_SAID, "r19", "h:v:n", "").result, PEP_KNOWN);
    assert_int_equal(abroad(PEP_ABROAD_SAID, "r12", "h:v:n", "").result, PEP_KNOWN);
    assert_int_equal(abroad(PEP_ABROAD_SAID, "r11", "h:v:n", "").result, PEP_TO_LEARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_learned, open_node, suite_close),
        cmocka_unit_test_setup_teardown(test_another_kind, open_node, suite_close),
        cmocka_unit_test_setup_teardown(test_missed_and_come, open_node, suite_close),
        cmocka_unit_test_setup_teardown(test_gone, open_node, suite_close),
        cmocka_unit_test_setup_teardown(test_bound, open_node, suite_close),
    };
    return cmocka_run_group_tests(tests, suite_start, suite_stop);
}

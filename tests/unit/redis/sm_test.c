/* sm_test.c - the notes of resumable streams on a real Redis: kept, taken over, fenced, dropped, expired. */
#include <stdio.h>

#include "suite.h"
#include "stanzabus/memory.h"
#include "stanzabus/store_sm.h"

static int begin(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    server_make(&server);
    server_start(&server);
    return 0;
}

static struct session_row row(const char *resource, const char *node_id, uint64_t session, const char *uid)
{
    return (struct session_row){ .bare = TEXT("juliet@example.com"),
                                 .resource = text_of(resource),
                                 .node = text_of(node_id),
                                 .session = session,
                                 .uid = text_of(uid),
                                 .is_available = true,
                                 .has_carbons = true,
                                 .priority = -5 };
}

static void bind_row(struct session_row r)
{
    struct answer answer = { 0 };
    node.store->ops->session_bind(node.store, &r, BIND_REPLACE, 10, on_bound, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
}

static int64_t start_with(struct session_row r, struct sm_notes notes)
{
    struct answer answer = { 0 };
    node.store->sm->start(node.store, &r, 60000, &notes, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    return answer.result;
}

static int64_t start(struct session_row r)
{
    return start_with(r, (struct sm_notes){ 0 });
}

static int64_t note(struct session_row r, struct sm_notes notes)
{
    struct answer answer = { 0 };
    notes.bare = r.bare;
    notes.uid = r.uid;
    notes.node = r.node;
    notes.session = r.session;
    node.store->sm->note(node.store, &notes, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    return answer.result;
}

struct found {
    struct answer answer;
    bool is_there, has_handled;
    uint64_t handled;
    char resource[64];
};

static void on_found(void *ctx, enum bus_status status, const struct sm_found *f)
{
    struct found *found = ctx;
    found->answer.status = status;
    found->is_there = f->is_there;
    found->has_handled = f->has_handled;
    found->handled = f->handled;
    snprintf(found->resource, sizeof found->resource, "%.*s", TEXT_ARGS(f->resource));
    found->answer.count++;
}

static struct found find(const char *uid)
{
    struct found found = { 0 };
    node.store->sm->find(node.store, TEXT("juliet@example.com"), text_of(uid), on_found, &found);
    WAIT_ANSWER(&node, &found.answer);
    assert_int_equal(found.answer.status, BUS_OK);
    return found;
}

struct taken {
    struct answer answer;
    struct sm_taken taken;
    char node[64], lines[512];
};

static void on_taken(void *ctx, enum bus_status status, const struct sm_taken *t)
{
    struct taken *taken = ctx;
    taken->answer.status = status;
    taken->taken = *t;
    snprintf(taken->node, sizeof taken->node, "%.*s", TEXT_ARGS(t->answer.replaced_node));
    for (size_t i = 0, used = 0; i < t->line_count && used < sizeof taken->lines; i++)
        used += (size_t)snprintf(taken->lines + used, sizeof taken->lines - used, "%llu:%llu*%u%.*s ",
                                 (unsigned long long)t->lines[i].number, (unsigned long long)t->lines[i].entry,
                                 t->lines[i].count, TEXT_ARGS(t->lines[i].xml));
    taken->answer.count++;
}

static struct taken take(struct session_row r)
{
    struct taken taken = { 0 };
    node.store->sm->take(node.store, &r, on_taken, &taken);
    WAIT_ANSWER(&node, &taken.answer);
    assert_int_equal(taken.answer.status, BUS_OK);
    return taken;
}

static void on_dropped(void *ctx, const struct sm_dropped *dropped)
{
    struct answer *answer = ctx;
    size_t used = strlen(answer->text);
    snprintf(answer->text + used, sizeof answer->text - used, "%.*s %.*s %llu\n", TEXT_ARGS(dropped->resource),
             TEXT_ARGS(dropped->node), (unsigned long long)dropped->session);
}

static struct answer detach(struct session_row r, uint32_t resume_ms, int most)
{
    struct answer answer = { 0 };
    node.store->sm->detach(node.store, &r, resume_ms, most, on_dropped, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    run_for(loop, 0.01); /* two in one millisecond would have no order */
    return answer;
}

static void test_notes_and_take(void **state)
{
    (void)state;
    struct session_row r = row("balcony", "n1", 7, "n1.7");
    assert_int_equal(start(r), 0); /* no row */
    bind_row(r);
    assert_int_equal(start(r), 1);
    const struct sm_line first[] = { { 1, 11, 3, { 0 } }, { 4, 0, 1, TEXT_INIT("<iq id='1'/>") } };
    assert_int_equal(note(r, (struct sm_notes){ .handled = 2, .sent = 4, .entry = 13, .lines = first, .line_count = 2 }), 1);
    const struct sm_line second[] = { { 5, (uint64_t)1 << 63 | 14, 1, { 0 } } };
    const uint64_t gone[] = { 1 };
    assert_int_equal(note(r, (struct sm_notes){ .handled = 5, .sent = 5, .entry = 14, .gone = gone, .gone_count = 1,
                                                .lines = second, .line_count = 1 }), 1);

    struct found found = find("n1.7");
    assert_true(found.is_there);
    assert_string_equal(found.resource, "balcony");
    assert_int_equal(found.handled, 5);
    assert_false(find("n1.8").has_handled);

    struct session_row other = row("balcony", "n2", 3, "n1.7");
    struct taken taken;
    server_ask(&server, "HSET xmpp:{juliet@example.com}:account generation 5"); /* blocked since its login */
    assert_int_not_equal(take(other).taken.answer.result, BIND_REPLACED);
    other.generation = 5;
    taken = take(other);
    assert_int_equal(taken.taken.answer.result, BIND_REPLACED);
    assert_string_equal(taken.node, "n1");
    assert_int_equal(taken.taken.answer.replaced_session, 7);
    assert_true(taken.taken.is_available && taken.taken.has_carbons && !taken.taken.is_interested);
    assert_int_equal(taken.taken.priority, -5);
    assert_int_equal(taken.taken.handled, 5);
    assert_int_equal(taken.taken.sent, 5);
    assert_int_equal(taken.taken.entry, 14);
    assert_int_equal(taken.taken.resume_ms, 60000);
    assert_true(taken.taken.is_whole);
    assert_string_equal(taken.lines, "4:0*1<iq id='1'/> 5:9223372036854775822*1 ");
    assert_string_equal(server_ask(&server, "HGET xmpp:{juliet@example.com}:sessions balcony"),
                        "mcs-3\nn2/balcony\nn1.7\n-5");

    assert_int_equal(note(r, (struct sm_notes){ .handled = 9 }), 0); /* fenced */
    assert_int_equal(find("n1.7").handled, 5);
    struct answer again = { 0 };
    r.generation = 5;
    node.store->ops->session_bind(node.store, &r, BIND_REFUSE, 10, on_bound, &again); /* it asks why */
    WAIT_ANSWER(&node, &again);
    assert_int_equal(again.result, BIND_MOVED);
    again.count = 0;
    r.uid = TEXT("n1.8");
    node.store->ops->session_bind(node.store, &r, BIND_REFUSE, 10, on_bound, &again);
    WAIT_ANSWER(&node, &again);
    assert_int_equal(again.result, BIND_CONFLICT);
    taken = take(other); /* the answer was lost: asked again */
    assert_string_equal(taken.node, "n1");
    assert_int_equal(taken.taken.answer.replaced_session, 7);
}

static void test_gaps_show(void **state)
{
    (void)state;
    struct session_row r = row("balcony", "n1", 7, "n1.7");
    bind_row(r);
    start(r);
    const struct sm_line lines[] = { { 3, 11, 2, { 0 } }, { 6, 20, 1, { 0 } } };
    note(r, (struct sm_notes){ .sent = 6, .lines = lines, .line_count = 2 });
    assert_false(take(row("balcony", "n2", 1, "n1.7")).taken.is_whole); /* 5 is nowhere */
    r = row("balcony", "n2", 1, "n1.7");
    const struct sm_line whole[] = { { 3, 11, 4, { 0 } } };
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sm:n1.7 d 5");
    start_with(r, (struct sm_notes){ .handled = 50, .sent = 6, .lines = whole, .line_count = 1 });
    assert_string_equal(server_ask(&server, "HMGET xmpp:{juliet@example.com}:sm:n1.7 h t d"), "50\n60000\n5");
    struct taken taken = take(row("balcony", "n3", 1, "n1.7"));
    assert_true(taken.taken.is_whole);
    assert_string_equal(taken.lines, "3:11*4 ");
    server_ask(&server, "HSET xmpp:{juliet@example.com}:sm:n1.7 s 9"); /* the last ones were lost */
    assert_false(take(row("balcony", "n2", 2, "n1.7")).taken.is_whole);
}

static void test_many_lines(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct session_row r = row("balcony", "n1", 7, "n1.7");
    struct sm_line *lines = calloc(MANY, sizeof *lines);
    uint64_t *gone = calloc(MANY, sizeof *gone);
    bind_row(r);
    start(r);
    for (unsigned i = 0; i < MANY; i++)
        lines[i] = (struct sm_line){ i + 1, 2 * i + 1, 1, { 0 } }, gone[i] = i + 1;
    assert_int_equal(note(r, (struct sm_notes){ .sent = MANY, .lines = lines, .line_count = MANY }), 1);
    struct taken taken = take(row("balcony", "n2", 1, "n1.7"));
    assert_true(taken.taken.is_whole);
    assert_int_equal(taken.taken.line_count, MANY);
    r = row("balcony", "n2", 1, "n1.7");
    assert_int_equal(note(r, (struct sm_notes){ .sent = MANY, .gone = gone, .gone_count = MANY }), 1);
    assert_string_equal(server_ask(&server, "HLEN xmpp:{juliet@example.com}:sm:n1.7"), "7");
    free(lines);
    free(gone);
}

static void test_detached_are_few(void **state)
{
    (void)state;
    struct session_row a = row("a", "n1", 1, "n1.1"), b = row("b", "n2", 5, "n2.5"), c = row("c", "n1", 3, "n1.3"),
                       d = row("d", "n1", 4, "n1.4");
    bind_row(a), bind_row(b), bind_row(c), bind_row(d);
    start(a), start(b), start(c);
    assert_string_equal(detach(b, 60000, 2).text, "");
    assert_string_equal(detach(a, 60000, 2).text, "");
    assert_string_equal(detach(c, 60000, 2).text, "b n2 5\n"); /* the oldest */
    assert_string_equal(server_ask(&server, "HEXISTS xmpp:{juliet@example.com}:sessions b"), "0");
    struct found found = find("n2.5");
    assert_true(!found.is_there && found.has_handled);
    assert_string_equal(detach((struct session_row){ .bare = a.bare, .node = a.node }, 0, -1).text, "a n1 1\n");
    assert_int_equal(detach(row("c", "n9", 3, "n1.3"), 60000, 2).result, 0); /* another's */
    assert_string_equal(server_ask(&server, "HEXISTS xmpp:{juliet@example.com}:sessions d"), "1"); /* connected */
    assert_string_equal(server_ask(&server, "HEXISTS xmpp:{juliet@example.com}:sessions c"), "1");
}

static struct answer expire(void)
{
    struct answer answer = { 0 };
    node.store->sm->expire(node.store, on_gone, on_done, &answer);
    WAIT_ANSWER(&node, &answer);
    assert_int_equal(answer.status, BUS_OK);
    return answer;
}

static void test_expire(void **state)
{
    (void)state;
    struct session_row a = row("a", "n1", 1, "n1.1"), b = row("b", "n1", 2, "n1.2"), c = row("c", "n1", 3, "n1.3");
    bind_row(a), bind_row(b), bind_row(c);
    const struct sm_line lines[] = { { 9, 7, 1, { 0 } }, { 1, 0, 1, TEXT_INIT("<iq id='1'/>") }, { 10, 0, 1, TEXT_INIT("<iq id='10'/>") } };
    start_with(a, (struct sm_notes){ .sent = 10, .lines = lines, .line_count = 3 });
    start(b), start(c);
    detach(a, 1, 9);
    detach(b, 1, 9);
    detach(c, 60000, 9);
    assert_int_equal(expire().result, 0); /* its node is given some seconds */
    const char *members[] = { "n1\n1\njuliet@example.com/a", "n1\n2\njuliet@example.com/b" };
    for (int i = 0; i < 2; i++)
        server_ask(&server, "ZINCRBY xmpp:detached -10000 %s", members[i]);
    take(row("b", "n2", 8, "n1.2")); /* somebody came */
    struct answer answer = expire();
    assert_int_equal(answer.result, 1);
    assert_string_equal(answer.text, "juliet@example.com/a\n<iq id='1'/>\n<iq id='10'/>\n");
    assert_true(find("n1.2").is_there && find("n1.3").is_there && !find("n1.1").is_there);
    assert_true(find("n1.1").has_handled);

    /* Who was told has died; then all is told. */
    assert_int_equal(expire().result, 0);
    server_ask(&server, "ZINCRBY xmpp:detached -60000 %s", members[0]);
    assert_string_equal(expire().text, "juliet@example.com/a\n<iq id='1'/>\n<iq id='10'/>\n");
    node.store->ops->session_told(node.store, text_of(members[0]));
    server_ask(&server, "ZINCRBY xmpp:detached -70000 %s", "n1\n3\njuliet@example.com/c"); /* nobody has ended that one's wait */
    assert_int_equal(expire().result, 1);
    assert_string_equal(server_ask(&server, "HKEYS xmpp:{juliet@example.com}:sm:n1.1"), "h");
    assert_string_equal(server_ask(&server, "HLEN xmpp:{juliet@example.com}:ended"), "1");
    assert_string_equal(server_ask(&server, "ZCARD xmpp:detached"), "1");
}

/* Another session takes the resource, or newer ones take the place: what the node that had it does not see to, another does. */
static void test_taken_from_the_dead(void **state)
{
    const struct sm_line lines[] = { { 1, 0, 1, TEXT_INIT("<iq id='1'/>") } };
    struct session_row a = row("a", "n1", 1, "n1.1"), b = row("b", "n2", 5, "n2.5"), alive = row("c", "n1", 3, "n1.3");
    struct answer answer = { 0 };
    (void)state;
    bind_row(a), bind_row(b), bind_row(alive);
    start_with(a, (struct sm_notes){ .sent = 1, .lines = lines, .line_count = 1 });
    start_with(b, (struct sm_notes){ .sent = 1, .lines = lines, .line_count = 1 });
    start_with(alive, (struct sm_notes){ .sent = 1, .lines = lines, .line_count = 1 });
    bind_row(row("a", "n3", 1, "n3.1"));
    bind_row(row("c", "n3", 2, "n3.2"));
    node.store->ops->session_remove(node.store, &alive, on_done, &answer); /* replaced, and ends it */
    WAIT_ANSWER(&node, &answer);
    detach(b, 60000, 0);
    assert_int_equal(note(a, (struct sm_notes){ .handled = 9 }), 0); /* fenced */
    assert_int_equal(expire().result, 0);
    const char *members[] = { "n1\n1\njuliet@example.com/a", "n2\n5\njuliet@example.com/b", "n1\n3\njuliet@example.com/c" };
    for (int i = 0; i < 3; i++)
        server_ask(&server, "ZINCRBY xmpp:detached -6000 %s", members[i]);
    assert_string_equal(expire().text, "juliet@example.com/a\n<iq id='1'/>\njuliet@example.com/b\n<iq id='1'/>\n");
    assert_string_equal(server_ask(&server, "HKEYS xmpp:{juliet@example.com}:sessions"), "a\nc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_notes_and_take, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_gaps_show, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_many_lines, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_detached_are_few, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_expire, suite_open, suite_close),
        cmocka_unit_test_setup_teardown(test_taken_from_the_dead, suite_open, suite_close),
    };
    return cmocka_run_group_tests(tests, begin, suite_stop);
}

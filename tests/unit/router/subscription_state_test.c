/* RFC 6121 appendix A, row by row as it stands there: state, "*" when the stanza passes, next state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "gateway/router/presence/subscription_state.h"

struct name {
    const char *text;
    unsigned state;
};
static const struct name names[] = {
    { "None", 0 },
    { "None + Pending Out", SUBSCRIPTION_OUT },
    { "None + Pending In", SUBSCRIPTION_IN },
    { "None + Pending Out+In", SUBSCRIPTION_OUT | SUBSCRIPTION_IN },
    { "To", SUBSCRIPTION_TO },
    { "To + Pending In", SUBSCRIPTION_TO | SUBSCRIPTION_IN },
    { "From", SUBSCRIPTION_FROM },
    { "From + Pending Out", SUBSCRIPTION_FROM | SUBSCRIPTION_OUT },
    { "Both", SUBSCRIPTION_TO | SUBSCRIPTION_FROM },
};
enum { STATES = sizeof names / sizeof names[0] };

/* One line a stanza, one column a state of names[]: what passes, and the number of the next state in names[]. */
static const struct {
    enum subscription_side side;
    enum subscription_kind kind;
    const char *passes;
    const char *next;
} expected[] = {
    { OUTBOUND, SUBSCRIBE,    "yyyyyyyyy", "113345778" },
    { OUTBOUND, UNSUBSCRIBE,  "yyyyyyyyy", "002202666" },
    { OUTBOUND, SUBSCRIBED,   "..yy.y...", "016748678" },
    { OUTBOUND, UNSUBSCRIBED, "..yy.yyyy", "010144014" },
    { INBOUND,  SUBSCRIBE,    "yy..y....", "232355678" },
    { INBOUND,  UNSUBSCRIBE,  "..yy.yyyy", "010144014" },
    { INBOUND,  SUBSCRIBED,   ".y.y...y.", "042545688" },
    { INBOUND,  UNSUBSCRIBED, ".y.yyy.yy", "002202666" },
};

static void follows_the_appendix(void **unused)
{
    (void)unused;
    for (size_t row = 0; row < sizeof expected / sizeof expected[0]; row++)
        for (int i = 0; i < STATES; i++) {
            unsigned approved = 0;
            struct subscription_step step = subscription_step(expected[row].side, expected[row].kind, names[i].state);
            /* 3.4.2: subscribed with nothing to approve is noted. */
            if (expected[row].side == OUTBOUND && expected[row].kind == SUBSCRIBED && (i == 0 || i == 1 || i == 4))
                approved = SUBSCRIPTION_APPROVED;
            if (step.next != (names[expected[row].next[i] - '0'].state | approved) ||
                (step.actions & SUBSCRIPTION_PASS) != (expected[row].passes[i] == 'y' ? SUBSCRIPTION_PASS : 0))
                fail_msg("%s %s in '%s': next %u, actions %u", expected[row].side == OUTBOUND ? "outbound" : "inbound",
                         subscription_kind_name(expected[row].kind), names[i].text, step.next, step.actions);
            bool is_answered = expected[row].side == INBOUND && expected[row].kind == SUBSCRIBE && i >= 6;
            assert_int_equal(step.actions & SUBSCRIPTION_REPLY, is_answered ? SUBSCRIPTION_REPLY : 0);
        }
}

static void approval_waits_for_the_request(void **unused)
{
    (void)unused;
    struct subscription_step step = subscription_step(INBOUND, SUBSCRIBE, SUBSCRIPTION_APPROVED | SUBSCRIPTION_OUT);
    assert_int_equal(step.next, SUBSCRIPTION_APPROVED | SUBSCRIPTION_OUT | SUBSCRIPTION_FROM);
    assert_int_equal(step.actions, SUBSCRIPTION_REPLY);
    step = subscription_step(INBOUND, SUBSCRIBE, SUBSCRIPTION_APPROVED | SUBSCRIPTION_TO);
    assert_int_equal(step.next, SUBSCRIPTION_APPROVED | SUBSCRIPTION_TO | SUBSCRIPTION_FROM);
    step = subscription_step(OUTBOUND, UNSUBSCRIBED, SUBSCRIPTION_APPROVED);
    assert_int_equal(step.next, 0);
    assert_int_equal(step.actions, 0);
    step = subscription_step(OUTBOUND, UNSUBSCRIBED, SUBSCRIPTION_APPROVED | SUBSCRIPTION_FROM);
    assert_int_equal(step.next, 0);
    assert_int_equal(step.actions, SUBSCRIPTION_PASS);
}

static void every_step_ends_in_a_state(void **unused)
{
    unsigned valid = 0;
    (void)unused;
    for (unsigned state = 0; state < SUBSCRIPTION_STATES; state++) {
        if (!subscription_state_is_valid(state))
            continue;
        valid++;
        for (int side = 0; side < SUBSCRIPTION_SIDES; side++)
            for (int kind = 0; kind < SUBSCRIPTION_KINDS; kind++)
                assert_true(subscription_state_is_valid(
                    subscription_step((enum subscription_side)side, (enum subscription_kind)kind, state).next));
    }
    assert_int_equal(valid, 2 * STATES);
}

static void table_says_the_same(void **unused)
{
    char table[SUBSCRIPTION_TABLE_SIZE];
    (void)unused;
    subscription_table(INBOUND, SUBSCRIBE, table);
    for (unsigned state = 0; state < SUBSCRIPTION_STATES; state++) {
        struct subscription_step step = { state, 0 };
        if (subscription_state_is_valid(state))
            step = subscription_step(INBOUND, SUBSCRIBE, state);
        assert_int_equal(table[2 * state] - '@', step.next);
        assert_int_equal(table[2 * state + 1] - '0', step.actions);
    }
}

static void types_have_their_kind(void **unused)
{
    (void)unused;
    assert_int_equal(subscription_kind_of(TEXT("subscribe")), SUBSCRIBE);
    assert_int_equal(subscription_kind_of(TEXT("unsubscribed")), UNSUBSCRIBED);
    assert_int_equal(subscription_kind_of(TEXT("unavailable")), -1);
    assert_int_equal(subscription_kind_of((struct text){ 0 }), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_appendix),       cmocka_unit_test(approval_waits_for_the_request),
        cmocka_unit_test(every_step_ends_in_a_state), cmocka_unit_test(table_says_the_same),
        cmocka_unit_test(types_have_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

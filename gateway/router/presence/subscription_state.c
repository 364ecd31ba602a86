/* subscription_state.c - RFC 6121 appendix A.2 and A.3 as they stand there, and pre-approval (3.4) around them. */
#include <assert.h>

#include "gateway/router/presence/subscription_state.h"

enum {
    NONE = 0,
    NONE_OUT = SUBSCRIPTION_OUT,
    NONE_IN = SUBSCRIPTION_IN,
    NONE_OUT_IN = SUBSCRIPTION_OUT | SUBSCRIPTION_IN,
    TO = SUBSCRIPTION_TO,
    TO_IN = SUBSCRIPTION_TO | SUBSCRIPTION_IN,
    FROM = SUBSCRIPTION_FROM,
    FROM_OUT = SUBSCRIPTION_FROM | SUBSCRIPTION_OUT,
    BOTH = SUBSCRIPTION_TO | SUBSCRIPTION_FROM,
    ROWS = 9
};

struct row {
    uint8_t state, next;
    bool is_passed;
};

/* clang-format off */
static const struct row rows[SUBSCRIPTION_SIDES][SUBSCRIPTION_KINDS][ROWS] = {
    [OUTBOUND] = {
        [SUBSCRIBE] = { /* A.2.1 */
            { NONE,        NONE_OUT,    true  }, { NONE_OUT, NONE_OUT, true  }, { NONE_IN,  NONE_OUT_IN, true  },
            { NONE_OUT_IN, NONE_OUT_IN, true  }, { TO,       TO,       true  }, { TO_IN,    TO_IN,       true  },
            { FROM,        FROM_OUT,    true  }, { FROM_OUT, FROM_OUT, true  }, { BOTH,     BOTH,        true  },
        },
        [UNSUBSCRIBE] = { /* A.2.2 */
            { NONE,        NONE,        true  }, { NONE_OUT, NONE,     true  }, { NONE_IN,  NONE_IN,     true  },
            { NONE_OUT_IN, NONE_IN,     true  }, { TO,       NONE,     true  }, { TO_IN,    NONE_IN,     true  },
            { FROM,        FROM,        true  }, { FROM_OUT, FROM,     true  }, { BOTH,     FROM,        true  },
        },
        [SUBSCRIBED] = { /* A.2.3 */
            { NONE,        NONE,        false }, { NONE_OUT, NONE_OUT, false }, { NONE_IN,  FROM,        true  },
            { NONE_OUT_IN, FROM_OUT,    true  }, { TO,       TO,       false }, { TO_IN,    BOTH,        true  },
            { FROM,        FROM,        false }, { FROM_OUT, FROM_OUT, false }, { BOTH,     BOTH,        false },
        },
        [UNSUBSCRIBED] = { /* A.2.4 */
            { NONE,        NONE,        false }, { NONE_OUT, NONE_OUT, false }, { NONE_IN,  NONE,        true  },
            { NONE_OUT_IN, NONE_OUT,    true  }, { TO,       TO,       false }, { TO_IN,    TO,          true  },
            { FROM,        NONE,        true  }, { FROM_OUT, NONE_OUT, true  }, { BOTH,     TO,          true  },
        },
    },
    [INBOUND] = {
        [SUBSCRIBE] = { /* A.3.1 */
            { NONE,        NONE_IN,     true  }, { NONE_OUT, NONE_OUT_IN, true }, { NONE_IN, NONE_IN,    false },
            { NONE_OUT_IN, NONE_OUT_IN, false }, { TO,       TO_IN,    true  }, { TO_IN,    TO_IN,       false },
            { FROM,        FROM,        false }, { FROM_OUT, FROM_OUT, false }, { BOTH,     BOTH,        false },
        },
        [UNSUBSCRIBE] = { /* A.3.2 */
            { NONE,        NONE,        false }, { NONE_OUT, NONE_OUT, false }, { NONE_IN,  NONE,        true  },
            { NONE_OUT_IN, NONE_OUT,    true  }, { TO,       TO,       false }, { TO_IN,    TO,          true  },
            { FROM,        NONE,        true  }, { FROM_OUT, NONE_OUT, true  }, { BOTH,     TO,          true  },
        },
        [SUBSCRIBED] = { /* A.3.3 */
            { NONE,        NONE,        false }, { NONE_OUT, TO,       true  }, { NONE_IN,  NONE_IN,     false },
            { NONE_OUT_IN, TO_IN,       true  }, { TO,       TO,       false }, { TO_IN,    TO_IN,       false },
            { FROM,        FROM,        false }, { FROM_OUT, BOTH,     true  }, { BOTH,     BOTH,        false },
        },
        [UNSUBSCRIBED] = { /* A.3.4 */
            { NONE,        NONE,        false }, { NONE_OUT, NONE,     true  }, { NONE_IN,  NONE_IN,     false },
            { NONE_OUT_IN, NONE_IN,     true  }, { TO,       NONE,     true  }, { TO_IN,    NONE_IN,     true  },
            { FROM,        FROM,        false }, { FROM_OUT, FROM,     true  }, { BOTH,     FROM,        true  },
        },
    },
};
/* clang-format on */

static const char *const names[] = { [SUBSCRIBE] = "subscribe",
                                     [SUBSCRIBED] = "subscribed",
                                     [UNSUBSCRIBE] = "unsubscribe",
                                     [UNSUBSCRIBED] = "unsubscribed" };

static const struct row *find_row(enum subscription_side side, enum subscription_kind kind, unsigned state)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[side][kind][i].state == state)
            return &rows[side][kind][i];
    return NULL;
}

bool subscription_state_is_valid(unsigned state)
{
    return find_row(OUTBOUND, SUBSCRIBE, state & ~(unsigned)SUBSCRIPTION_APPROVED) != NULL;
}

/* RFC 6121 3.4.2: noted when there is nothing to approve yet, used up by no request, and taken back by unsubscribed.  A
 * request that is approved before, or a second time (A.3.1 note 2), is answered and not shown. */
struct subscription_step subscription_step(enum subscription_side side, enum subscription_kind kind, unsigned state)
{
    unsigned approved = state & SUBSCRIPTION_APPROVED, rest = state & ~(unsigned)SUBSCRIPTION_APPROVED;
    const struct row *row = find_row(side, kind, rest);
    assert(row);
    struct subscription_step step = { row->next | approved, row->is_passed ? SUBSCRIPTION_PASS : 0 };

    if (side == OUTBOUND && kind == SUBSCRIBED && !(rest & (SUBSCRIPTION_FROM | SUBSCRIPTION_IN)))
        step.next |= SUBSCRIPTION_APPROVED;
    if (side == OUTBOUND && kind == UNSUBSCRIBED)
        step.next &= ~(unsigned)SUBSCRIPTION_APPROVED;
    if (side == INBOUND && kind == SUBSCRIBE && (rest & SUBSCRIPTION_FROM))
        step.actions = SUBSCRIPTION_REPLY;
    if (side == INBOUND && kind == SUBSCRIBE && approved && !(rest & SUBSCRIPTION_FROM)) {
        step.next = find_row(OUTBOUND, SUBSCRIBED, rest | SUBSCRIPTION_IN)->next | approved;
        step.actions = SUBSCRIPTION_REPLY;
    }
    return step;
}

int subscription_kind_of(struct text type)
{
    for (int kind = 0; kind < SUBSCRIPTION_KINDS; kind++)
        if (text_is(type, names[kind]))
            return kind;
    return -1;
}

const char *subscription_kind_name(enum subscription_kind kind)
{
    return names[kind];
}

void subscription_table(enum subscription_side side, enum subscription_kind kind, char out[SUBSCRIPTION_TABLE_SIZE])
{
    for (unsigned state = 0; state < SUBSCRIPTION_STATES; state++) {
        struct subscription_step step = { state, 0 };
        if (subscription_state_is_valid(state))
            step = subscription_step(side, kind, state);
        out[state * 2] = (char)('@' + step.next);
        out[state * 2 + 1] = (char)('0' + step.actions);
    }
}

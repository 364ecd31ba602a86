/* dialer.c - dials and proofs, which end when the script says so. */
#include <stdlib.h>

#include "tests/fuzz/peers/world.h"

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
    for (int i = script_next(2) ? 0 : DIALS_MAX; i < DIALS_MAX; i++) {
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

const struct dialer_ops dialer_ops = { dial_server, dial_host, cancel, prove, cancel_proof };

void dialer_end_dial(void)
{
    struct dial **place = &world.dials[script_next(DIALS_MAX)], *dial = *place;
    if (!dial)
        return;
    enum dial_result result = (enum dial_result)script_next(3);
    struct line *line = result == DIAL_CONNECTED ? line_make(dial->is_server) : NULL;
    *place = NULL;
    dial->fn(dial->ctx, line || result != DIAL_CONNECTED ? result : DIAL_FAILED, line ? &line->connection : NULL, "so it is");
    free(dial);
}

void dialer_end_proof(void)
{
    struct proof **place = &world.proofs[script_next(DIALS_MAX)], *proof = *place;
    if (!proof)
        return;
    *place = NULL;
    proof->fn(proof->ctx, script_next(2));
    free(proof);
}

/* sight.c - what the sender of a request may see of the account it asks about. */
#include "gateway/router/presence/sight.h"

#include <stdlib.h>

struct looking {
    struct iq_request *request; /* kept */
    sight_fn *fn;
};

static void on_sight(void *ctx, enum bus_status status, const struct sight *sight)
{
    struct looking *looking = ctx;
    if (status == BUS_OK) {
        looking->fn(looking->request, sight);
        iq_done(&looking->request);
    } else {
        iq_fail(&looking->request, status);
    }
    free(looking);
}

void sight_take(const struct iq_request *request, sight_fn *fn)
{
    struct store *store = request->router->parts->store;
    struct looking *looking = xmalloc(sizeof *looking);
    *looking = (struct looking){ iq_keep(request), fn };
    store->sight->look(store, iq_account(looking->request), jid_text(&looking->request->from), on_sight, looking);
}

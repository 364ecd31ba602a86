/* store.c - the table of stanzabus/store.h's operations. */
#include "store_parts.h"

const struct store_ops redis_store_ops = {
    .account_get = store_account_get,
    .account_put = store_account_put,
    .account_delete = store_account_delete,
    .account_list = store_account_list,
    .secret_get = store_secret_get,
    .session_bind = store_session_bind,
    .session_update = store_session_update,
    .session_remove = store_session_remove,
    .route = store_route,
    .lease_take = store_lease_take,
    .lease_release = store_lease_release,
    .node_beat = store_node_beat,
    .node_gone = store_node_gone,
    .node_sweep = store_node_sweep,
    .session_told = store_session_told,
};

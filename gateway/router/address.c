/* address.c - whose an address is: the server's, an account's here, a service's, or somewhere else's. */
#include "gateway/router/router_internal.h"

struct service *router_find_service(const struct router *router, struct text address)
{
    struct service *service;
    HASH_FIND(hh, router->services, address.data, address.size, service);
    return service;
}

enum place router_place(const struct router *router, const struct jid *address, struct service **service)
{
    *service = router_find_service(router, jid_domain(address));
    if (*service)
        return PLACE_SERVICE;
    if (!config_has_domain(router->parts->config, jid_domain(address)))
        return PLACE_ELSEWHERE;
    if (address->local == 0)
        return PLACE_SERVER;
    *service = router_find_service(router, jid_bare(address));
    return *service ? PLACE_SERVICE : PLACE_ACCOUNT;
}

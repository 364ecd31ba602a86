/* domains.c - which domains may be spoken for: those that are let in, those of this server, and those that a certificate proves. */
#include <stdlib.h>

#include <idn2.h>

#include "gateway/federation/peer.h"

static bool is_listed(const struct text_list *list, struct text domain)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_equal(list->items[i], domain))
            return true;
    return false;
}

bool peer_is_allowed(const struct peers *peers, struct text domain)
{
    const struct config *config = peers->parts->config;
    return !is_listed(&config->s2s_block, domain) && (config->s2s_allow.count == 0 || is_listed(&config->s2s_allow, domain));
}

bool peer_is_authority(const struct peers *peers, struct text domain)
{
    const struct config *config = peers->parts->config;
    if (config->auth_anonymous_domain.size && text_equal(domain, config->auth_anonymous_domain))
        return false; /* guests never go out */
    return config_has_domain(config, domain) || peers_is_component(peers, domain) ||
           (config_is_service_domain(config, domain) && config->s2s_services);
}

const char *peer_certificate_fault(const struct peer *peer, struct text domain)
{
    if (peer->is_proved && text_is(domain, peer->proof_domain))
        return NULL;
    char *name = text_dup(domain), *ascii = NULL;
    const char *fault = "no TLS";
    bool is_ascii = idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) == IDN2_OK;
    if (peer->connection->is_encrypted && peer->connection->ops->peer_fault)
        fault = peer->connection->ops->peer_fault(peer->connection, is_ascii ? ascii : name);
    if (is_ascii)
        idn2_free(ascii);
    free(name);
    return fault;
}

/* external.c - EXTERNAL (RFC 4422 appendix A, XEP-0178): TLS has verified the client's certificate, which names it. */
#include "gateway/session/login.h"

/* Of the addresses in the certificate, the only one that can be an account here, or the one that was asked for. */
static enum login_step choose(struct login *login, struct text wanted)
{
    int fitting = 0;
    for (int i = 0; i < login->certificate_count; i++) {
        struct jid jid;
        if (jid_parse(&login->arena, login->certificate_jids[i], &jid) < 0 || !jid_is_bare(&jid) || !jid.local ||
            !text_equal(jid_domain(&jid), login->domain) || (wanted.size && !text_equal(jid_text(&jid), wanted)) ||
            text_equal(jid_text(&jid), login->bare))
            continue;
        login->bare = jid_text(&jid);
        fitting++;
    }
    if (fitting == 1)
        return LOGIN_ACCOUNT;
    if (wanted.size)
        return login_fail(login, SASL_ERROR_INVALID_AUTHZID, "invalid-authzid");
    return login_fail(login, fitting ? SASL_ERROR_INVALID_AUTHZID : SASL_ERROR_NOT_AUTHORIZED,
                      fitting ? "several-addresses-in-certificate" : "no-address-in-certificate");
}

static enum login_step answer(struct login *login, struct text input)
{
    struct jid jid = { 0 };
    if (input.size && jid_parse(&login->arena, input, &jid) < 0)
        return login_fail(login, SASL_ERROR_INVALID_AUTHZID, "invalid-authzid");
    return choose(login, jid_text(&jid));
}

/* A certificate outlives the account that it was made for. */
static enum login_step found(struct login *login)
{
    return login->has_account ? login_succeed(login) : login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "no-account");
}

const struct mechanism mechanism_external = {
    .name = "EXTERNAL", .needs_certificate = true, .answer = answer, .found = found
};

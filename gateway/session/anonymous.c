/* anonymous.c - ANONYMOUS (RFC 4505): whoever comes gets an address of its own that nobody can guess.  What the client
 * says of itself is not used. */
#include "gateway/session/login.h"

static enum login_step answer(struct login *login, struct text input)
{
    (void)input;
    if (!login_set_name(login, login->nonce))
        return login_fail(login, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "no-name");
    return LOGIN_SUCCESS;
}

const struct mechanism mechanism_anonymous = { .name = "ANONYMOUS", .is_guests = true, .answer = answer };

/* bearer.c - logins with a JSON Web Token: OAUTHBEARER (RFC 7628), and PLAIN with a token for a password.
 *   client  n,a=authzid,^Aauth=Bearer TOKEN^A^A     other pairs may stand beside auth
 *   server  {"status":"invalid_token"}              only when it is refused; the client says ^A, and the failure follows */
#include <strings.h>

#include "gateway/session/bearer.h"

enum { PAIRS_MAX = 16 };

/* -- the token -- */

static enum login_step refuse(struct login *login, enum jwt_verdict verdict, const char *why)
{
    return login_fail(login, verdict == JWT_EXPIRED ? SASL_ERROR_CREDENTIALS_EXPIRED : SASL_ERROR_NOT_AUTHORIZED, why);
}

bool bearer_set_name(struct login *login, struct text name)
{
    struct jid jid;
    if (!name.size || !memchr(name.data, '@', name.size))
        return login_set_name(login, name);
    if (jid_parse(&login->arena, name, &jid) < 0 || !jid.local || jid.resource ||
        !text_equal(jid_domain(&jid), login->domain))
        return false;
    login->bare = jid_text(&jid);
    return true;
}

enum login_step bearer_begin(struct login *login, struct text token)
{
    struct jwt jwt;
    enum jwt_verdict verdict =
        jwt_check(*login->jwt_keys, &login->jwt_rules, token, login->wall_ms, &login->arena, &jwt);
    if (verdict != JWT_GOOD)
        return refuse(login, verdict, jwt.why);
    if (!bearer_set_name(login, jwt.name))
        return refuse(login, JWT_BAD, "token-names-no-account");
    login->expires_ms = jwt.expires_ms;
    login->by_token = true;
    return LOGIN_ACCOUNT;
}

enum login_step bearer_found(struct login *login)
{
    if (!login->has_account && login->may_create)
        return LOGIN_CREATE;
    return login->has_account ? login_succeed(login) : login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "no-account");
}

/* eyJ is {" in base64. */
bool bearer_is_token(struct text password)
{
    size_t dots = 0;
    for (size_t i = 0; i < password.size; i++)
        dots += password.data[i] == '.';
    return dots == 2 && text_starts_with(password, TEXT("eyJ"));
}

/* -- OAUTHBEARER -- */

static struct text take_until(struct text *rest, char end)
{
    const char *found = rest->size ? memchr(rest->data, end, rest->size) : NULL;
    struct text part = { rest->data, found ? (size_t)(found - rest->data) : rest->size };
    size_t used = part.size + (found ? 1 : 0);
    rest->data += used;
    rest->size -= used;
    return part;
}

static bool starts_with_any_case(struct text text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && strncasecmp(text.data, prefix, size) == 0;
}

/* RFC 7628 3.1.  False: the message has not its form. */
static bool read_message(struct text rest, struct text *authzid, struct text *token)
{
    struct text flag = take_until(&rest, ','), identity = take_until(&rest, ',');
    if (!(text_is(flag, "n") || text_is(flag, "y")) || rest.size < 2 || rest.data[0] != '\x01')
        return false;
    if (identity.size && !text_starts_with(identity, TEXT("a=")))
        return false;
    *authzid = identity.size ? (struct text){ identity.data + 2, identity.size - 2 } : identity;
    *token = (struct text){ NULL, 0 };
    take_until(&rest, '\x01');
    for (int i = 0; i < PAIRS_MAX && rest.size && rest.data[0] != '\x01'; i++) {
        struct text value = take_until(&rest, '\x01'), name = take_until(&value, '=');
        if (text_is(name, "auth") && starts_with_any_case(value, "bearer "))
            *token = (struct text){ value.data + 7, value.size - 7 };
    }
    while (token->size && token->data[0] == ' ') {
        token->data++;
        token->size--;
    }
    return rest.size == 1 && rest.data[0] == '\x01';
}

/* RFC 7628 3.2.2 and 3.2.3: the failure comes when the client has read why. */
static enum login_step explain(struct login *login, enum login_step step)
{
    if (step != LOGIN_FAILURE)
        return step;
    login->output = TEXT("{\"status\":\"invalid_token\"}");
    return LOGIN_CHALLENGE;
}

static enum login_step answer(struct login *login, struct text input)
{
    struct text authzid, token;
    if (login->round++ > 0)
        return LOGIN_FAILURE;
    if (!read_message(input, &authzid, &token))
        return login_fail(login, SASL_ERROR_MALFORMED_REQUEST, "malformed-request");
    if (!login->jwt_keys) {
        login->asked_secret = token;
        login->asked_authzid = authzid;
        login->asks_by_token = true;
        return token.size ? LOGIN_ASK : explain(login, refuse(login, JWT_BAD, "token-malformed"));
    }
    enum login_step step = bearer_begin(login, token);
    if (step == LOGIN_ACCOUNT && !login_may_act_as(login, authzid))
        step = login_fail(login, SASL_ERROR_INVALID_AUTHZID, "invalid-authzid");
    return explain(login, step);
}

static enum login_step found(struct login *login)
{
    return explain(login, bearer_found(login));
}

const struct mechanism mechanism_oauthbearer = {
    .name = "OAUTHBEARER", .needs_jwt = true, .answer = answer, .found = found
};

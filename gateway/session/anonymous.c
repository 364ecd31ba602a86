/* anonymous.c - ANONYMOUS (RFC 4505): whoever comes gets an address of its own that nobody can guess.  What the client
 * says of itself is not used; but a client that wants to be the same guest after a page reload says so in the place of it:
 *   client  guest:              success comes with NAME:TOKEN
 *   client  guest:NAME:TOKEN    the same guest, or a new one when that one is not kept any more */
#include "gateway/session/login.h"
#include "gateway/session/token.h"

struct guest {
    bool wants_token;
    struct text given; /* the token that was said */
};

static enum login_step new_guest(struct login *login)
{
    if (!login_set_name(login, login->nonce))
        return login_fail(login, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "no-name");
    return LOGIN_COUNT;
}

/* NAME:TOKEN; false when it has not that form. */
static bool read_return(struct login *login, struct guest *guest, struct text said)
{
    const char *colon = said.size ? memchr(said.data, ':', said.size) : NULL;
    if (!colon || !login_set_name(login, (struct text){ said.data, (size_t)(colon - said.data) }))
        return false;
    guest->given = (struct text){ colon + 1, (size_t)(said.data + said.size - colon - 1) };
    return true;
}

static enum login_step answer(struct login *login, struct text input)
{
    struct text mark = TEXT("guest:");
    struct guest *guest = memset(arena_alloc(&login->arena, sizeof *guest), 0, sizeof *guest);
    login->state = guest;
    guest->wants_token = text_starts_with(input, mark);
    if (!guest->wants_token)
        return new_guest(login);
    login->client = TEXT("guest");
    if (!read_return(login, guest, (struct text){ input.data + mark.size, input.size - mark.size }))
        return new_guest(login);
    return LOGIN_TOKENS;
}

static enum login_step greet(struct login *login)
{
    struct text token = token_text(&login->arena, login->secret, login->bare, login->client, &login->token);
    const char *at = memchr(login->bare.data, '@', login->bare.size);
    login->output = arena_printf(&login->arena, "%.*s:%.*s", (int)(at - login->bare.data), login->bare.data,
                                 TEXT_ARGS(token));
    return LOGIN_SUCCESS;
}

static enum login_step tokens(struct login *login, const struct login_token *fresh, const struct login_token *current)
{
    struct guest *guest = login->state;
    (void)current; /* it never is renewed */
    if (!fresh || fresh->expires_ms <= login->wall_ms || strcmp(fresh->mechanism, login->mechanism->name) != 0)
        return new_guest(login);
    struct text wanted = token_text(&login->arena, login->secret, login->bare, login->client, fresh);
    if (wanted.size != guest->given.size || !login_is_same(wanted.data, guest->given.data, wanted.size))
        return new_guest(login);
    login->token = *fresh;
    return greet(login);
}

static enum login_step counted(struct login *login, bool is_within)
{
    const struct guest *guest = login->state;
    if (!is_within)
        return login_fail(login, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "too-many-guests");
    return guest->wants_token ? LOGIN_KEEP : LOGIN_SUCCESS;
}

/* The token is kept: as long as its guest is. */
static enum login_step used(struct login *login, bool is_done)
{
    return is_done ? greet(login) : LOGIN_SUCCESS;
}

const struct mechanism mechanism_anonymous = {
    .name = "ANONYMOUS", .is_guests = true, .answer = answer, .tokens = tokens, .counted = counted, .used = used
};

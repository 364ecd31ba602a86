/* user_block.c - `stanzabus user disable|enable|revoke|kick`. */
#include "gateway/command/asking.h"
#include "gateway/command/commands.h"
#include "stanzabus/jid.h"

/* Guests have no account, but sessions and tokens. */
static const char *find_address(struct arena *arena, const struct config *config, struct text input,
                                enum account_block how, struct text *bare)
{
    struct jid jid;
    bool is_for_guests = how == BLOCK_REVOKE || how == BLOCK_KICK;
    if (is_for_guests && config->auth_anonymous_domain.size && jid_parse(arena, input, &jid) == 0 && jid.local &&
        !jid.resource && text_equal(jid_domain(&jid), config->auth_anonymous_domain)) {
        *bare = jid_bare(&jid);
        return NULL;
    }
    return account_address(arena, config, input, bare);
}

static int ask(struct asking *asking, struct text bare, enum account_block how, const char *done)
{
    const struct invocation *call = asking->call;
    int exit_code = asking_block(asking, bare, how);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    if (asking->result < 0)
        return invocation_failed(call, "there is no account %.*s", TEXT_ARGS(bare));
    fprintf(call->env->out, "%s %.*s", done, TEXT_ARGS(bare));
    if (how != BLOCK_ENABLE)
        fprintf(call->env->out, ", sessions told to end: %lld", (long long)asking->result);
    fputc('\n', call->env->out);
    return COMMAND_FINE;
}

static int run_block(const struct invocation *call, enum account_block how, const char *done)
{
    struct asking asking;
    struct arena arena = { 0 };
    struct text bare;
    int exit_code = asking_load(&asking, call);
    if (exit_code == COMMAND_FINE) {
        const char *wrong = find_address(&arena, asking.config, text_of(call->arguments[0]), how, &bare);
        exit_code = wrong ? invocation_failed(call, "%s", wrong) : asking_open(&asking);
    }
    if (exit_code == COMMAND_FINE)
        exit_code = ask(&asking, bare, how, done);
    asking_close(&asking);
    arena_fini(&arena);
    return exit_code;
}

static int run_disable(const struct invocation *call)
{
    return run_block(call, BLOCK_DISABLE, "disabled");
}

static int run_enable(const struct invocation *call)
{
    return run_block(call, BLOCK_ENABLE, "enabled");
}

static int run_revoke(const struct invocation *call)
{
    return run_block(call, BLOCK_REVOKE, "revoked the logins of");
}

static int run_kick(const struct invocation *call)
{
    return run_block(call, BLOCK_KICK, "kicked");
}

const struct command command_user_disable = {
    .name = "user disable",
    .arguments = "JID",
    .summary = "end an account's sessions, and let nobody log in to it",
    .details = "What is sent to it is kept as for anybody who is offline, until `user enable` or `user del`.",
    .arguments_min = 1,
    .arguments_max = 1,
    .takes_config = true,
    .run = run_disable,
};

const struct command command_user_enable = {
    .name = "user enable",
    .arguments = "JID",
    .summary = "undo `user disable`",
    .arguments_min = 1,
    .arguments_max = 1,
    .takes_config = true,
    .run = run_enable,
};

const struct command command_user_revoke = {
    .name = "user revoke",
    .arguments = "JID",
    .summary = "end an account's sessions, and make its login tokens worthless",
    .arguments_min = 1,
    .arguments_max = 1,
    .takes_config = true,
    .run = run_revoke,
};

const struct command command_user_kick = {
    .name = "user kick",
    .arguments = "JID",
    .summary = "end an account's sessions; its devices may log in again",
    .arguments_min = 1,
    .arguments_max = 1,
    .takes_config = true,
    .run = run_kick,
};

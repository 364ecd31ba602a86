/* user.c - `stanzabus user add|passwd|del|list`. */
#include "gateway/command/asking.h"
#include "gateway/command/commands.h"
#include "gateway/command/password.h"

static const char password_option_help[] = "the password; others on this machine can see it: better on stdin";
static const char password_details[] = "The password is asked for on a terminal, else read as one line from stdin.";

struct user_call {
    struct asking asking;
    struct arena arena;
    struct text bare;
    struct password password;
};

/* Settings, address, and Redis; a password before Redis is asked for when the command takes one. */
static int user_open(struct user_call *user, const struct invocation *call, bool with_password)
{
    *user = (struct user_call){ 0 };
    int exit_code = asking_load(&user->asking, call);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    const char *wrong = account_address(&user->arena, user->asking.config, text_of(call->arguments[0]), &user->bare);
    if (wrong)
        return invocation_failed(call, "%s", wrong);
    if (with_password)
        exit_code = password_get(&user->password, call, invocation_value(call, "password"));
    return exit_code == COMMAND_FINE ? asking_open(&user->asking) : exit_code;
}

static void user_close(struct user_call *user)
{
    password_fini(&user->password);
    asking_close(&user->asking);
    arena_fini(&user->arena);
}

static int hash_password(struct user_call *user, struct account *account)
{
    const char *wrong = password_to_keys(text_of(user->password.text), user->asking.config->auth_iterations, account);
    return wrong ? invocation_failed(user->asking.call, "%s", wrong) : COMMAND_FINE;
}

static int add(struct user_call *user)
{
    struct account account = { 0 };
    int exit_code = hash_password(user, &account);
    if (exit_code == COMMAND_FINE)
        exit_code = asking_put(&user->asking, user->bare, &account, ACCOUNT_CREATE);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    if (!user->asking.result)
        return invocation_failed(user->asking.call,
                                 "%.*s exists already: use `stanzabus user passwd` to change its password",
                                 TEXT_ARGS(user->bare));
    fprintf(user->asking.call->env->out, "added %.*s\n", TEXT_ARGS(user->bare));
    return COMMAND_FINE;
}

/* Everything else about the account stays as it is. */
static int change_password(struct user_call *user)
{
    int exit_code = asking_account(&user->asking, user->bare);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    struct account account = user->asking.account;
    if (user->asking.is_found)
        exit_code = hash_password(user, &account);
    if (user->asking.is_found && exit_code == COMMAND_FINE)
        exit_code = asking_put(&user->asking, user->bare, &account, ACCOUNT_REPLACE);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    if (!user->asking.is_found || !user->asking.result)
        return invocation_failed(user->asking.call, "there is no account %.*s", TEXT_ARGS(user->bare));
    fprintf(user->asking.call->env->out, "changed the password of %.*s\n", TEXT_ARGS(user->bare));
    return COMMAND_FINE;
}

static int delete_account(struct user_call *user)
{
    int exit_code = asking_delete(&user->asking, user->bare);
    if (exit_code != COMMAND_FINE)
        return exit_code;
    if (!user->asking.result)
        return invocation_failed(user->asking.call, "there is no account %.*s", TEXT_ARGS(user->bare));
    fprintf(user->asking.call->env->out, "deleted %.*s\n", TEXT_ARGS(user->bare));
    return COMMAND_FINE;
}

static int run_user(const struct invocation *call, bool with_password, int (*act)(struct user_call *user))
{
    struct user_call user;
    int exit_code = user_open(&user, call, with_password);
    if (exit_code == COMMAND_FINE)
        exit_code = act(&user);
    user_close(&user);
    return exit_code;
}

static int run_add(const struct invocation *call)
{
    return run_user(call, true, add);
}

static int run_passwd(const struct invocation *call)
{
    return run_user(call, true, change_password);
}

static int run_del(const struct invocation *call)
{
    return run_user(call, false, delete_account);
}

static void print_account(void *ctx, struct text bare)
{
    const struct asking *asking = ctx;
    fprintf(asking->call->env->out, "%.*s\n", TEXT_ARGS(bare));
}

static int list_domains(struct asking *asking)
{
    const struct text_list *domains = &asking->config->domains;
    const char *wanted = asking->call->argument_count ? asking->call->arguments[0] : NULL;
    bool is_known = false;
    for (size_t i = 0; i < domains->count; i++) {
        if (wanted && !text_is(domains->items[i], wanted))
            continue;
        is_known = true;
        int exit_code = asking_list(asking, domains->items[i], print_account);
        if (exit_code != COMMAND_FINE)
            return exit_code;
    }
    return is_known ? COMMAND_FINE
                    : invocation_failed(asking->call, "%s is not a domain of this server: see the key domain", wanted);
}

static int run_list(const struct invocation *call)
{
    struct asking asking;
    int exit_code = asking_load(&asking, call);
    if (exit_code == COMMAND_FINE)
        exit_code = asking_open(&asking);
    if (exit_code == COMMAND_FINE)
        exit_code = list_domains(&asking);
    asking_close(&asking);
    return exit_code;
}

const struct command command_user_add = {
    .name = "user add",
    .arguments = "JID",
    .summary = "make an account",
    .details = password_details,
    .arguments_min = 1,
    .arguments_max = 1,
    .options = { { "password", "TEXT", password_option_help } },
    .takes_config = true,
    .run = run_add,
};

const struct command command_user_passwd = {
    .name = "user passwd",
    .arguments = "JID",
    .summary = "change an account's password",
    .details = password_details,
    .arguments_min = 1,
    .arguments_max = 1,
    .options = { { "password", "TEXT", password_option_help } },
    .takes_config = true,
    .run = run_passwd,
};

const struct command command_user_del = {
    .name = "user del",
    .arguments = "JID",
    .summary = "delete an account and all that is stored for it",
    .arguments_min = 1,
    .arguments_max = 1,
    .takes_config = true,
    .run = run_del,
};

const struct command command_user_list = {
    .name = "user list",
    .arguments = "[DOMAIN]",
    .summary = "list accounts, one address a line",
    .arguments_max = 1,
    .takes_config = true,
    .run = run_list,
};

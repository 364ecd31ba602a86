/* password.c - asks for a password so that it shows nowhere. */
#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/command/password.h"
#include "stanzabus/credential.h"

/* One line without its end.  False at the end of input, or when it is too long. */
static bool read_line(FILE *in, struct password *password)
{
    if (!fgets(password->text, sizeof password->text, in))
        return false;
    size_t size = strcspn(password->text, "\n");
    if (!password->text[size] && !feof(in))
        return false;
    if (size && password->text[size - 1] == '\r')
        size--;
    password->text[size] = '\0';
    return true;
}

static void only_interrupt(int number)
{
    (void)number;
}

static bool prompt_and_read(const struct command_env *env, const char *prompt, struct password *password)
{
    fputs(prompt, env->err);
    fflush(env->err);
    return read_line(env->in, password);
}

/* The echo is off before the prompt shows: whoever sees the one may type. */
static bool read_silently(const struct command_env *env, const char *prompt, struct password *password)
{
    struct termios before, hidden;
    struct sigaction interrupt = { .sa_handler = only_interrupt }, was;
    int fd = fileno(env->in);
    if (tcgetattr(fd, &before) < 0)
        return prompt_and_read(env, prompt, password);
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    /* Ctrl-C ends the reading, so that the echo is on again before it ends the program. */
    sigaction(SIGINT, &interrupt, &was);
    tcsetattr(fd, TCSAFLUSH, &hidden);
    errno = 0;
    bool is_read = prompt_and_read(env, prompt, password);
    bool is_interrupted = !is_read && errno == EINTR;
    tcsetattr(fd, TCSADRAIN, &before);
    sigaction(SIGINT, &was, NULL);
    if (is_interrupted)
        raise(SIGINT);
    return is_read;
}

static bool read_hidden(const struct command_env *env, const char *prompt, struct password *password)
{
    bool is_read = read_silently(env, prompt, password);
    fputc('\n', env->err);
    return is_read;
}

static int prompt_twice(struct password *password, const struct invocation *call)
{
    struct password again;
    if (!read_hidden(call->env, "Password: ", password))
        return invocation_failed(call, "no password was given, or it has more than %d bytes", PASSWORD_MAX);
    bool is_same = read_hidden(call->env, "Once more: ", &again) && strcmp(again.text, password->text) == 0;
    password_fini(&again);
    return is_same ? COMMAND_FINE : invocation_failed(call, "the two are not the same: nothing was changed");
}

int password_get(struct password *password, const struct invocation *call, const char *given)
{
    if (given) {
        if (strlen(given) > PASSWORD_MAX)
            return invocation_failed(call, "the password has more than %d bytes", PASSWORD_MAX);
        strcpy(password->text, given);
    } else if (isatty(fileno(call->env->in))) {
        return prompt_twice(password, call);
    } else if (!read_line(call->env->in, password)) {
        return invocation_failed(call, "give the password as one line on stdin, at most %d bytes", PASSWORD_MAX);
    }
    return COMMAND_FINE;
}

void password_fini(struct password *password)
{
    explicit_bzero(password, sizeof *password);
}

const char *password_to_keys(struct text password, unsigned iterations, struct account *account)
{
    if (!password.size)
        return "the password is empty";
    if (credential_derive(account, password, iterations) < 0)
        return "this cannot be a password: it is not UTF-8, or holds control characters (RFC 8265 4.2)";
    return NULL;
}

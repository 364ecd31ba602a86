/* redis_server.c - starts, kills and asks the private redis-server. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_server.h"

enum { TRIES = 1000, TRY_US = 5000, WORDS_MAX = 64 };

/* It starts on a socket that nobody knows, which gets its name when it answers and has forgotten what it should. */
static struct {
    char folder[64], hidden[96], socket[96], url[128];
    pid_t pid;
    bool shall_forget;
} server;

static void die(const char *text)
{
    fprintf(stderr, "%s; is redis-server installed? see %s/log\n", text, server.folder);
    exit(1);
}

static void remove_folder(void)
{
    char command[128];
    redis_server_kill();
    snprintf(command, sizeof command, "rm -rf '%s'", server.folder);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", server.folder);
}

const char *redis_server_url(void)
{
    if (server.folder[0])
        return server.url;
    strcpy(server.folder, "/tmp/stanzabus-flow-XXXXXX");
    if (!mkdtemp(server.folder))
        die("cannot make a folder");
    snprintf(server.hidden, sizeof server.hidden, "%s/hidden", server.folder);
    snprintf(server.socket, sizeof server.socket, "%s/socket", server.folder);
    snprintf(server.url, sizeof server.url, "unix://%s", server.socket);
    atexit(remove_folder);
    return server.url;
}

static void run(void)
{
    char log[96];
    snprintf(log, sizeof log, "%s/log", server.folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server.hidden, "--dir", server.folder, "--logfile", log,
           "--save", "", "--appendonly", "yes", "--appendfsync", "no", (char *)NULL);
    _exit(127);
}

static redisReply *ask_at(const char *socket, int count, const char **words)
{
    redisContext *context = redisConnectUnix(socket);
    redisReply *reply = context && !context->err ? redisCommandArgv(context, count, words, NULL) : NULL;
    redisFree(context);
    return reply;
}

static bool answers(void)
{
    const char *ping[] = { "PING" };
    redisReply *reply = ask_at(server.hidden, 1, ping);
    bool is_there = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply)
        freeReplyObject(reply);
    return is_there;
}

static void forget_at(const char *socket)
{
    const char *keys[] = { "KEYS", "*" };
    redisReply *all = ask_at(socket, 2, keys);
    if (!all || all->type != REDIS_REPLY_ARRAY)
        die("redis-server does not tell its keys");
    for (size_t i = 0; i < all->elements; i++) {
        const char *key = all->element[i]->str, *colon = strrchr(key, ':'), *delete[] = { "DEL", key };
        if (!colon || strcmp(colon, ":account") != 0)
            freeReplyObject(ask_at(socket, 2, delete));
    }
    freeReplyObject(all);
}

void redis_server_start(void)
{
    redis_server_url();
    if (server.pid > 0)
        return;
    server.pid = fork();
    if (server.pid == 0)
        run();
    for (int i = 0; !answers(); i++) {
        if (i == TRIES || waitpid(server.pid, NULL, WNOHANG) == server.pid)
            die("redis-server does not answer");
        usleep(TRY_US);
    }
    if (server.shall_forget)
        forget_at(server.hidden);
    server.shall_forget = false;
    if (rename(server.hidden, server.socket) != 0)
        die("cannot rename the socket");
}

void redis_server_kill(void)
{
    if (server.pid <= 0)
        return;
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
    server.pid = 0;
    unlink(server.socket);
}

void redis_server_forget(void)
{
    if (server.pid > 0)
        forget_at(server.socket);
    else
        server.shall_forget = true;
}

void redis_server_clear(void)
{
    struct buffer out = { 0 };
    redis_server_start();
    redis_server_ask("FLUSHALL", &out);
    if (!text_is(buffer_text(&out), "OK"))
        die("FLUSHALL failed");
    buffer_fini(&out);
}

static void print_reply(struct buffer *out, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        buffer_printf(out, "%lld", reply->integer);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            print_reply(out, reply->element[i]);
            if (i + 1 < reply->elements)
                buffer_append_char(out, ' ');
        }
        break;
    case REDIS_REPLY_NIL:
        buffer_printf(out, "(nil)");
        break;
    default:
        buffer_append(out, reply->str, reply->len);
    }
}

void redis_server_ask(const char *line, struct buffer *out)
{
    char *copy = xstrdup(line), *rest = copy;
    const char *words[WORDS_MAX];
    int count = 0;
    while (count < WORDS_MAX && *(rest += strspn(rest, " "))) {
        char end = *rest == '\'' ? '\'' : ' ';
        rest += end == '\'';
        words[count++] = rest;
        rest += strcspn(rest, end == '\'' ? "'" : " ");
        if (*rest)
            *rest++ = '\0';
    }
    redisReply *reply = ask_at(server.socket, count, words);
    out->size = 0;
    if (reply) {
        print_reply(out, reply);
        freeReplyObject(reply);
    } else {
        buffer_printf(out, "(no Redis)");
    }
    free(copy);
}

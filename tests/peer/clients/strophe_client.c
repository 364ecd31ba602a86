/* strophe_client.c - libstrophe over TCP: logs in, sends, waits for the echo.  usage: PORT JID PASSWORD BODY */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

struct talk {
    xmpp_ctx_t *context;
    const char *body;
    int is_echoed;
};

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *user)
{
    struct talk *talk = user;
    char *body = xmpp_message_get_body(stanza);
    if (body && strcmp(body, talk->body) == 0) {
        printf("echo %s\n", xmpp_stanza_get_from(stanza));
        talk->is_echoed = 1;
    }
    if (body)
        xmpp_free(talk->context, body);
    xmpp_disconnect(connection);
    return 0;
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error, void *user)
{
    struct talk *talk = user;
    (void)error;
    (void)stream_error;
    if (event != XMPP_CONN_CONNECT) {
        printf("stopped\n");
        xmpp_stop(talk->context);
        return;
    }
    printf("online %s\n", xmpp_conn_get_bound_jid(connection));
    xmpp_handler_add(connection, on_message, NULL, "message", NULL, talk);
    xmpp_stanza_t *message = xmpp_message_new(talk->context, "chat", "echo.localhost", "s1");
    xmpp_message_set_body(message, talk->body);
    xmpp_send(connection, message);
    xmpp_stanza_release(message);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    xmpp_initialize();
    struct talk talk = { .context = xmpp_ctx_new(NULL, NULL), .body = argv[4] };
    xmpp_conn_t *connection = xmpp_conn_new(talk.context);
    xmpp_conn_set_flags(connection, XMPP_CONN_FLAG_TRUST_TLS);
    xmpp_conn_set_jid(connection, argv[2]);
    xmpp_conn_set_pass(connection, argv[3]);
    if (xmpp_connect_client(connection, "127.0.0.1", (unsigned short)atoi(argv[1]), on_connection, &talk) == XMPP_EOK)
        xmpp_run(talk.context);
    xmpp_conn_release(connection);
    xmpp_ctx_free(talk.context);
    xmpp_shutdown();
    return talk.is_echoed ? 0 : 1;
}

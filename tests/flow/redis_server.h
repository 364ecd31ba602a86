/* redis_server.h - the private redis-server of a dialogue: own folder, a unix socket, no port.  It keeps its data over a
 * SIGKILL (append-only file), as one with persistence does.  One a process; it and its folder go at exit. */
#ifndef TESTS_FLOW_REDIS_SERVER_H
#define TESTS_FLOW_REDIS_SERVER_H

#include "stanzabus/memory.h"

const char *redis_server_url(void);   /* made at the first call; the folder is there from then on */
void redis_server_start(void);        /* nothing when it runs; else until it answers */
void redis_server_kill(void);         /* SIGKILL */
void redis_server_forget(void);       /* all but the accounts; when it is not running: before anybody reaches it again */
void redis_server_clear(void);        /* everything */
/* A command line, 'quoted' words may have spaces; the reply as text: members of an array with a space between. */
void redis_server_ask(const char *line, struct buffer *out);

#endif

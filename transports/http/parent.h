/* parent.h - the parent of several worker processes: signals in, the admin listener out, the supervisor between. */
#ifndef STANZABUS_TRANSPORTS_PARENT_H
#define STANZABUS_TRANSPORTS_PARENT_H

#include "stanzabus/config.h"

/* Starts config->workers workers with the same arguments and stays until a signal ends them all.  Takes the config.  Returns
 * the process's exit code; what went wrong is in the log. */
int parent_serve(struct config *config, const struct log *log, char *const *argv);

#endif

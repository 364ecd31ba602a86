/* commands.h - the commands, one file each. */
#ifndef STANZABUS_COMMAND_COMMANDS_H
#define STANZABUS_COMMAND_COMMANDS_H

#include "gateway/command/invocation.h"

extern const struct command command_serve, command_config, command_user_add, command_user_passwd, command_user_del,
    command_user_list, command_user_disable, command_user_enable, command_user_revoke, command_user_kick,
    command_user_import, command_tail, command_send, command_health;

#endif

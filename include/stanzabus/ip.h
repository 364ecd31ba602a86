/* ip.h - whether text is an IP address, without asking the system (the core opens no sockets). */
#ifndef STANZABUS_IP_H
#define STANZABUS_IP_H

#include "stanzabus/text.h"

bool ip_is_v4(struct text t); /* four decimal numbers, no leading zeros */
bool ip_is_v6(struct text t); /* RFC 4291 2.2 without brackets; no zone (RFC 9844) */

#endif

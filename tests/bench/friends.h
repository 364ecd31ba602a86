/* friends.h - people who are there all the time, and in the rosters of those who log in (mode login). */
#ifndef BENCH_FRIENDS_H
#define BENCH_FRIENDS_H

#include "bench.h"

struct friends;
/* Logs bench->friends clients in, resource "friend", numbered after those that bench->connections has; NULL after saying why not. */
struct friends *friends_open(struct bench *bench);
/* A client has logged in: it reads its roster, and asks every friend for a subscription, once. */
void friends_greet(struct friends *friends, struct client *client);
/* Whoever asks is answered. */
void friends_answer(struct client *client, struct text stanza);
bool friends_has(struct text from); /* a friend's full address */

#endif

/* flights.c - entries that were given to a stream and that its other side has not acknowledged yet, of all the links that it
 * carries, in the order in which they were written (XEP-0198 4: an acknowledgement is but a number of stanzas). */
#include <stdlib.h>

#include "gateway/federation/peer.h"

enum { ROOM_FIRST = 64 };

static struct flight *flight_at(const struct flights *flights, unsigned i)
{
    return &flights->ring[(flights->first + i) & (flights->room - 1)];
}

static void make_room(struct flights *flights)
{
    unsigned room = flights->room ? flights->room * 2 : ROOM_FIRST;
    struct flight *ring = xcalloc(room, sizeof *ring);
    for (unsigned i = 0; i < flights->count; i++)
        ring[i] = *flight_at(flights, i);
    free(flights->ring);
    flights->ring = ring;
    flights->room = room;
    flights->first = 0;
}

void flights_add(struct flights *flights, struct link *link, uint64_t number)
{
    if (flights->count == flights->room)
        make_room(flights);
    *flight_at(flights, flights->count++) = (struct flight){ link, number };
    link->flying_count++;
}

struct flight flights_take(struct flights *flights)
{
    struct flight oldest = *flight_at(flights, 0);
    flights->first = (flights->first + 1) & (flights->room - 1);
    flights->count--;
    if (oldest.link)
        oldest.link->flying_count--;
    return oldest;
}

void flights_leave(struct flights *flights, struct link *link)
{
    for (unsigned i = 0; link->flying_count > 0 && i < flights->count; i++) {
        struct flight *flight = flight_at(flights, i);
        if (flight->link != link)
            continue;
        flight->link = NULL;
        link->flying_count--;
    }
}

void flights_lose(struct flights *flights, const struct link *link)
{
    for (unsigned i = 0; i < flights->count; i++)
        if (flight_at(flights, i)->link == link)
            flight_at(flights, i)->number = 0;
}

/* event_time.c - the "time" of an event, read back. */
#include <stdio.h>
#include <time.h>

#include "stanzabus/message.h"

int64_t event_time_read(struct text time)
{
    char copy[32];
    struct tm tm = { 0 };
    int ms = 0;
    if (time.size >= sizeof copy)
        return 0;
    snprintf(copy, sizeof copy, "%.*s", TEXT_ARGS(time));
    if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
               &ms) < 6)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return (int64_t)timegm(&tm) * 1000 + ms;
}

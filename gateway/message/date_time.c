/* date_time.c - a date and time as XEP-0082 writes it, as Unix milliseconds. */
#include "stanzabus/message.h"
#include "words.h"

static int number_at(const char *digits, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++)
        number = number * 10 + (digits[i] - '0');
    return number;
}

static int days_of_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Days from 1970-01-01, in the Gregorian calendar: years begin in March here, so that the leap day is the last. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int64_t read_fraction(const char *digits, const char *end)
{
    int64_t ms = 0, weight = 100;
    for (; digits < end && *digits >= '0' && *digits <= '9'; digits++, weight /= 10)
        ms += (*digits - '0') * weight;
    return ms;
}

bool date_time_read(struct text text, int64_t *wall_ms)
{
    const char *at = text.data, *end = text.data + text.size;
    if (!is_date_time(text))
        return false;
    int year = number_at(at, 4), month = number_at(at + 5, 2), day = number_at(at + 8, 2);
    int hour = number_at(at + 11, 2), minute = number_at(at + 14, 2), second = number_at(at + 17, 2);
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t ms = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
    if (at[19] == '.')
        ms += read_fraction(at + 20, end);
    if (end[-1] != 'Z') {
        int hours = number_at(end - 5, 2), minutes = number_at(end - 2, 2);
        if (hours > 23 || minutes > 59)
            return false;
        ms += (end[-6] == '-' ? 1 : -1) * (hours * 60 + minutes) * 60000ll;
    }
    *wall_ms = ms;
    return true;
}

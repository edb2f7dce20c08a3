/* Clocks and the three date notations. Formatting is done by hand: strftime follows the locale. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct tm utc(uint64_t wall_ms)
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm = {0};
    if (gmtime_r(&s, &tm) == NULL)
        return (struct tm){0}; /* a year beyond 2^31 */
    return tm;
}

/* The widths below hold for years up to 9999; the modulo tells the compiler so. */
void clock_iso(char out[CLOCK_ISO_LEN + 1], uint64_t wall_ms)
{
    struct tm t = utc(wall_ms);
    (void)snprintf(out, CLOCK_ISO_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
                   (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                   (unsigned)t.tm_sec % 100, (unsigned)(wall_ms % 1000));
}

void clock_http(char out[CLOCK_HTTP_LEN + 1], uint64_t wall_ms)
{
    struct tm t = utc(wall_ms);
    (void)snprintf(out, CLOCK_HTTP_LEN + 1, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                   day_names[t.tm_wday], (unsigned)t.tm_mday % 100, month_names[t.tm_mon],
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
                   (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

void clock_clf(char out[CLOCK_CLF_LEN + 1], uint64_t wall_ms)
{
    struct tm t = utc(wall_ms);
    (void)snprintf(out, CLOCK_CLF_LEN + 1, "%02u/%s/%04u:%02u:%02u:%02u +0000",
                   (unsigned)t.tm_mday % 100, month_names[t.tm_mon],
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
                   (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

/* Times and spans as text, in UTC and without the C library's clocks or locale.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Parsers walk a `const char *` over the text: number() and literal() move it past what they read
 * and say whether it was there. Days are counted with the proleptic Gregorian calendar in eras of
 * 400 years that begin on the first of March, so that the leap day is the last day of its year.
 */
#include "acme/acme_time.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468                   /* from 0000-03-01 */
#define LAST_SECOND APR_INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define TEN_YEARS (3653 * ACME_TIME_DAY)
#define LONGEST_DURATION (36525 * ACME_TIME_DAY)

typedef struct {
    int year;
    int month; /* 1 to 12 */
    int day;
    int hour;
    int minute;
    int second;
} civil_t;

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

static apr_int64_t days_from_civil(int year, int month, int day)
{
    int shifted_year = month <= 2 ? year - 1 : year;
    int era = shifted_year / 400;
    int year_of_era = shifted_year - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (apr_int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void civil_from_seconds(civil_t *civil, apr_int64_t seconds)
{
    int days = (int)(seconds / 86400) + DAYS_TO_1970;
    int rest = (int)(seconds % 86400);
    int era = days / DAYS_PER_ERA;
    int day_of_era = days - era * DAYS_PER_ERA;
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (5 * day_of_year + 2) / 153; /* 0 is March */
    civil->day = day_of_year - (153 * month + 2) / 5 + 1;
    civil->month = month < 10 ? month + 3 : month - 9;
    civil->year = year_of_era + era * 400 + (civil->month <= 2);
    civil->hour = rest / 3600;
    civil->minute = rest / 60 % 60;
    civil->second = rest % 60;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Seconds since 1970, or -1 if there is no such moment between 1970 and 9999. */
static apr_int64_t seconds_from_civil(const civil_t *civil)
{
    if (civil->year < 1970 || civil->year > 9999 || civil->month < 1 || civil->month > 12 ||
        civil->day < 1 || civil->day > days_in_month(civil->year, civil->month) ||
        civil->hour > 23 || civil->minute > 59 || civil->second > 60) {
        return -1;
    }
    /* APR has no leap seconds. */
    int second = civil->second == 60 ? 59 : civil->second;
    return days_from_civil(civil->year, civil->month, civil->day) * 86400 + civil->hour * 3600 +
           civil->minute * 60 + second;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly @a digits digits. */
static int number(int *value, const char **text, int digits)
{
    int sum = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!is_digit(**text)) {
            return -1;
        }
        sum = sum * 10 + (**text - '0');
    }
    *value = sum;
    return 0;
}

static int literal(const char **text, const char *wanted)
{
    apr_size_t len = strlen(wanted);
    if (strncmp(*text, wanted, len) != 0) {
        return -1;
    }
    *text += len;
    return 0;
}

/* "13:29:24" */
static int time_of_day(civil_t *civil, const char **text)
{
    return number(&civil->hour, text, 2) == 0 && literal(text, ":") == 0 &&
                   number(&civil->minute, text, 2) == 0 && literal(text, ":") == 0 &&
                   number(&civil->second, text, 2) == 0
               ? 0
               : -1;
}

/* see acme_time.h */
char *acme_time_rfc3339(apr_time_t when, apr_pool_t *pool)
{
    apr_int64_t seconds = when < 0 ? 0 : apr_time_sec(when);
    civil_t civil;
    civil_from_seconds(&civil, seconds > LAST_SECOND ? LAST_SECOND : seconds);
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", civil.year, civil.month, civil.day,
                        civil.hour, civil.minute, civil.second);
}

/* An optional ".123"; digits beyond the microsecond are read and dropped. */
static int fraction(int *microseconds, const char **text)
{
    *microseconds = 0;
    if (literal(text, ".") != 0) {
        return 0;
    }
    if (!is_digit(**text)) {
        return -1;
    }
    for (int weight = 100000; is_digit(**text); (*text)++, weight /= 10) {
        *microseconds += (**text - '0') * weight;
    }
    return 0;
}

/* "Z" or "+01:30", as seconds east of UTC. */
static int offset(int *seconds, const char **text)
{
    *seconds = 0;
    if (literal(text, "Z") == 0 || literal(text, "z") == 0) {
        return 0;
    }
    int sign = **text == '+' ? 1 : **text == '-' ? -1 : 0;
    if (sign == 0) {
        return -1;
    }
    (*text)++;
    int hours;
    int minutes;
    if (number(&hours, text, 2) != 0 || literal(text, ":") != 0 || number(&minutes, text, 2) != 0 ||
        hours > 23 || minutes > 59) {
        return -1;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return 0;
}

/* see acme_time.h */
int acme_time_parse_rfc3339(apr_time_t *when, const char *text)
{
    civil_t civil;
    int microseconds;
    int east;
    if (number(&civil.year, &text, 4) != 0 || literal(&text, "-") != 0 ||
        number(&civil.month, &text, 2) != 0 || literal(&text, "-") != 0 ||
        number(&civil.day, &text, 2) != 0 ||
        (literal(&text, "T") != 0 && literal(&text, "t") != 0) || time_of_day(&civil, &text) != 0 ||
        fraction(&microseconds, &text) != 0 || offset(&east, &text) != 0 || *text != '\0') {
        return -1;
    }
    apr_int64_t seconds = seconds_from_civil(&civil);
    if (seconds < 0 || seconds - east < 0 || seconds - east > LAST_SECOND) {
        return -1;
    }
    *when = apr_time_from_sec(seconds - east) + microseconds;
    return 0;
}

static int month_name(int *month, const char **text)
{
    for (int i = 0; i < 12; i++) {
        if (literal(text, month_names[i]) == 0) {
            *month = i + 1;
            return 0;
        }
    }
    return -1;
}

/* The name of a day, whole or its first three letters. Whether it is that date's day is not asked:
 * a wrong name does not make the moment any less clear. */
static int day_name(const char **text, int is_whole)
{
    for (int i = 0; i < 7; i++) {
        apr_size_t len = is_whole ? strlen(day_names[i]) : 3;
        if (strncmp(*text, day_names[i], len) == 0) {
            *text += len;
            return 0;
        }
    }
    return -1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static int imf_fixdate(civil_t *civil, const char *text)
{
    return day_name(&text, 0) == 0 && literal(&text, ", ") == 0 &&
                   number(&civil->day, &text, 2) == 0 && literal(&text, " ") == 0 &&
                   month_name(&civil->month, &text) == 0 && literal(&text, " ") == 0 &&
                   number(&civil->year, &text, 4) == 0 && literal(&text, " ") == 0 &&
                   time_of_day(civil, &text) == 0 && strcmp(text, " GMT") == 0
               ? 0
               : -1;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT"; years below 70 are of this century. */
static int rfc850_date(civil_t *civil, const char *text)
{
    if (day_name(&text, 1) != 0 || literal(&text, ", ") != 0 ||
        number(&civil->day, &text, 2) != 0 || literal(&text, "-") != 0 ||
        month_name(&civil->month, &text) != 0 || literal(&text, "-") != 0 ||
        number(&civil->year, &text, 2) != 0 || literal(&text, " ") != 0 ||
        time_of_day(civil, &text) != 0 || strcmp(text, " GMT") != 0) {
        return -1;
    }
    civil->year += civil->year < 70 ? 2000 : 1900;
    return 0;
}

/* "Sun Nov  6 08:49:37 1994" */
static int asctime_date(civil_t *civil, const char *text)
{
    if (day_name(&text, 0) != 0 || literal(&text, " ") != 0 ||
        month_name(&civil->month, &text) != 0 || literal(&text, " ") != 0) {
        return -1;
    }
    int digits = literal(&text, " ") == 0 ? 1 : 2;
    return number(&civil->day, &text, digits) == 0 && literal(&text, " ") == 0 &&
                   time_of_day(civil, &text) == 0 && literal(&text, " ") == 0 &&
                   number(&civil->year, &text, 4) == 0 && *text == '\0'
               ? 0
               : -1;
}

/* see acme_time.h */
int acme_time_parse_http_date(apr_time_t *when, const char *text)
{
    civil_t civil;
    if (imf_fixdate(&civil, text) != 0 && rfc850_date(&civil, text) != 0 &&
        asctime_date(&civil, text) != 0) {
        return -1;
    }
    apr_int64_t seconds = seconds_from_civil(&civil);
    if (seconds < 0) {
        return -1;
    }
    *when = apr_time_from_sec(seconds);
    return 0;
}

/* Digits only, as a number of units of @a unit, never above @a max. */
static int whole_number(apr_interval_time_t *span, const char **text, apr_interval_time_t unit,
                        apr_interval_time_t max)
{
    apr_int64_t count = 0;
    if (!is_digit(**text)) {
        return -1;
    }
    for (; is_digit(**text); (*text)++) {
        /* Checked before it is multiplied: a wrapped number would become a short wait. */
        if (count > max / unit / 10) {
            return -1;
        }
        count = count * 10 + (**text - '0');
    }
    if (count > max / unit) {
        return -1;
    }
    *span = count * unit;
    return 0;
}

/* see acme_time.h */
int acme_time_parse_retry_after(apr_time_t *retry_at, const char *value, const char *date_header,
                                apr_time_t now)
{
    apr_interval_time_t wait;
    if (is_digit(*value)) {
        if (whole_number(&wait, &value, ACME_TIME_SECOND, TEN_YEARS) != 0 || *value != '\0') {
            return -1;
        }
    }
    else {
        apr_time_t date;
        apr_time_t sent;
        if (acme_time_parse_http_date(&date, value) != 0) {
            return -1;
        }
        if (date_header == NULL || acme_time_parse_http_date(&sent, date_header) != 0) {
            sent = now;
        }
        wait = date - sent;
        if (wait > TEN_YEARS) {
            return -1;
        }
    }
    *retry_at = wait > 0 ? now + wait : now;
    return 0;
}

typedef struct {
    const char *name;
    apr_interval_time_t length;
    const char *word;
} unit_t;

/* Longest first. */
static const unit_t units[] = {
    {"d", ACME_TIME_DAY, "day"},           {"h", ACME_TIME_HOUR, "hour"},
    {"mi", ACME_TIME_MINUTE, "minute"},    {"s", ACME_TIME_SECOND, "second"},
    {"ms", ACME_TIME_SECOND / 1000, NULL},
};
#define UNIT_COUNT (int)(sizeof(units) / sizeof(units[0]))

static const unit_t *find_unit(const char *name)
{
    for (int i = 0; i < UNIT_COUNT; i++) {
        if (acme_text_equal_nocase(name, units[i].name)) {
            return &units[i];
        }
    }
    return NULL;
}

/* see acme_time.h */
acme_err_t *acme_time_parse_duration(apr_interval_time_t *span, const char *text,
                                     const char *default_unit, apr_pool_t *pool)
{
    apr_size_t digits = strspn(text, "0123456789");
    const unit_t *unit = find_unit(text[digits] != '\0' ? text + digits : default_unit);
    if (digits == 0 || unit == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "'%s' is not a duration: write digits and one of d, h, mi, s, ms, for "
                             "example 12h",
                             acme_text_clean(text, 64, pool));
    }
    const char *cursor = text;
    if (whole_number(span, &cursor, unit->length, LONGEST_DURATION) != 0) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the duration '%s' is too long: write at most 100 years (36525d)",
                             acme_text_clean(text, 64, pool));
    }
    return NULL;
}

/* see acme_time.h */
char *acme_time_duration(apr_interval_time_t span, apr_pool_t *pool)
{
    if (span <= 0) {
        return apr_pstrdup(pool, "0s");
    }
    const unit_t *unit = units;
    while (unit < units + UNIT_COUNT - 1 && span % unit->length != 0) {
        unit++;
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT "%s", span / unit->length, unit->name);
}

/* see acme_time.h */
char *acme_time_span_words(apr_interval_time_t span, apr_pool_t *pool)
{
    span = span < 0 ? -span : span;
    if (span < ACME_TIME_SECOND) {
        return apr_pstrdup(pool, span > 0 ? "less than a second" : "0 seconds");
    }
    /* One of a unit only if it is exact: "1 day" for 47 hours would deceive. */
    const unit_t *unit = units;
    while (unit->length > ACME_TIME_SECOND && span < 2 * unit->length && span != unit->length) {
        unit++;
    }
    apr_int64_t count = (span + unit->length / 2) / unit->length;
    return apr_psprintf(pool, "%" APR_INT64_T_FMT " %s%s", count, unit->word,
                        count == 1 ? "" : "s");
}

/* see acme_time.h */
acme_err_t *acme_window_parse(acme_window_t *window, const char *text, apr_pool_t *pool)
{
    window->percent = 0;
    window->span = 0;
    apr_size_t digits = strspn(text, "0123456789");
    if (digits > 0 && strcmp(text + digits, "%") == 0) {
        /* Three digits hold every percentage there is; more of them would overflow. */
        int percent = digits <= 3 ? (int)apr_atoi64(text) : 100;
        if (percent < 1 || percent > 99) {
            return acme_err_make(pool, ACME_ERR_INPUT,
                                 "the window '%s' is not between 1%% and 99%% of a certificate's "
                                 "life",
                                 acme_text_clean(text, 64, pool));
        }
        window->percent = percent;
        return NULL;
    }
    ACME_TRY(acme_time_parse_duration(&window->span, text, "d", pool));
    if (window->span == 0) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the window '%s' has no length: write a percentage such as 33%% or a "
                             "duration such as 30d",
                             acme_text_clean(text, 64, pool));
    }
    return NULL;
}

/* see acme_time.h */
char *acme_window_text(const acme_window_t *window, apr_pool_t *pool)
{
    return window->percent > 0 ? apr_psprintf(pool, "%d%%", window->percent)
                               : acme_time_duration(window->span, pool);
}

/* see acme_time.h */
apr_interval_time_t acme_window_length(const acme_window_t *window, apr_time_t not_before,
                                       apr_time_t not_after)
{
    apr_interval_time_t life = not_after - not_before;
    if (life <= 0) {
        return 0;
    }
    if (window->percent > 0) {
        return life / 100 * window->percent + life % 100 * window->percent / 100;
    }
    return window->span < life ? window->span : life;
}

/* Times and spans as text: RFC 3339, HTTP dates, durations and windows of the configuration.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions; no clock, no time zone but UTC, no locale.
 */
#ifndef ACME_TIME_H
#define ACME_TIME_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_err.h"

#define ACME_TIME_SECOND ((apr_interval_time_t)APR_USEC_PER_SEC)
#define ACME_TIME_MINUTE (60 * ACME_TIME_SECOND)
#define ACME_TIME_HOUR (60 * ACME_TIME_MINUTE)
#define ACME_TIME_DAY (24 * ACME_TIME_HOUR)

/** RFC 3339 in UTC with whole seconds, "2026-11-22T13:29:24Z". */
char *acme_time_rfc3339(apr_time_t when, apr_pool_t *pool);

/** Parses RFC 3339 with optional fraction and numeric offset. Returns 0 and *when, or -1. Years
 * 1970 to 9999; leap second 60 is read as 59. */
int acme_time_parse_rfc3339(apr_time_t *when, const char *text);

/** Parses an HTTP date in its three forms (RFC 9110 section 5.6.7). Returns 0 and *when, or -1. */
int acme_time_parse_http_date(apr_time_t *when, const char *text);

/** Reads a Retry-After value (RFC 9110 section 10.2.3), seconds or HTTP date, as the moment before
 * which not to ask again. A date is taken relative to @a date_header (the answer's Date, NULL if it
 * had none) so that a wrong local clock does no harm. Returns 0, or -1 for a value that is
 * neither, negative or absurd (over ten years). A moment in the past is given as @a now. */
int acme_time_parse_retry_after(apr_time_t *retry_at, const char *value, const char *date_header,
                                apr_time_t now);

/** A duration of the configuration: digits and one of d, h, mi, s, ms; digits alone are in
 * @a default_unit (one of these). No sign, no space; above 100 years is refused, so that a moment
 * plus a duration never overflows. */
acme_err_t *acme_time_parse_duration(apr_interval_time_t *span, const char *text,
                                     const char *default_unit, apr_pool_t *pool);

/** The shortest exact text that acme_time_parse_duration reads back, e.g. "12h", "90mi". */
char *acme_time_duration(apr_interval_time_t span, apr_pool_t *pool);

/** A span in words for people, coarse: "3 days", "2 hours", "45 seconds". */
char *acme_time_span_words(apr_interval_time_t span, apr_pool_t *pool);

/** A window at the end of a certificate's life: a percentage of it, or a fixed span. */
typedef struct {
    int percent;              /**< 1 to 99, or 0: span counts */
    apr_interval_time_t span; /**< above 0 when percent is 0 */
} acme_window_t;

/** "33%" or a duration (digits alone are days). 0 and 100% and more are refused. */
acme_err_t *acme_window_parse(acme_window_t *window, const char *text, apr_pool_t *pool);
char *acme_window_text(const acme_window_t *window, apr_pool_t *pool);

/** The length of the window for a certificate that lives from @a not_before to @a not_after; never
 * longer than that life. */
apr_interval_time_t acme_window_length(const acme_window_t *window, apr_time_t not_before,
                                       apr_time_t not_after);

#endif

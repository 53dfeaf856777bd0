/* Tests of acme_time: every form of a moment and of a span, and what is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_time.h"

#define AT(seconds) apr_time_from_sec(APR_INT64_C(seconds))

static void writes_rfc3339(void **state)
{
    assert_string_equal("1970-01-01T00:00:00Z", acme_time_rfc3339(0, *state));
    assert_string_equal("2026-11-22T13:29:24Z", acme_time_rfc3339(AT(1795354164) + 999999, *state));
    assert_string_equal("2024-02-29T23:59:59Z", acme_time_rfc3339(AT(1709251199), *state));
    assert_string_equal("9999-12-31T23:59:59Z", acme_time_rfc3339(AT(253402300799), *state));
    assert_string_equal("9999-12-31T23:59:59Z", acme_time_rfc3339(APR_INT64_MAX, *state));
    assert_string_equal("1970-01-01T00:00:00Z", acme_time_rfc3339(APR_INT64_MIN, *state));
}

static void reads_rfc3339(void **state)
{
    (void)state;
    const struct {
        const char *text;
        apr_time_t when;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T13:29:24Z", AT(1795354164)},
        {"2026-11-22t13:29:24z", AT(1795354164)},
        {"2026-11-22T13:29:24.5Z", AT(1795354164) + 500000},
        {"2026-11-22T13:29:24.123456789Z", AT(1795354164) + 123456},
        {"2026-11-22T14:59:24+01:30", AT(1795354164)},
        {"2026-11-22T05:29:24-08:00", AT(1795354164)},
        {"2026-11-22T13:29:24-00:00", AT(1795354164)},
        {"2016-12-31T23:59:60Z", AT(1483228799)},
        {"2024-02-29T00:00:00Z", AT(1709164800)},
        {"2000-02-29T00:00:00Z", AT(951782400)},
        {"9999-12-31T23:59:59Z", AT(253402300799)},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        apr_time_t when = -1;
        assert_int_equal(0, acme_time_parse_rfc3339(&when, good[i].text));
        assert_int_equal(good[i].when, when);
    }
}

static void refuses_what_is_not_rfc3339(void **state)
{
    (void)state;
    const char *wrong[] = {"",
                           "2026",
                           "2026-11-22",
                           "2026-11-22T13:29:24",
                           "2026-11-22 13:29:24Z",
                           "2026-11-22T13:29:24Z ",
                           " 2026-11-22T13:29:24Z",
                           "2026-11-22T13:29:24.Z",
                           "2026-11-22T13:29Z",
                           "2026-13-22T13:29:24Z",
                           "2026-00-22T13:29:24Z",
                           "2026-02-29T13:29:24Z",
                           "2100-02-29T13:29:24Z",
                           "2026-11-31T13:29:24Z",
                           "2026-11-00T13:29:24Z",
                           "2026-11-22T24:00:00Z",
                           "2026-11-22T13:60:24Z",
                           "2026-11-22T13:29:61Z",
                           "2026-11-22T13:29:24+0130",
                           "2026-11-22T13:29:24+24:00",
                           "2026-11-22T13:29:24+01:60",
                           "2026-11-22T13:29:24+01",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "10000-01-01T00:00:00Z",
                           "+2026-11-22T13:29:24Z",
                           "-026-11-22T13:29:24Z",
                           "2026-11-22T13:29:24\xC3\xA9"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        apr_time_t when;
        assert_int_equal(-1, acme_time_parse_rfc3339(&when, wrong[i]));
    }
}

static void every_day_comes_back(void **state)
{
    apr_pool_t *scratch;
    apr_pool_create(&scratch, *state);
    for (apr_int64_t day = 0; day < 2932896; day += 13) {
        apr_pool_clear(scratch);
        apr_time_t when = -1;
        apr_time_t then = apr_time_from_sec(day * 86400 + day % 86400);
        assert_int_equal(0, acme_time_parse_rfc3339(&when, acme_time_rfc3339(then, scratch)));
        assert_int_equal(then, when);
    }
}

static void reads_http_dates(void **state)
{
    (void)state;
    const char *good[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                          "Sun Nov  6 08:49:37 1994"};
    apr_time_t when;
    for (int i = 0; i < 3; i++) {
        when = -1;
        assert_int_equal(0, acme_time_parse_http_date(&when, good[i]));
        assert_int_equal(AT(784111777), when);
    }
    assert_int_equal(0, acme_time_parse_http_date(&when, "Tuesday, 22-Nov-26 13:29:24 GMT"));
    assert_int_equal(AT(1795354164), when);
    assert_int_equal(0, acme_time_parse_http_date(&when, "Sun Nov 22 13:29:24 2026"));
    assert_int_equal(AT(1795354164), when);
    const char *wrong[] = {"",
                           "0",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 08:49:37 GMT+1",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Xyz, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Foo 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1969 08:49:37 GMT",
                           "Sun, 06 Nov 1994 25:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 1994 ",
                           "1994-11-06T08:49:37Z"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(-1, acme_time_parse_http_date(&when, wrong[i]));
    }
}

static void reads_retry_after(void **state)
{
    (void)state;
    apr_time_t now = AT(1795354164);
    apr_time_t at;
    assert_int_equal(0, acme_time_parse_retry_after(&at, "0", NULL, now));
    assert_int_equal(now, at);
    assert_int_equal(0, acme_time_parse_retry_after(&at, "21600", NULL, now));
    assert_int_equal(now + 6 * ACME_TIME_HOUR, at);
    assert_int_equal(0,
                     acme_time_parse_retry_after(&at, "Sun, 22 Nov 2026 13:30:24 GMT", NULL, now));
    assert_int_equal(now + ACME_TIME_MINUTE, at);
    assert_int_equal(0,
                     acme_time_parse_retry_after(&at, "Sun, 22 Nov 2026 13:28:24 GMT", NULL, now));
    assert_int_equal(now, at);
}

static void a_wrong_clock_does_no_harm(void **state)
{
    (void)state;
    apr_time_t now = 0; /* the clock's battery is empty */
    apr_time_t at;
    assert_int_equal(0, acme_time_parse_retry_after(&at, "Sun, 22 Nov 2026 13:30:24 GMT",
                                                    "Sun, 22 Nov 2026 13:29:24 GMT", now));
    assert_int_equal(ACME_TIME_MINUTE, at);
    assert_int_equal(0, acme_time_parse_retry_after(&at, "60", "rubbish", now));
    assert_int_equal(ACME_TIME_MINUTE, at);
    assert_int_equal(-1,
                     acme_time_parse_retry_after(&at, "Sun, 22 Nov 2026 13:30:24 GMT", NULL, now));
}

static void refuses_absurd_retry_after(void **state)
{
    (void)state;
    const char *wrong[] = {"",
                           "-1",
                           "+5",
                           "5s",
                           "1.5",
                           " 5",
                           "5 ",
                           "315705600",
                           "99999999999999999999999999",
                           "9223372036854775807",
                           "soon",
                           "Sun, 22 Nov 2037 13:30:24 GMT"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        apr_time_t at;
        assert_int_equal(-1, acme_time_parse_retry_after(&at, wrong[i], NULL, AT(1795354164)));
    }
}

static void durations_come_back(void **state)
{
    const char *same[] = {"30d", "36h", "90mi", "45s", "1500ms", "36525d"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        apr_interval_time_t span;
        assert_well(acme_time_parse_duration(&span, same[i], "s", *state));
        assert_string_equal(same[i], acme_time_duration(span, *state));
    }
    apr_interval_time_t span;
    assert_well(acme_time_parse_duration(&span, "30", "d", *state));
    assert_int_equal(30 * ACME_TIME_DAY, span);
    assert_well(acme_time_parse_duration(&span, "90", "mi", *state));
    assert_int_equal(90 * ACME_TIME_MINUTE, span);
    assert_well(acme_time_parse_duration(&span, "2MI", "s", *state));
    assert_int_equal(2 * ACME_TIME_MINUTE, span);
    assert_well(acme_time_parse_duration(&span, "0", "s", *state));
    assert_int_equal(0, span);
    assert_well(acme_time_parse_duration(&span, "0000000000000000000000001s", "s", *state));
    assert_int_equal(ACME_TIME_SECOND, span);
    assert_string_equal("0s", acme_time_duration(0, *state));
    assert_string_equal("0s", acme_time_duration(-5, *state));
    assert_string_equal("1d", acme_time_duration(24 * ACME_TIME_HOUR, *state));
}

static void refuses_what_is_no_duration(void **state)
{
    const char *wrong[] = {"",
                           "d",
                           "-1d",
                           "+1d",
                           "1 d",
                           "1m",
                           "1w",
                           "1.5h",
                           "1dd",
                           "1d2h",
                           "d1",
                           "1d ",
                           " 1d",
                           "0x10s",
                           "36526d",
                           "106751991168d",
                           "18446744073709551616",
                           "9223372036854775807s",
                           "99999999999999999999999999999999ms"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        apr_interval_time_t span;
        assert_refused(ACME_ERR_INPUT, acme_time_parse_duration(&span, wrong[i], "s", *state));
    }
}

static void says_spans_in_words(void **state)
{
    assert_string_equal("3 days", acme_time_span_words(3 * ACME_TIME_DAY, *state));
    assert_string_equal("1 day", acme_time_span_words(ACME_TIME_DAY, *state));
    assert_string_equal("47 hours", acme_time_span_words(47 * ACME_TIME_HOUR, *state));
    assert_string_equal("2 hours", acme_time_span_words(2 * ACME_TIME_HOUR, *state));
    assert_string_equal("1 hour", acme_time_span_words(ACME_TIME_HOUR, *state));
    assert_string_equal("90 minutes", acme_time_span_words(90 * ACME_TIME_MINUTE, *state));
    assert_string_equal("45 seconds", acme_time_span_words(45 * ACME_TIME_SECOND, *state));
    assert_string_equal("1 second", acme_time_span_words(ACME_TIME_SECOND, *state));
    assert_string_equal("less than a second", acme_time_span_words(1, *state));
    assert_string_equal("0 seconds", acme_time_span_words(0, *state));
    assert_string_equal("3 days", acme_time_span_words(-3 * ACME_TIME_DAY, *state));
}

static void windows_come_back(void **state)
{
    acme_window_t window;
    assert_well(acme_window_parse(&window, "33%", *state));
    assert_int_equal(33, window.percent);
    assert_string_equal("33%", acme_window_text(&window, *state));
    assert_well(acme_window_parse(&window, "099%", *state));
    assert_int_equal(99, window.percent);
    assert_well(acme_window_parse(&window, "30", *state));
    assert_int_equal(0, window.percent);
    assert_int_equal(30 * ACME_TIME_DAY, window.span);
    assert_string_equal("30d", acme_window_text(&window, *state));
    const char *wrong[] = {"0%", "100%", "-5%", "33.3%", "4294967329%", "%", "33%%", "0", "0d", ""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_refused(ACME_ERR_INPUT, acme_window_parse(&window, wrong[i], *state));
    }
}

static void a_window_is_never_longer_than_life(void **state)
{
    (void)state;
    acme_window_t third = {.percent = 33};
    acme_window_t month = {.span = 30 * ACME_TIME_DAY};
    assert_int_equal(33 * ACME_TIME_DAY, acme_window_length(&third, 0, 100 * ACME_TIME_DAY));
    assert_int_equal(30 * ACME_TIME_DAY, acme_window_length(&month, 0, 100 * ACME_TIME_DAY));
    assert_int_equal(6 * ACME_TIME_DAY, acme_window_length(&month, 0, 6 * ACME_TIME_DAY));
    assert_int_equal(0, acme_window_length(&month, 10, 10));
    assert_int_equal(0, acme_window_length(&third, 10, 5));
    apr_interval_time_t longest = acme_window_length(&third, 0, AT(253402300799));
    assert_true(longest > 0 && longest < AT(253402300799) / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(writes_rfc3339),
        FIXTURE_TEST(reads_rfc3339),
        FIXTURE_TEST(refuses_what_is_not_rfc3339),
        FIXTURE_TEST(every_day_comes_back),
        FIXTURE_TEST(reads_http_dates),
        FIXTURE_TEST(reads_retry_after),
        FIXTURE_TEST(a_wrong_clock_does_no_harm),
        FIXTURE_TEST(refuses_absurd_retry_after),
        FIXTURE_TEST(durations_come_back),
        FIXTURE_TEST(refuses_what_is_no_duration),
        FIXTURE_TEST(says_spans_in_words),
        FIXTURE_TEST(windows_come_back),
        FIXTURE_TEST(a_window_is_never_longer_than_life),
    };
    return fixture_run(tests);
}

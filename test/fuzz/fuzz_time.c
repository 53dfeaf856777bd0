/* Fuzzes every reader of a moment or a span; what is read must be written and read again alike.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include "acme/acme_time.h"

static void read_moments(const char *text, apr_pool_t *pool)
{
    const apr_time_t now = apr_time_from_sec(APR_INT64_C(1795354164));
    apr_time_t when;
    apr_time_t again;
    if (acme_time_parse_rfc3339(&when, text) == 0) {
        FUZZ_CHECK(when >= 0);
        FUZZ_CHECK(acme_time_parse_rfc3339(&again, acme_time_rfc3339(when, pool)) == 0);
        FUZZ_CHECK(again == when - apr_time_usec(when));
    }
    if (acme_time_parse_http_date(&when, text) == 0) {
        FUZZ_CHECK(when >= 0 && apr_time_usec(when) == 0);
    }
    if (acme_time_parse_retry_after(&when, text, NULL, now) == 0) {
        FUZZ_CHECK(when >= now && when - now <= 3653 * ACME_TIME_DAY);
    }
    if (acme_time_parse_retry_after(&when, "60", text, now) == 0) {
        FUZZ_CHECK(when == now + ACME_TIME_MINUTE);
    }
}

static void read_spans(const char *text, apr_pool_t *pool)
{
    apr_interval_time_t span;
    apr_interval_time_t again;
    if (acme_time_parse_duration(&span, text, "s", pool) == NULL) {
        FUZZ_CHECK(span >= 0);
        FUZZ_CHECK(acme_time_parse_duration(&again, acme_time_duration(span, pool), "d", pool) ==
                   NULL);
        FUZZ_CHECK(again == span);
        FUZZ_CHECK(acme_time_span_words(span, pool)[0] != '\0');
    }
    acme_window_t window;
    if (acme_window_parse(&window, text, pool) == NULL) {
        apr_interval_time_t length = acme_window_length(&window, 0, 90 * ACME_TIME_DAY);
        FUZZ_CHECK(length > 0 && length <= 90 * ACME_TIME_DAY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    read_moments(text, pool);
    read_spans(text, pool);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}

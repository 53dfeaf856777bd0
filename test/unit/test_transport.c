/* Tests of acme_transport: a transport is called, and what an answer's headers say is understood.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_transport.h"

#define NOW ((apr_time_t)1767323045 * APR_USEC_PER_SEC) /* Fri, 02 Jan 2026 03:04:05 GMT */

typedef struct {
    const acme_exchange_t *begun;
    const acme_exchange_t *cancelled;
    apr_interval_time_t waited;
    int wakeups;
} calls_t;

static void begin(void *baton, acme_exchange_t *exchange)
{
    ((calls_t *)baton)->begun = exchange;
}

static void cancel(void *baton, acme_exchange_t *exchange)
{
    ((calls_t *)baton)->cancelled = exchange;
}

static void pump(void *baton, apr_interval_time_t wait)
{
    ((calls_t *)baton)->waited = wait;
}

static void wakeup(void *baton)
{
    ++((calls_t *)baton)->wakeups;
}

static void calls_the_provider(void **state)
{
    (void)state;
    calls_t calls = {0};
    acme_transport_t transport = {
        .baton = &calls, .begin = begin, .cancel = cancel, .pump = pump, .wakeup = wakeup};
    acme_exchange_t exchange = {0};
    acme_transport_begin(&transport, &exchange);
    assert_ptr_equal(&exchange, calls.begun);
    acme_transport_cancel(&transport, &exchange);
    assert_ptr_equal(&exchange, calls.cancelled);
    acme_transport_pump(&transport, 17);
    assert_int_equal(17, calls.waited);
    acme_transport_wakeup(&transport);
    assert_int_equal(1, calls.wakeups);
}

static acme_exchange_t answer(const char *name, const char *value, apr_pool_t *pool)
{
    acme_exchange_t exchange = {.pool = pool, .headers = apr_table_make(pool, 4)};
    apr_table_add(exchange.headers, name, value);
    return exchange;
}

static void headers_compare_without_case(void **state)
{
    apr_pool_t *pool = *state;
    acme_exchange_t exchange = answer("replay-NONCE", "abc", pool);
    assert_string_equal("abc", acme_exchange_header(&exchange, "Replay-Nonce"));
    assert_null(acme_exchange_header(&exchange, "Replay-Nonce2"));
}

static void several_values_stay_apart(void **state)
{
    apr_pool_t *pool = *state;
    acme_exchange_t exchange = answer("Link", "1", pool);
    apr_table_add(exchange.headers, "X", "no");
    apr_table_add(exchange.headers, "LINK", "2");
    apr_array_header_t *values = apr_array_make(pool, 2, sizeof(const char *));
    acme_exchange_header_values(&exchange, "link", values);
    assert_int_equal(2, values->nelts);
    assert_string_equal("1", APR_ARRAY_IDX(values, 0, const char *));
    assert_string_equal("2", APR_ARRAY_IDX(values, 1, const char *));
}

static void no_answer_has_no_headers(void **state)
{
    apr_pool_t *pool = *state;
    acme_exchange_t exchange = {.pool = pool};
    apr_array_header_t *values = apr_array_make(pool, 2, sizeof(const char *));
    acme_exchange_header_values(&exchange, "link", values);
    assert_int_equal(0, values->nelts);
    assert_null(acme_exchange_header(&exchange, "Link"));
    assert_true(acme_exchange_retry_at(&exchange, NOW) == 0);
}

static void reads_retry_after_in_both_forms(void **state)
{
    apr_pool_t *pool = *state;
    acme_exchange_t seconds = answer("Retry-After", "120", pool);
    assert_true(acme_exchange_retry_at(&seconds, NOW) == NOW + apr_time_from_sec(120));
    acme_exchange_t date = answer("Retry-After", "Fri, 02 Jan 2026 03:05:05 GMT", pool);
    assert_true(acme_exchange_retry_at(&date, NOW) == NOW + apr_time_from_sec(60));
    /* the CA's clock is an hour behind ours, and the wait is a minute all the same */
    acme_exchange_t behind = answer("Retry-After", "Fri, 02 Jan 2026 02:05:05 GMT", pool);
    apr_table_add(behind.headers, "Date", "Fri, 02 Jan 2026 02:04:05 GMT");
    assert_true(acme_exchange_retry_at(&behind, NOW) == NOW + apr_time_from_sec(60));
    acme_exchange_t nonsense = answer("Retry-After", "soon", pool);
    assert_true(acme_exchange_retry_at(&nonsense, NOW) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(calls_the_provider),
        FIXTURE_TEST(headers_compare_without_case),
        FIXTURE_TEST(several_values_stay_apart),
        FIXTURE_TEST(no_answer_has_no_headers),
        FIXTURE_TEST(reads_retry_after_in_both_forms),
    };
    return fixture_run(tests);
}

/* Tests of acme_order: what is asked, and what each status needs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <apr_strings.h>

#include "acme/acme_order.h"

static const acme_order_t *parse(const char *body, apr_pool_t *pool)
{
    acme_order_t *order = NULL;
    assert_well(acme_order_parse(&order, body, strlen(body), pool));
    return order;
}

static void assert_bad(const char *body, const char *words, apr_pool_t *pool)
{
    acme_order_t *order = NULL;
    const acme_err_t *err = acme_order_parse(&order, body, strlen(body), pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_null(order);
    if (strstr(err->text, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, err->text);
    }
}

static apr_array_header_t *names(apr_pool_t *pool, const char *const *texts)
{
    apr_array_header_t *set = apr_array_make(pool, 4, sizeof(const acme_identifier_t *));
    for (; *texts != NULL; texts++) {
        acme_identifier_t *identifier = NULL;
        assert_well(acme_identifier_parse(&identifier, *texts, pool));
        APR_ARRAY_PUSH(set, const acme_identifier_t *) = identifier;
    }
    return set;
}

static void asks_for_names(void **state)
{
    static const char *const texts[] = {"www.example.org", "*.example.org", "192.0.2.1",
                                        "www.example.org", NULL};
    const acme_order_request_t request = {.identifiers = names(*state, texts)};
    assert_string_equal("{\"identifiers\":[{\"type\":\"dns\",\"value\":\"*.example.org\"},"
                        "{\"type\":\"dns\",\"value\":\"www.example.org\"},"
                        "{\"type\":\"ip\",\"value\":\"192.0.2.1\"}]}",
                        acme_order_request(&request, *state));
}

static void asks_for_a_profile_and_says_what_it_replaces(void **state)
{
    static const char *const texts[] = {"example.org", NULL};
    const acme_order_request_t request = {
        .identifiers = names(*state, texts),
        .profile = "shortlived",
        .replaces = "I5CowmcyC8moalAXXGLrYs7doAg.HyAi15K7ePc",
    };
    assert_string_equal("{\"identifiers\":[{\"type\":\"dns\",\"value\":\"example.org\"}],"
                        "\"profile\":\"shortlived\","
                        "\"replaces\":\"I5CowmcyC8moalAXXGLrYs7doAg.HyAi15K7ePc\"}",
                        acme_order_request(&request, *state));
}

static void finalizes(void **state)
{
    assert_string_equal("{\"csr\":\"MIIC-_\"}", acme_order_finalize_request("MIIC-_", *state));
}

static void reads_a_pending_order(void **state)
{
    const acme_order_t *order = parse(
        "{    \"status\": \"pending\",    \"expires\": \"2026-11-23T13:38:28Z\",    "
        "\"identifiers\": [       {          \"type\": \"dns\",          \"value\": "
        "\"example.org\" "
        "      }    ],    \"profile\": \"shortlived\",    \"finalize\": "
        "\"https://127.0.0.1:24000/finalize-order/C0AB4oI\",    \"authorizations\": [       "
        "\"https://127.0.0.1:24000/authZ/1j2N9\",       \"https://127.0.0.1:24000/authZ/RZsca\"    "
        "],   \"certificate\":\"https://127.0.0.1:24000/early\" }",
        *state);
    assert_int_equal(ACME_ORDER_PENDING, order->status);
    assert_true(order->expires == apr_time_from_sec(1795441108));
    assert_int_equal(2, order->authorizations->nelts);
    assert_string_equal("https://127.0.0.1:24000/authZ/RZsca",
                        APR_ARRAY_IDX(order->authorizations, 1, const char *));
    assert_string_equal("https://127.0.0.1:24000/finalize-order/C0AB4oI", order->finalize);
    assert_null(order->certificate);
    assert_null(order->error);
}

static void reads_each_status(void **state)
{
    assert_int_equal(ACME_ORDER_READY,
                     parse("{\"status\":\"ready\",\"finalize\":\"https://a/f\"}", *state)->status);
    assert_int_equal(
        ACME_ORDER_PROCESSING,
        parse("{\"status\":\"processing\",\"finalize\":\"https://a/f\"}", *state)->status);
    const acme_order_t *order = parse("{\"status\":\"valid\",\"finalize\":\"https://a/f\","
                                      "\"certificate\":\"https://a/c\",\"expires\":\"soon\"}",
                                      *state);
    assert_int_equal(ACME_ORDER_VALID, order->status);
    assert_string_equal("https://a/c", order->certificate);
    assert_int_equal(0, order->expires);
    assert_int_equal(0, order->authorizations->nelts);
    assert_int_equal(ACME_ORDER_INVALID, parse("{\"status\":\"invalid\"}", *state)->status);
    /* Pebble 2.4.0 shows it after an authorization was deactivated */
    assert_int_equal(ACME_ORDER_UNKNOWN, parse("{\"status\":\"deactivated\"}", *state)->status);
    assert_int_equal(ACME_ORDER_UNKNOWN, parse("{\"status\":\"READY\"}", *state)->status);
}

static void reads_why_it_is_invalid(void **state)
{
    const acme_order_t *order =
        parse("{\"status\":\"invalid\",\"finalize\":\"https://a/f\",\"error\":{\"type\":"
              "\"urn:ietf:params:acme:error:caa\",\"detail\":\"CAA record prevents issuance\","
              "\"status\":403}}",
              *state);
    assert_true(acme_problem_is(order->error, "caa"));
    assert_null(parse("{\"status\":\"invalid\",\"error\":\"no\"}", *state)->error);
}

static void refuses_what_is_incomplete(void **state)
{
    assert_bad("", "empty", *state);
    assert_bad("{}", "status", *state);
    assert_bad("{\"status\":7}", "status", *state);
    assert_bad("{\"status\":\"pending\",\"authorizations\":[\"https://a/z\"]}", "finalize", *state);
    assert_bad("{\"status\":\"pending\",\"finalize\":\"https://a/f\"}", "authorizations", *state);
    assert_bad("{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":[]}",
               "authorizations", *state);
    assert_bad("{\"status\":\"ready\"}", "finalize", *state);
    assert_bad("{\"status\":\"processing\"}", "finalize", *state);
    assert_bad("{\"status\":\"valid\",\"finalize\":\"https://a/f\"}", "certificate", *state);
}

static void refuses_urls_that_may_not_be_asked(void **state)
{
    assert_bad("{\"status\":\"ready\",\"finalize\":\"http://a/f\"}", "http://a/f", *state);
    assert_bad("{\"status\":\"valid\",\"finalize\":\"https://a/f\",\"certificate\":\"file:///x\"}",
               "file:///x", *state);
    assert_bad("{\"status\":\"ready\",\"finalize\":\"https://a/f\",\"authorizations\":[7]}",
               "authorization", *state);
    assert_bad("{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":[\"https://"
               "a/z\",\"https://a/#\"]}",
               "https://a/#", *state);
}

static void refuses_too_many_authorizations(void **state)
{
    apr_array_header_t *urls = apr_array_make(*state, 1001, sizeof(const char *));
    for (int i = 0; i <= ACME_ORDER_MAX_AUTHORIZATIONS; i++) {
        APR_ARRAY_PUSH(urls, const char *) = "\"https://a/z\"";
    }
    static const char begin[] =
        "{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":[";
    assert_bad(apr_pstrcat(*state, begin, apr_array_pstrcat(*state, urls, ','), "]}", NULL),
               "more than", *state);
    urls->nelts--;
    const acme_order_t *order =
        parse(apr_pstrcat(*state, begin, apr_array_pstrcat(*state, urls, ','), "]}", NULL), *state);
    assert_int_equal(1000, order->authorizations->nelts);
}

static void names_each_status(void **state)
{
    (void)state;
    assert_string_equal("pending", acme_order_status_name(ACME_ORDER_PENDING));
    assert_string_equal("invalid", acme_order_status_name(ACME_ORDER_INVALID));
    assert_string_equal("unknown", acme_order_status_name(ACME_ORDER_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_for_names),
        FIXTURE_TEST(asks_for_a_profile_and_says_what_it_replaces),
        FIXTURE_TEST(finalizes),
        FIXTURE_TEST(reads_a_pending_order),
        FIXTURE_TEST(reads_each_status),
        FIXTURE_TEST(reads_why_it_is_invalid),
        FIXTURE_TEST(refuses_what_is_incomplete),
        FIXTURE_TEST(refuses_urls_that_may_not_be_asked),
        FIXTURE_TEST(refuses_too_many_authorizations),
        FIXTURE_TEST(names_each_status),
    };
    return fixture_run(tests);
}

/* Tests of acme_renewal_info: windows as CAs send them, and what is none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <string.h>

#include "acme/acme_renewal_info.h"
#include "acme/acme_time.h"

static acme_err_t *parse(acme_renewal_info_t **info, const char *body, apr_pool_t *pool)
{
    return acme_renewal_info_parse(info, body, strlen(body), pool);
}

static void reads_the_window_of_rfc_9773(void **state)
{
    acme_renewal_info_t *info;
    assert_null(parse(&info,
                      "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\","
                      "\"end\":\"2025-01-03T04:00:00Z\"},"
                      "\"explanationURL\":\"https://acme.example.com/docs/ari\"}",
                      *state));
    assert_string_equal("2025-01-02T04:00:00Z", acme_time_rfc3339(info->start, *state));
    assert_string_equal("2025-01-03T04:00:00Z", acme_time_rfc3339(info->end, *state));
    assert_string_equal("https://acme.example.com/docs/ari", info->explanation_url);
}

static void an_explanation_may_be_missing(void **state)
{
    static const char *const bodies[] = {
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00.5Z\",\"end\":\"2026-01-02T05:00:00+00:00\"}}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00Z\",\"end\":\"2026-01-02T05:00:00Z\"},"
        "\"explanationURL\":\"\"}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00Z\",\"end\":\"2026-01-02T05:00:00Z\"},"
        "\"explanationURL\":null,\"more\":[]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        acme_renewal_info_t *info;
        assert_null(parse(&info, bodies[i], *state));
        assert_null(info->explanation_url);
    }
}

static void an_explanation_is_made_clean(void **state)
{
    acme_renewal_info_t *info;
    assert_null(parse(&info,
                      "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00Z\","
                      "\"end\":\"2026-01-02T05:00:00Z\"},\"explanationURL\":\"https://a/\\nb\"}",
                      *state));
    assert_null(strchr(info->explanation_url, '\n'));
}

static void refuses_what_is_no_window(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "<html></html>",
        "{\"suggestedWindow\":{}}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00Z\"}}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00Z\",\"end\":\"soon\"}}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T04:00:00Z\",\"end\":\"2026-01-02T04:00:00Z\"}}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-02T05:00:00Z\",\"end\":\"2026-01-02T04:00:00Z\"}}",
        "{\"suggestedWindow\":{\"start\":1767326400,\"end\":1767330000}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        acme_renewal_info_t *info;
        const acme_err_t *err = parse(&info, bodies[i], *state);
        assert_non_null(err);
        assert_int_equal(ACME_ERR_INPUT, err->errclass);
        assert_null(info);
    }
}

static void one_slash_before_the_certid(void **state)
{
    assert_string_equal("https://ca.test/ari/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
                        acme_renewal_info_url("https://ca.test/ari",
                                              "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", *state));
    assert_string_equal("https://ca.test/ari/a.b",
                        acme_renewal_info_url("https://ca.test/ari/", "a.b", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_the_window_of_rfc_9773), FIXTURE_TEST(an_explanation_may_be_missing),
        FIXTURE_TEST(an_explanation_is_made_clean), FIXTURE_TEST(refuses_what_is_no_window),
        FIXTURE_TEST(one_slash_before_the_certid),
    };
    return fixture_run(tests);
}

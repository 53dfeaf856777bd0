/* Tests of mod_acme_limits: what may be written about rate limits, and what comes out of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "mod_acme_limits.h"

static const acme_limits_t built_in = {
    .orders = {300, 3 * ACME_TIME_HOUR},
    .exact_set = {5, 7 * ACME_TIME_DAY},
    .is_renewal_exempt = 1,
};

static const acme_limits_t nothing;

static acme_err_t *parse(mod_acme_limits_t *limits, const char *line, apr_pool_t *pool)
{
    return mod_acme_limits_parse(limits, acme_text_split(line, " ", pool), pool);
}

static acme_limits_t applied(const acme_limits_t *base, const char *line, apr_pool_t *pool)
{
    mod_acme_limits_t written;
    assert_well(parse(&written, line, pool));
    return mod_acme_limits_apply(base, &written);
}

static void assert_limit(int count, apr_interval_time_t span, acme_limit_t limit)
{
    assert_int_equal(count, limit.count);
    assert_true(span == limit.span);
}

static void nothing_written_changes_nothing(void **state)
{
    (void)state;
    const acme_limits_t limits = mod_acme_limits_apply(&built_in, NULL);
    assert_true(mod_acme_limits_are_same(&built_in, &limits));
    assert_true(limits.is_renewal_exempt);
}

static void what_is_written_takes_the_place_of_what_is_built_in(void **state)
{
    acme_limits_t limits = applied(&built_in, "set=10/1d domain=70/90mi", *state);
    assert_limit(300, 3 * ACME_TIME_HOUR, limits.orders);
    assert_limit(70, 90 * ACME_TIME_MINUTE, limits.registered_domain);
    assert_limit(10, ACME_TIME_DAY, limits.exact_set);
    assert_true(limits.is_renewal_exempt);
    limits = applied(&nothing, "ORDERS=999999999/1s", *state);
    assert_limit(999999999, ACME_TIME_SECOND, limits.orders);
    assert_limit(0, 0, limits.registered_domain);
    assert_limit(0, 0, limits.exact_set);
    assert_false(limits.is_renewal_exempt);
}

static void a_share_is_of_both_and_never_nothing(void **state)
{
    acme_limits_t limits = applied(&built_in, "domain=50/7d 25%", *state);
    assert_limit(75, 3 * ACME_TIME_HOUR, limits.orders);
    assert_limit(12, 7 * ACME_TIME_DAY, limits.registered_domain);
    assert_limit(1, 7 * ACME_TIME_DAY, limits.exact_set);
    limits = applied(&built_in, "1%", *state);
    assert_limit(3, 3 * ACME_TIME_HOUR, limits.orders);
    assert_limit(1, 7 * ACME_TIME_DAY, limits.exact_set);
    limits = applied(&built_in, "100%", *state);
    assert_true(mod_acme_limits_are_same(&built_in, &limits));
    limits = applied(&nothing, "25%", *state);
    assert_false(mod_acme_limits_has_any(&limits));
    limits = applied(&nothing, "100% orders=999999999/1s", *state);
    assert_int_equal(999999999, limits.orders.count);
}

static void off_keeps_none(void **state)
{
    acme_limits_t limits = applied(&built_in, "Off", *state);
    assert_false(mod_acme_limits_has_any(&limits));
    assert_true(limits.is_renewal_exempt);
    assert_true(mod_acme_limits_has_any(&built_in));
}

static void limits_differ_by_count_and_span(void **state)
{
    (void)state;
    acme_limits_t other = built_in;
    assert_true(mod_acme_limits_are_same(&built_in, &other));
    other.exact_set.count++;
    assert_false(mod_acme_limits_are_same(&built_in, &other));
    other = built_in;
    other.orders.span++;
    assert_false(mod_acme_limits_are_same(&built_in, &other));
    other = built_in;
    other.registered_domain.count = 1;
    assert_false(mod_acme_limits_are_same(&built_in, &other));
    assert_true(mod_acme_limits_has_any(&other));
}

static void what_cannot_be_is_refused_with_a_word_about_it(void **state)
{
    static const struct {
        const char *line, *why;
    } wrong[] = {
        {"few", "write off, or a share such as 25%"},
        {"%", "write off"},
        {"25", "write off"},
        {"-25%", "write off"},
        {"2.5%", "write off"},
        {"25%%", "write off"},
        {"names=5/7d", "write off"},
        {"0%", "from 1% to 100%"},
        {"101%", "from 1% to 100%"},
        {"99999999999999999999%", "from 1% to 100%"},
        {"25% 30%", "write one"},
        {"off 25%", "off stands alone"},
        {"orders=3/1h off", "off stands alone"},
        {"off off", "off stands alone"},
        {"orders=3/1h orders=4/1h", "written twice"},
        {"orders=", "a slash and a span"},
        {"orders=300", "a slash and a span"},
        {"orders=/3h", "a slash and a span"},
        {"orders=many/3h", "a slash and a span"},
        {"orders=-300/3h", "a slash and a span"},
        {"orders=300h", "a slash and a span"},
        {"orders=0/3h", "the count must be from 1"},
        {"domain=1000000000/3h", "the count must be from 1"},
        {"domain=18446744073709551617/3h", "the count must be from 1"},
        {"set=5/7", "needs a unit"},
        {"set=5/", "is not a duration"},
        {"set=5/-7d", "is not a duration"},
        {"set=5/7d/2", "is not a duration"},
        {"set=5/7w", "is not a duration"},
        {"set=5/0d", "at least 1s"},
        {"set=5/999ms", "at least 1s"},
        {"set=5/99999999999999999999d", "too long"},
    };
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        mod_acme_limits_t limits;
        acme_err_t *err = parse(&limits, wrong[i].line, *state);
        assert_refused(ACME_ERR_INPUT, err);
        if (strstr(err->text, wrong[i].why) == NULL) {
            fail_msg("%s: '%s' is not said in: %s", wrong[i].line, wrong[i].why, err->text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(nothing_written_changes_nothing),
        FIXTURE_TEST(what_is_written_takes_the_place_of_what_is_built_in),
        FIXTURE_TEST(a_share_is_of_both_and_never_nothing),
        FIXTURE_TEST(off_keeps_none),
        FIXTURE_TEST(limits_differ_by_count_and_span),
        FIXTURE_TEST(what_cannot_be_is_refused_with_a_word_about_it),
    };
    return fixture_run(tests);
}

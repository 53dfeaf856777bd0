/* What may still be ordered: tokens, their reserve, their return, and what a restart knows of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <limits.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_budget.h"
#include "unit/fake_ca.h"
#include "unit/read_world.h"

#define NOW FAKE_ENV_START
#define PATH "accounts/ca.test/budget.json"

static const acme_limits_t none = {.orders = {0, 0}};

static acme_budget_t *budget_of(const acme_limits_t *limits, apr_pool_t *pool)
{
    return acme_budget_create(limits, fake_ca_registered_domain, pool);
}

/* Names separated by blanks. */
static apr_array_header_t *names_of(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, 2, sizeof(const acme_identifier_t *));
    char *rest = apr_pstrdup(pool, text);
    char *state;
    for (char *name = apr_strtok(rest, " ", &state); name != NULL;
         name = apr_strtok(NULL, " ", &state)) {
        acme_identifier_t *identifier;
        assert_well(acme_identifier_parse(&identifier, name, pool));
        APR_ARRAY_PUSH(names, const acme_identifier_t *) = identifier;
    }
    return names;
}

static apr_time_t names_at(acme_budget_t *budget, acme_claim_t claim, const char *names, int is_new,
                           apr_time_t now, apr_pool_t *pool)
{
    acme_bucket_t *held;
    apr_time_t at =
        acme_budget_names_at(&held, budget, claim, names_of(names, pool), is_new, now, pool);
    assert_true((held != NULL) == (at != 0));
    return at;
}

static void take_names(acme_budget_t *budget, acme_claim_t claim, const char *names, apr_time_t now,
                       apr_pool_t *pool)
{
    acme_budget_take_names(budget, claim, names_of(names, pool), now, pool);
}

static void take_orders(acme_budget_t *budget, int count, apr_time_t now)
{
    for (int i = 0; i < count; ++i) {
        acme_budget_take_order(budget, now);
    }
}

/* ---- the account */

static void test_unlimited_is_never_spent(void **state)
{
    acme_budget_t *budget = budget_of(&none, *state);
    take_orders(budget, 10000, NOW);
    take_names(budget, ACME_CLAIM_FULL, "a.example.org", NOW, *state);
    assert_int_equal(INT_MAX, acme_budget_orders(budget, 0, NOW));
    assert_int_equal(0, acme_budget_order_at(budget, 0, NOW));
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "a.example.org", 0, NOW, *state));
    assert_int_equal(0, acme_budget_done_at(budget, 100000, NOW));
}

static void test_tenth_is_for_what_is_new(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    assert_int_equal(270, acme_budget_orders(budget, 0, NOW));
    assert_int_equal(300, acme_budget_orders(budget, 1, NOW));
    take_orders(budget, 270, NOW);
    assert_int_equal(0, acme_budget_orders(budget, 0, NOW));
    assert_true(acme_budget_order_at(budget, 0, NOW) > NOW);
    assert_int_equal(30, acme_budget_orders(budget, 1, NOW));
    assert_int_equal(0, acme_budget_order_at(budget, 1, NOW));
}

/* 36 seconds at the CA, five per cent more here. */
static void test_token_comes_back_later_than_at_the_ca(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    take_orders(budget, 300, NOW);
    apr_time_t at = acme_budget_order_at(budget, 1, NOW);
    assert_int_equal(NOW + 37800 * (ACME_TIME_SECOND / 1000), at);
    assert_int_equal(0, acme_budget_orders(budget, 1, at - 1));
    assert_int_equal(1, acme_budget_orders(budget, 1, at));
    assert_int_equal(0, acme_budget_order_at(budget, 1, at));
    assert_int_equal(300, acme_budget_orders(budget, 1, NOW + 4 * ACME_TIME_HOUR));
}

static void test_small_limit_has_no_reserve(void **state)
{
    const acme_limits_t small = {.orders = {3, ACME_TIME_HOUR}};
    acme_budget_t *budget = budget_of(&small, *state);
    assert_int_equal(3, acme_budget_orders(budget, 0, NOW));
}

/* ACMERateLimits takes any count, also one that is more than a token in each microsecond. */
static void test_limit_beyond_all_measure_is_never_reached(void **state)
{
    const acme_limits_t huge = {.orders = {999999999, ACME_TIME_SECOND},
                                .registered_domain = {999999999, ACME_TIME_SECOND}};
    acme_budget_t *budget = budget_of(&huge, *state);
    take_orders(budget, 1000, NOW);
    take_names(budget, ACME_CLAIM_FULL, "a.example.org", NOW, *state);
    assert_true(acme_budget_orders(budget, 0, NOW) > 1000000);
    assert_int_equal(0, acme_budget_order_at(budget, 0, NOW));
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "a.example.org", 0, NOW, *state));
    assert_int_equal(0, acme_budget_done_at(budget, 100000, NOW));
}

static void test_end_that_nobody_will_see_is_far_ahead(void **state)
{
    const acme_limits_t slow = {.orders = {1, 36525 * ACME_TIME_DAY}};
    acme_budget_t *budget = budget_of(&slow, *state);
    take_orders(budget, 1, NOW);
    assert_true(acme_budget_done_at(budget, 100000, NOW) > NOW + 36525 * ACME_TIME_DAY);
}

static void test_end_of_a_backlog_is_foretold(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    assert_int_equal(0, acme_budget_done_at(budget, 270, NOW));
    apr_interval_time_t pace = 37800 * (ACME_TIME_SECOND / 1000);
    assert_int_equal(NOW + 730 * pace, acme_budget_done_at(budget, 1000, NOW));
    take_orders(budget, 270, NOW);
    assert_int_equal(NOW + 730 * pace, acme_budget_done_at(budget, 730, NOW));
}

/* ---- the names */

static void test_registered_domain_is_shared(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    for (int i = 0; i < 45; ++i) {
        const char *names = apr_psprintf(*state, "n%d.example.org m%d.example.org", i, i);
        assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, names, 0, NOW, *state));
        take_names(budget, ACME_CLAIM_FULL, names, NOW, *state);
    }
    assert_true(names_at(budget, ACME_CLAIM_FULL, "x.example.org", 0, NOW, *state) > NOW);
    assert_true(names_at(budget, ACME_CLAIM_FULL, "*.example.org", 0, NOW, *state) > NOW);
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "x.example.org", 1, NOW, *state));
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "x.example.net", 0, NOW, *state));
    assert_int_equal(0, names_at(budget, ACME_CLAIM_RENEWAL, "x.example.org", 0, NOW, *state));
}

static void test_addresses_count_by_network(void **state)
{
    const acme_limits_t one = {.registered_domain = {1, ACME_TIME_DAY}};
    acme_budget_t *budget = budget_of(&one, *state);
    take_names(budget, ACME_CLAIM_FULL, "2001:db8:1:2:3::4", NOW, *state);
    take_names(budget, ACME_CLAIM_FULL, "192.0.2.7", NOW, *state);
    assert_true(names_at(budget, ACME_CLAIM_FULL, "2001:db8:1:2::9", 0, NOW, *state) > NOW);
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "2001:db8:1:3::9", 0, NOW, *state));
    assert_true(names_at(budget, ACME_CLAIM_FULL, "192.0.2.7", 0, NOW, *state) > NOW);
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "192.0.2.8", 0, NOW, *state));
}

static void test_set_counts_in_any_order_of_names(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    for (int i = 0; i < 5; ++i) {
        take_names(budget, ACME_CLAIM_RENEWAL,
                   i % 2 ? "a.example.org b.example.org" : "b.example.org a.example.org", NOW,
                   *state);
    }
    const char *same = "a.example.org b.example.org";
    assert_true(names_at(budget, ACME_CLAIM_RENEWAL, same, 1, NOW, *state) > NOW);
    assert_int_equal(0, names_at(budget, ACME_CLAIM_NONE, same, 0, NOW, *state));
    assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, "a.example.org", 0, NOW, *state));
}

static void test_what_was_not_issued_is_given_back(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    const char *name = "a.example.org";
    for (int i = 0; i < 100; ++i) {
        assert_int_equal(0, names_at(budget, ACME_CLAIM_FULL, name, 0, NOW, *state));
        take_names(budget, ACME_CLAIM_FULL, name, NOW, *state);
        acme_budget_give_names_back(budget, ACME_CLAIM_FULL, names_of(name, *state), NOW, *state);
    }
    /* nothing comes of giving back what was never taken */
    acme_budget_give_names_back(budget, ACME_CLAIM_FULL, names_of(name, *state), NOW, *state);
    for (int i = 0; i < 5; ++i) {
        take_names(budget, ACME_CLAIM_FULL, name, NOW, *state);
    }
    assert_true(names_at(budget, ACME_CLAIM_FULL, name, 0, NOW, *state) > NOW);
}

static void test_those_that_wait_for_a_bucket_are_foretold(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    for (int i = 0; i < 45; ++i) {
        take_names(budget, ACME_CLAIM_FULL, apr_psprintf(*state, "n%d.example.org", i), NOW,
                   *state);
    }
    acme_bucket_t *held;
    apr_time_t first = acme_budget_names_at(&held, budget, ACME_CLAIM_FULL,
                                            names_of("x.example.org", *state), 0, NOW, *state);
    acme_bucket_hold(held, 10);
    apr_interval_time_t pace = first - NOW;
    assert_int_equal(first + 9 * pace, acme_budget_done_at(budget, 0, NOW));
    acme_bucket_hold(held, -10);
    assert_int_equal(0, acme_budget_done_at(budget, 0, NOW));
}

/* ---- over a restart */

static acme_budget_t *written_and_read(read_world_t *w, acme_budget_t *budget,
                                       const acme_limits_t *limits, apr_time_t now)
{
    assert_well(acme_budget_write(budget, w->store, PATH, NOW, w->pool));
    acme_budget_t *next = budget_of(limits, w->pool);
    assert_well(acme_budget_read(next, w->store, PATH, now, w->pool));
    return next;
}

static void test_restart_believes_in_no_token_that_is_spent(void **state)
{
    read_world_t *w = read_world_create(*state);
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, w->pool);
    take_orders(budget, 300, NOW);
    take_names(budget, ACME_CLAIM_FULL, "a.example.org", NOW, w->pool);
    acme_budget_t *next = written_and_read(w, budget, &fake_ca_public_limits, NOW);
    assert_int_equal(0, acme_budget_orders(next, 1, NOW));
    for (int i = 0; i < 4; ++i) {
        take_names(next, ACME_CLAIM_RENEWAL, "a.example.org", NOW, w->pool);
    }
    assert_true(names_at(next, ACME_CLAIM_RENEWAL, "a.example.org", 0, NOW, w->pool) > NOW);
}

static void test_smaller_share_is_believed_within_its_bounds(void **state)
{
    read_world_t *w = read_world_create(*state);
    acme_limits_t share = fake_ca_public_limits;
    share.orders.count = 75;
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, w->pool);
    take_orders(budget, 3000, NOW);
    acme_budget_t *next = written_and_read(w, budget, &share, NOW);
    assert_int_equal(0, acme_budget_orders(next, 1, NOW));
    assert_int_equal(75, acme_budget_orders(next, 1, NOW + 4 * ACME_TIME_HOUR));
    assert_int_equal(INT_MAX, acme_budget_orders(written_and_read(w, budget, &none, NOW), 1, NOW));
}

/* However long their names are. */
static void test_most_of_many_are_remembered(void **state)
{
    read_world_t *w = read_world_create(*state);
    const acme_limits_t limits = {.orders = {300, ACME_TIME_DAY},
                                  .registered_domain = {50, ACME_TIME_DAY}};
    acme_budget_t *budget = budget_of(&limits, w->pool);
    take_orders(budget, 300, NOW);
    for (int i = 0; i < 11000; ++i) {
        const char *name = apr_psprintf(w->pool, "n%d%055d.%060d", i, 0, 0);
        take_names(budget, ACME_CLAIM_FULL, name, NOW, w->pool);
    }
    acme_budget_t *next = written_and_read(w, budget, &limits, NOW);
    assert_int_equal(0, acme_budget_orders(next, 1, NOW));
}

static void test_unchanged_is_not_written(void **state)
{
    read_world_t *w = read_world_create(*state);
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, w->pool);
    assert_well(acme_budget_write(budget, w->store, PATH, NOW, w->pool));
    assert_null(fake_store_raw(w->disk, PATH, NULL));
    acme_budget_take_order(budget, NOW);
    assert_well(acme_budget_write(budget, w->store, PATH, NOW, w->pool));
    assert_non_null(fake_store_raw(w->disk, PATH, NULL));
}

static void test_record_that_says_nothing_is_an_empty_one(void **state)
{
    read_world_t *w = read_world_create(*state);
    static const char *const texts[] = {
        "{\"version\":1}", "{\"version\":1,\"full\":7}",
        "{\"version\":1,\"full\":{\"orders\":\"tomorrow\",\"moon\":\"2099-01-01T00:00:00Z\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
        assert_well(acme_store_put(w->store, PATH, texts[i], strlen(texts[i]), w->pool));
        acme_budget_t *budget = budget_of(&fake_ca_public_limits, w->pool);
        assert_well(acme_budget_read(budget, w->store, PATH, NOW, w->pool));
        assert_int_equal(300, acme_budget_orders(budget, 1, NOW));
    }
}

static void test_clock_that_goes_back_takes_no_tokens(void **state)
{
    acme_budget_t *budget = budget_of(&fake_ca_public_limits, *state);
    take_orders(budget, 10, NOW);
    take_names(budget, ACME_CLAIM_RENEWAL, "a.example.org", NOW, *state);
    acme_budget_set_back(budget, ACME_TIME_DAY);
    assert_int_equal(290, acme_budget_orders(budget, 1, NOW - ACME_TIME_DAY));
    assert_int_equal(
        0, names_at(budget, ACME_CLAIM_RENEWAL, "a.example.org", 0, NOW - ACME_TIME_DAY, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_unlimited_is_never_spent),
        FIXTURE_TEST(test_tenth_is_for_what_is_new),
        FIXTURE_TEST(test_token_comes_back_later_than_at_the_ca),
        FIXTURE_TEST(test_small_limit_has_no_reserve),
        FIXTURE_TEST(test_limit_beyond_all_measure_is_never_reached),
        FIXTURE_TEST(test_end_that_nobody_will_see_is_far_ahead),
        FIXTURE_TEST(test_end_of_a_backlog_is_foretold),
        FIXTURE_TEST(test_registered_domain_is_shared),
        FIXTURE_TEST(test_addresses_count_by_network),
        FIXTURE_TEST(test_set_counts_in_any_order_of_names),
        FIXTURE_TEST(test_what_was_not_issued_is_given_back),
        FIXTURE_TEST(test_those_that_wait_for_a_bucket_are_foretold),
        FIXTURE_TEST(test_restart_believes_in_no_token_that_is_spent),
        FIXTURE_TEST(test_smaller_share_is_believed_within_its_bounds),
        FIXTURE_TEST(test_most_of_many_are_remembered),
        FIXTURE_TEST(test_unchanged_is_not_written),
        FIXTURE_TEST(test_record_that_says_nothing_is_an_empty_one),
        FIXTURE_TEST(test_clock_that_goes_back_takes_no_tokens),
    };
    return fixture_run(tests);
}

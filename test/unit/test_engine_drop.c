/* A name that fails does not spoil the others: left out, tried again each day, taken in when it is
 * well. SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <setjmp.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_status.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

#define NAMES "a.test bad.test c.test"
#define ALL "a.test,bad.test,c.test"
#define REST "a.test,c.test"

static engine_world_t *failing_world(apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    engine_world_domain(w, NAMES);
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "NXDOMAIN looking up A for bad.test");
    return w;
}

static int issued(const engine_world_t *w, const char *names)
{
    return fake_ca_count(w->ca, "issued", names);
}

static int ordered(const engine_world_t *w, const char *names)
{
    return fake_ca_count(w->ca, "orderCreated", names);
}

static int errors_of(const engine_world_t *w, const char *words)
{
    return fake_env_logged(w->world, ACME_LOG_ERROR, words);
}

static const char *status_of(const engine_world_t *w)
{
    const acme_status_host_t host = {.version = "1"};
    return acme_status_json(w->domains, NULL, w->store, w->bell, &host, fake_env(w->world),
                            w->pool);
}

static void the_others_get_their_first_certificate_soon(void **state)
{
    engine_world_t *w = failing_world(*state);
    engine_world_start(w);
    engine_world_pass(w, 20 * ACME_TIME_MINUTE);
    assert_int_equal(0, issued(w, NULL)); /* not for one failure or two */
    engine_world_pass(w, 25 * ACME_TIME_MINUTE);
    assert_int_equal(1, issued(w, REST));
    assert_int_equal(3, ordered(w, ALL));
    assert_int_equal(1, ordered(w, REST));
    assert_int_equal(0, engine_world_job(w, 0)->errors);
    assert_true(engine_world_job(w, 0)->failing_since == 0);
    assert_int_equal(1, errors_of(w, "orders go without bad.test"));
    assert_non_null(strstr(status_of(w), "\"name\": \"bad.test\""));
    assert_non_null(strstr(status_of(w), "\"dropped-names\": 1"));
    assert_non_null(strstr(status_of(w), "\"state\": \"incomplete\""));
    assert_string_equal("", fake_ca_violations(w->ca));
}

static void the_bad_one_is_tried_once_a_day_and_told_of_each_time(void **state)
{
    engine_world_t *w = failing_world(*state);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    int tried = fake_ca_count(w->ca, "validation", "bad.test");
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_in_range(fake_ca_count(w->ca, "validation", "bad.test") - tried, 9, 10);
    assert_in_range(errors_of(w, "orders go without bad.test"), 10, 11);
    assert_int_equal(1, issued(w, NULL)); /* the others have theirs and are left alone */
    assert_in_range(fake_env_logged(w->world, ACME_LOG_ERROR, ""), 10, 13);
    assert_int_equal(0, engine_world_job(w, 0)->errors);
}

static void it_comes_back_when_it_is_healed(void **state)
{
    engine_world_t *w = failing_world(*state);
    engine_world_start(w);
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_pass(w, 26 * ACME_TIME_HOUR);
    assert_int_equal(1, issued(w, ALL));
    assert_true(fake_env_logged(w->world, ACME_LOG_NOTICE, "bad.test, which orders went without") ==
                1);
    assert_null(strstr(status_of(w), "\"dropped\""));
    assert_non_null(strstr(status_of(w), "\"dropped-names\": 0"));
    assert_int_equal(0, engine_world_job(w, 0)->refusals->nelts);
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_int_equal(2, issued(w, NULL));
}

static void when_all_fail_none_is_dropped(void **state)
{
    engine_world_t *w = failing_world(*state);
    fake_ca_fail_validation(w->ca, "a.test", "connection", "refused");
    fake_ca_fail_validation(w->ca, "c.test", "connection", "refused");
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_int_equal(fake_ca_count(w->ca, "orderCreated", NULL), ordered(w, ALL));
    assert_int_equal(0, errors_of(w, "orders go without"));
    assert_in_range(ordered(w, ALL), 8, 20); /* and no loop */
}

/* What was remembered under a clock that was ahead must not keep the others waiting for years. */
static void a_clock_that_was_wrong_keeps_no_bad_name_in(void **state)
{
    engine_world_t *w = failing_world(*state);
    apr_time_t now = acme_env_now(fake_env(w->world));
    fake_env_set_clock(w->world, now + 3650 * ACME_TIME_DAY);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    fake_env_set_clock(w->world, now);
    engine_world_start(w);
    engine_world_pass(w, 6 * ACME_TIME_HOUR);
    assert_int_equal(1, issued(w, REST));
    assert_true(engine_world_job(w, 0)->failing_since <= acme_env_now(fake_env(w->world)));
}

/* What the CA says to an order with a dropped name is about that one, though it does not say so. */
static void a_dropped_name_that_the_ca_pauses_stays_dropped(void **state)
{
    engine_world_t *w = failing_world(*state);
    engine_world_start(w);
    engine_world_pass(w, 3 * ACME_TIME_HOUR);
    assert_int_equal(1, issued(w, REST));
    fake_ca_fault_add(
        w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                  .trouble = FAKE_CA_RATE_LIMITED,
                                  .name = "bad.test",
                                  .times = FAKE_CA_ALWAYS,
                                  .detail = "Your account is temporarily prevented from requesting "
                                            "certificates for bad.test and possibly others. Please "
                                            "visit: https://ca.test/unpause?jwt=x.y.z"});
    engine_world_pass(w, 62 * ACME_TIME_DAY);
    assert_int_equal(2, issued(w, REST));
    assert_in_range(fake_ca_count(w->ca, "fault", NULL), 40, 63);
    fake_ca_faults_clear(w->ca);
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    assert_int_equal(1, issued(w, ALL));
}

static void off_means_off(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, NAMES)->keeps_failing = 1;
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "NXDOMAIN");
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_int_equal(0, issued(w, NULL));
    assert_int_equal(0, ordered(w, REST));
}

static void a_name_that_the_order_is_refused_for_is_dropped_too(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, NAMES);
    fake_ca_reject_identifier(w->ca, "bad.test", "not here");
    engine_world_start(w);
    engine_world_pass(w, 6 * ACME_TIME_HOUR);
    assert_int_equal(1, issued(w, REST));
    engine_world_pass(w, 2 * ACME_TIME_DAY);
    fake_ca_reject_identifier(w->ca, "bad.test", NULL);
    engine_world_pass(w, 26 * ACME_TIME_HOUR);
    assert_int_equal(1, issued(w, ALL));
}

/* A world whose certificate for all names is there, and its end. */
static engine_world_t *serving_world(apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    fake_ca_settings(w->ca)->reuse_valid_authz = 0;
    engine_world_domain(w, NAMES);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, issued(w, ALL));
    return w;
}

static void what_works_is_kept_until_its_end_is_near(void **state)
{
    engine_world_t *w = serving_world(*state);
    engine_world_pass(w, 55 * ACME_TIME_DAY);
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "NXDOMAIN");
    engine_world_pass(w,
                      24 * ACME_TIME_DAY); /* the window began after 60, the warning comes at 81 */
    assert_true(ordered(w, ALL) > 5);
    assert_int_equal(0, ordered(w, REST));
    assert_int_equal(1, engine_world_number(w, 0));
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    assert_int_equal(1, issued(w, REST));
    assert_int_equal(2, engine_world_number(w, 0));
    engine_world_pass(w, 100 * ACME_TIME_DAY); /* and the rest is renewed as ever */
    assert_int_equal(2, issued(w, REST));
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_pass(w, 26 * ACME_TIME_HOUR);
    assert_int_equal(2, issued(w, ALL));
    assert_string_equal("", fake_ca_violations(w->ca));
}

static void a_new_name_that_fails_leaves_what_works_alone(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test c.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    engine_world_die(w);
    apr_array_clear(w->domains);
    engine_world_domain(w, NAMES);
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "NXDOMAIN");
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0)); /* nothing to gain from an order without it */
    assert_in_range(ordered(w, ALL), 6, 8);
    engine_world_pass(w, 60 * ACME_TIME_DAY);
    assert_int_equal(2, issued(w, REST));
}

static void a_crash_counts_nothing_twice_and_forgets_nothing(void **state)
{
    engine_world_t *w = failing_world(*state);
    for (int i = 0; i < 45; ++i) {
        engine_world_start(w);
        engine_world_pass(w, ACME_TIME_MINUTE);
        engine_world_die(w);
        fake_ca_forget_client(w->ca);
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, issued(w, REST));
    assert_int_equal(3, ordered(w, ALL));
    const acme_job_refusal_t *refusal = acme_job_refusal(engine_world_job(w, 0), "bad.test");
    assert_int_equal(3, refusal->count);
}

static void die_now(void *baton)
{
    longjmp(*(jmp_buf *)baton, 1);
}

/* Nonzero while there are so many writes. */
static int dies_at_write(int n, fake_store_moment_t moment, apr_pool_t *pool)
{
    engine_world_t *w = failing_world(pool);
    jmp_buf here;
    volatile int has_died = 0;
    fake_store_die(w->disk, n, moment, die_now, &here);
    if (setjmp(here) == 0) {
        engine_world_start(w);
        engine_world_pass(w, 2 * ACME_TIME_HOUR);
    }
    else {
        has_died = 1;
        engine_world_die(w);
        fake_ca_forget_client(w->ca);
        engine_world_start(w);
        engine_world_pass(w, 2 * ACME_TIME_HOUR);
    }
    const acme_job_t *job = engine_world_job(w, 0);
    const acme_job_refusal_t *refusal = acme_job_refusal(job, "bad.test");
    assert_non_null(refusal);
    assert_int_equal(3, refusal->count);
    assert_int_equal(3, fake_ca_count(w->ca, "validationFailed", "bad.test"));
    assert_int_equal(0, job->errors);
    assert_int_equal(1, issued(w, REST));
    assert_in_range(errors_of(w, "orders go without"), 1, 2);
    assert_string_equal("", fake_ca_violations(w->ca));
    engine_world_die(w);
    return has_died;
}

static void a_death_at_any_write_counts_nothing_twice(void **state)
{
    int n = 0;
    for (int goes_on = 1; goes_on;) {
        ++n;
        for (int after = 0; after < 2; ++after) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            goes_on = dies_at_write(n, after ? FAKE_STORE_AFTER : FAKE_STORE_BEFORE, pool);
            apr_pool_destroy(pool);
        }
    }
    assert_true(n > 40);
}

static void after_thirty_days_it_is_tried_once_a_week(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "bad.test");
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "NXDOMAIN");
    engine_world_start(w);
    engine_world_pass(w, 32 * ACME_TIME_DAY);
    int tried = ordered(w, "bad.test");
    engine_world_die(w);
    engine_world_start(w);
    engine_world_pass(w, 28 * ACME_TIME_DAY);
    assert_in_range(ordered(w, "bad.test") - tried, 3, 4);
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_pass(w, 9 * ACME_TIME_DAY);
    assert_int_equal(1, issued(w, NULL));
    assert_true(engine_world_job(w, 0)->failing_since == 0);
}

/* A week is long for a certificate in use that ends in it. */
static void near_the_end_of_what_works_it_is_tried_daily_again(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->reuse_valid_authz = 0;
    acme_domain_t *domain = engine_world_domain(w, "bad.test");
    domain->renew_window = (acme_window_t){.percent = 80};
    domain->has_renew_window = 1;
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
    fake_ca_fail_validation(w->ca, "bad.test", "connection", "nobody is there");
    engine_world_pass(w, 50 * ACME_TIME_DAY);
    int tried = ordered(w, "bad.test");
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_in_range(ordered(w, "bad.test") - tried, 1, 2);
    engine_world_pass(w, 11 * ACME_TIME_DAY);
    tried = ordered(w, "bad.test");
    engine_world_pass(w, 5 * ACME_TIME_DAY);
    assert_in_range(ordered(w, "bad.test") - tried, 4, 5);
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_pass(w, 30 * ACME_TIME_HOUR);
    assert_int_equal(2, engine_world_number(w, 0));
}

static void what_the_ca_has_paused_is_told_with_its_link_and_tried_daily(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_domain(w, "other.test");
    fake_ca_fault_add(
        w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                  .trouble = FAKE_CA_RATE_LIMITED,
                                  .name = "a.test",
                                  .times = FAKE_CA_ALWAYS,
                                  .detail = "Your account is temporarily prevented from requesting "
                                            "certificates for a.test and possibly others. Please "
                                            "visit: https://ca.test/unpause?jwt=x.y.z"});
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_DAY);
    assert_in_range(fake_ca_count(w->ca, "fault", NULL), 4, 5);
    assert_int_equal(1, engine_world_number(w, 1));
    assert_true(errors_of(w, "; visit https://ca.test/unpause?jwt=x.y.z") > 0);
    assert_string_equal("https://ca.test/unpause?jwt=x.y.z", engine_world_job(w, 0)->link);
    assert_non_null(strstr(status_of(w), "\"link\": \"https://ca.test/unpause?jwt=x.y.z\""));
    fake_ca_faults_clear(w->ca);
    engine_world_pass(w, 30 * ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_null(engine_world_job(w, 0)->link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_others_get_their_first_certificate_soon),
        FIXTURE_TEST(the_bad_one_is_tried_once_a_day_and_told_of_each_time),
        FIXTURE_TEST(it_comes_back_when_it_is_healed),
        FIXTURE_TEST(when_all_fail_none_is_dropped),
        FIXTURE_TEST(a_clock_that_was_wrong_keeps_no_bad_name_in),
        FIXTURE_TEST(a_dropped_name_that_the_ca_pauses_stays_dropped),
        FIXTURE_TEST(off_means_off),
        FIXTURE_TEST(a_name_that_the_order_is_refused_for_is_dropped_too),
        FIXTURE_TEST(what_works_is_kept_until_its_end_is_near),
        FIXTURE_TEST(a_new_name_that_fails_leaves_what_works_alone),
        FIXTURE_TEST(a_crash_counts_nothing_twice_and_forgets_nothing),
        FIXTURE_TEST(a_death_at_any_write_counts_nothing_twice),
        FIXTURE_TEST(after_thirty_days_it_is_tried_once_a_week),
        FIXTURE_TEST(near_the_end_of_what_works_it_is_tried_daily_again),
        FIXTURE_TEST(what_the_ca_has_paused_is_told_with_its_link_and_tried_daily),
    };
    return fixture_run(tests);
}

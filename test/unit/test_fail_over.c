/* Several CAs: the next one when the first fails, and back to it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_time.h"
#include "unit/engine_world.h"

typedef struct {
    engine_world_t *w;
    fake_ca_t *other;
    acme_ca_t other_config;
} two_t;

static two_t *two_cas(apr_pool_t *pool, const char *names)
{
    two_t *two = apr_pcalloc(pool, sizeof(*two));
    two->w = engine_world_create(pool);
    two->other = fake_ca_create_at("https://other.test", fake_env(two->w->world), 9, pool);
    fake_ca_join(two->w->ca, two->other);
    fake_ca_settings(two->w->ca)->has_renewal_info = 1;
    fake_ca_settings(two->w->ca)->profiles = "classic";
    two->other_config = two->w->ca_config;
    two->other_config.directory_url = fake_ca_directory_url(two->other);
    two->other_config.name = "other";
    two->other_config.folder = acme_ca_folder(two->other_config.directory_url, pool);
    acme_domain_t *domain = engine_world_domain(two->w, names);
    apr_array_header_t *others = apr_array_make(pool, 1, sizeof(const acme_ca_t *));
    APR_ARRAY_PUSH(others, const acme_ca_t *) = &two->other_config;
    domain->other_cas = others;
    domain->profile = "classic";
    return two;
}

static int issued(fake_ca_t *ca)
{
    return fake_ca_count(ca, "issued", NULL);
}

static void expect_no_violation(const two_t *two)
{
    assert_string_equal("", fake_ca_violations(two->w->ca));
    assert_string_equal("", fake_ca_violations(two->other));
}

static void the_first_ca_is_asked_while_it_is_well(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    engine_world_start(two->w);
    engine_world_pass(two->w, 70 * ACME_TIME_DAY);
    assert_int_equal(2, issued(two->w->ca));
    assert_int_equal(0, fake_ca_count(two->other, "requests", NULL));
    expect_no_violation(two);
}

static void the_next_is_asked_when_the_first_is_down_and_the_first_again_when_it_is_back(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    fake_ca_fault_always(two->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    engine_world_start(two->w);
    engine_world_pass(two->w, ACME_TIME_HOUR);
    assert_int_equal(0, issued(two->other)); /* not for a small trouble */
    engine_world_pass(two->w, 12 * ACME_TIME_HOUR);
    assert_int_equal(1, issued(two->other));
    assert_int_equal(1, engine_world_number(two->w, 0));
    assert_true(fake_env_logged(two->w->world, ACME_LOG_NOTICE, "other is asked, since") >= 1);
    assert_int_equal(0, engine_world_job(two->w, 0)->errors);

    fake_ca_faults_clear(two->w->ca);
    engine_world_pass(two->w, 62 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(two->w, 0));
    assert_int_equal(1, issued(two->w->ca));
    assert_int_equal(1, issued(two->other));
    expect_no_violation(two);
}

/* Thirteen failures would take half a month, where each is followed by a day. */
static void who_asks_for_days_is_not_waited_for(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    fake_ca_fault_add(two->w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_DIRECTORY,
                                                     .trouble = FAKE_CA_ERROR,
                                                     .times = FAKE_CA_ALWAYS,
                                                     .status = 503,
                                                     .retry_after = 2 * ACME_TIME_DAY});
    engine_world_start(two->w);
    engine_world_pass(two->w, ACME_TIME_HOUR);
    assert_int_equal(1, issued(two->other));
    assert_int_equal(1, fake_ca_count(two->w->ca, "fault", NULL));
    fake_ca_faults_clear(two->w->ca);
    engine_world_pass(two->w, 62 * ACME_TIME_DAY);
    assert_int_equal(1, issued(two->w->ca));
    expect_no_violation(two);
}

static void an_order_under_way_moves_over(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    engine_world_start(two->w);
    fake_ca_fault_always(two->w->ca, FAKE_CA_CHALLENGE, FAKE_CA_REFUSED);
    fake_ca_fault_always(two->w->ca, FAKE_CA_DIRECTORY, FAKE_CA_REFUSED);
    fake_ca_fault_always(two->w->ca, FAKE_CA_NEW_NONCE, FAKE_CA_REFUSED);
    engine_world_pass(two->w, ACME_TIME_DAY);
    assert_int_equal(1, issued(two->other));
    assert_int_equal(0, fake_store_count(two->w->disk, "challenges/"));
    expect_no_violation(two);
}

/* To be given up is neither success nor failure: what failed before is still what failed last. */
static void an_order_that_is_given_up_leaves_the_job_as_it_is(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    fake_ca_fail_validation(two->w->ca, "a.test", "connection", "nobody answers");
    engine_world_start(two->w);
    engine_world_pass(two->w, ACME_TIME_MINUTE);
    fake_ca_fault_always(two->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    fake_ca_settings(two->other)->validation_delay = 45 * ACME_TIME_MINUTE;
    while (fake_ca_count(two->other, "orderCreated", NULL) == 0) {
        engine_world_pass(two->w, 10 * ACME_TIME_MINUTE);
    }
    const acme_job_t *job = engine_world_job(two->w, 0);
    assert_int_equal(1, job->errors);
    assert_non_null(job->detail);
    assert_non_null(strstr(job->detail, "nobody answers"));
    assert_true(job->logged_at != 0);
    engine_world_pass(two->w, ACME_TIME_HOUR);
    assert_int_equal(1, issued(two->other));
    assert_null(engine_world_job(two->w, 0)->detail);
}

static void a_ca_that_refuses_the_name_again_and_again_loses_its_turn(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    fake_ca_reject_identifier(two->w->ca, "a.test", "not here");
    engine_world_start(two->w);
    engine_world_pass(two->w, 20 * ACME_TIME_DAY);
    assert_int_equal(1, issued(two->other));
    assert_int_equal(13, fake_ca_count(two->w->ca, "newOrder", NULL));
    expect_no_violation(two);
}

static void with_all_down_none_is_hammered(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    fake_ca_fault_always(two->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    fake_ca_fault_always(two->other, FAKE_CA_ANY, FAKE_CA_REFUSED);
    engine_world_start(two->w);
    engine_world_pass(two->w, 4 * ACME_TIME_DAY);
    assert_in_range(fake_ca_count(two->w->ca, "fault", NULL), 13, 4 * 24 + 20);
    assert_in_range(fake_ca_count(two->other, "fault", NULL), 13, 4 * 24 + 20);
    fake_ca_faults_clear(two->w->ca);
    engine_world_pass(two->w, 3 * ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(two->w, 0));
}

static void a_restart_keeps_to_the_ca_of_the_order(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    fake_ca_fault_always(two->w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    fake_ca_settings(two->other)->validation_delay = ACME_TIME_HOUR / 2;
    engine_world_start(two->w);
    while (fake_ca_count(two->other, "orderCreated", NULL) == 0) {
        engine_world_pass(two->w, ACME_TIME_MINUTE);
    }
    engine_world_die(two->w);
    fake_ca_forget_client(two->other);
    engine_world_start(two->w);
    engine_world_pass(two->w, ACME_TIME_HOUR);
    assert_int_equal(1, issued(two->other));
    assert_int_equal(1, fake_ca_count(two->other, "orderCreated", NULL));
    expect_no_violation(two);
}

/* ---- another configuration */

static void a_written_change_of_ca_replaces_at_once_and_many_one_after_the_other(void **state)
{
    two_t *two = two_cas(*state, "a.test");
    acme_domain_t *domain = *(acme_domain_t **)two->w->domains->elts;
    domain->other_cas = NULL;
    domain->profile = NULL;
    for (int i = 1; i < 50; i++) {
        engine_world_domain(two->w, apr_psprintf(*state, "a%d.test", i));
    }
    engine_world_start(two->w);
    engine_world_pass(two->w, ACME_TIME_HOUR);
    assert_int_equal(50, issued(two->w->ca));
    engine_world_die(two->w);
    for (int i = 0; i < 50; i++) {
        acme_domain_t *each = APR_ARRAY_IDX(two->w->domains, i, acme_domain_t *);
        each->ca = &two->other_config;
        each->has_ca = 1;
    }
    engine_world_start(two->w);
    engine_world_pass(two->w, 30 * ACME_TIME_SECOND);
    assert_int_equal(20, issued(two->other));
    engine_world_pass(two->w, 10 * ACME_TIME_MINUTE);
    assert_in_range(issued(two->other), 33, 36);
    engine_world_pass(two->w, 20 * ACME_TIME_MINUTE);
    assert_int_equal(50, issued(two->other));
    engine_world_pass(two->w, ACME_TIME_DAY);
    assert_int_equal(50, issued(two->other));
    expect_no_violation(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_first_ca_is_asked_while_it_is_well),
        FIXTURE_TEST(the_next_is_asked_when_the_first_is_down_and_the_first_again_when_it_is_back),
        FIXTURE_TEST(who_asks_for_days_is_not_waited_for),
        FIXTURE_TEST(an_order_under_way_moves_over),
        FIXTURE_TEST(an_order_that_is_given_up_leaves_the_job_as_it_is),
        FIXTURE_TEST(a_ca_that_refuses_the_name_again_and_again_loses_its_turn),
        FIXTURE_TEST(with_all_down_none_is_hammered),
        FIXTURE_TEST(a_restart_keeps_to_the_ca_of_the_order),
        FIXTURE_TEST(a_written_change_of_ca_replaces_at_once_and_many_one_after_the_other),
    };
    return fixture_run(tests);
}

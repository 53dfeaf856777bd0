/* Tests of acme_issuance: what can go wrong in a single run, and what its history says of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_time.h"
#include "unit/engine_world.h"

static int count(const engine_world_t *w, const char *what)
{
    return fake_ca_count(w->ca, what, NULL);
}

static void expect_one_clean_run(engine_world_t *w)
{
    assert_true(engine_world_number(w, 0) >= 1); /* a number is not used twice */
    assert_int_equal(1, count(w, "orderCreated"));
    assert_int_equal(0, engine_world_job(w, 0)->errors);
    assert_int_equal(0, count(w, "early"));
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    assert_string_equal("", fake_ca_violations(w->ca));
}

/* The history as one line: "order challenge finished". */
static const char *story(engine_world_t *w)
{
    const acme_job_t *job = engine_world_job(w, 0);
    const char *words = "";
    for (int i = 0; i < job->log->nelts; ++i) {
        words = apr_pstrcat(w->pool, words, i > 0 ? " " : "",
                            APR_ARRAY_IDX(job->log, i, acme_job_entry_t).type, NULL);
    }
    return words;
}

static const char *detail_at(engine_world_t *w, int i)
{
    const acme_job_t *job = engine_world_job(w, 0);
    return APR_ARRAY_IDX(job->log, i < 0 ? job->log->nelts + i : i, acme_job_entry_t).detail;
}

static engine_world_t *create(const char *names, apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    engine_world_domain(w, names);
    return w;
}

/* ---- must-staple ---- */

static const acme_generation_fact_t *fact_of(engine_world_t *w, const acme_domain_t *domain)
{
    acme_generation_facts_t *facts;
    assert_well(acme_generation_facts_read(&facts, w->store, domain->folder, w->pool));
    assert_non_null(facts);
    return &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
}

static void must_staple_is_asked_for_and_remembered(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, "a.test");
    domain->must_staple = domain->has_must_staple = 1;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_DAY);
    expect_one_clean_run(w);
    assert_true(fact_of(w, domain)->must_staple);
    assert_true(fact_of(w, domain)->has_must_staple);
}

static void must_staple_is_not_asked_of_a_ca_that_refuses_it(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, "a.test");
    acme_ca_t *ca = apr_pmemdup(*state, domain->ca, sizeof(*ca));
    ca->is_without_must_staple = 1;
    domain->ca = ca;
    domain->must_staple = domain->has_must_staple = 1;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_DAY);
    expect_one_clean_run(w);
    assert_false(fact_of(w, domain)->must_staple);
    assert_false(fact_of(w, domain)->has_must_staple);
}

/* ---- the disk ---- */

static int count_writes(apr_pool_t *pool)
{
    engine_world_t *w = create("a.test", pool);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    return fake_store_writes(w->disk);
}

static void a_disk_that_fails_at_any_write_costs_no_order(void **state)
{
    const apr_status_t statuses[] = {ENOSPC, EACCES};
    int writes = count_writes(*state);
    assert_true(writes > 10);
    for (int n = 1; n <= writes; ++n) {
        for (int i = 0; i < 2; ++i) {
            for (int times = 1; times <= 4; times += 3) {
                apr_pool_t *pool;
                apr_pool_create(&pool, *state);
                engine_world_t *w = create("a.test", pool);
                fake_store_fail_put(w->disk, n, times, statuses[i]);
                engine_world_start(w);
                engine_world_pass(w, 6 * ACME_TIME_HOUR);
                expect_one_clean_run(w);
                assert_int_equal(1, fake_ca_count(w->ca, "validation", "a.test"));
                apr_pool_destroy(pool);
            }
        }
    }
}

static void a_disk_full_for_a_day_is_written_soon_after(void **state)
{
    engine_world_t *w = create("a.test", *state);
    engine_world_start(w);
    fake_store_fail_put(w->disk, 1, 1000, ENOSPC);
    engine_world_pass(w, ACME_TIME_DAY);
    assert_int_equal(0, count(w, "requests")); /* nothing is done that is not on disk */
    fake_store_fail_put(w->disk, 0, 0, 0);
    fake_ca_fault(w->ca, FAKE_CA_NEW_ORDER, FAKE_CA_ERROR); /* nor does it use up other tries */
    engine_world_pass(w, 90 * ACME_TIME_MINUTE);
    expect_one_clean_run(w);
}

/* ---- the CA asks to wait ---- */

static void a_wait_at_any_request_is_kept_and_loses_nothing(void **state)
{
    const fake_ca_kind_t kinds[] = {FAKE_CA_NEW_ORDER, FAKE_CA_AUTHZ,    FAKE_CA_CHALLENGE,
                                    FAKE_CA_ORDER,     FAKE_CA_FINALIZE, FAKE_CA_CERTIFICATE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        apr_pool_t *pool;
        apr_pool_create(&pool, *state);
        engine_world_t *w = create("a.test", pool);
        fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = kinds[i],
                                                    .trouble = FAKE_CA_RATE_LIMITED,
                                                    .retry_after = 2 * ACME_TIME_HOUR});
        engine_world_start(w);
        engine_world_pass(w, 110 * ACME_TIME_MINUTE);
        assert_int_equal(0, engine_world_number(w, 0));
        assert_int_equal(0, engine_world_job(w, 0)->errors); /* to be asked to wait is no failure */
        engine_world_pass(w, 2 * ACME_TIME_HOUR);
        expect_one_clean_run(w);
        apr_pool_destroy(pool);
    }
}

/* "In ten years": of an order that goes well all the same, nobody waits for that. */
static void an_absurd_wait_for_the_order_is_not_waited_for(void **state)
{
    const fake_ca_kind_t kinds[] = {FAKE_CA_NEW_ORDER, FAKE_CA_AUTHZ, FAKE_CA_CHALLENGE,
                                    FAKE_CA_ORDER, FAKE_CA_FINALIZE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        apr_pool_t *pool;
        apr_pool_create(&pool, *state);
        engine_world_t *w = create("a.test", pool);
        fake_ca_settings(w->ca)->issue_delay = ACME_TIME_MINUTE;
        fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = kinds[i],
                                                    .trouble = FAKE_CA_PATIENCE,
                                                    .times = FAKE_CA_ALWAYS,
                                                    .retry_after_text = "315360000"});
        engine_world_start(w);
        engine_world_pass(w, ACME_TIME_HOUR);
        assert_int_equal(1, engine_world_number(w, 0));
        apr_pool_destroy(pool);
    }
}

static void an_absurd_wait_for_one_of_two_is_bounded(void **state)
{
    engine_world_t *w = create("a.test b.test", *state);
    fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_AUTHZ,
                                                .trouble = FAKE_CA_RATE_LIMITED});
    fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_AUTHZ,
                                                .trouble = FAKE_CA_RATE_LIMITED,
                                                .nth = 2,
                                                .retry_after = 3650 * ACME_TIME_DAY});
    engine_world_start(w);
    engine_world_pass(w, 9 * ACME_TIME_DAY);
    assert_int_equal(2, count(w, "fault"));
    assert_int_equal(1, engine_world_number(w, 0));
}

/* RFC 8555 section 7.5.1: a challenge that is not pending any more may be refused. */
static void a_challenge_told_twice_is_left_to_the_order(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fault(w->ca, FAKE_CA_CHALLENGE, FAKE_CA_TIMEOUT_AFTER);
    fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_CHALLENGE,
                                                .trouble = FAKE_CA_ERROR,
                                                .nth = 2,
                                                .status = 400,
                                                .problem = "malformed"});
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(2, count(w, "fault"));
    expect_one_clean_run(w);
}

static void errors_at_many_names_are_one_try_each_round(void **state)
{
    const char *names = "n0.test";
    for (int i = 1; i < 40; ++i) {
        names = apr_psprintf(*state, "%s n%d.test", names, i);
    }
    engine_world_t *w = create(names, *state);
    for (int i = 0; i < 15; ++i) {
        fake_ca_fault_nth(w->ca, FAKE_CA_AUTHZ, FAKE_CA_ERROR, 1 + 2 * i);
        fake_ca_fault_nth(w->ca, FAKE_CA_CHALLENGE, FAKE_CA_ERROR, 1 + 2 * i);
    }
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(30, count(w, "fault"));
    expect_one_clean_run(w);
}

/* ---- what the history says ---- */

static void a_history_reads_as_a_story(void **state)
{
    engine_world_t *w = create("a.test www.a.test", *state);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_string_equal("order challenge challenge finished", story(w));
    assert_non_null(strstr(detail_at(w, 0), "ordered at ca.test: https://ca.test/"));
    assert_non_null(strstr(detail_at(w, 1), "a.test: told the CA to validate by http-01"));
    assert_non_null(strstr(detail_at(w, 3), "new certificate (P-256) until 2026-"));
}

static void a_failure_is_told_once(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_fail_validation(w->ca, "a.test", "dns", "no such name");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_string_equal("order challenge error", story(w));
    assert_non_null(strstr(detail_at(w, 2), "no such name"));
    assert_non_null(strstr(detail_at(w, 2), "a.test by http-01"));
}

static void the_end_of_a_long_story_is_told(void **state)
{
    const char *names = "n0.test";
    for (int i = 1; i < 100; ++i) {
        names = apr_psprintf(*state, "%s n%d.test", names, i);
    }
    engine_world_t *w = create(names, *state);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    expect_one_clean_run(w);
    assert_int_equal(ACME_JOB_LOG_MAX, engine_world_job(w, 0)->log->nelts);
    assert_non_null(strstr(detail_at(w, -1), "new certificate"));
}

static void expect_both_named(engine_world_t *w)
{
    const char *detail = engine_world_job(w, 0)->detail;
    assert_non_null(detail);
    assert_non_null(strstr(detail, "a.test by http-01"));
    assert_non_null(strstr(detail, "c.test by http-01"));
    assert_non_null(strstr(detail, "no A record"));
    assert_non_null(strstr(detail, "refused there"));
    assert_null(strstr(detail, "b.test"));
    assert_int_equal(1, engine_world_job(w, 0)->errors);
}

static engine_world_t *create_with_two_bad_names(apr_pool_t *pool)
{
    engine_world_t *w = create("a.test b.test c.test", pool);
    fake_ca_fail_validation(w->ca, "a.test", "dns", "no A record");
    fake_ca_fail_validation(w->ca, "c.test", "connection", "refused there");
    return w;
}

static void all_failed_names_are_named(void **state)
{
    engine_world_t *w = create_with_two_bad_names(*state);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    expect_both_named(w);
}

static void names_that_failed_while_we_were_away_are_named(void **state)
{
    engine_world_t *w = create_with_two_bad_names(*state);
    fake_ca_settings(w->ca)->validation_delay = ACME_TIME_MINUTE;
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_SECOND);
    engine_world_die(w);
    fake_env_move(w->world, 2 * ACME_TIME_MINUTE);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    expect_both_named(w);
}

static void names_found_invalid_after_a_death_are_named(void **state)
{
    engine_world_t *w = create_with_two_bad_names(*state);
    fake_ca_fault_always(w->ca, FAKE_CA_CHALLENGE, FAKE_CA_TIMEOUT_AFTER);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_SECOND);
    assert_int_equal(3, count(w, "challenge"));
    engine_world_die(w); /* at RESPOND: the authorizations are asked how far they are */
    fake_ca_faults_clear(w->ca);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    expect_both_named(w);
}

static void an_explanation_is_waited_for(void **state)
{
    engine_world_t *w = create_with_two_bad_names(*state);
    fake_ca_settings(w->ca)->validation_delay = 5 * ACME_TIME_SECOND;
    engine_world_start(w);
    engine_world_pass(w, 2 * ACME_TIME_SECOND);
    fake_ca_fault(w->ca, FAKE_CA_AUTHZ, FAKE_CA_ERROR);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, count(w, "fault"));
    expect_both_named(w);
}

/* ---- what the CA offers ---- */

static int tamper(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                  const acme_exchange_t *exchange)
{
    (void)baton;
    char *name = moment == FAKE_CA_AFTER && kind == FAKE_CA_AUTHZ && exchange->answer != NULL
                     ? strstr((char *)exchange->answer, "\"a.test\"")
                     : NULL;
    if (name != NULL) {
        name[1] = 'z';
    }
    return 0;
}

static void an_authorization_of_a_foreign_name_is_refused(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_on_moment(w->ca, tamper, NULL);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(0, count(w, "challenge"));
    assert_true(engine_world_job(w, 0)->errors >= 1);
    assert_non_null(strstr(engine_world_job(w, 0)->detail, "z.test, which was not ordered"));
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
}

static void a_challenge_type_that_is_not_offered_is_said(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_settings(w->ca)->challenges = "tls-alpn-01,dns-01";
    engine_world_start(w);
    engine_world_pass(w, 30 * ACME_TIME_MINUTE);
    assert_int_equal(1, count(w, "orderCreated")); /* only the administrator can mend it */
    const char *detail = engine_world_job(w, 0)->detail;
    assert_non_null(strstr(detail, "(http-01)"));
    assert_non_null(strstr(detail, "tls-alpn-01, dns-01"));
    assert_non_null(strstr(detail, "ACMECAChallenges"));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, "a.test"));
}

static void an_order_that_expires_is_followed_by_another(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_settings(w->ca)->validation_delay = 20 * ACME_TIME_MINUTE;
    fake_ca_settings(w->ca)->order_lifetime = 5 * ACME_TIME_MINUTE;
    fake_ca_settings(w->ca)->pending_authz_lifetime = 5 * ACME_TIME_MINUTE;
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_job(w, 0)->errors);
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    fake_ca_settings(w->ca)->validation_delay = 0;
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(2, count(w, "orderCreated"));
    assert_string_equal("", fake_ca_violations(w->ca));
}

static void an_order_without_end_is_given_up(void **state)
{
    engine_world_t *w = create("a.test", *state);
    fake_ca_settings(w->ca)->validation_delay = ACME_TIME_DAY;
    engine_world_start(w);
    engine_world_pass(w, 58 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_job(w, 0)->errors);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_job(w, 0)->errors);
    assert_non_null(strstr(engine_world_job(w, 0)->detail, "in time"));
    assert_true(count(w, "order") <= 90);
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
}

/* ---- the clock ---- */

static void no_jump_of_the_clock_loses_a_run_or_makes_a_storm(void **state)
{
    const apr_interval_time_t jumps[] = {-ACME_TIME_DAY, -ACME_TIME_HOUR, ACME_TIME_HOUR,
                                         365 * ACME_TIME_DAY};
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); ++i) {
        for (int seconds = 0; seconds < 16; seconds += 3) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            engine_world_t *w = create("a.test www.a.test", pool);
            fake_ca_settings(w->ca)->validation_delay = 5 * ACME_TIME_SECOND;
            fake_ca_settings(w->ca)->issue_delay = 5 * ACME_TIME_SECOND;
            engine_world_start(w);
            engine_world_pass(w, seconds * ACME_TIME_SECOND);
            int before = (int)engine_world_number(w, 0);
            fake_env_set_clock(w->world, acme_env_now(fake_env(w->world)) + jumps[i]);
            engine_world_pass(w, 2 * ACME_TIME_DAY);
            assert_true(engine_world_number(w, 0) >= 1);
            assert_true((int)engine_world_number(w, 0) <= before + 2);
            /* the CA of this world has our clock: set back a day, it works on the order for a day */
            assert_true(count(w, "requests") <= (jumps[i] == -ACME_TIME_DAY ? 1000 : 200));
            assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
            assert_string_equal("", fake_ca_violations(w->ca));
            apr_pool_destroy(pool);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(must_staple_is_asked_for_and_remembered),
        FIXTURE_TEST(must_staple_is_not_asked_of_a_ca_that_refuses_it),
        FIXTURE_TEST(a_disk_that_fails_at_any_write_costs_no_order),
        FIXTURE_TEST(a_disk_full_for_a_day_is_written_soon_after),
        FIXTURE_TEST(a_wait_at_any_request_is_kept_and_loses_nothing),
        FIXTURE_TEST(an_absurd_wait_for_the_order_is_not_waited_for),
        FIXTURE_TEST(an_absurd_wait_for_one_of_two_is_bounded),
        FIXTURE_TEST(a_challenge_told_twice_is_left_to_the_order),
        FIXTURE_TEST(errors_at_many_names_are_one_try_each_round),
        FIXTURE_TEST(a_history_reads_as_a_story),
        FIXTURE_TEST(a_failure_is_told_once),
        FIXTURE_TEST(the_end_of_a_long_story_is_told),
        FIXTURE_TEST(all_failed_names_are_named),
        FIXTURE_TEST(names_that_failed_while_we_were_away_are_named),
        FIXTURE_TEST(names_found_invalid_after_a_death_are_named),
        FIXTURE_TEST(an_explanation_is_waited_for),
        FIXTURE_TEST(an_authorization_of_a_foreign_name_is_refused),
        FIXTURE_TEST(a_challenge_type_that_is_not_offered_is_said),
        FIXTURE_TEST(an_order_that_expires_is_followed_by_another),
        FIXTURE_TEST(an_order_without_end_is_given_up),
        FIXTURE_TEST(no_jump_of_the_clock_loses_a_run_or_makes_a_storm),
    };
    return fixture_run(tests);
}

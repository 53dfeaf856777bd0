/* Rehearsals: after a failed validation the CA's test environment is asked first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_record.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

/* More than the first back-off after a failed validation, and as long as nothing may be waited for.
 */
#define BACK_OFF (12 * ACME_TIME_MINUTE + 5 * ACME_TIME_SECOND)

typedef struct {
    engine_world_t *w;
    fake_ca_t *test;
    acme_ca_t test_config;
    acme_domain_t *domain;
    int moments; /* of the test environment, until the process dies; -1: it lives */
} stage_t;

static stage_t *stage_of(apr_pool_t *pool, const char *names)
{
    stage_t *stage = apr_pcalloc(pool, sizeof(*stage));
    stage->w = engine_world_create(pool);
    stage->test = fake_ca_create_at("https://staging.test", fake_env(stage->w->world), 9, pool);
    stage->moments = -1;
    fake_ca_join(stage->w->ca, stage->test);
    stage->test_config = stage->w->ca_config;
    stage->test_config.directory_url = fake_ca_directory_url(stage->test);
    stage->test_config.name = "staging.test";
    stage->test_config.folder = acme_ca_folder(stage->test_config.directory_url, pool);
    stage->test_config.is_test = 1;
    stage->w->ca_config.test = &stage->test_config;
    stage->domain = engine_world_domain(stage->w, names);
    return stage;
}

static void break_at(fake_ca_t *ca)
{
    fake_ca_fail_validation(ca, "a.test", "connection", "nobody answers");
}

static void mend(fake_ca_t *ca)
{
    fake_ca_fail_validation(ca, "a.test", NULL, NULL);
}

/* The first order has failed, and the next one would be well. */
static void have_failed(stage_t *stage)
{
    break_at(stage->w->ca);
    engine_world_start(stage->w);
    engine_world_pass(stage->w, ACME_TIME_SECOND);
    assert_int_equal(1, engine_world_job(stage->w, 0)->errors);
    assert_true(engine_world_job(stage->w, 0)->rehearse);
    assert_int_equal(0, fake_ca_count(stage->test, "requests", NULL));
    mend(stage->w->ca);
}

static void expect_success(stage_t *stage)
{
    const acme_job_t *job = engine_world_job(stage->w, 0);
    assert_int_equal(1, engine_world_number(stage->w, 0));
    assert_int_equal(0, job->errors);
    assert_false(job->rehearse);
    assert_null(job->detail);
    assert_int_equal(0, fake_store_count(stage->w->disk, "challenges/"));
    assert_int_equal(0, fake_store_count(stage->w->disk, "staging/a.test/order.json"));
    assert_int_equal(0, fake_ca_count(stage->test, "finalize", NULL));
    assert_string_equal("", fake_ca_violations(stage->w->ca));
    assert_string_equal("", fake_ca_violations(stage->test));
}

static void a_failure_is_rehearsed_and_then_ordered(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    have_failed(stage);
    engine_world_pass(stage->w, BACK_OFF);
    assert_int_equal(1, fake_ca_count(stage->test, "orderCreated", NULL));
    assert_string_equal("ready", fake_ca_order_status(stage->test, "a.test"));
    assert_int_equal(2, fake_ca_count(stage->w->ca, "orderCreated", NULL));
    assert_int_equal(1, fake_env_logged(stage->w->world, ACME_LOG_INFO, "passed at staging.test"));
    assert_int_equal(1, fake_env_logged(stage->w->world, ACME_LOG_ERROR, NULL));
    expect_success(stage);
    engine_world_pass(stage->w, 62 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(stage->w, 0));
    assert_int_equal(1, fake_ca_count(stage->test, "orderCreated", NULL));
}

static void what_fails_there_spares_the_ca(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    have_failed(stage);
    break_at(stage->w->ca);
    break_at(stage->test);
    engine_world_pass(stage->w, BACK_OFF);
    const acme_job_t *job = engine_world_job(stage->w, 0);
    assert_int_equal(2, job->errors);
    assert_true(job->rehearse);
    assert_non_null(strstr(job->detail, "nobody answers"));
    assert_non_null(strstr(job->detail, "(tried at staging.test, the test environment of the CA)"));
    assert_true(job->next_run > acme_env_now(fake_env(stage->w->world)) + 7 * ACME_TIME_MINUTE);
    assert_int_equal(1, fake_ca_count(stage->w->ca, "orderCreated", NULL));

    engine_world_pass(stage->w, 12 * ACME_TIME_HOUR); /* each fourth try is the CA's all the same */
    job = engine_world_job(stage->w, 0);
    int at_ca = fake_ca_count(stage->w->ca, "validationFailed", "a.test");
    int at_test = fake_ca_count(stage->test, "validationFailed", "a.test");
    assert_int_equal(job->errors, at_ca + at_test);
    assert_int_equal((job->errors + 3) / 4, at_ca);
    assert_true(at_ca >= 2);
    assert_int_equal(1, fake_env_logged(stage->w->world, ACME_LOG_ERROR, NULL));

    mend(stage->w->ca);
    mend(stage->test);
    engine_world_pass(stage->w, 2 * ACME_TIME_DAY);
    expect_success(stage);
}

static void what_passes_there_may_fail_here_and_counts_once(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    have_failed(stage);
    break_at(stage->w->ca);
    engine_world_pass(stage->w, BACK_OFF);
    const acme_job_t *job = engine_world_job(stage->w, 0);
    assert_int_equal(2, job->errors);
    assert_true(job->rehearse);
    assert_null(strstr(job->detail, "test environment"));
    assert_int_equal(2, fake_ca_count(stage->w->ca, "validationFailed", "a.test"));
    assert_int_equal(1, fake_ca_count(stage->test, "validation", "a.test"));
    assert_int_equal(1, job->worked->nelts);
    assert_int_equal(1, job->failures->nelts); /* it failed later than it worked */
}

static void a_certificate_follows_also_where_the_test_environment_never_finds_a_proof(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    have_failed(stage);
    break_at(stage->test);
    engine_world_pass(stage->w, ACME_TIME_DAY);
    assert_int_equal(3, fake_ca_count(stage->test, "validationFailed", "a.test"));
    expect_success(stage);
}

/* Whatever is wrong with the test environment: the certificate is there when it had been without
 * one. */
static void expect_no_delay(stage_t *stage, apr_interval_time_t more)
{
    engine_world_pass(stage->w, BACK_OFF + more);
    assert_int_equal(2, fake_ca_count(stage->w->ca, "orderCreated", NULL));
    assert_int_equal(1, fake_env_logged(stage->w->world, ACME_LOG_ERROR, NULL));
    expect_success(stage);
}

static void its_trouble_delays_nobody(void **state)
{
    static const struct {
        fake_ca_kind_t kind;
        fake_ca_fault_t fault;
    } troubles[] = {
        {FAKE_CA_ANY, {.trouble = FAKE_CA_REFUSED}},
        {FAKE_CA_DIRECTORY, {.trouble = FAKE_CA_ERROR, .status = 503}},
        {FAKE_CA_NEW_ACCOUNT, {.trouble = FAKE_CA_ERROR, .status = 403, .problem = "unauthorized"}},
        {FAKE_CA_NEW_ORDER, {.trouble = FAKE_CA_RATE_LIMITED, .retry_after = ACME_TIME_HOUR}},
        {FAKE_CA_NEW_ORDER, {.trouble = FAKE_CA_ERROR, .status = 500}},
        {FAKE_CA_NEW_ORDER, {.trouble = FAKE_CA_HTML}},
        {FAKE_CA_AUTHZ, {.trouble = FAKE_CA_ERROR, .status = 503}},
        {FAKE_CA_AUTHZ, {.trouble = FAKE_CA_TIMEOUT_AFTER}},
        {FAKE_CA_CHALLENGE, {.trouble = FAKE_CA_ERROR, .status = 500}},
        {FAKE_CA_CHALLENGE, {.trouble = FAKE_CA_RATE_LIMITED, .retry_after = ACME_TIME_MINUTE}},
        {FAKE_CA_ORDER, {.trouble = FAKE_CA_ERROR, .status = 502}},
        {FAKE_CA_ORDER, {.trouble = FAKE_CA_NOT_FOUND}},
        {FAKE_CA_ORDER, {.trouble = FAKE_CA_ORDER_INVALID, .problem = "rejectedIdentifier"}},
    };
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); ++i) {
        stage_t *stage = stage_of(*state, "a.test");
        fake_ca_fault_t fault = troubles[i].fault;
        fault.kind = troubles[i].kind;
        fault.times = FAKE_CA_ALWAYS;
        have_failed(stage);
        fake_ca_fault_add(stage->test, &fault);
        expect_no_delay(stage, 0);
        assert_true(fake_ca_count(stage->test, "fault", NULL) >= 1);
        assert_true(fake_ca_count(stage->test, "fault", NULL) <= 3);
    }
}

static void one_that_hangs_is_not_waited_for(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    fake_ca_settings(stage->test)->validation_delay = ACME_TIME_DAY;
    have_failed(stage);
    expect_no_delay(stage, 4 * ACME_TIME_MINUTE);
    stage = stage_of(*state, "a.test");
    fake_ca_settings(stage->test)->latency = ACME_TIME_DAY;
    have_failed(stage);
    expect_no_delay(stage, 4 * ACME_TIME_MINUTE);
}

static void one_that_is_known_to_be_down_is_not_asked(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    const fake_ca_fault_t away = {.kind = FAKE_CA_DIRECTORY,
                                  .trouble = FAKE_CA_ERROR,
                                  .status = 503,
                                  .retry_after = 2 * ACME_TIME_HOUR,
                                  .times = FAKE_CA_ALWAYS};
    fake_ca_fault_add(stage->test, &away);
    break_at(stage->w->ca);
    engine_world_start(stage->w);
    engine_world_pass(stage->w, 2 * ACME_TIME_HOUR);
    int tries = fake_ca_count(stage->w->ca, "orderCreated", NULL);
    assert_true(tries >= 3);
    assert_int_equal(tries, engine_world_job(stage->w, 0)->errors);
    assert_int_equal(1, fake_ca_count(stage->test, "fault", NULL));
    assert_int_equal(1, fake_env_logged(stage->w->world, ACME_LOG_INFO, "the next try is made at"));
}

static void never_inside_the_warn_window(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    engine_world_start(stage->w);
    engine_world_pass(stage->w, 58 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(stage->w, 0));
    fake_ca_expire_authorizations(stage->w->ca);
    break_at(stage->w->ca);
    break_at(stage->test);
    engine_world_pass(stage->w, 22 * ACME_TIME_DAY);
    assert_true(fake_ca_count(stage->test, "orderCreated", NULL) > 5);
    engine_world_pass(stage->w, ACME_TIME_DAY);
    int before = fake_ca_count(stage->test, "orderCreated", NULL);
    int tries = fake_ca_count(stage->w->ca, "orderCreated", NULL);
    engine_world_pass(stage->w, 6 * ACME_TIME_DAY);
    assert_int_equal(before, fake_ca_count(stage->test, "orderCreated", NULL));
    assert_true(fake_ca_count(stage->w->ca, "orderCreated", NULL) >= tries + 4);
}

static void a_rehearsal_found_inside_the_warn_window_ends(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    engine_world_start(stage->w);
    engine_world_pass(stage->w, 58 * ACME_TIME_DAY);
    fake_ca_expire_authorizations(stage->w->ca);
    break_at(stage->w->ca);
    fake_ca_settings(stage->test)->validation_delay = ACME_TIME_MINUTE;
    while (fake_ca_count(stage->test, "challenge", NULL) == 0) {
        engine_world_pass(stage->w, ACME_TIME_SECOND);
    }
    engine_world_die(stage->w);
    fake_env_move_to(stage->w->world, acme_env_now(fake_env(stage->w->world)) + 23 * ACME_TIME_DAY);
    int requests = fake_ca_count(stage->test, "requests", NULL);
    mend(stage->w->ca);
    engine_world_start(stage->w);
    engine_world_pass(stage->w, ACME_TIME_MINUTE);
    assert_int_equal(requests, fake_ca_count(stage->test, "requests", NULL));
    assert_int_equal(2, engine_world_number(stage->w, 0));
}

static void only_a_failed_validation_is_rehearsed(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    fake_ca_reject_identifier(stage->w->ca, "a.test", "not here");
    engine_world_start(stage->w);
    engine_world_pass(stage->w, ACME_TIME_DAY);
    assert_int_equal(0, fake_ca_count(stage->test, "requests", NULL));
    assert_true(engine_world_job(stage->w, 0)->errors > 2);
    assert_false(engine_world_job(stage->w, 0)->rehearse);
}

static void what_caa_forbids_there_may_be_allowed_here(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    have_failed(stage);
    fake_ca_fail_validation(stage->test, "a.test", "caa", "accounturi is another");
    expect_no_delay(stage, 0);
}

static void who_switched_it_off_or_orders_there_anyway_rehearses_nothing(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    stage->domain->is_rehearsal_off = 1;
    have_failed(stage);
    engine_world_pass(stage->w, BACK_OFF);
    expect_success(stage);
    assert_int_equal(0, fake_ca_count(stage->test, "requests", NULL));

    stage = stage_of(*state, "a.test");
    apr_array_header_t *others = apr_array_make(*state, 1, sizeof(const acme_ca_t *));
    APR_ARRAY_PUSH(others, const acme_ca_t *) = &stage->test_config;
    stage->domain->other_cas = others;
    have_failed(stage);
    engine_world_pass(stage->w, BACK_OFF);
    expect_success(stage);
    assert_int_equal(0, fake_ca_count(stage->test, "requests", NULL));
}

static void a_profile_that_the_test_environment_does_not_have_is_no_matter(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    fake_ca_settings(stage->w->ca)->profiles = "short";
    stage->domain->profile = "short";
    stage->domain->is_profile_mandatory = 1;
    have_failed(stage);
    expect_no_delay(stage, 0);
    assert_int_equal(1, fake_ca_count(stage->test, "orderCreated", NULL));
    assert_int_equal(2, fake_ca_count(stage->w->ca, "profile short", NULL));
    assert_int_equal(0, fake_env_logged(stage->w->world, ACME_LOG_WARNING, NULL));
}

static void what_passes_there_is_no_word_for_a_name_that_the_ca_refuses(void **state)
{
    stage_t *stage = stage_of(*state, "a.test bad.test");
    fake_ca_fail_validation(stage->w->ca, "bad.test", "dns", "NXDOMAIN");
    engine_world_start(stage->w);
    engine_world_pass(stage->w, ACME_TIME_HOUR);
    assert_int_equal(3, fake_ca_count(stage->w->ca, "orderCreated", "a.test,bad.test"));
    assert_int_equal(1, fake_ca_count(stage->w->ca, "issued", "a.test"));
    assert_int_equal(0, fake_ca_count(stage->test, "finalize", NULL));
}

/* ---- ways of proof */

static acme_err_t *believe(void *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    (void)baton;
    (void)proof;
    (void)pool;
    return NULL;
}

static acme_err_t *done_at_once(int *is_done, apr_time_t *poll_at, void *baton,
                                const acme_proof_t *proof, apr_pool_t *pool)
{
    *is_done = 1;
    *poll_at = 0;
    return believe(baton, proof, pool);
}

static acme_err_t *never_foreseen(acme_prospect_t **prospect, apr_time_t *poll_at, void *baton,
                                  const acme_proof_t *proof, apr_pool_t *pool)
{
    (void)prospect;
    (void)poll_at;
    (void)baton;
    (void)proof;
    (void)pool;
    fail_msg("a standing record is looked for");
    return NULL;
}

static acme_solver_t *more_solvers(const char *type, apr_pool_t *pool)
{
    acme_solver_t *solver = apr_pcalloc(pool, sizeof(*solver));
    *solver = (acme_solver_t){
        .type = type, .publish = believe, .visible = done_at_once, .withdraw = done_at_once};
    return solver;
}

static void the_type_that_passed_is_used_by_the_order(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    APR_ARRAY_PUSH((apr_array_header_t *)stage->domain->challenge_types, const char *) =
        "tls-alpn-01";
    stage->w->more_solvers = more_solvers("tls-alpn-01", *state);
    stage->w->fails_http = 1;
    have_failed(stage);
    expect_no_delay(stage, 0);
    assert_int_equal(1, fake_ca_count(stage->test, "validation", NULL));
    assert_int_equal(1, fake_ca_count(stage->w->ca, "validationFailed", NULL));
    const acme_job_t *job = engine_world_job(stage->w, 0);
    assert_string_equal("tls-alpn-01", APR_ARRAY_IDX(job->worked, 0, acme_job_proof_t).type);
    assert_int_equal(0, job->failures->nelts);
}

static void a_standing_record_is_of_the_account_with_the_ca(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    have_failed(stage);
    fake_ca_settings(stage->test)->challenges = "dns-persist-01";
    APR_ARRAY_PUSH((apr_array_header_t *)stage->domain->challenge_types, const char *) =
        "dns-persist-01";
    engine_world_die(stage->w);
    stage->w->more_solvers = more_solvers("dns-persist-01", *state);
    stage->w->more_solvers->foresee = never_foreseen;
    fake_ca_settings(stage->w->ca)->challenges = "http-01";
    engine_world_start(stage->w);
    expect_no_delay(stage, 0);
    assert_int_equal(1, fake_ca_count(stage->test, "orderCreated", NULL));
}

/* ---- crashes */

static int at_moment(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                     const acme_exchange_t *exchange)
{
    stage_t *stage = baton;
    (void)moment;
    (void)kind;
    (void)exchange;
    if (stage->moments != 0) {
        stage->moments -= stage->moments > 0;
        return 0;
    }
    stage->moments = -1;
    stage->w->is_interrupted = 1;
    return 1;
}

/* Nonzero if it died. */
static int dies_at(int moment, apr_pool_t *pool)
{
    stage_t *stage = stage_of(pool, "a.test");
    fake_ca_settings(stage->test)->validation_delay = 3 * ACME_TIME_SECOND;
    have_failed(stage);
    stage->moments = moment;
    fake_ca_on_moment(stage->w->ca, at_moment, stage);
    fake_ca_on_moment(stage->test, at_moment, stage);
    engine_world_pass(stage->w, BACK_OFF + ACME_TIME_MINUTE);
    int has_died = stage->w->is_interrupted;
    if (has_died) {
        stage->w->is_interrupted = 0;
        engine_world_die(stage->w);
        fake_ca_forget_client(stage->test);
        engine_world_start(stage->w);
        engine_world_pass(stage->w, BACK_OFF + ACME_TIME_MINUTE);
    }
    assert_in_range(fake_ca_count(stage->test, "orderCreated", NULL), 1, 2);
    expect_success(stage);
    return has_died;
}

static void whoever_dies_in_a_rehearsal_goes_on_with_it(void **state)
{
    int moment = 0;
    apr_pool_t *pool;
    apr_pool_create(&pool, *state);
    while (dies_at(moment, pool)) {
        apr_pool_clear(pool);
        ++moment;
    }
    assert_true(moment > 20);
}

static void a_rehearsal_that_is_not_wanted_any_more_is_taken_back(void **state)
{
    stage_t *stage = stage_of(*state, "a.test");
    fake_ca_settings(stage->test)->validation_delay = ACME_TIME_MINUTE;
    have_failed(stage);
    while (fake_ca_count(stage->test, "challenge", NULL) == 0) {
        engine_world_pass(stage->w, ACME_TIME_SECOND);
    }
    acme_record_t *record;
    assert_well(acme_record_read(&record, stage->w->store, "a.test", *state));
    assert_true(record->is_rehearsal);
    engine_world_die(stage->w);
    stage->w->ca_config.test = NULL;
    engine_world_start(stage->w);
    engine_world_pass(stage->w, ACME_TIME_MINUTE);
    expect_success(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_failure_is_rehearsed_and_then_ordered),
        FIXTURE_TEST(what_fails_there_spares_the_ca),
        FIXTURE_TEST(what_passes_there_may_fail_here_and_counts_once),
        FIXTURE_TEST(a_certificate_follows_also_where_the_test_environment_never_finds_a_proof),
        FIXTURE_TEST(its_trouble_delays_nobody),
        FIXTURE_TEST(one_that_hangs_is_not_waited_for),
        FIXTURE_TEST(one_that_is_known_to_be_down_is_not_asked),
        FIXTURE_TEST(never_inside_the_warn_window),
        FIXTURE_TEST(a_rehearsal_found_inside_the_warn_window_ends),
        FIXTURE_TEST(only_a_failed_validation_is_rehearsed),
        FIXTURE_TEST(what_caa_forbids_there_may_be_allowed_here),
        FIXTURE_TEST(who_switched_it_off_or_orders_there_anyway_rehearses_nothing),
        FIXTURE_TEST(a_profile_that_the_test_environment_does_not_have_is_no_matter),
        FIXTURE_TEST(what_passes_there_is_no_word_for_a_name_that_the_ca_refuses),
        FIXTURE_TEST(the_type_that_passed_is_used_by_the_order),
        FIXTURE_TEST(a_standing_record_is_of_the_account_with_the_ca),
        FIXTURE_TEST(whoever_dies_in_a_rehearsal_goes_on_with_it),
        FIXTURE_TEST(a_rehearsal_that_is_not_wanted_any_more_is_taken_back),
    };
    return fixture_run(tests);
}

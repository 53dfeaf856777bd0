/* The engine with its runs and sessions: stories of domains that get certificates, or do not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_status.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

static void expect_no_violation(engine_world_t *w)
{
    assert_string_equal("", fake_ca_violations(w->ca));
}

static void a_domain_gets_its_certificate(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test www.a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, acme_bell_generation(w->bell, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "orderCreated", NULL));
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    assert_int_equal(0, fake_store_count(w->disk, "staging/a.test/order.json"));
    assert_int_equal(0, fake_store_count(w->disk, "staging/a.test/privkey"));
    assert_int_equal(0, engine_world_job(w, 0)->errors);
    assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
    assert_int_equal(0, atomic_load(&w->bell->challenges));
    expect_no_violation(w);
}

static void one_certificate_costs_few_requests(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 20; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    for (int i = 0; i < 20; ++i) {
        assert_int_equal(1, engine_world_number(w, i));
    }
    assert_true(fake_ca_count(w->ca, "requests", NULL) <= 8 * 20);
    assert_true(fake_ca_peak_in_flight(w->ca) <= 16);
    assert_int_equal(1, fake_ca_count(w->ca, "accountCreated", NULL));
    expect_no_violation(w);
}

static void it_is_renewed_in_its_window_and_served_by_number(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, 50 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
    engine_world_pass(w, 15 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(2, acme_bell_generation(w->bell, 0));
    engine_world_pass(w, 365 * ACME_TIME_DAY);
    assert_int_equal(8, engine_world_number(w, 0));
    assert_true(fake_store_count(w->disk, "live/a.test/") <= 1 + 1 + ACME_GENERATION_KEEP);
    assert_int_equal(0, fake_env_logged(w->world, ACME_LOG_WARNING, NULL));
    expect_no_violation(w);
}

static void two_key_types_are_two_certificates_of_one_generation(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, "a.test");
    APR_ARRAY_PUSH((apr_array_header_t *)domain->key_specs, acme_key_spec_t) =
        (acme_key_spec_t){.type = ACME_KEY_RSA, .bits = 2048};
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    acme_generation_facts_t *facts = engine_world_facts(w, 0);
    assert_int_equal(2, facts->number);
    assert_int_equal(2, facts->certificates->nelts);
    acme_generation_t *generation;
    assert_well(acme_generation_read(&generation, w->store, "a.test", 2, *state));
    assert_non_null(acme_generation_certificate(generation, ACME_KEY_RSA));
    assert_non_null(acme_generation_certificate(generation, ACME_KEY_P256));
}

static void a_failed_validation_is_explained_and_repeated_slowly(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "bad.test");
    engine_world_domain(w, "good.test");
    fake_ca_fail_validation(w->ca, "bad.test", "connection",
                            "192.0.2.1: Timeout during connect (likely firewall problem)");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(w, 0));
    assert_int_equal(1, engine_world_number(w, 1));
    acme_job_t *job = engine_world_job(w, 0);
    assert_int_equal(1, job->errors);
    assert_non_null(strstr(job->detail, "bad.test"));
    assert_non_null(strstr(job->detail, "likely firewall problem"));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, "likely firewall problem"));
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_true(fake_ca_count(w->ca, "validationFailed", "bad.test") <= 5);
    assert_true(fake_ca_count(w->ca, "validationFailed", "bad.test") >= 2);
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_in_range(fake_env_logged(w->world, ACME_LOG_ERROR, "bad.test"), 2, 12);
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_pass(w, 2 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(0, engine_world_job(w, 0)->errors);
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    expect_no_violation(w);
}

static void no_restart_resets_a_back_off(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "bad.test");
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "no such name");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    for (int i = 0; i < 10; ++i) {
        engine_world_die(w);
        engine_world_start(w);
        engine_world_pass(w, 10 * ACME_TIME_SECOND);
    }
    assert_int_equal(1, fake_ca_count(w->ca, "orderCreated", NULL));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
}

static void trouble_in_reaching_the_ca_is_counted_for_no_name(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 50; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    fake_ca_fault_always(w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    engine_world_start(w);
    engine_world_pass(w, 6 * ACME_TIME_HOUR);
    assert_true(fake_ca_count(w->ca, "fault", NULL) <= 16);
    assert_int_equal(0, fake_ca_count(w->ca, "requests", NULL));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
    for (int i = 0; i < 50; ++i) {
        assert_int_equal(0, engine_world_job(w, i)->errors);
    }
    fake_ca_faults_clear(w->ca);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    for (int i = 0; i < 50; ++i) {
        assert_int_equal(1, engine_world_number(w, i));
    }
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_NOTICE, "answers again"));
}

static void an_outage_in_the_middle_loses_nothing(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 20; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    fake_ca_settings(w->ca)->latency = 50 * 1000;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_SECOND);
    fake_ca_fault_always(w->ca, FAKE_CA_ANY, FAKE_CA_TIMEOUT_AFTER);
    engine_world_pass(w, ACME_TIME_HOUR);
    fake_ca_faults_clear(w->ca);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    for (int i = 0; i < 20; ++i) {
        assert_int_equal(1, engine_world_number(w, i));
        assert_int_equal(0, engine_world_job(w, i)->errors);
    }
    expect_no_violation(w);
}

static void a_server_error_is_met_by_asking_again(void **state)
{
    const fake_ca_kind_t kinds[] = {FAKE_CA_DIRECTORY, FAKE_CA_NEW_NONCE,   FAKE_CA_NEW_ACCOUNT,
                                    FAKE_CA_NEW_ORDER, FAKE_CA_AUTHZ,       FAKE_CA_CHALLENGE,
                                    FAKE_CA_ORDER,     FAKE_CA_FINALIZE,    FAKE_CA_CERTIFICATE};
    const fake_ca_trouble_t troubles[] = {FAKE_CA_ERROR, FAKE_CA_TIMEOUT_BEFORE,
                                          FAKE_CA_TIMEOUT_AFTER, FAKE_CA_REFUSED};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        for (size_t j = 0; j < sizeof(troubles) / sizeof(troubles[0]); ++j) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            engine_world_t *w = engine_world_create(pool);
            engine_world_domain(w, "a.test");
            fake_ca_fault(w->ca, kinds[i], troubles[j]);
            engine_world_start(w);
            engine_world_pass(w, 10 * ACME_TIME_MINUTE);
            assert_int_equal(1, fake_ca_count(w->ca, "fault", NULL));
            assert_int_equal(1, engine_world_number(w, 0));
            assert_int_equal(0, engine_world_job(w, 0)->errors);
            expect_no_violation(w);
            apr_pool_destroy(pool);
        }
    }
}

static void bad_nonces_are_met_by_signing_again(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 20; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    fake_ca_fault_random(w->ca, FAKE_CA_ANY, FAKE_CA_BAD_NONCE, 0.8);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    for (int i = 0; i < 20; ++i) {
        assert_int_equal(1, engine_world_number(w, i));
        assert_int_equal(0, engine_world_job(w, i)->errors);
    }
    expect_no_violation(w);
}

static void a_rate_limit_is_waited_out(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_fault_add(w->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                                .trouble = FAKE_CA_RATE_LIMITED,
                                                .retry_after = 5 * ACME_TIME_HOUR});
    engine_world_start(w);
    engine_world_pass(w, 4 * ACME_TIME_HOUR);
    assert_int_equal(1, fake_ca_count(w->ca, "newOrder", NULL));
    engine_world_pass(w, 3 * ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(0, fake_ca_count(w->ca, "early", NULL));
}

static void without_agreement_one_sentence_says_what_to_do(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_domain(w, "b.test");
    w->ca_config.agreement = NULL;
    engine_world_start(w);
    engine_world_pass(w, 12 * ACME_TIME_HOUR);
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, NULL));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, "ACMECertificateAgreement"));
    assert_int_equal(0, fake_ca_count(w->ca, "newAccount", NULL));
    const acme_status_host_t host = {.version = "1"};
    const char *status = acme_status_json(w->domains, NULL, w->store, w->bell, &host,
                                          fake_env(w->world), *state);
    assert_non_null(strstr(status, "write 'ACMECertificateAgreement accepted'"));
    engine_world_die(w);
    w->ca_config.agreement = "accepted";
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, engine_world_number(w, 1));
}

static void a_refused_contact_is_dropped(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    apr_array_header_t *contacts = apr_array_make(*state, 1, sizeof(const char *));
    APR_ARRAY_PUSH(contacts, const char *) = "mailto:me@nowhere.invalid";
    w->ca_config.contacts = contacts;
    fake_ca_reject_contact(w->ca, "mailto:me@nowhere.invalid");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_WARNING, "ACMEContactEmail"));
}

static void a_lost_account_is_made_again_once(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    fake_ca_forget_accounts(w->ca);
    engine_world_pass(w, 70 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
}

static void a_vanished_order_is_made_again(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_settings(w->ca)->validation_delay = 10 * ACME_TIME_SECOND;
    engine_world_start(w);
    engine_world_pass(w, 3 * ACME_TIME_SECOND);
    fake_ca_forget_orders(w->ca);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
}

static void a_certificate_that_is_not_ours_is_never_staged(void **state)
{
    const fake_ca_trouble_t troubles[] = {FAKE_CA_CERT_WRONG_KEY, FAKE_CA_CERT_WRONG_NAMES,
                                          FAKE_CA_CERT_EXPIRED, FAKE_CA_CERT_NOT_YET,
                                          FAKE_CA_CERT_GARBAGE, FAKE_CA_TRUNCATED};
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); ++i) {
        apr_pool_t *pool;
        apr_pool_create(&pool, *state);
        engine_world_t *w = engine_world_create(pool);
        engine_world_domain(w, "a.test");
        fake_ca_fault(w->ca, FAKE_CA_CERTIFICATE, troubles[i]);
        engine_world_start(w);
        engine_world_pass(w, 10 * ACME_TIME_SECOND);
        assert_int_equal(0, engine_world_number(w, 0));
        assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_ERROR, "a.test"));
        engine_world_pass(w, ACME_TIME_HOUR);
        assert_int_equal(1, engine_world_number(w, 0));
        apr_pool_destroy(pool);
    }
}

static void answers_that_are_no_acme_do_no_harm(void **state)
{
    const fake_ca_kind_t kinds[] = {FAKE_CA_DIRECTORY, FAKE_CA_NEW_ACCOUNT, FAKE_CA_NEW_ORDER,
                                    FAKE_CA_AUTHZ,     FAKE_CA_CHALLENGE,   FAKE_CA_ORDER,
                                    FAKE_CA_FINALIZE,  FAKE_CA_CERTIFICATE};
    const fake_ca_trouble_t troubles[] = {FAKE_CA_HTML,        FAKE_CA_TRUNCATED, FAKE_CA_EMPTY,
                                          FAKE_CA_NO_LOCATION, FAKE_CA_NO_NONCE,  FAKE_CA_WRONG_TYPE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        for (size_t j = 0; j < sizeof(troubles) / sizeof(troubles[0]); ++j) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            engine_world_t *w = engine_world_create(pool);
            engine_world_domain(w, "a.test");
            fake_ca_fault(w->ca, kinds[i], troubles[j]);
            engine_world_start(w);
            engine_world_pass(w, 3 * ACME_TIME_HOUR);
            assert_int_equal(1, engine_world_number(w, 0));
            expect_no_violation(w);
            apr_pool_destroy(pool);
        }
    }
}

static void a_full_disk_stops_orders_and_loses_nothing(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 10; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    engine_world_start(w);
    fake_store_fail_put(w->disk, 40, 1000, ENOSPC);
    engine_world_pass(w, ACME_TIME_HOUR);
    fake_store_fail_put(w->disk, 0, 0, 0);
    engine_world_pass(w, 6 * ACME_TIME_HOUR);
    for (int i = 0; i < 10; ++i) {
        assert_int_equal(1, engine_world_number(w, i));
    }
    assert_in_range(fake_env_logged(w->world, ACME_LOG_ERROR, "store cannot be written"), 1, 3);
    expect_no_violation(w);
}

static void a_changed_domain_drops_its_order(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_settings(w->ca)->validation_delay = ACME_TIME_MINUTE;
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_SECOND);
    assert_int_equal(1, fake_store_count(w->disk, "challenges/"));
    engine_world_die(w);
    apr_array_clear(w->domains);
    engine_world_domain(w, "a.test b.test");
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, fake_ca_count(w->ca, "issued", "a.test,b.test"));
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    assert_int_equal(0, engine_world_job(w, 0)->errors);
}

static void proofs_that_nobody_claims_are_swept(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "gone.test");
    fake_ca_settings(w->ca)->validation_delay = ACME_TIME_MINUTE;
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_SECOND);
    engine_world_die(w);
    apr_array_clear(w->domains);
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    assert_int_equal(0, atomic_load(&w->bell->challenges));
}

static void a_certificate_that_runs_out_is_said_daily(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_DAY);
    fake_ca_fail_validation(w->ca, "a.test", "caa", "CAA record forbids");
    fake_ca_expire_authorizations(w->ca);
    engine_world_pass(w, 95 * ACME_TIME_DAY);
    assert_in_range(fake_env_logged(w->world, ACME_LOG_WARNING, "expires in"), 5, 10);
    assert_in_range(fake_env_logged(w->world, ACME_LOG_ERROR, "has expired"), 3, 8);
    assert_int_equal(1, engine_world_number(w, 0));
}

static void a_generation_lost_while_served_is_followed_by_a_higher_one(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, 61 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
    const char *const lost[] = {"live/a.test/current", "live/a.test/1", "live/a.test/2"};
    for (int i = 0; i < 3; ++i) {
        fake_store_plant(w->disk, lost[i], NULL, 0);
    }
    engine_world_pass(w, ACME_TIME_DAY);
    assert_int_equal(3, engine_world_number(w, 0));
    assert_int_equal(3, acme_bell_generation(w->bell, 0));
}

/* Ours was ahead by nearly a life of the certificate when that was made; the CA's never was. */
static void a_certificate_made_by_a_clock_ahead_is_renewed_in_time(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_env_set_clock(w->world, acme_env_now(fake_env(w->world)) + 85 * ACME_TIME_DAY);
    fake_ca_settings(w->ca)->clock_ahead = -85 * ACME_TIME_DAY;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    engine_world_die(w);
    fake_env_set_clock(w->world, acme_env_now(fake_env(w->world)) - 85 * ACME_TIME_DAY);
    fake_ca_settings(w->ca)->clock_ahead = 0;
    engine_world_start(w);
    engine_world_pass(w, 50 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
    engine_world_pass(w, 15 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
}

static void the_first_are_served_while_the_last_wait(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 100; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    w->max_in_flight = 4;
    fake_ca_settings(w->ca)->latency = 100 * 1000;
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_SECOND);
    assert_true(fake_ca_count(w->ca, "issued", NULL) > 5);
    assert_true(fake_ca_count(w->ca, "orderCreated", NULL) < 90);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(100, fake_ca_count(w->ca, "issued", NULL));
}

static void who_has_to_go_hears_of_its_new_orders_first(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    for (int i = 0; i < 8; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    engine_world_start(w);
    while (fake_ca_count(w->ca, "orderCreated", NULL) == 0 || fake_ca_in_flight(w->ca) == 0) {
        (void)acme_engine_tick(w->engine, 0);
    }
    acme_engine_drain(w->engine, ACME_TIME_SECOND);
    acme_engine_stop(w->engine);
    engine_world_die(w);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(8, fake_ca_count(w->ca, "orderCreated", NULL));
    expect_no_violation(w);
}

/* A second way to prove that this world's CA believes whatever we do. */
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

static acme_solver_t *alpn_solver(apr_pool_t *pool)
{
    acme_solver_t *solver = apr_pcalloc(pool, sizeof(*solver));
    *solver = (acme_solver_t){.type = "tls-alpn-01",
                              .publish = believe,
                              .visible = done_at_once,
                              .withdraw = done_at_once};
    return solver;
}

static void when_one_type_fails_the_next_is_used_and_remembered(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, "a.test");
    APR_ARRAY_PUSH((apr_array_header_t *)domain->challenge_types, const char *) = "tls-alpn-01";
    w->more_solvers = alpn_solver(*state);
    w->fails_http = 1;
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(w, 0));
    engine_world_die(w);
    engine_world_start(w); /* it is remembered across a restart */
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "validationFailed", NULL));
    const acme_job_t *job = engine_world_job(w, 0);
    assert_string_equal("tls-alpn-01", APR_ARRAY_IDX(job->worked, 0, acme_job_proof_t).type);
    assert_int_equal(0, job->failures->nelts);
    fake_ca_expire_authorizations(w->ca);
    engine_world_pass(w, 62 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "validationFailed", NULL));
}

static int each_by_its_own_type(void *baton, const char *type, const char *identifier,
                                const char *token, const char *key_authorization)
{
    (void)baton;
    (void)token;
    (void)key_authorization;
    return strcmp(type, strcmp(identifier, "a.test") == 0 ? "http-01" : "tls-alpn-01") == 0;
}

static void names_of_one_certificate_may_need_different_types(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, "a.test b.test");
    APR_ARRAY_PUSH((apr_array_header_t *)domain->challenge_types, const char *) = "tls-alpn-01";
    w->more_solvers = alpn_solver(*state);
    fake_ca_on_validate(w->ca, each_by_its_own_type, NULL);
    fake_ca_settings(w->ca)->reuse_valid_authz = 0;
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(w, 0));
    engine_world_die(w);
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0)); /* a.test did not follow b.test */
    assert_int_equal(1, fake_ca_count(w->ca, "validationFailed", NULL));
    engine_world_pass(w, 62 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "validationFailed", NULL));
    expect_no_violation(w);
}

static acme_err_t *refuse_to_publish(void *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    (void)baton;
    return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: the hook failed", proof->identifier->value);
}

static void a_way_that_fails_here_makes_room_for_the_next(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    acme_domain_t *domain = engine_world_domain(w, "a.test");
    APR_ARRAY_IDX(domain->challenge_types, 0, const char *) = "dns-01";
    APR_ARRAY_PUSH((apr_array_header_t *)domain->challenge_types, const char *) = "http-01";
    w->more_solvers = alpn_solver(*state);
    w->more_solvers->type = "dns-01";
    w->more_solvers->publish = refuse_to_publish;
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(0, engine_world_number(w, 0));
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(0, fake_ca_count(w->ca, "validationFailed", NULL));
}

static void an_idle_engine_asks_nothing(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    int requests = fake_ca_count(w->ca, "requests", NULL);
    int writes = fake_store_writes(w->disk);
    engine_world_pass(w, 40 * ACME_TIME_DAY);
    assert_int_equal(requests, fake_ca_count(w->ca, "requests", NULL));
    assert_int_equal(writes, fake_store_writes(w->disk));
    engine_world_die(w);
    engine_world_start(w);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    requests += 1; /* whether the CA has renewal information is not known before its directory is */
    assert_int_equal(requests, fake_ca_count(w->ca, "requests", NULL));
    engine_world_die(w);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(requests, fake_ca_count(w->ca, "requests", NULL));
}

/* What another process left published: one proof here, and one that takes two calls to withdraw. */
typedef struct {
    int calls;
    acme_proof_t *proof;
} slow_t;

static acme_err_t *slow_list(apr_array_header_t **proofs, void *baton, apr_pool_t *pool)
{
    const slow_t *slow = baton;
    *proofs = apr_array_make(pool, 1, sizeof(acme_proof_t *));
    if (slow->proof != NULL) {
        APR_ARRAY_PUSH(*proofs, acme_proof_t *) = slow->proof;
    }
    return NULL;
}

static acme_err_t *slow_withdraw(int *is_gone, apr_time_t *poll_at, void *baton,
                                 const acme_proof_t *proof, apr_pool_t *pool)
{
    slow_t *slow = baton;
    (void)proof;
    (void)pool;
    slow->calls++;
    *is_gone = slow->calls == 2;
    *poll_at = FAKE_ENV_START + 10 * ACME_TIME_MINUTE;
    slow->proof = *is_gone ? NULL : slow->proof;
    return NULL;
}

static void what_an_engine_before_left_published_is_taken_away(void **state)
{
    static const acme_identifier_t gone = {ACME_IDENTIFIER_DNS, "gone.test", 0};
    acme_proof_t left = {.type = "http-01",
                         .identifier = &gone,
                         .token = "a-token-of-an-order-that-is-no-more",
                         .thumbprint = "thumb"};
    acme_proof_t left_slowly = {
        .type = "slow-01", .identifier = &gone, .token = "another-token", .thumbprint = "thumb"};
    slow_t slow = {0, &left_slowly};
    acme_solver_t slow_solver = {
        .type = "slow-01", .baton = &slow, .withdraw = slow_withdraw, .list = slow_list};
    engine_world_t *w = engine_world_create(*state);
    w->more_solvers = &slow_solver;
    engine_world_start(w);
    acme_solver_t *solver = acme_solver_http_create(w->store, *state);
    assert_well(solver->publish(solver->baton, &left, *state));
    engine_world_die(w);

    engine_world_start(w);
    assert_int_equal(1, atomic_load(&w->bell->challenges));
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    assert_int_equal(1, slow.calls);
    assert_int_equal(1, atomic_load(&w->bell->challenges));
    engine_world_pass(w, 15 * ACME_TIME_MINUTE);
    assert_int_equal(2, slow.calls);
    assert_int_equal(0, atomic_load(&w->bell->challenges));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_an_engine_before_left_published_is_taken_away),
        FIXTURE_TEST(a_domain_gets_its_certificate),
        FIXTURE_TEST(one_certificate_costs_few_requests),
        FIXTURE_TEST(it_is_renewed_in_its_window_and_served_by_number),
        FIXTURE_TEST(two_key_types_are_two_certificates_of_one_generation),
        FIXTURE_TEST(a_failed_validation_is_explained_and_repeated_slowly),
        FIXTURE_TEST(no_restart_resets_a_back_off),
        FIXTURE_TEST(trouble_in_reaching_the_ca_is_counted_for_no_name),
        FIXTURE_TEST(an_outage_in_the_middle_loses_nothing),
        FIXTURE_TEST(a_server_error_is_met_by_asking_again),
        FIXTURE_TEST(bad_nonces_are_met_by_signing_again),
        FIXTURE_TEST(a_rate_limit_is_waited_out),
        FIXTURE_TEST(without_agreement_one_sentence_says_what_to_do),
        FIXTURE_TEST(a_refused_contact_is_dropped),
        FIXTURE_TEST(a_lost_account_is_made_again_once),
        FIXTURE_TEST(a_vanished_order_is_made_again),
        FIXTURE_TEST(a_certificate_that_is_not_ours_is_never_staged),
        FIXTURE_TEST(answers_that_are_no_acme_do_no_harm),
        FIXTURE_TEST(a_full_disk_stops_orders_and_loses_nothing),
        FIXTURE_TEST(a_changed_domain_drops_its_order),
        FIXTURE_TEST(proofs_that_nobody_claims_are_swept),
        FIXTURE_TEST(a_certificate_that_runs_out_is_said_daily),
        FIXTURE_TEST(a_generation_lost_while_served_is_followed_by_a_higher_one),
        FIXTURE_TEST(a_certificate_made_by_a_clock_ahead_is_renewed_in_time),
        FIXTURE_TEST(the_first_are_served_while_the_last_wait),
        FIXTURE_TEST(who_has_to_go_hears_of_its_new_orders_first),
        FIXTURE_TEST(when_one_type_fails_the_next_is_used_and_remembered),
        FIXTURE_TEST(names_of_one_certificate_may_need_different_types),
        FIXTURE_TEST(a_way_that_fails_here_makes_room_for_the_next),
        FIXTURE_TEST(an_idle_engine_asks_nothing),
    };
    return fixture_run(tests);
}

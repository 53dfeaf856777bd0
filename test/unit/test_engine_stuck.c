/* The engine when the world around it goes wrong: nothing may stick, nothing may run away.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_time.h"
#include "unit/engine_world.h"

static void fault_for(engine_world_t *w, fake_ca_kind_t kind, fake_ca_trouble_t trouble,
                      const char *name, int times)
{
    const fake_ca_fault_t fault = {.kind = kind, .trouble = trouble, .name = name, .times = times};
    fake_ca_fault_add(w->ca, &fault);
}

static apr_time_t now(engine_world_t *w)
{
    return acme_env_now(fake_env(w->world));
}

/* ---- clocks */

static void a_clock_that_was_ahead_delays_nothing(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "bad.test");
    fake_ca_fail_validation(w->ca, "bad.test", "dns", "no such name");
    fake_env_set_clock(w->world, FAKE_ENV_START + 3650 * ACME_TIME_DAY);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_job(w, 0)->errors);
    engine_world_die(w);

    fake_env_set_clock(w->world, FAKE_ENV_START);
    fake_ca_fail_validation(w->ca, "bad.test", NULL, NULL);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
}

static void a_clock_set_back_stops_no_run(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_settings(w->ca)->validation_delay = 20 * ACME_TIME_SECOND;
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_SECOND);
    assert_int_equal(0, engine_world_number(w, 0));
    fake_env_set_clock(w->world, now(w) - 365 * ACME_TIME_DAY);
    fake_ca_settings(w->ca)->validation_delay = 0;
    fake_ca_forget_orders(w->ca); /* their clock is the same as ours here */
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
}

static void a_clock_set_back_stops_no_session(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_fault(w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_SECOND);
    fake_env_set_clock(w->world, now(w) - 30 * ACME_TIME_DAY);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, engine_world_number(w, 0));
}

static void retry_after_ten_years_is_not_waited_for(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    const fake_ca_fault_t fault = {.kind = FAKE_CA_NEW_ORDER,
                                   .trouble = FAKE_CA_RATE_LIMITED,
                                   .retry_after = 3650 * ACME_TIME_DAY};
    fake_ca_fault_add(w->ca, &fault);
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
}

/* ---- one name and the others */

static void one_url_that_is_not_reached_stops_no_other_name(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "bad.test");
    for (int i = 0; i < 40; ++i) {
        engine_world_domain(w, apr_psprintf(*state, "n%d.test", i));
    }
    fault_for(w, FAKE_CA_AUTHZ, FAKE_CA_TIMEOUT_BEFORE, "bad.test", FAKE_CA_ALWAYS);
    engine_world_start(w);
    engine_world_pass(w, 20 * ACME_TIME_MINUTE);
    for (int i = 0; i < 40; ++i) {
        assert_int_equal(1, engine_world_number(w, i + 1));
    }
}

static void a_url_that_is_never_reached_is_given_up(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "bad.test");
    fault_for(w, FAKE_CA_AUTHZ, FAKE_CA_TIMEOUT_BEFORE, "bad.test", FAKE_CA_ALWAYS);
    engine_world_start(w);
    engine_world_pass(w, 4 * ACME_TIME_DAY);
    assert_true(engine_world_job(w, 0)->errors > 0);
}

static void a_step_that_always_fails_at_the_ca_ends_its_run_one_day(void **state)
{
    const fake_ca_kind_t kinds[] = {FAKE_CA_NEW_ORDER, FAKE_CA_AUTHZ,    FAKE_CA_CHALLENGE,
                                    FAKE_CA_ORDER,     FAKE_CA_FINALIZE, FAKE_CA_CERTIFICATE};
    const fake_ca_trouble_t troubles[] = {FAKE_CA_ERROR, FAKE_CA_TIMEOUT_BEFORE, FAKE_CA_HTML,
                                          FAKE_CA_EMPTY, FAKE_CA_RATE_LIMITED,
                                          FAKE_CA_BAD_NONCE, FAKE_CA_NOT_FOUND,
                                          FAKE_CA_TIMEOUT_AFTER, FAKE_CA_TRUNCATED};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        for (size_t j = 0; j < sizeof(troubles) / sizeof(troubles[0]); ++j) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            engine_world_t *w = engine_world_create(pool);
            engine_world_domain(w, "bad.test");
            engine_world_domain(w, "good.test");
            fault_for(w, kinds[i], troubles[j], "bad.test", FAKE_CA_ALWAYS);
            engine_world_start(w);
            engine_world_pass(w, 2 * ACME_TIME_DAY);
            assert_int_equal(1, engine_world_number(w, 1));
            assert_true(fake_ca_count(w->ca, "requests", NULL) < 2500); /* 2 days, badNonce */
            fake_ca_faults_clear(w->ca);
            engine_world_pass(w, 2 * ACME_TIME_DAY);
            assert_true(engine_world_number(w, 0) >= 1);
            assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
            apr_pool_destroy(pool);
        }
    }
}

/* ---- litter */

static void a_resumed_run_that_fails_takes_its_proofs_away(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    engine_world_domain(w, "a.test");
    fake_ca_settings(w->ca)->validation_delay = ACME_TIME_HOUR;
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_SECOND);
    assert_int_equal(1, fake_store_count(w->disk, "challenges/"));
    engine_world_die(w);
    fake_ca_forget_orders(w->ca);
    fault_for(w, FAKE_CA_NEW_ORDER, FAKE_CA_REFUSED, NULL, FAKE_CA_ALWAYS);
    engine_world_start(w);
    engine_world_pass(w, 10 * ACME_TIME_MINUTE);
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    assert_int_equal(0, atomic_load(&w->bell->challenges));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_clock_that_was_ahead_delays_nothing),
        FIXTURE_TEST(a_clock_set_back_stops_no_run),
        FIXTURE_TEST(a_clock_set_back_stops_no_session),
        FIXTURE_TEST(retry_after_ten_years_is_not_waited_for),
        FIXTURE_TEST(one_url_that_is_not_reached_stops_no_other_name),
        FIXTURE_TEST(a_url_that_is_never_reached_is_given_up),
        FIXTURE_TEST(a_step_that_always_fails_at_the_ca_ends_its_run_one_day),
        FIXTURE_TEST(a_resumed_run_that_fails_takes_its_proofs_away),
    };
    return fixture_run(tests);
}

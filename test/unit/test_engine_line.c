/* The order of work: a CA's limits are kept, and first things come first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_policy.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

static int has_certificate(engine_world_t *w, int index)
{
    return engine_world_number(w, index) > 0;
}

static int count_certificates(engine_world_t *w, int from, int until)
{
    int count = 0;
    for (int i = from; i < until; i++) {
        count += has_certificate(w, i);
    }
    return count;
}

static int refused(engine_world_t *w)
{
    return fake_ca_count(w->ca, "limited", NULL);
}

/* A CA that allows @a orders in an hour, and we know it. */
static engine_world_t *limited_world(int orders, apr_pool_t *pool)
{
    engine_world_t *w = engine_world_create(pool);
    w->ca_config.limits.orders = (acme_limit_t){orders, ACME_TIME_HOUR};
    w->ca_config.limits.is_renewal_exempt = 1;
    fake_ca_settings(w->ca)->account_orders = (fake_ca_bucket_t){orders, ACME_TIME_HOUR};
    return w;
}

static void add_domains(engine_world_t *w, const char *site, int count)
{
    for (int i = 0; i < count; i++) {
        engine_world_domain(w, apr_psprintf(w->pool, "n%d.%s", i, site));
    }
}

static void first_start_keeps_to_the_limit(void **state)
{
    engine_world_t *w = limited_world(20, *state);
    add_domains(w, "a.test", 30);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(18, count_certificates(w, 0, 30)); /* a tenth is kept for new names */
    assert_int_equal(12, atomic_load(&w->bell->waiting));
    assert_true(fake_env_logged(w->world, ACME_LOG_NOTICE, "12 of 30 domains wait for their turn"));
    engine_world_pass(w, 40 * ACME_TIME_MINUTE);
    assert_int_equal(30, count_certificates(w, 0, 30));
    assert_int_equal(0, refused(w));
    assert_int_equal(0, atomic_load(&w->bell->waiting));
    assert_true(
        fake_env_logged(w->world, ACME_LOG_NOTICE, "no domain waits for its turn any more"));
}

static void end_of_the_wait_is_foretold(void **state)
{
    engine_world_t *w = limited_world(20, *state);
    add_domains(w, "a.test", 30);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    apr_time_t until = atomic_load(&w->bell->waiting_until);
    engine_world_pass(w, until - acme_env_now(fake_env(w->world)) - 2 * ACME_TIME_MINUTE);
    assert_true(count_certificates(w, 0, 30) < 30);
    engine_world_pass(w, 3 * ACME_TIME_MINUTE);
    assert_int_equal(30, count_certificates(w, 0, 30));
}

static void no_restart_brings_tokens(void **state)
{
    engine_world_t *w = limited_world(20, *state);
    add_domains(w, "a.test", 60);
    for (int i = 0; i < 12; i++) {
        engine_world_start(w);
        engine_world_pass(w, ACME_TIME_MINUTE);
        engine_world_die(w);
    }
    assert_int_equal(0, refused(w));
}

static void new_names_go_before_the_backlog(void **state)
{
    engine_world_t *w = limited_world(20, *state);
    add_domains(w, "a.test", 40);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    for (int i = 0; i < 4; i++) {
        engine_world_domain(w, apr_psprintf(w->pool, "new%d.test", i))->is_new = 1;
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE / 2);
    assert_int_equal(2, count_certificates(w, 40, 44)); /* the tenth that was kept for them */
    engine_world_pass(w, 7 * ACME_TIME_MINUTE);
    assert_int_equal(4, count_certificates(w, 40, 44));
    assert_true(count_certificates(w, 0, 40) < 22);
    assert_int_equal(0, refused(w));
}

static void limit_of_some_names_is_in_nobodys_way(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    w->ca_config.limits.registered_domain = (acme_limit_t){10, ACME_TIME_DAY};
    fake_ca_settings(w->ca)->domain_certificates = (fake_ca_bucket_t){10, ACME_TIME_DAY};
    add_domains(w, "busy.test", 15);
    add_domains(w, "quiet.test", 5);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(9, count_certificates(w, 0, 15));
    assert_int_equal(5, count_certificates(w, 15, 20));
    assert_int_equal(6, atomic_load(&w->bell->waiting));
    engine_world_pass(w, 20 * ACME_TIME_HOUR);
    assert_int_equal(15, count_certificates(w, 0, 15));
    assert_int_equal(0, refused(w));
}

static void name_that_fails_takes_nothing_from_its_neighbours(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    w->ca_config.limits.registered_domain = (acme_limit_t){3, 7 * ACME_TIME_DAY};
    fake_ca_settings(w->ca)->domain_certificates = (fake_ca_bucket_t){3, 7 * ACME_TIME_DAY};
    fake_ca_fail_validation(w->ca, "n0.a.test", "connection", "nobody is there");
    add_domains(w, "a.test", 1);
    engine_world_start(w);
    engine_world_pass(w, 20 * ACME_TIME_HOUR);
    engine_world_die(w);
    add_domains(w, "b.a.test", 3);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(3, count_certificates(w, 1, 4));
}

/* The CA has counted it, whatever we may do with it. */
static void certificate_that_cannot_be_used_has_cost_its_token(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    w->ca_config.limits.exact_set = (acme_limit_t){2, 7 * ACME_TIME_DAY};
    fake_ca_settings(w->ca)->set_certificates = (fake_ca_bucket_t){2, 7 * ACME_TIME_DAY};
    fake_ca_fault_always(w->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_WRONG_KEY);
    add_domains(w, "a.test", 1);
    engine_world_start(w);
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    assert_int_equal(0, refused(w));
    assert_int_equal(2, fake_ca_count(w->ca, "issued", NULL));
}

/* A CA may lose more nonces than it takes; it counts orders. */
static void order_that_was_not_looked_at_costs_no_token(void **state)
{
    engine_world_t *w = limited_world(9, *state);
    fake_ca_fault_add(
        w->ca,
        &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER, .trouble = FAKE_CA_BAD_NONCE, .times = 20});
    add_domains(w, "a.test", 9);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(20, fake_ca_count(w->ca, "badNonce", NULL));
    assert_int_equal(9, count_certificates(w, 0, 9));
    assert_int_equal(0, refused(w));
}

static void more_than_may_run_at_once_are_served_in_turn(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    w->max_runs = 3;
    add_domains(w, "a.test", 20);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(20, count_certificates(w, 0, 20));
}

/* Nobody knows how long a CA is away, and those who wait for it are in its own way alone. */
static void who_waits_for_a_ca_keeps_nobody_from_another(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_t *other = fake_ca_create_at("https://other.test", fake_env(w->world), 9, *state);
    fake_ca_join(w->ca, other);
    acme_ca_t other_config = w->ca_config;
    other_config.directory_url = fake_ca_directory_url(other);
    other_config.name = "other";
    other_config.folder = acme_ca_folder(other_config.directory_url, *state);
    w->max_runs = 3;
    fake_ca_fault_always(w->ca, FAKE_CA_ANY, FAKE_CA_REFUSED);
    add_domains(w, "a.test", 10);
    for (int i = 0; i < 5; i++) {
        engine_world_domain(w, apr_psprintf(w->pool, "n%d.b.test", i))->ca = &other_config;
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(0, count_certificates(w, 0, 10));
    assert_int_equal(5, count_certificates(w, 10, 15));
    fake_ca_faults_clear(w->ca);
    engine_world_pass(w, 2 * ACME_TIME_HOUR);
    assert_int_equal(10, count_certificates(w, 0, 10));
}

static void change_of_many_is_spread(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->profiles = "classic,other";
    add_domains(w, "a.test", 30);
    engine_world_start(w);
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    engine_world_die(w);
    for (int i = 0; i < 30; i++) {
        ((acme_domain_t *)APR_ARRAY_IDX(w->domains, i, const acme_domain_t *))->profile = "other";
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE / 2);
    assert_int_equal(50, fake_ca_count(w->ca, "issued", NULL));
    engine_world_pass(w, 3 * ACME_TIME_MINUTE);
    assert_true(fake_ca_count(w->ca, "issued", NULL) < 57);
    assert_true(fake_env_logged(w->world, ACME_LOG_NOTICE, "10 of 30 domains wait for their turn"));
    engine_world_pass(w, 5 * ACME_TIME_MINUTE);
    assert_int_equal(60, fake_ca_count(w->ca, "issued", NULL));
}

/* Sixty that fail for good want more orders than there are; a new name that has failed once wants
 * one. */
static void who_fails_less_goes_first(void **state)
{
    engine_world_t *w = limited_world(2, *state);
    add_domains(w, "a.test", 1);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    apr_array_clear(w->domains);
    engine_world_domain(w, "n0.a.test new.a.test");
    fake_ca_fail_validation(w->ca, "new.a.test", "connection", "not yet");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(1, engine_world_job(w, 0)->errors);
    engine_world_die(w);
    fake_ca_fail_validation(w->ca, "new.a.test", NULL, NULL);
    add_domains(w, "bad.test", 60);
    for (int i = 0; i < 60; i++) {
        const char *name = apr_psprintf(*state, "n%d.bad.test", i);
        fake_ca_fail_validation(w->ca, name, "connection", "nobody is there");
    }
    engine_world_start(w);
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    assert_int_equal(2, engine_world_number(w, 0));
}

static void wait_is_told_each_day_also_after_a_clock_ahead(void **state)
{
    engine_world_t *w = limited_world(1, *state);
    w->ca_config.limits.orders.span = ACME_TIME_DAY;
    fake_ca_settings(w->ca)->account_orders.span = ACME_TIME_DAY;
    add_domains(w, "a.test", 10);
    apr_time_t now = acme_env_now(fake_env(w->world));
    fake_env_set_clock(w->world, now + 365 * ACME_TIME_DAY);
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_NOTICE, "wait for their turn"));
    fake_env_set_clock(w->world, now);
    engine_world_pass(w, 3 * ACME_TIME_DAY);
    assert_in_range(fake_env_logged(w->world, ACME_LOG_NOTICE, "wait for their turn"), 3, 5);
}

/* Starts with those alone that are configured from @a first on. */
static void start_with(engine_world_t *w, int first, int count)
{
    apr_array_header_t *all = w->domains;
    w->domains = apr_array_make(w->pool, 1, sizeof(const acme_domain_t *));
    for (int i = 0; i < count; i++) {
        acme_domain_t *one = (acme_domain_t *)APR_ARRAY_IDX(all, first + i, const acme_domain_t *);
        one->index = i;
        APR_ARRAY_PUSH(w->domains, const acme_domain_t *) = one;
    }
    engine_world_start(w);
    w->domains = all;
}

static void what_is_about_to_end_may_have_the_last_token(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    add_domains(w, "a.test", 31);
    start_with(w, 0, 1);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    fake_env_move(w->world, 85 * ACME_TIME_DAY);
    w->ca_config.limits.orders = (acme_limit_t){20, ACME_TIME_HOUR};
    w->ca_config.limits.registered_domain = (acme_limit_t){20, ACME_TIME_DAY};
    start_with(w, 1, 30);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    start_with(w, 0, 1);
    engine_world_pass(w, ACME_TIME_MINUTE / 2);
    assert_int_equal(2, engine_world_number(w, 0));
}

/* A CA may take its time, or a hand. */
static void what_is_about_to_end_waits_for_no_run_of_others(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    fake_ca_settings(w->ca)->reuse_valid_authz = 0;
    w->max_runs = 3;
    add_domains(w, "a.test", 5);
    start_with(w, 0, 1);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    fake_env_move(w->world, 85 * ACME_TIME_DAY);
    fake_ca_settings(w->ca)->validation_delay = 45 * ACME_TIME_MINUTE;
    start_with(w, 1, 3);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    assert_int_equal(4, fake_ca_count(w->ca, "orderCreated", NULL));
    start_with(w, 0, 5);
    engine_world_pass(w, ACME_TIME_MINUTE);
    assert_int_equal(2, fake_ca_count(w->ca, "orderCreated", "n0.a.test"));
    assert_int_equal(0, fake_ca_count(w->ca, "orderCreated", "n4.a.test"));
}

/* After a long absence: what ends first is renewed first. */
static void soonest_end_goes_first(void **state)
{
    engine_world_t *w = engine_world_create(*state);
    add_domains(w, "a.test", 10);
    for (int i = 9; i >= 0; i--) { /* the last in the configuration gets its certificate first */
        apr_array_header_t *all = w->domains;
        w->domains = apr_array_make(w->pool, 1, sizeof(const acme_domain_t *));
        acme_domain_t *one = (acme_domain_t *)APR_ARRAY_IDX(all, i, const acme_domain_t *);
        one->index = 0;
        APR_ARRAY_PUSH(w->domains, const acme_domain_t *) = one;
        engine_world_start(w);
        engine_world_pass(w, ACME_TIME_HOUR);
        engine_world_die(w);
        one->index = i;
        w->domains = all;
    }
    fake_env_move(w->world, 85 * ACME_TIME_DAY);
    w->ca_config.limits.orders = (acme_limit_t){4, ACME_TIME_HOUR};
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE / 2);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(i >= 6 ? 2 : 1, engine_world_number(w, i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(first_start_keeps_to_the_limit),
        FIXTURE_TEST(end_of_the_wait_is_foretold),
        FIXTURE_TEST(no_restart_brings_tokens),
        FIXTURE_TEST(new_names_go_before_the_backlog),
        FIXTURE_TEST(limit_of_some_names_is_in_nobodys_way),
        FIXTURE_TEST(name_that_fails_takes_nothing_from_its_neighbours),
        FIXTURE_TEST(certificate_that_cannot_be_used_has_cost_its_token),
        FIXTURE_TEST(order_that_was_not_looked_at_costs_no_token),
        FIXTURE_TEST(more_than_may_run_at_once_are_served_in_turn),
        FIXTURE_TEST(who_waits_for_a_ca_keeps_nobody_from_another),
        FIXTURE_TEST(change_of_many_is_spread),
        FIXTURE_TEST(who_fails_less_goes_first),
        FIXTURE_TEST(wait_is_told_each_day_also_after_a_clock_ahead),
        FIXTURE_TEST(what_is_about_to_end_may_have_the_last_token),
        FIXTURE_TEST(what_is_about_to_end_waits_for_no_run_of_others),
        FIXTURE_TEST(soonest_end_goes_first),
    };
    return fixture_run(tests);
}

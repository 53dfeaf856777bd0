/* Domains that were renamed, joined or written in another order keep their certificates.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_adopt.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

/* Domains of before, with their certificates; then the configuration is empty. */
static engine_world_t *world_after(apr_pool_t *pool, const char *const *domains)
{
    engine_world_t *w = engine_world_create(pool);
    for (; *domains != NULL; ++domains) {
        engine_world_domain(w, *domains);
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    engine_world_die(w);
    apr_array_clear(w->domains);
    return w;
}

static int adopt(engine_world_t *w)
{
    const acme_env_t *env = fake_env(w->world);
    acme_store_t *store = fake_store_open(w->disk, 1 << 29, w->seal, env, w->pool);
    return acme_adopt(w->domains, store, env, w->pool);
}

static void names_in_another_order_order_nothing(void **state)
{
    const char *const before[] = {"a.test b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    engine_world_domain(w, "b.test a.test");
    assert_int_equal(1, adopt(w));
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_DAY);
    assert_int_equal(1, engine_world_number(w, 0));
    assert_int_equal(1, fake_ca_count(w->ca, "orderCreated", NULL));
    assert_int_equal(1, fake_env_logged(w->world, ACME_LOG_NOTICE, "b.test: takes"));
}

static void a_part_of_a_domain_takes_over_too(void **state)
{
    const char *const before[] = {"a.test b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    engine_world_domain(w, "b.test");
    assert_int_equal(1, adopt(w));
    assert_int_equal(0, adopt(w)); /* once is enough */
}

static void what_does_not_cover_all_is_left(void **state)
{
    const char *const before[] = {"a.test", "b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    engine_world_domain(w, "c.test a.test");
    assert_int_equal(0, adopt(w));
}

static void another_key_type_is_left(void **state)
{
    const char *const before[] = {"a.test b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    acme_domain_t *domain = engine_world_domain(w, "b.test");
    APR_ARRAY_IDX(domain->key_specs, 0, acme_key_spec_t).type = ACME_KEY_P384;
    assert_int_equal(0, adopt(w));
}

static void another_ca_is_left(void **state)
{
    const char *const before[] = {"a.test b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    engine_world_domain(w, "b.test");
    w->ca_config.directory_url = "https://other.test/directory";
    assert_int_equal(0, adopt(w));
}

static void what_is_configured_is_no_orphan(void **state)
{
    const char *const before[] = {"a.test b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    engine_world_domain(w, "a.test");
    engine_world_domain(w, "b.test");
    assert_int_equal(0, adopt(w));
}

static void an_expired_one_is_left_and_the_longest_is_taken(void **state)
{
    const char *const before[] = {"a.test z.test", NULL};
    engine_world_t *w = world_after(*state, before);
    fake_env_move(w->world, 20 * ACME_TIME_DAY);
    engine_world_domain(w, "y.test z.test");
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_MINUTE);
    apr_time_t later = APR_ARRAY_IDX(engine_world_facts(w, 0)->certificates, 0,
                                     acme_generation_fact_t).not_after;
    engine_world_die(w);
    apr_array_clear(w->domains);
    engine_world_domain(w, "z.test");
    assert_int_equal(1, adopt(w));
    assert_true(later == APR_ARRAY_IDX(engine_world_facts(w, 0)->certificates, 0,
                                       acme_generation_fact_t).not_after);
    fake_env_move(w->world, 100 * ACME_TIME_DAY);
    apr_array_clear(w->domains);
    engine_world_domain(w, "y.test");
    assert_int_equal(0, adopt(w));
}

static void the_back_off_comes_along(void **state)
{
    const char *const before[] = {"a.test b.test", NULL};
    engine_world_t *w = world_after(*state, before);
    const acme_env_t *env = fake_env(w->world);
    acme_store_t *store = fake_store_open(w->disk, 1 << 28, w->seal, env, w->pool);
    acme_job_t *job = acme_job_read(store, "a.test", *state);
    job->errors = 4;
    job->next_run = apr_time_from_sec(apr_time_sec(acme_env_now(env))) + 3 * ACME_TIME_DAY;
    assert_well(acme_job_write(store, "a.test", "a.test", job, *state));
    engine_world_domain(w, "b.test a.test");
    assert_int_equal(1, adopt(w));
    assert_int_equal(4, engine_world_job(w, 0)->errors);
    assert_true(engine_world_job(w, 0)->next_run == job->next_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(names_in_another_order_order_nothing),
        FIXTURE_TEST(a_part_of_a_domain_takes_over_too),
        FIXTURE_TEST(what_does_not_cover_all_is_left),
        FIXTURE_TEST(another_key_type_is_left),
        FIXTURE_TEST(another_ca_is_left),
        FIXTURE_TEST(what_is_configured_is_no_orphan),
        FIXTURE_TEST(an_expired_one_is_left_and_the_longest_is_taken),
        FIXTURE_TEST(the_back_off_comes_along),
    };
    return fixture_run(tests);
}

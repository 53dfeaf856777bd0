/* The process dies before and after every write and every exchange, and the next one goes on.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A first run without a death counts the moments. Then each of them is the last of a process, once;
 * the next process finds the disk and the CA as they are. At the end, whatever the moment was:
 *
 *   - every domain has its certificate, key and chain fit, and nothing failed in the job's eyes;
 *   - the CA saw one order for a domain, one more only if the record stood at ORDER when we died;
 *   - no authorization was validated twice;
 *   - nothing is left behind: no proof, no record, no key in staging/;
 *   - the CA has nothing to complain of.
 */
#include "unit/fixture.h"

#include "acme/acme_record.h"
#include "acme/acme_time.h"
#include "unit/engine_world.h"

#define DOMAINS 3

typedef struct {
    engine_world_t *w;
    jmp_buf here;
    int moments; /* exchanges seen */
    int dies_at; /* the number of the exchange, 0: none */
    fake_ca_moment_t when;
    int at_order; /* domains whose record stood at ORDER when we died */
} crash_t;

static void die_now(void *baton)
{
    crash_t *crash = baton;
    longjmp(crash->here, 1);
}

static int at_moment(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                     const acme_exchange_t *exchange)
{
    crash_t *crash = baton;
    (void)kind;
    (void)exchange;
    if (moment == FAKE_CA_BEFORE) {
        ++crash->moments;
    }
    if (crash->dies_at == 0 || crash->moments != crash->dies_at || moment != crash->when) {
        return 0;
    }
    crash->dies_at = 0;
    longjmp(crash->here, 1);
    return 1;
}

static crash_t *create(apr_pool_t *pool)
{
    crash_t *crash = apr_pcalloc(pool, sizeof(*crash));
    crash->w = engine_world_create(pool);
    fake_ca_settings(crash->w->ca)->reuse_valid_authz = 0;
    engine_world_domain(crash->w, "a.test www.a.test");
    engine_world_domain(crash->w, "b.test");
    engine_world_domain(crash->w, "c.test");
    fake_ca_on_moment(crash->w->ca, at_moment, crash);
    return crash;
}

static int count_at_order(crash_t *crash)
{
    int count = 0;
    for (int i = 0; i < DOMAINS; ++i) {
        const acme_domain_t *domain = APR_ARRAY_IDX(crash->w->domains, i, const acme_domain_t *);
        acme_record_t *record;
        assert_well(acme_record_read(&record, crash->w->store, domain->folder, crash->w->pool));
        count += record != NULL && record->step == ACME_STEP_ORDER;
    }
    return count;
}

static void expect_certificates(crash_t *crash)
{
    engine_world_t *w = crash->w;
    for (int i = 0; i < DOMAINS; ++i) {
        apr_uint64_t number = engine_world_number(w, i);
        assert_true(number >= 1);
        const acme_domain_t *domain = APR_ARRAY_IDX(w->domains, i, const acme_domain_t *);
        acme_generation_t *generation;
        assert_well(acme_generation_read(&generation, w->store, domain->folder, number, w->pool));
        assert_non_null(generation);
        assert_int_equal(0, engine_world_job(w, i)->errors);
    }
}

static void expect_nothing_left(crash_t *crash)
{
    engine_world_t *w = crash->w;
    assert_int_equal(0, fake_store_count(w->disk, "challenges/"));
    for (int i = 0; i < DOMAINS; ++i) {
        const acme_domain_t *domain = APR_ARRAY_IDX(w->domains, i, const acme_domain_t *);
        const char *staging = apr_pstrcat(w->pool, "staging/", domain->folder, "/", NULL);
        assert_int_equal(2, fake_store_count(w->disk, staging)); /* job and renewal */
    }
}

static void expect_a_modest_client(crash_t *crash)
{
    engine_world_t *w = crash->w;
    assert_true(fake_ca_count(w->ca, "orderCreated", NULL) <= DOMAINS + crash->at_order);
    const char *const names[] = {"a.test", "www.a.test", "b.test", "c.test"};
    for (int i = 0; i < 4; ++i) {
        assert_true(fake_ca_count(w->ca, "validation", names[i]) <= 1);
    }
    assert_int_equal(1, fake_ca_count(w->ca, "accountCreated", NULL));
    assert_string_equal("", fake_ca_violations(w->ca));
}

static void expect_all_is_well(crash_t *crash)
{
    expect_certificates(crash);
    expect_nothing_left(crash);
    expect_a_modest_client(crash);
}

/* Lives until done or dead; then a second life, until done. */
static void live_twice(crash_t *crash)
{
    volatile int has_died = 0;
    if (setjmp(crash->here) == 0) {
        engine_world_start(crash->w);
        engine_world_pass(crash->w, ACME_TIME_HOUR);
    } else {
        has_died = 1;
    }
    fake_store_die(crash->w->disk, 0, FAKE_STORE_BEFORE, NULL, NULL);
    if (has_died) {
        crash->at_order = count_at_order(crash);
        engine_world_die(crash->w);
        engine_world_start(crash->w);
        engine_world_pass(crash->w, ACME_TIME_HOUR);
    }
    expect_all_is_well(crash);
    engine_world_die(crash->w);
}

static void count_moments(int *writes, int *exchanges)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    crash_t *crash = create(pool);
    live_twice(crash);
    *writes = fake_store_writes(crash->w->disk);
    *exchanges = crash->moments;
    apr_pool_destroy(pool);
}

static void a_death_at_any_write_loses_nothing(void **state)
{
    int writes;
    int exchanges;
    count_moments(&writes, &exchanges);
    assert_true(writes > 20);
    for (int n = 1; n <= writes; ++n) {
        for (int after = 0; after < 2; ++after) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            crash_t *crash = create(pool);
            fake_store_die(crash->w->disk, n, after ? FAKE_STORE_AFTER : FAKE_STORE_BEFORE,
                           die_now, crash);
            live_twice(crash);
            apr_pool_destroy(pool);
        }
    }
}

static void a_death_at_any_exchange_loses_nothing(void **state)
{
    int writes;
    int exchanges;
    count_moments(&writes, &exchanges);
    assert_true(exchanges > 20);
    for (int n = 1; n <= exchanges; ++n) {
        for (int after = 0; after < 2; ++after) {
            apr_pool_t *pool;
            apr_pool_create(&pool, *state);
            crash_t *crash = create(pool);
            crash->dies_at = n;
            crash->when = after ? FAKE_CA_AFTER : FAKE_CA_BEFORE;
            live_twice(crash);
            apr_pool_destroy(pool);
        }
    }
}

/* A machine that crashes all the time still gets there. */
static void many_deaths_in_a_row_lose_nothing(void **state)
{
    crash_t *crash = create(*state);
    engine_world_t *w = crash->w;
    for (volatile int life = 0; life < 200; ++life) {
        if (setjmp(crash->here) == 0) {
            engine_world_start(w);
            fake_store_die(w->disk, 2 + life % 5, life % 2 ? FAKE_STORE_AFTER : FAKE_STORE_BEFORE,
                           die_now, crash);
            engine_world_pass(w, ACME_TIME_MINUTE);
        }
        fake_store_die(w->disk, 0, FAKE_STORE_BEFORE, NULL, NULL);
        crash->at_order += count_at_order(crash);
        engine_world_die(w);
        fake_env_move(w->world, ACME_TIME_SECOND);
    }
    engine_world_start(w);
    engine_world_pass(w, ACME_TIME_HOUR);
    expect_all_is_well(crash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_death_at_any_write_loses_nothing),
        FIXTURE_TEST(a_death_at_any_exchange_loses_nothing),
        FIXTURE_TEST(many_deaths_in_a_row_lose_nothing),
    };
    return fixture_run(tests);
}

/* Tests of acme_bell: what a child may learn, and in which order only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <pthread.h>

#include "acme/acme_bell.h"

#define DOMAINS 3
#define THREADS 4
#define RINGS 20000

static acme_bell_t *make_bell(apr_pool_t *pool)
{
    return apr_pcalloc(pool, acme_bell_size(DOMAINS));
}

static void zeroed_memory_is_an_unknown_bell(void **state)
{
    acme_bell_t *bell = make_bell(*state);
    assert_int_equal(0, atomic_load(&bell->engine_is_up));
    for (int i = 0; i < DOMAINS; i++) {
        assert_true(acme_bell_generation(bell, i) == ACME_BELL_UNKNOWN);
    }
}

static void has_room_for_every_domain(void **state)
{
    (void)state;
    assert_true(acme_bell_size(0) >= sizeof(acme_bell_t));
    assert_true(acme_bell_size(-1) == acme_bell_size(0));
    assert_true(acme_bell_size(100000) == acme_bell_size(0) + 100000 * sizeof(apr_uint64_t));
}

static void tells_the_newest_number(void **state)
{
    acme_bell_t *bell = make_bell(*state);
    acme_bell_ring(bell, 1, 5);
    acme_bell_ring(bell, 1, 4);
    assert_true(acme_bell_generation(bell, 1) == 5);
    acme_bell_ring(bell, 1, 6);
    assert_true(acme_bell_generation(bell, 1) == 6);
    assert_true(acme_bell_generation(bell, 0) == ACME_BELL_UNKNOWN);
    assert_true(acme_bell_generation(bell, 2) == ACME_BELL_UNKNOWN);
}

static void none_is_more_than_unknown_and_less_than_any(void **state)
{
    acme_bell_t *bell = make_bell(*state);
    acme_bell_ring(bell, 0, ACME_BELL_NONE);
    assert_true(acme_bell_generation(bell, 0) == ACME_BELL_NONE);
    acme_bell_ring(bell, 0, 1);
    assert_true(acme_bell_generation(bell, 0) == 1);
    acme_bell_ring(bell, 0, ACME_BELL_NONE);
    assert_true(acme_bell_generation(bell, 0) == 1);
}

static void nothing_becomes_unknown_again(void **state)
{
    acme_bell_t *bell = make_bell(*state);
    acme_bell_ring(bell, 0, ACME_BELL_NONE);
    acme_bell_ring(bell, 0, ACME_BELL_UNKNOWN);
    assert_true(acme_bell_generation(bell, 0) == ACME_BELL_NONE);
    acme_bell_ring(bell, 0, 9);
    acme_bell_ring(bell, 0, ACME_BELL_UNKNOWN);
    assert_true(acme_bell_generation(bell, 0) == 9);
}

static void is_quiet_once_the_engine_says_so(void **state)
{
    acme_bell_t *bell = make_bell(*state);
    assert_false(acme_bell_is_quiet(bell));
    atomic_store(&bell->engine_is_up, 1);
    assert_true(acme_bell_is_quiet(bell));
    atomic_store(&bell->challenges, 1);
    assert_false(acme_bell_is_quiet(bell));
}

static void *ring_many(void *baton)
{
    acme_bell_t *bell = baton;
    apr_uint64_t seen = 0;
    for (apr_uint64_t i = 1; i <= RINGS; i++) {
        acme_bell_ring(bell, 0, i);
        apr_uint64_t now = acme_bell_generation(bell, 0);
        if (now < i || now < seen) {
            return bell;
        }
        seen = now;
    }
    return NULL;
}

static void never_goes_down_under_many_ringers(void **state)
{
    acme_bell_t *bell = make_bell(*state);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, ring_many, bell));
    }
    for (int i = 0; i < THREADS; i++) {
        void *went_down;
        assert_int_equal(0, pthread_join(threads[i], &went_down));
        assert_null(went_down);
    }
    assert_true(acme_bell_generation(bell, 0) == RINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(zeroed_memory_is_an_unknown_bell),
        FIXTURE_TEST(is_quiet_once_the_engine_says_so),
        FIXTURE_TEST(has_room_for_every_domain),
        FIXTURE_TEST(tells_the_newest_number),
        FIXTURE_TEST(none_is_more_than_unknown_and_less_than_any),
        FIXTURE_TEST(nothing_becomes_unknown_again),
        FIXTURE_TEST(never_goes_down_under_many_ringers),
    };
    return fixture_run(tests);
}

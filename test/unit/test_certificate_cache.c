/* Tests of acme_certificate_cache: what a handshake gets, when files are touched, and many threads
 * at once. SPDX-License-Identifier: Apache-2.0
 *
 * To run it under ThreadSanitizer build the whole with CFLAGS='-g -O1 -fsanitize=thread'.
 */
#include "unit/read_world.h"

#include <pthread.h>
#include <stdatomic.h>

#include "acme/acme_certificate_cache.h"

#define DOMAINS 6

/* A store that counts what is read from it, and does not give what it is told to keep back. */
typedef struct {
    const acme_store_t *real;
    acme_store_provider_t provider;
    acme_store_t store;
    _Atomic int reads;
    const char *hidden; /* a path, or NULL */
    const char *slow;   /* while this path is read once, `meanwhile` happens */
    void (*meanwhile)(void *baton);
    void *baton;
} counter_t;

typedef struct {
    read_world_t *world;
    counter_t *counter;
    acme_env_t env;
    acme_bell_t *bell;
    acme_domain_t *domains[DOMAINS];
    acme_certificate_cache_t *cache;
    apr_pool_t *pool;
} child_t;

static acme_err_t *count_get(char **bytes, apr_size_t *len, void *baton, const char *path,
                             apr_pool_t *pool)
{
    counter_t *counter = baton;
    atomic_fetch_add(&counter->reads, 1);
    if (counter->hidden != NULL && strcmp(path, counter->hidden) == 0) {
        return acme_err_make(pool, ACME_ERR_STORE, "%s: the disk is broken", path);
    }
    acme_err_t *err = counter->real->provider->get(bytes, len, counter->real->baton, path, pool);
    if (counter->slow != NULL && strcmp(path, counter->slow) == 0) {
        counter->slow = NULL;
        counter->meanwhile(counter->baton);
    }
    return err;
}

static counter_t *counter_create(const acme_store_t *real, apr_pool_t *pool)
{
    counter_t *counter = apr_pcalloc(pool, sizeof(*counter));
    counter->real = real;
    counter->provider.get = count_get; /* a child only reads */
    counter->store = *real;
    counter->store.provider = &counter->provider;
    counter->store.baton = counter;
    return counter;
}

/* The forward clock of a child, which many threads read while one moves it. */
static _Atomic apr_interval_time_t clock_now;

static apr_interval_time_t read_clock(void *baton)
{
    (void)baton;
    return atomic_load(&clock_now);
}

static void move_clock(apr_interval_time_t span)
{
    atomic_fetch_add(&clock_now, span);
}

static child_t *child_create(int capacity, apr_pool_t *pool)
{
    child_t *child = apr_pcalloc(pool, sizeof(*child));
    child->pool = pool;
    child->world = read_world_create(pool);
    child->counter = counter_create(child->world->store, pool);
    child->env = *child->world->env;
    child->env.monotonic = read_clock;
    child->bell = apr_pcalloc(pool, acme_bell_size(DOMAINS));
    for (int i = 0; i < DOMAINS; i++) {
        child->domains[i] = read_world_domain(apr_psprintf(pool, "d%d.example", i), i, pool);
    }
    child->cache = acme_certificate_cache_create(&child->counter->store, child->bell, DOMAINS,
                                                 capacity, &child->env, pool);
    return child;
}

static void write_only(child_t *child, int i, apr_uint64_t number)
{
    read_world_write(child->world, child->domains[i]->folder, number, child->pool);
}

static void stage(child_t *child, int i, apr_uint64_t number)
{
    write_only(child, i, number);
    acme_bell_ring(child->bell, i, number);
}

/* The generation that a handshake gets now, 0 for none. */
static apr_uint64_t served(child_t *child, int i)
{
    const acme_loaded_t *loaded = acme_certificate_cache_take(child->cache, child->domains[i]);
    if (loaded == NULL) {
        return 0;
    }
    apr_uint64_t number = loaded->number;
    assert_true(loaded->count > 0);
    assert_int_equal(
        1, X509_check_private_key(loaded->certificates[0].leaf, loaded->certificates[0].key));
    acme_certificate_cache_give_back(loaded);
    return number;
}

/* How many files a handshake reads now. */
static int reads_of(child_t *child, int i)
{
    int before = atomic_load(&child->counter->reads);
    (void)served(child, i);
    return atomic_load(&child->counter->reads) - before;
}

static void the_newest_is_served_at_the_next_handshake(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    stage(child, 0, 1);
    assert_int_equal(1, served(child, 0));
    stage(child, 0, 2);
    assert_int_equal(2, served(child, 0));
    stage(child, 0, 7);
    assert_int_equal(7, served(child, 0));
}

static void a_still_bell_touches_no_file(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    stage(child, 0, 1);
    assert_int_equal(1, reads_of(child, 0));
    assert_int_equal(0, reads_of(child, 0));
    move_clock(ACME_TIME_DAY);
    assert_int_equal(0, reads_of(child, 0));
}

static void none_touches_no_file(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    acme_bell_ring(child->bell, 0, ACME_BELL_NONE);
    assert_int_equal(0, served(child, 0));
    assert_int_equal(0, atomic_load(&child->counter->reads));
    stage(child, 0, 1);
    assert_int_equal(1, served(child, 0));
}

static void stage_stapled(child_t *child, int i, apr_uint64_t number)
{
    read_world_write_stapled(child->world, child->domains[i]->folder, number, child->pool);
    acme_bell_ring(child->bell, i, number);
}

static void must_staple_waits_until_it_was_loaded(void **state)
{
    const apr_uint64_t loaded[DOMAINS] = {[1] = 1, [2] = APR_UINT64_MAX};
    child_t *child = child_create(DOMAINS, *state);
    acme_certificate_cache_hold_back(child->cache, loaded);
    stage(child, 0, 1);
    assert_int_equal(1, served(child, 0));
    stage_stapled(child, 0, 2);
    assert_int_equal(1, served(child, 0));
    assert_int_equal(0, reads_of(child, 0)); /* it is read once */
    stage(child, 0, 3);
    assert_int_equal(3, served(child, 0)); /* has none: nothing is to be waited for */
    stage_stapled(child, 1, 1);
    assert_int_equal(1, served(child, 1)); /* the TLS module has it */
    stage_stapled(child, 2, 5);
    assert_int_equal(5, served(child, 2)); /* it never will */
}

static void a_child_that_comes_later_gives_the_one_before(void **state)
{
    const apr_uint64_t loaded[DOMAINS] = {0};
    child_t *child = child_create(DOMAINS, *state);
    acme_certificate_cache_hold_back(child->cache, loaded);
    stage(child, 0, 1);
    stage_stapled(child, 0, 2);
    stage_stapled(child, 0, 3);
    assert_int_equal(1, served(child, 0));
    assert_int_equal(0, reads_of(child, 0));
    stage_stapled(child, 1, 1);
    assert_int_equal(0, served(child, 1)); /* what the TLS module has */
    assert_int_equal(0, reads_of(child, 1));
}

static void without_a_bell_what_waits_is_not_read_again(void **state)
{
    const apr_uint64_t loaded[DOMAINS] = {0};
    child_t *child = child_create(DOMAINS, *state);
    acme_certificate_cache_hold_back(child->cache, loaded);
    write_only(child, 0, 1);
    read_world_write_stapled(child->world, child->domains[0]->folder, 2, child->pool);
    assert_int_equal(1, served(child, 0));
    move_clock(2 * ACME_TIME_SECOND);
    assert_int_equal(1, reads_of(child, 0)); /* `current` */
    assert_int_equal(1, served(child, 0));
}

static void what_has_ended_waits_for_nothing(void **state)
{
    const apr_uint64_t loaded[DOMAINS] = {0};
    child_t *child = child_create(DOMAINS, *state);
    acme_certificate_cache_hold_back(child->cache, loaded);
    stage(child, 0, 1);
    assert_int_equal(1, served(child, 0));
    fake_env_move(child->world->clock, READ_WORLD_LIFETIME - ACME_TIME_DAY);
    stage_stapled(child, 0, 2);
    assert_int_equal(1, served(child, 0));
    fake_env_move(child->world->clock, 2 * ACME_TIME_DAY);
    assert_int_equal(2, served(child, 0));
    assert_int_equal(2, served(child, 0));
}

static void what_waits_may_be_evicted(void **state)
{
    const apr_uint64_t loaded[DOMAINS] = {0};
    child_t *child = child_create(1, *state);
    acme_certificate_cache_hold_back(child->cache, loaded);
    stage(child, 0, 1);
    stage(child, 1, 1);
    assert_int_equal(1, served(child, 0));
    stage_stapled(child, 0, 2);
    assert_int_equal(1, served(child, 0));
    assert_int_equal(1, served(child, 1));
    assert_int_equal(1, served(child, 0));
}

static void what_is_served_does_not_go_away(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    write_only(child, 0, 1);
    assert_int_equal(1, served(child, 0)); /* looked itself */
    acme_bell_ring(child->bell, 0, ACME_BELL_NONE);
    assert_int_equal(1, served(child, 0));
}

static void an_unknown_domain_is_looked_at_once_a_second(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    assert_int_equal(0, served(child, 0));
    write_only(child, 0, 1);
    assert_int_equal(0, served(child, 0)); /* the second is not over */
    assert_int_equal(0, reads_of(child, 0));
    move_clock(ACME_TIME_SECOND);
    assert_int_equal(1, served(child, 0));
    write_only(child, 0, 2);
    assert_int_equal(0, reads_of(child, 0));
    move_clock(ACME_TIME_SECOND);
    assert_int_equal(2, served(child, 0));
    move_clock(ACME_TIME_SECOND);
    assert_int_equal(1, reads_of(child, 0)); /* `current` alone: nothing is newer */
    assert_int_equal(0, reads_of(child, 0));
}

static void without_a_bell_it_looks_itself(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    child->cache = acme_certificate_cache_create(&child->counter->store, NULL, DOMAINS, DOMAINS,
                                                 &child->env, *state);
    write_only(child, 0, 1);
    assert_int_equal(1, served(child, 0));
}

static void what_cannot_be_loaded_leaves_the_one_before(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    stage(child, 0, 1);
    assert_int_equal(1, served(child, 0));
    child->counter->hidden = "live/d0.example/2";
    stage(child, 0, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(1, served(child, 0));
        assert_int_equal(0, reads_of(child, 0)); /* not before a second has passed */
        move_clock(ACME_TIME_SECOND);
    }
    assert_int_equal(1, fake_env_logged(child->world->clock, ACME_LOG_WARNING, "d0.example"));
    assert_int_equal(1, fake_env_logged(child->world->clock, ACME_LOG_WARNING, "generation 2"));
    stage(child, 0, 3); /* a newer one does not wait */
    assert_int_equal(3, served(child, 0));
}

static void a_mended_store_is_noticed_after_a_second(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    child->counter->hidden = "live/d0.example/1";
    stage(child, 0, 1);
    assert_int_equal(0, served(child, 0));
    child->counter->hidden = NULL;
    assert_int_equal(0, served(child, 0));
    move_clock(ACME_TIME_SECOND);
    assert_int_equal(1, served(child, 0));
}

static void an_unreadable_current_is_reported_once(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    child->counter->hidden = "live/d0.example/current";
    write_only(child, 0, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(0, served(child, 0));
        move_clock(ACME_TIME_SECOND);
    }
    assert_int_equal(1, fake_env_logged(child->world->clock, ACME_LOG_WARNING, "d0.example"));
    child->counter->hidden = NULL;
    assert_int_equal(1, served(child, 0));
}

static void a_pruned_generation_gives_way_to_what_counts(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    stage(child, 0, 1);
    for (apr_uint64_t number = 2; number <= 9; number++) {
        write_only(child, 0, number); /* the bell is still on its way */
    }
    assert_int_equal(9, served(child, 0));
    stage(child, 0, 10);
    assert_int_equal(10, served(child, 0));
}

static void a_missing_generation_is_reported(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    acme_bell_ring(child->bell, 0, 4);
    assert_int_equal(0, served(child, 0));
    assert_int_equal(1, fake_env_logged(child->world->clock, ACME_LOG_WARNING, "generation 4"));
}

static void no_more_than_the_capacity_is_kept(void **state)
{
    child_t *child = child_create(2, *state);
    for (int i = 0; i < DOMAINS; i++) {
        stage(child, i, 1);
        assert_int_equal(1, served(child, i));
    }
    int kept = 0;
    int reads = atomic_load(&child->counter->reads);
    for (int i = DOMAINS - 1; i >= 0;
         i--) { /* in this order a kept one is met before it is evicted */
        assert_int_equal(1, served(child, i));
        kept += atomic_load(&child->counter->reads) == reads;
        reads = atomic_load(&child->counter->reads);
    }
    assert_int_equal(2, kept);
}

static void what_is_in_use_is_not_evicted_first(void **state)
{
    child_t *child = child_create(1, *state);
    child->cache = acme_certificate_cache_create(&child->counter->store, child->bell, DOMAINS, 1,
                                                 &child->env, *state);
    stage(child, 0, 1);
    stage(child, 1, 1);
    const acme_loaded_t *in_hand = acme_certificate_cache_take(child->cache, child->domains[0]);
    assert_int_equal(1, served(child, 1)); /* takes the only place */
    assert_int_equal(
        1, X509_check_private_key(in_hand->certificates[0].leaf, in_hand->certificates[0].key));
    acme_certificate_cache_give_back(in_hand);
}

static void no_generation_ever_goes_back(void **state)
{
    child_t *child = child_create(1, *state);
    write_only(child, 0, 3);
    apr_size_t len;
    const char *raw = fake_store_raw(child->world->disk, "live/d0.example/current", &len);
    char *older = apr_pmemdup(*state, raw, len);
    apr_size_t older_len = len;
    write_only(child, 0, 4);
    assert_int_equal(4, served(child, 0));
    stage(child, 1, 1);
    assert_int_equal(1, served(child, 1)); /* evicts the first */
    fake_store_plant(child->world->disk, "live/d0.example/current", older, older_len);
    assert_int_equal(4, served(child, 0));
    move_clock(ACME_TIME_DAY);
    assert_int_equal(1, served(child, 1));
    assert_int_equal(4, served(child, 0));
    acme_bell_ring(child->bell, 0, 3); /* an engine that believes the old backup */
    assert_int_equal(1, served(child, 1));
    assert_int_equal(4, served(child, 0));
}

static void overtake(void *baton)
{
    child_t *child = baton;
    stage(child, 0, 3);
    assert_int_equal(3, served(child, 0));
    stage(child, 1, 1);
    assert_int_equal(1, served(child, 1)); /* evicts the first */
}

static void a_handshake_that_is_overtaken_gets_what_was_announced_to_it(void **state)
{
    child_t *child = child_create(1, *state);
    stage(child, 0, 1);
    assert_int_equal(1, served(child, 0));
    child->counter->slow = "live/d0.example/2";
    child->counter->meanwhile = overtake;
    child->counter->baton = child;
    stage(child, 0, 2);
    assert_int_equal(2, served(child, 0));
    assert_int_equal(3, served(child, 0));
}

static void a_reference_outlives_the_generation(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    stage(child, 0, 1);
    const acme_loaded_t *old = acme_certificate_cache_take(child->cache, child->domains[0]);
    stage(child, 0, 2);
    assert_int_equal(2, served(child, 0));
    assert_int_equal(1, old->number);
    assert_int_equal(1,
                     X509_check_private_key(old->certificates[0].leaf, old->certificates[0].key));
    acme_certificate_cache_give_back(old);
    acme_certificate_cache_give_back(NULL);
}

static void each_slot_of_openssl_has_one_certificate(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    const char *name = child->domains[0]->folder;
    acme_generation_t *generation =
        read_world_generation(child->world, name, 1, ACME_KEY_P384, *state);
    read_world_add(child->world, generation, name, ACME_KEY_P256, *state); /* the same slot */
    read_world_add(child->world, generation, name, ACME_KEY_RSA, *state);
    assert_well(acme_generation_write(child->world->store, name, generation, *state));
    acme_bell_ring(child->bell, 0, 1);

    const acme_loaded_t *loaded = acme_certificate_cache_take(child->cache, child->domains[0]);
    assert_non_null(loaded);
    assert_int_equal(2, loaded->count);
    assert_int_equal(384, EVP_PKEY_get_bits(loaded->certificates[0].key));
    assert_int_equal(EVP_PKEY_RSA, EVP_PKEY_get_base_id(loaded->certificates[1].key));
    assert_int_equal(0, sk_X509_num(loaded->certificates[0].issuers));
    acme_certificate_cache_give_back(loaded);
}

static void many_domains_cost_little(void **state)
{
    enum { MANY = 100000 };
    child_t *child = child_create(DOMAINS, *state);
    acme_bell_t *bell = apr_pcalloc(*state, acme_bell_size(MANY));
    acme_certificate_cache_t *cache = acme_certificate_cache_create(
        &child->counter->store, bell, MANY, MANY / 10, &child->env, *state);
    child->domains[0]->index = MANY - 1;
    write_only(child, 0, 1);
    acme_bell_ring(bell, MANY - 1, 1);
    child->cache = cache;
    assert_int_equal(1, served(child, 0));
}

static void a_cache_without_domains_can_be_made(void **state)
{
    child_t *child = child_create(DOMAINS, *state);
    assert_non_null(acme_certificate_cache_create(&child->counter->store, child->bell, 0, 0,
                                                  &child->env, *state));
}

/* ---- many threads */

#define THREADS 8
#define GENERATIONS 25

typedef struct {
    child_t *child;
    _Atomic int *is_over;
    const char *complaint; /* what was seen that must not be, or NULL */
    long handshakes;
} worker_t;

static const char *handshake(child_t *child, int i, apr_uint64_t *seen)
{
    apr_uint64_t announced = acme_bell_generation(child->bell, i);
    const acme_loaded_t *loaded = acme_certificate_cache_take(child->cache, child->domains[i]);
    const char *complaint = NULL;
    if (loaded == NULL) {
        return "a domain without its certificate";
    }
    if (loaded->number < *seen) {
        complaint = "an older generation after a newer one";
    }
    else if (announced != ACME_BELL_UNKNOWN && loaded->number < announced) {
        complaint = "an older generation than was announced";
    }
    else if (X509_check_private_key(loaded->certificates[0].leaf, loaded->certificates[0].key) !=
             1) {
        complaint = "a key that is not the certificate's";
    }
    *seen = loaded->number;
    acme_certificate_cache_give_back(loaded);
    return complaint;
}

static void *work(void *baton)
{
    worker_t *worker = baton;
    apr_uint64_t seen[DOMAINS] = {0};
    while (worker->complaint == NULL && !atomic_load(worker->is_over)) {
        int i = (int)(worker->handshakes++ % DOMAINS);
        worker->complaint = handshake(worker->child, i, &seen[i]);
    }
    return NULL;
}

static void renew_everything(child_t *child, apr_uint64_t number)
{
    for (int i = 0; i < DOMAINS; i++) {
        apr_pool_t *pool; /* what the writer makes is gone before the readers use it */
        assert_int_equal(APR_SUCCESS, apr_pool_create_unmanaged_ex(&pool, NULL, NULL));
        read_world_write(child->world, child->domains[i]->folder, number, pool);
        apr_pool_destroy(pool);
        if (i != 0) { /* one domain stays unknown to the bell */
            acme_bell_ring(child->bell, i, number);
        }
    }
    move_clock(ACME_TIME_SECOND);
}

static void hammer(int capacity, apr_pool_t *pool)
{
    child_t *child = child_create(capacity, pool);
    _Atomic int is_over = 0;
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    renew_everything(child, 1);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){.child = child, .is_over = &is_over};
        assert_int_equal(0, pthread_create(&threads[i], NULL, work, &workers[i]));
    }
    for (apr_uint64_t number = 2; number <= GENERATIONS; number++) {
        renew_everything(child, number);
    }
    atomic_store(&is_over, 1);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(0, pthread_join(threads[i], NULL));
        if (workers[i].complaint != NULL) {
            fail_msg("thread %d saw %s", i, workers[i].complaint);
        }
        assert_true(workers[i].handshakes > 0);
    }
    for (int i = 0; i < DOMAINS; i++) {
        assert_int_equal(GENERATIONS, served(child, i));
    }
    assert_int_equal(0, fake_env_logged(child->world->clock, ACME_LOG_WARNING, NULL));
}

static void threads_and_renewals(void **state)
{
    hammer(DOMAINS, *state);
}

static void threads_renewals_and_evictions(void **state)
{
    hammer(2, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_newest_is_served_at_the_next_handshake),
        FIXTURE_TEST(a_still_bell_touches_no_file),
        FIXTURE_TEST(none_touches_no_file),
        FIXTURE_TEST(must_staple_waits_until_it_was_loaded),
        FIXTURE_TEST(a_child_that_comes_later_gives_the_one_before),
        FIXTURE_TEST(without_a_bell_what_waits_is_not_read_again),
        FIXTURE_TEST(what_has_ended_waits_for_nothing),
        FIXTURE_TEST(what_waits_may_be_evicted),
        FIXTURE_TEST(what_is_served_does_not_go_away),
        FIXTURE_TEST(an_unknown_domain_is_looked_at_once_a_second),
        FIXTURE_TEST(without_a_bell_it_looks_itself),
        FIXTURE_TEST(what_cannot_be_loaded_leaves_the_one_before),
        FIXTURE_TEST(a_mended_store_is_noticed_after_a_second),
        FIXTURE_TEST(an_unreadable_current_is_reported_once),
        FIXTURE_TEST(a_pruned_generation_gives_way_to_what_counts),
        FIXTURE_TEST(a_missing_generation_is_reported),
        FIXTURE_TEST(no_more_than_the_capacity_is_kept),
        FIXTURE_TEST(what_is_in_use_is_not_evicted_first),
        FIXTURE_TEST(no_generation_ever_goes_back),
        FIXTURE_TEST(a_handshake_that_is_overtaken_gets_what_was_announced_to_it),
        FIXTURE_TEST(a_reference_outlives_the_generation),
        FIXTURE_TEST(each_slot_of_openssl_has_one_certificate),
        FIXTURE_TEST(many_domains_cost_little),
        FIXTURE_TEST(a_cache_without_domains_can_be_made),
        FIXTURE_TEST(threads_and_renewals),
        FIXTURE_TEST(threads_renewals_and_evictions),
    };
    return fixture_run(tests);
}

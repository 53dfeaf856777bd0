/* Tests of acme_thumbprint_cache: what a child knows of account keys, and when it reads a file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include <pthread.h>
#include <stdatomic.h>

#include "acme/acme_key_file.h"
#include "acme/acme_thumbprint_cache.h"

#define THREADS 4
#define ROUNDS 2000

/* A child with a store that counts reads, and two CAs. */
typedef struct {
    read_world_t *world;
    acme_store_t store;
    acme_bell_t *bell;
    acme_ca_t cas[2];
    apr_array_header_t *all;
    acme_thumbprint_cache_t *cache;
} child_t;

static _Atomic int reads;
static const acme_store_t *counted;

static acme_err_t *count_get(char **bytes, apr_size_t *len, void *baton, const char *path,
                             apr_pool_t *pool)
{
    atomic_fetch_add(&reads, 1);
    return counted->provider->get(bytes, len, baton, path, pool);
}

static child_t *child_create(apr_pool_t *pool)
{
    static acme_store_provider_t provider;
    child_t *child = apr_pcalloc(pool, sizeof(*child));
    child->world = read_world_create(pool);
    counted = child->world->store;
    provider = *counted->provider;
    provider.get = count_get;
    child->store = *counted;
    child->store.provider = &provider;
    child->bell = apr_pcalloc(pool, acme_bell_size(1));
    child->all = apr_array_make(pool, 2, sizeof(const acme_ca_t *));
    for (int i = 0; i < 2; i++) {
        child->cas[i].name = apr_psprintf(pool, "ca%d", i);
        child->cas[i].folder = apr_psprintf(pool, "ca%d.example-1a2b3c4d", i);
        APR_ARRAY_PUSH(child->all, const acme_ca_t *) = &child->cas[i];
    }
    return child;
}

static void start(child_t *child)
{
    child->cache =
        acme_thumbprint_cache_create(&child->store, child->bell, child->all, child->world->pool);
    atomic_store(&reads, 0);
}

static const char *key_path(const child_t *child, int i)
{
    return acme_store_path(child->world->pool, "accounts", child->cas[i].folder, "privkey");
}

/* Gives CA @a i a new account key; its thumbprint. */
static const char *make_account(child_t *child, int i)
{
    apr_pool_t *pool = child->world->pool;
    acme_key_t *key = read_world_key(ACME_KEY_P256, pool);
    char *thumbprint;
    assert_well(acme_key_file_write(child->world->store, key_path(child, i), key, pool));
    assert_well(acme_key_thumbprint(&thumbprint, key, pool));
    return thumbprint;
}

static const char *find(child_t *child, int i)
{
    return acme_thumbprint_cache_find(child->cache, &child->cas[i]);
}

static void what_is_there_is_read_at_the_start(void **state)
{
    child_t *child = child_create(*state);
    const char *first = make_account(child, 0);
    const char *second = make_account(child, 1);
    start(child);
    for (int i = 0; i < 100; i++) {
        assert_string_equal(first, find(child, 0));
        assert_string_equal(second, find(child, 1));
    }
    fake_env_move(child->world->clock, ACME_TIME_DAY);
    assert_string_equal(first, find(child, 0));
    assert_int_equal(0, atomic_load(&reads));
}

static void an_account_made_later_is_known_when_the_bell_rings(void **state)
{
    child_t *child = child_create(*state);
    start(child);
    assert_null(find(child, 0));
    const char *thumbprint = make_account(child, 0);
    atomic_store(&child->bell->accounts, 1);
    assert_string_equal(thumbprint, find(child, 0));
    atomic_store(&reads, 0);
    assert_string_equal(thumbprint, find(child, 0));
    assert_int_equal(0, atomic_load(&reads));
}

static void without_the_bell_it_is_looked_for_once_a_second(void **state)
{
    child_t *child = child_create(*state);
    start(child);
    assert_null(find(child, 0));
    atomic_store(&reads, 0);
    const char *thumbprint = make_account(child, 0);
    for (int i = 0; i < 100; i++) {
        assert_null(find(child, 0));
    }
    assert_int_equal(0, atomic_load(&reads));
    fake_env_move(child->world->clock, ACME_TIME_SECOND);
    assert_string_equal(thumbprint, find(child, 0));
    assert_int_equal(1, atomic_load(&reads));
}

static void another_key_takes_its_place(void **state)
{
    child_t *child = child_create(*state);
    const char *old = make_account(child, 0);
    start(child);
    const char *kept = find(child, 0);
    const char *thumbprint = make_account(child, 0);
    assert_string_equal(old, find(child, 0));
    atomic_store(&child->bell->accounts, 1);
    assert_string_equal(thumbprint, find(child, 0));
    assert_string_equal(old, kept); /* who has it may go on using it */
}

static void a_planted_key_is_none(void **state)
{
    child_t *child = child_create(*state);
    fake_store_plant(child->world->disk, key_path(child, 0), "p-256\nplanted", 13);
    start(child);
    assert_null(find(child, 0));
}

static void a_key_that_makes_no_sense_is_told(void **state)
{
    child_t *child = child_create(*state);
    assert_well(acme_store_put(child->world->store, key_path(child, 0), "nonsense", 8, *state));
    start(child);
    assert_null(find(child, 0));
    fake_env_move(child->world->clock, ACME_TIME_SECOND);
    assert_null(find(child, 0));
    assert_int_equal(1, atomic_load(&reads));
    assert_int_equal(1, fake_env_logged(child->world->clock, ACME_LOG_WARNING, "ca0: http-01"));
}

static void a_stranger_has_none(void **state)
{
    child_t *child = child_create(*state);
    make_account(child, 0);
    start(child);
    const acme_ca_t stranger = child->cas[0];
    assert_null(acme_thumbprint_cache_find(child->cache, &stranger));
}

static void *hammer(void *data)
{
    child_t *child = data;
    for (int i = 0; i < ROUNDS; i++) {
        const char *found = find(child, 0);
        if (found == NULL || strlen(found) != 43) {
            return data;
        }
    }
    return NULL;
}

static void threads_may_ask_while_keys_change(void **state)
{
    child_t *child = child_create(*state);
    pthread_t threads[THREADS];
    make_account(child, 0);
    start(child);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(0, pthread_create(&threads[i], NULL, hammer, child));
    }
    for (int i = 1; i <= 20; i++) { /* the disk of tests is for one thread: the key stays */
        atomic_store(&child->bell->accounts, i);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(0, pthread_join(threads[i], &failed));
        assert_null(failed);
    }
}

static void a_given_key_counts_and_no_file_is_read(void **state)
{
    child_t *child = child_create(*state);
    make_account(child, 0);
    const acme_account_key_t given = {.file = "/etc/a.pem", .thumbprint = "given"};
    const acme_account_key_t unreadable = {.file = "/etc/b.pem", .trouble = "it is not there"};
    child->cas[0].account_key = &given;
    child->cas[1].account_key = &unreadable;
    start(child);
    assert_string_equal("given", acme_thumbprint_cache_find(child->cache, &child->cas[0]));
    assert_null(acme_thumbprint_cache_find(child->cache, &child->cas[1]));
    assert_int_equal(0, atomic_load(&reads));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_is_there_is_read_at_the_start),
        FIXTURE_TEST(an_account_made_later_is_known_when_the_bell_rings),
        FIXTURE_TEST(without_the_bell_it_is_looked_for_once_a_second),
        FIXTURE_TEST(another_key_takes_its_place),
        FIXTURE_TEST(a_planted_key_is_none),
        FIXTURE_TEST(a_key_that_makes_no_sense_is_told),
        FIXTURE_TEST(a_stranger_has_none),
        FIXTURE_TEST(threads_may_ask_while_keys_change),
        FIXTURE_TEST(a_given_key_counts_and_no_file_is_read),
    };
    return fixture_run(tests);
}

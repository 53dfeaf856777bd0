/* Tests of acme_store: paths, kinds and seals, and of the fake disk that other tests stand on.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <errno.h>

#include "acme/acme_store.h"
#include "unit/fake_env.h"
#include "unit/fake_store.h"

typedef struct {
    fake_env_t *world;
    fake_store_t *disk;
    acme_store_t *store;
} house_t;

static house_t open_house(apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = {1, 2, 3};
    house_t house = {.world = fake_env_create(1, pool), .disk = fake_store_create(pool)};
    house.store =
        fake_store_open(house.disk, 1, acme_seal_create(secret, pool), fake_env(house.world), pool);
    return house;
}

static void assert_value(const acme_store_t *store, const char *path, const char *wanted,
                         apr_pool_t *pool)
{
    char *value;
    apr_size_t len;
    assert_well(acme_store_get(&value, &len, store, path, pool));
    if (wanted == NULL) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_string_equal(wanted, value);
    assert_int_equal(strlen(wanted), len);
}

static void the_path_decides_the_kind(void **state)
{
    (void)state;
    assert_int_equal(ACME_STORE_PLAIN, acme_store_kind("domains/a.example/pubcert.pem"));
    assert_int_equal(ACME_STORE_PLAIN, acme_store_kind("archive/a.example.1/privkey.pem"));
    assert_int_equal(ACME_STORE_PLAIN, acme_store_kind("placeholder/privkey.pem"));
    assert_int_equal(ACME_STORE_PLAIN, acme_store_kind("placeholder/renew"));
    assert_int_equal(ACME_STORE_RECORD, acme_store_kind("requests/renew"));
    assert_int_equal(ACME_STORE_RECORD, acme_store_kind("accounts/ca.example/account.json"));
    assert_int_equal(ACME_STORE_SECRET, acme_store_kind("accounts/ca.example/privkey"));
    assert_int_equal(ACME_STORE_RECORD, acme_store_kind("staging/a.example/order.json"));
    assert_int_equal(ACME_STORE_SECRET, acme_store_kind("staging/a.example/privkey.rsa3072"));
    assert_int_equal(ACME_STORE_RECORD, acme_store_kind("challenges/http-01/privkey"));
    assert_int_equal(ACME_STORE_RECORD, acme_store_kind("live/a.example/current"));
    assert_int_equal(ACME_STORE_SECRET, acme_store_kind("live/a.example/12"));
    assert_int_equal(ACME_STORE_SECRET, acme_store_kind("livelong/a.example/current"));
}

static void names_keep_rules(void **state)
{
    apr_pool_t *pool = *state;
    assert_true(acme_store_path_ok("placeholder/a"));
    assert_true(acme_store_path_ok("live/_wildcard.example.org/12"));
    assert_true(acme_store_path_ok("challenges/tls-alpn-01/2001:db8::1"));
    assert_true(acme_store_path_ok("challenges/http-01/-token_with-dashes"));
    const char *const wrong[] = {
        "",          "live",      "live/",         "/live/a",  "live//a",       "a/b/c/d",
        "live/../a", "live/.a/b", "live/a/.tmp.1", "live/a b", "live/\xc3\xa4", "live/a\n",
        "live/a%2e"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (acme_store_path_ok(wrong[i])) {
            fail_msg("\"%s\" was accepted", wrong[i]);
        }
    }
    char *name = apr_pcalloc(pool, 222);
    memset(name, 'a', 220);
    assert_true(acme_store_path_ok(acme_store_path(pool, "live", name, "1")));
    name[220] = 'a';
    assert_false(acme_store_path_ok(acme_store_path(pool, "live", name, "1")));
}

static void joins_paths(void **state)
{
    apr_pool_t *pool = *state;
    assert_string_equal("live/a/1", acme_store_path(pool, "live", "a", "1"));
    assert_string_equal("placeholder/a", acme_store_path(pool, "placeholder", "a", NULL));
}

static void refuses_wrong_paths_in_every_verb(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    char *value;
    apr_size_t len;
    apr_array_header_t *names;
    assert_refused(ACME_ERR_INTERNAL, acme_store_get(&value, &len, house.store, "a/../b", pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_put(house.store, "a", "x", 1, pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_del(house.store, "a/b/c/d", pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_list(&names, house.store, "a/b/c", pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_list(&names, house.store, "..", pool));
    assert_int_equal(0, fake_store_writes(house.disk));
}

static void refuses_values_that_are_too_large(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    char *large = apr_pcalloc(pool, ACME_STORE_VALUE_MAX + 1);
    assert_well(acme_store_put(house.store, "live/a/1", large, ACME_STORE_VALUE_MAX, pool));
    assert_refused(ACME_ERR_INTERNAL,
                   acme_store_put(house.store, "live/a/1", large, ACME_STORE_VALUE_MAX + 1, pool));
}

static void gives_back_what_was_put(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_value(house.store, "placeholder/a", NULL, pool);
    assert_well(acme_store_put(house.store, "placeholder/a", "plain", 5, pool));
    assert_well(acme_store_put(house.store, "archive/a.1/privkey.pem", "root's", 6, pool));
    assert_well(acme_store_put(house.store, "staging/a/order.json", "{\"step\":1}", 10, pool));
    assert_well(acme_store_put(house.store, "staging/a/privkey", "the key", 7, pool));
    assert_value(house.store, "placeholder/a", "plain", pool);
    assert_value(house.store, "archive/a.1/privkey.pem", "root's", pool);
    assert_value(house.store, "staging/a/order.json", "{\"step\":1}", pool);
    assert_value(house.store, "staging/a/privkey", "the key", pool);
}

static void hides_secrets_and_shows_records(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_well(acme_store_put(house.store, "staging/a/order.json", "{\"step\":1}", 10, pool));
    assert_well(acme_store_put(house.store, "live/a/1", "the key", 7, pool));
    assert_non_null(strstr(fake_store_raw(house.disk, "staging/a/order.json", NULL), "\"step\":1"));
    apr_size_t len;
    const char *raw = fake_store_raw(house.disk, "live/a/1", &len);
    assert_null(memmem(raw, len, "the key", 7));
}

static void sets_aside_what_is_not_sealed(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    fake_store_plant(house.disk, "challenges/http-01/token", "{\"token\":\"token\"}", 17);
    assert_value(house.store, "challenges/http-01/token", NULL, pool);
    assert_value(house.store, "challenges/http-01/token", NULL, pool);
    assert_int_equal(1, fake_env_logged(house.world, ACME_LOG_WARNING, "challenges/http-01/token"));
    assert_non_null(fake_store_raw(house.disk, "challenges/http-01/.unsealed.token", NULL));
}

static void sets_aside_what_was_moved_or_changed(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_size_t len;
    assert_well(acme_store_put(house.store, "live/a/1", "the key", 7, pool));
    const char *raw = fake_store_raw(house.disk, "live/a/1", &len);
    fake_store_plant(house.disk, "live/b/1", raw, len);
    assert_value(house.store, "live/b/1", NULL, pool);
    char *changed = apr_pstrmemdup(pool, raw, len);
    changed[len - 1] ^= 1;
    fake_store_plant(house.disk, "live/a/1", changed, len);
    assert_value(house.store, "live/a/1", NULL, pool);
    assert_int_equal(2, fake_env_logged(house.world, ACME_LOG_WARNING, NULL));
}

static void without_secret_only_plain_paths_work(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_store_t *store = fake_store_open(house.disk, 2, NULL, fake_env(house.world), pool);
    char *value;
    apr_size_t len;
    assert_well(acme_store_put(store, "placeholder/a", "x", 1, pool));
    assert_value(store, "placeholder/a", "x", pool);
    assert_refused(ACME_ERR_INTERNAL, acme_store_put(store, "live/a/1", "x", 1, pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_get(&value, &len, store, "live/a/1", pool));
    assert_well(acme_store_del(store, "live/a/1", pool));
}

static void passes_errors_of_the_provider_up(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    fake_store_fail_put(house.disk, 2, 2, ENOSPC);
    assert_well(acme_store_put(house.store, "placeholder/a", "1", 1, pool));
    acme_err_t *err = acme_store_put(house.store, "placeholder/a", "2", 1, pool);
    assert_refused(ACME_ERR_STORE, err);
    assert_int_equal(ENOSPC, err->status);
    assert_value(house.store, "placeholder/a", "1", pool);
    assert_refused(ACME_ERR_STORE, acme_store_put(house.store, "placeholder/a", "2", 1, pool));
    assert_well(acme_store_put(house.store, "placeholder/a", "2", 1, pool));
    assert_value(house.store, "placeholder/a", "2", pool);
}

static void lists_names_once(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_array_header_t *names;
    assert_well(acme_store_list(&names, house.store, "staging", pool));
    assert_int_equal(0, names->nelts);
    assert_well(acme_store_put(house.store, "staging/a/order.json", "{}", 2, pool));
    assert_well(acme_store_put(house.store, "staging/a/privkey", "k", 1, pool));
    fake_store_plant(house.disk, "staging/a/.unsealed.x", "", 0);
    assert_well(acme_store_list(&names, house.store, "staging", pool));
    assert_int_equal(1, names->nelts);
    assert_string_equal("a", APR_ARRAY_IDX(names, 0, const char *));
    assert_well(acme_store_list(&names, house.store, "staging/a", pool));
    assert_int_equal(2, names->nelts);
}

static void one_process_holds_the_lock(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_store_t *other = fake_store_open(house.disk, 2, NULL, fake_env(house.world), pool);
    int is_ours, holder;
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    assert_well(acme_store_lock(&is_ours, &holder, other, pool));
    assert_false(is_ours);
    assert_int_equal(1, holder);
    acme_store_unlock(other);
    assert_well(acme_store_lock(&is_ours, &holder, other, pool));
    assert_false(is_ours);
    acme_store_unlock(house.store);
    assert_well(acme_store_lock(&is_ours, &holder, other, pool));
    assert_true(is_ours);
    fake_store_kill(house.disk, 2);
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
}

static void jump(void *baton)
{
    longjmp(*(jmp_buf *)baton, 1);
}

static int put_and_die(house_t *house, fake_store_moment_t moment, apr_pool_t *pool)
{
    jmp_buf here;
    fake_store_die(house->disk, 2, moment, jump, &here);
    if (setjmp(here) != 0) {
        return 1;
    }
    assert_well(acme_store_put(house->store, "placeholder/first", "1", 1, pool));
    assert_well(acme_store_put(house->store, "placeholder/second", "2", 1, pool));
    return 0;
}

static void a_process_can_die_before_and_after_a_write(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_true(put_and_die(&house, FAKE_STORE_BEFORE, pool));
    assert_non_null(fake_store_raw(house.disk, "placeholder/first", NULL));
    assert_null(fake_store_raw(house.disk, "placeholder/second", NULL));
    assert_true(put_and_die(&house, FAKE_STORE_AFTER, pool));
    assert_non_null(fake_store_raw(house.disk, "placeholder/second", NULL));
    assert_int_equal(4, fake_store_writes(house.disk));
    assert_int_equal(2, fake_store_count(house.disk, "placeholder/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_path_decides_the_kind),
        FIXTURE_TEST(names_keep_rules),
        FIXTURE_TEST(joins_paths),
        FIXTURE_TEST(refuses_wrong_paths_in_every_verb),
        FIXTURE_TEST(refuses_values_that_are_too_large),
        FIXTURE_TEST(gives_back_what_was_put),
        FIXTURE_TEST(hides_secrets_and_shows_records),
        FIXTURE_TEST(sets_aside_what_is_not_sealed),
        FIXTURE_TEST(sets_aside_what_was_moved_or_changed),
        FIXTURE_TEST(without_secret_only_plain_paths_work),
        FIXTURE_TEST(passes_errors_of_the_provider_up),
        FIXTURE_TEST(lists_names_once),
        FIXTURE_TEST(one_process_holds_the_lock),
        FIXTURE_TEST(a_process_can_die_before_and_after_a_write),
    };
    return fixture_run(tests);
}

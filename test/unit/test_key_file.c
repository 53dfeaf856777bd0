/* Tests of acme_key_file: the key that was put away, that key in that place, or none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include <errno.h>

#include "acme/acme_key_file.h"

#define PATH "staging/a.example/privkey"

static void put(const read_world_t *world, const char *bytes, apr_size_t len)
{
    assert_well(acme_store_put(world->store, PATH, bytes, len, world->pool));
}

static char *thumbprint_of(const acme_key_t *key, apr_pool_t *pool)
{
    char *thumbprint;
    assert_well(acme_key_thumbprint(&thumbprint, key, pool));
    return thumbprint;
}

/* What lies behind the seal for @a key. */
static char *value_of(const read_world_t *world, const acme_key_t *key, apr_size_t *len)
{
    char *value;
    assert_well(acme_key_file_write(world->store, PATH, key, world->pool));
    assert_well(acme_store_get(&value, len, world->store, PATH, world->pool));
    return value;
}

static void a_key_of_each_type_comes_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_key_type_t types[] = {ACME_KEY_P256, ACME_KEY_P384, ACME_KEY_RSA};
    for (int i = 0; i < 3; ++i) {
        const acme_key_t *key = read_world_key(types[i], *state);
        assert_well(acme_key_file_write(world->store, PATH, key, *state));
        acme_key_t *read;
        assert_well(acme_key_file_read(&read, world->store, PATH, *state));
        assert_non_null(read);
        acme_key_spec_t spec;
        acme_key_spec(&spec, read);
        assert_int_equal(types[i], spec.type);
        assert_string_equal(thumbprint_of(key, *state), thumbprint_of(read, *state));
    }
}

static void it_can_be_used(void **state)
{
    read_world_t *world = read_world_create(*state);
    assert_well(
        acme_key_file_write(world->store, PATH, read_world_key(ACME_KEY_P256, *state), *state));
    acme_key_t *read;
    assert_well(acme_key_file_read(&read, world->store, PATH, *state));
    char *pem;
    assert_well(acme_certificate_self_signed(&pem, read, "a.example", FAKE_ENV_START, ACME_TIME_DAY,
                                             *state));
}

static void nothing_of_it_lies_open(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_size_t value_len;
    apr_size_t raw_len;
    const char *value = value_of(world, read_world_key(ACME_KEY_P256, *state), &value_len);
    assert_memory_equal("p-256\n", value, 6);
    const char *raw = fake_store_raw(world->disk, PATH, &raw_len);
    for (apr_size_t i = 0; i + 16 <= raw_len; ++i) {
        assert_memory_not_equal(raw + i, value, 6);
        assert_memory_not_equal(raw + i, value + value_len - 16, 16);
    }
}

static void no_key_is_no_error(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_key_t *key = (acme_key_t *)world;
    assert_well(acme_key_file_read(&key, world->store, PATH, *state));
    assert_null(key);
    assert_int_equal(0, fake_env_lines(world->clock));
}

static void an_unknown_type_is_named_with_its_path(void **state)
{
    read_world_t *world = read_world_create(*state);
    static const char *const values[] = {"ed25519\nxyz", "p-256",       "",           "\n",
                                         "P-256\nxyz",   "p-256 \nxyz", "p-2567\nxyz"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); ++i) {
        put(world, values[i], strlen(values[i]));
        acme_key_t *key;
        acme_err_t *err = acme_key_file_read(&key, world->store, PATH, *state);
        assert_refused(ACME_ERR_STORE, err);
        assert_non_null(strstr(err->text, PATH));
        assert_null(key);
    }
}

static void a_type_that_is_not_its_own_is_refused(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_size_t len;
    char *value = value_of(world, read_world_key(ACME_KEY_P256, *state), &len);
    memcpy(value, "p-384", 5);
    put(world, value, len);
    acme_key_t *key;
    acme_err_t *err = acme_key_file_read(&key, world->store, PATH, *state);
    assert_non_null(err);
    assert_non_null(strstr(err->text, PATH));
    value[0] = 'r'; /* "rsa\n" in front of an EC key */
    memcpy(value + 2, "rsa\n", 4);
    put(world, value + 2, len - 2);
    assert_non_null(acme_key_file_read(&key, world->store, PATH, *state));
}

static void a_cut_key_is_refused_at_any_length(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_size_t len;
    const char *value = value_of(world, read_world_key(ACME_KEY_P256, *state), &len);
    for (apr_size_t cut = 0; cut < len; ++cut) {
        put(world, apr_pmemdup(*state, value, len), cut);
        acme_key_t *key;
        assert_non_null(acme_key_file_read(&key, world->store, PATH, *state));
    }
}

static void garbage_is_refused(void **state)
{
    read_world_t *world = read_world_create(*state);
    put(world, "p-256\nthis is no DER", 20);
    acme_key_t *key;
    assert_non_null(acme_key_file_read(&key, world->store, PATH, *state));
    put(world, "rsa\n\0\0\0\0", 8);
    assert_non_null(acme_key_file_read(&key, world->store, PATH, *state));
}

static void a_key_moved_elsewhere_does_not_open(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_size_t len;
    assert_well(
        acme_key_file_write(world->store, PATH, read_world_key(ACME_KEY_P256, *state), *state));
    const char *raw = fake_store_raw(world->disk, PATH, &len);
    fake_store_plant(world->disk, "staging/b.example/privkey", raw, len);
    fake_store_plant(world->disk, "accounts/ca.example/privkey", raw, len);
    static const char *const others[] = {"staging/b.example/privkey",
                                         "accounts/ca.example/privkey"};
    for (int i = 0; i < 2; ++i) {
        acme_key_t *key;
        assert_well(acme_key_file_read(&key, world->store, others[i], *state));
        assert_null(key);
        assert_int_equal(1, fake_env_logged(world->clock, ACME_LOG_WARNING, others[i]));
    }
}

static void a_full_disk_is_said(void **state)
{
    read_world_t *world = read_world_create(*state);
    const acme_key_t *key = read_world_key(ACME_KEY_P256, *state);
    fake_store_fail_put(world->disk, 1, 1, ENOSPC);
    assert_refused(ACME_ERR_STORE, acme_key_file_write(world->store, PATH, key, *state));
    assert_int_equal(0, fake_store_count(world->disk, "staging/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_key_of_each_type_comes_back),
        FIXTURE_TEST(it_can_be_used),
        FIXTURE_TEST(nothing_of_it_lies_open),
        FIXTURE_TEST(no_key_is_no_error),
        FIXTURE_TEST(an_unknown_type_is_named_with_its_path),
        FIXTURE_TEST(a_type_that_is_not_its_own_is_refused),
        FIXTURE_TEST(a_cut_key_is_refused_at_any_length),
        FIXTURE_TEST(garbage_is_refused),
        FIXTURE_TEST(a_key_moved_elsewhere_does_not_open),
        FIXTURE_TEST(a_full_disk_is_said),
    };
    return fixture_run(tests);
}

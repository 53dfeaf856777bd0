/* Tests of root's part of the store: archive, point, pointed, prune and give.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_store_fs.h"
#include "acme/acme_time.h"
#include "unit/fake_env.h"

#define STRANGER 65534

typedef struct {
    fake_env_t *world;
    acme_store_fs_config_t config;
    acme_store_t *store;
} house_t;

static house_t open_house(apr_pool_t *pool)
{
    house_t house = {.world = fake_env_create(1, pool)};
    house.config =
        (acme_store_fs_config_t){.base = apr_pstrcat(pool, scratch_create(pool), "/acme", NULL),
                                 .run_uid = geteuid() == 0 ? STRANGER : geteuid(),
                                 .run_gid = geteuid() == 0 ? STRANGER : getegid(),
                                 .run_user = "www"};
    acme_store_condition_t condition;
    acme_store_fs_prepare(&condition, &house.config, 1, fake_env(house.world), pool);
    assert_int_equal(ACME_STORE_USABLE, condition.state);
    assert_well(acme_store_fs_open(&house.store, &house.config,
                                   acme_seal_create(condition.secret, pool), fake_env(house.world),
                                   pool));
    return house;
}

static void archive(const house_t *house, const char *folder, apr_uint64_t number,
                    const char *chain, apr_pool_t *pool)
{
    apr_array_header_t *files = apr_array_make(pool, 2, sizeof(acme_store_fs_file_t));
    APR_ARRAY_PUSH(files, acme_store_fs_file_t) =
        (acme_store_fs_file_t){"pubcert.pem", chain, strlen(chain)};
    APR_ARRAY_PUSH(files, acme_store_fs_file_t) = (acme_store_fs_file_t){"privkey.pem", "key", 3};
    assert_well(acme_store_fs_archive(house->store, folder, number, files, pool));
}

static void assert_chain(const house_t *house, const char *wanted, apr_pool_t *pool)
{
    char *value;
    apr_size_t len;
    assert_well(acme_store_get(&value, &len, house->store, "domains/a.example/pubcert.pem", pool));
    assert_non_null(value);
    assert_string_equal(wanted, value);
}

static int is_there(const house_t *house, const char *name, apr_pool_t *pool)
{
    return scratch_stat(house->config.base, name, pool).st_mode != 0;
}

static void archives_and_points(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_int_equal(0, acme_store_fs_pointed(house.store, "a.example", pool));
    archive(&house, "a.example", 1, "first", pool);
    assert_int_equal(0, acme_store_fs_pointed(house.store, "a.example", pool));
    assert_well(acme_store_fs_sync(house.store, pool));
    assert_well(acme_store_fs_point(house.store, "a.example", 1, pool));
    assert_int_equal(1, acme_store_fs_pointed(house.store, "a.example", pool));
    assert_chain(&house, "first", pool);
    archive(&house, "a.example", 12, "twelfth", pool);
    assert_chain(&house, "first", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 12, pool));
    assert_int_equal(12, acme_store_fs_pointed(house.store, "a.example", pool));
    assert_chain(&house, "twelfth", pool);
    const char *base = house.config.base;
    assert_string_equal("twelfth", scratch_read(base, "domains/a.example/pubcert.pem", pool));
    struct stat key = scratch_stat(base, "archive/a.example.12/privkey.pem", pool);
    assert_int_equal(S_IFREG | 0600, key.st_mode);
    assert_int_equal(geteuid(), key.st_uid);
    assert_int_equal(1, scratch_count(base, "domains", pool));
    assert_int_equal(2, scratch_count(base, "archive", pool));
}

static void replaces_an_archive_of_the_same_number(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    archive(&house, "a.example", 1, "half", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 1, pool));
    archive(&house, "a.example", 1, "whole", pool);
    assert_chain(&house, "whole", pool);
    assert_int_equal(1, scratch_count(house.config.base, "archive", pool));
}

static void make_real_folder(const house_t *house, const char *chain, apr_pool_t *pool)
{
    (void)unlink(acme_store_fs_path(house->store, "domains/a.example", pool));
    assert_int_equal(0, mkdir(acme_store_fs_path(house->store, "domains/a.example", pool), 0700));
    scratch_write(house->config.base, "domains/a.example/pubcert.pem", chain, pool);
}

static void a_real_folder_is_read_and_moved_away(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    make_real_folder(&house, "restored", pool);
    assert_chain(&house, "restored", pool);
    assert_int_equal(0, acme_store_fs_pointed(house.store, "a.example", pool));
    archive(&house, "a.example", 3, "third", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 3, pool));
    assert_chain(&house, "third", pool);
    const char *moved = "archive/a.example.moved/pubcert.pem";
    assert_string_equal("restored", scratch_read(house.config.base, moved, pool));
    make_real_folder(&house, "again", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 3, pool));
    assert_string_equal("again", scratch_read(house.config.base, moved, pool));
    assert_int_equal(1, scratch_count(house.config.base, "domains", pool));
}

static void follows_only_the_link_it_made(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    archive(&house, "a.example", 1, "first", pool);
    archive(&house, "b.example", 1, "other's", pool);
    const char *const wrong[] = {"../archive/b.example.1",
                                 "../archive/a.example.1/",
                                 "../archive/a.example.",
                                 "../../acme/archive/a.example.1",
                                 "/etc",
                                 "../archive/a.example.1x"};
    char *link = acme_store_fs_path(house.store, "domains/a.example", pool);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(0, symlink(wrong[i], link));
        char *value;
        apr_size_t len;
        assert_refused(ACME_ERR_STORE, acme_store_get(&value, &len, house.store,
                                                      "domains/a.example/pubcert.pem", pool));
        assert_int_equal(0, acme_store_fs_pointed(house.store, "a.example", pool));
        assert_int_equal(0, unlink(link));
    }
}

static void a_link_to_nowhere_is_no_value(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 9, pool));
    char *value;
    apr_size_t len;
    assert_well(acme_store_get(&value, &len, house.store, "domains/a.example/pubcert.pem", pool));
    assert_null(value);
    assert_int_equal(9, acme_store_fs_pointed(house.store, "a.example", pool));
}

static void lists_domains_and_removes_a_link(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    archive(&house, "a.example", 1, "first", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 1, pool));
    apr_array_header_t *names;
    assert_well(acme_store_list(&names, house.store, "domains", pool));
    assert_int_equal(1, names->nelts);
    assert_well(acme_store_list(&names, house.store, "domains/a.example", pool));
    assert_int_equal(2, names->nelts);
    assert_well(acme_store_del(house.store, "domains/a.example", pool));
    assert_false(is_there(&house, "domains/a.example", pool));
    assert_true(is_there(&house, "archive/a.example.1/pubcert.pem", pool));
}

static void prunes_all_but_the_newest(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    for (apr_uint64_t number = 8; number <= 12; number++) {
        archive(&house, "a.example", number, "chain", pool);
    }
    archive(&house, "www.a.example", 1, "chain", pool);
    archive(&house, "a.example.org", 1, "chain", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 9, pool));
    acme_store_fs_prune(house.store, "a.example", 2, pool);
    assert_true(is_there(&house, "archive/a.example.12", pool));
    assert_true(is_there(&house, "archive/a.example.11", pool));
    assert_false(is_there(&house, "archive/a.example.10", pool));
    assert_true(is_there(&house, "archive/a.example.9", pool));
    assert_false(is_there(&house, "archive/a.example.8", pool));
    assert_true(is_there(&house, "archive/www.a.example.1", pool));
    assert_true(is_there(&house, "archive/a.example.org.1", pool));
}

static void prepare_sweeps_what_a_killed_root_left(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *base = house.config.base;
    archive(&house, "a.example", 1, "first", pool);
    assert_well(acme_store_fs_point(house.store, "a.example", 1, pool));
    char *left = acme_store_fs_path(house.store, "archive/.tmp.1.1", pool);
    assert_int_equal(0, mkdir(left, 0700));
    scratch_write(left, "privkey.pem", "key", pool);
    char *link = acme_store_fs_path(house.store, "domains/.tmp.1.2", pool);
    assert_int_equal(0, symlink("nowhere", link));
    scratch_write(base, ".tmp.1.3", "{}", pool);
    acme_store_condition_t condition;
    fake_env_set_clock(house.world, apr_time_now());
    acme_store_fs_prepare(&condition, &house.config, 1, fake_env(house.world), pool);
    assert_true(is_there(&house, "archive/.tmp.1.1", pool));
    fake_env_set_clock(house.world, apr_time_now() + 2 * ACME_TIME_HOUR);
    acme_store_fs_prepare(&condition, &house.config, 1, fake_env(house.world), pool);
    assert_int_equal(1, scratch_count(base, "archive", pool));
    assert_int_equal(1, scratch_count(base, "domains", pool));
    assert_int_equal(10, scratch_count(base, "", pool));
    assert_chain(&house, "first", pool);
}

static void refuses_names_that_are_no_folder(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_array_header_t *none = apr_array_make(pool, 1, sizeof(acme_store_fs_file_t));
    assert_refused(ACME_ERR_INTERNAL, acme_store_fs_archive(house.store, "../evil", 1, none, pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_fs_point(house.store, "a/b", 1, pool));
    APR_ARRAY_PUSH(none, acme_store_fs_file_t) = (acme_store_fs_file_t){"../evil", "x", 1};
    assert_refused(ACME_ERR_INTERNAL, acme_store_fs_archive(house.store, "a", 1, none, pool));
    assert_refused(ACME_ERR_INTERNAL, acme_store_fs_give(house.store, "domains/a/x", pool));
    assert_int_equal(0, acme_store_fs_pointed(house.store, "..", pool));
}

static void names_what_could_not_be_archived(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_int_equal(0, rmdir(acme_store_fs_path(house.store, "archive", pool)));
    apr_array_header_t *none = apr_array_make(pool, 1, sizeof(acme_store_fs_file_t));
    acme_err_t *err = acme_store_fs_archive(house.store, "a.example", 1, none, pool);
    assert_refused(ACME_ERR_STORE, err);
    assert_non_null(strstr(err->text, "/archive/a.example.1"));
}

static void gives_to_the_run_user(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    char *folder = acme_store_fs_path(house.store, "live/a", pool);
    assert_int_equal(0, mkdir(folder, 0700));
    scratch_write(folder, "1", "copied", pool);
    assert_well(acme_store_fs_give(house.store, "live/a/1", pool));
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(STRANGER, scratch_stat(house.config.base, "live/a", pool).st_uid);
    assert_int_equal(STRANGER, scratch_stat(house.config.base, "live/a/1", pool).st_uid);
    assert_int_equal(0, link(acme_store_fs_path(house.store, "store.json", pool),
                             acme_store_fs_path(house.store, "live/a/2", pool)));
    assert_refused(ACME_ERR_STORE, acme_store_fs_give(house.store, "live/a/2", pool));
    assert_int_equal(0, scratch_stat(house.config.base, "store.json", pool).st_uid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(archives_and_points),
        FIXTURE_TEST(replaces_an_archive_of_the_same_number),
        FIXTURE_TEST(a_real_folder_is_read_and_moved_away),
        FIXTURE_TEST(follows_only_the_link_it_made),
        FIXTURE_TEST(a_link_to_nowhere_is_no_value),
        FIXTURE_TEST(lists_domains_and_removes_a_link),
        FIXTURE_TEST(prunes_all_but_the_newest),
        FIXTURE_TEST(prepare_sweeps_what_a_killed_root_left),
        FIXTURE_TEST(refuses_names_that_are_no_folder),
        FIXTURE_TEST(names_what_could_not_be_archived),
        FIXTURE_TEST(gives_to_the_run_user),
    };
    return fixture_run(tests);
}

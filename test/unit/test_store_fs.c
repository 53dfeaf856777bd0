/* Tests of acme_store_fs: the verbs on a real disk, what is not followed, and the lock.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <utime.h>

#include "acme/acme_store_fs.h"
#include "acme/acme_time.h"
#include "unit/fake_env.h"

typedef struct {
    fake_env_t *world;
    acme_store_fs_config_t config;
    acme_store_condition_t condition;
    const acme_seal_t *seal;
    acme_store_t *store;
} house_t;

static house_t open_house(apr_pool_t *pool)
{
    house_t house = {.world = fake_env_create(1, pool)};
    house.config =
        (acme_store_fs_config_t){.base = apr_pstrcat(pool, scratch_create(pool), "/acme", NULL),
                                 .run_uid = geteuid(),
                                 .run_gid = getegid(),
                                 .run_user = "tester"};
    acme_store_fs_prepare(&house.condition, &house.config, 1, fake_env(house.world), pool);
    assert_int_equal(ACME_STORE_USABLE, house.condition.state);
    house.seal = acme_seal_create(house.condition.secret, pool);
    assert_well(
        acme_store_fs_open(&house.store, &house.config, house.seal, fake_env(house.world), pool));
    return house;
}

static const char *get(const house_t *house, const char *path, apr_pool_t *pool)
{
    char *value;
    apr_size_t len;
    assert_well(acme_store_get(&value, &len, house->store, path, pool));
    return value;
}

static void put(const house_t *house, const char *path, const char *value, apr_pool_t *pool)
{
    assert_well(acme_store_put(house->store, path, value, strlen(value), pool));
}

static void gives_back_what_was_put(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_null(get(&house, "staging/a.example/order.json", pool));
    put(&house, "staging/a.example/order.json", "{\"n\":1}", pool);
    assert_string_equal("{\"n\":1}", get(&house, "staging/a.example/order.json", pool));
    put(&house, "staging/a.example/order.json", "{\"n\":2}", pool);
    assert_string_equal("{\"n\":2}", get(&house, "staging/a.example/order.json", pool));
    put(&house, "placeholder/renew", "", pool);
    assert_string_equal("", get(&house, "placeholder/renew", pool));
}

static void a_second_opening_reads_the_same(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    put(&house, "live/a.example/1", "key", pool);
    acme_store_condition_t again;
    acme_store_fs_prepare(&again, &house.config, 1, fake_env(house.world), pool);
    assert_memory_equal(house.condition.secret, again.secret, ACME_SEAL_SECRET_LEN);
    acme_store_t *other;
    assert_well(acme_store_fs_open(&other, &house.config, acme_seal_create(again.secret, pool),
                                   fake_env(house.world), pool));
    house.store = other;
    assert_string_equal("key", get(&house, "live/a.example/1", pool));
}

static void values_and_folders_are_private(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    mode_t before = umask(0);
    put(&house, "accounts/ca.example/account.json", "{}", pool);
    umask(before);
    struct stat file = scratch_stat(house.config.base, "accounts/ca.example/account.json", pool);
    assert_int_equal(S_IFREG | 0600, file.st_mode);
    put(&house, "accounts/other/account.json", "{}", pool);
    struct stat folder = scratch_stat(house.config.base, "accounts/other", pool);
    assert_int_equal(S_IFDIR | 0700, folder.st_mode);
    assert_int_equal(1, scratch_count(house.config.base, "accounts/other", pool));
}

static void del_removes_the_empty_folder(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    put(&house, "staging/a/order.json", "{}", pool);
    put(&house, "staging/a/privkey", "k", pool);
    assert_well(acme_store_del(house.store, "staging/a/order.json", pool));
    assert_string_equal("k", get(&house, "staging/a/privkey", pool));
    assert_well(acme_store_del(house.store, "staging/a/privkey", pool));
    assert_int_equal(-1, scratch_count(house.config.base, "staging/a", pool));
    assert_well(acme_store_del(house.store, "staging/a/privkey", pool));
    put(&house, "placeholder/a", "x", pool);
    assert_well(acme_store_del(house.store, "placeholder/a", pool));
    assert_int_equal(0, scratch_count(house.config.base, "placeholder", pool));
}

static void list_leaves_hidden_and_foreign_names_out(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_array_header_t *names;
    assert_well(acme_store_list(&names, house.store, "challenges/http-01", pool));
    assert_int_equal(0, names->nelts);
    put(&house, "challenges/http-01/token", "{}", pool);
    scratch_write(house.config.base, "challenges/http-01/.tmp.1.1", "", pool);
    scratch_write(house.config.base, "challenges/http-01/a b", "", pool);
    assert_well(acme_store_list(&names, house.store, "challenges/http-01", pool));
    assert_int_equal(1, names->nelts);
    assert_string_equal("token", APR_ARRAY_IDX(names, 0, const char *));
    assert_well(acme_store_list(&names, house.store, "challenges", pool));
    assert_int_equal(1, names->nelts);
}

static void link_in(const house_t *house, const char *target, const char *name, apr_pool_t *pool)
{
    assert_int_equal(0, symlink(target, apr_pstrcat(pool, house->config.base, "/", name, NULL)));
}

static void follows_no_link_in_what_others_write(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    scratch_write(house.config.base, "outside", "not yours", pool);
    put(&house, "placeholder/real", "x", pool);
    link_in(&house, "../outside", "placeholder/link", pool);
    char *value;
    apr_size_t len;
    assert_refused(ACME_ERR_INPUT,
                   acme_store_get(&value, &len, house.store, "placeholder/link", pool));
    link_in(&house, "../requests", "live/folder", pool);
    assert_refused(ACME_ERR_STORE,
                   acme_store_get(&value, &len, house.store, "live/folder/real", pool));
    assert_refused(ACME_ERR_STORE, acme_store_put(house.store, "live/folder/x", "k", 1, pool));
    assert_int_equal(2, scratch_count(house.config.base, "placeholder", pool));
    /* a put replaces the link, not what it points to */
    put(&house, "placeholder/link", "new", pool);
    assert_string_equal("not yours", scratch_read(house.config.base, "outside", pool));
    assert_string_equal("new", get(&house, "placeholder/link", pool));
}

static void odd_things_in_a_sealed_place_are_set_aside(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *base = house.config.base;
    put(&house, "live/a/1", "key", pool);
    link_in(&house, "1", "live/a/2", pool);
    assert_int_equal(0, mkfifo(apr_pstrcat(pool, base, "/live/a/3", NULL), 0600));
    assert_int_equal(0, mkdir(apr_pstrcat(pool, base, "/live/a/4", NULL), 0700));
    assert_int_equal(0, link(apr_pstrcat(pool, base, "/live/a/1", NULL),
                             apr_pstrcat(pool, base, "/live/a/5", NULL)));
    assert_null(get(&house, "live/a/2", pool));
    assert_null(get(&house, "live/a/3", pool));
    assert_null(get(&house, "live/a/4", pool));
    assert_null(get(&house, "live/a/5", pool));
    assert_int_equal(4, fake_env_logged(house.world, ACME_LOG_WARNING, "live/a/"));
    assert_int_equal(S_IFIFO | 0600, scratch_stat(base, "live/a/.unsealed.3", pool).st_mode);
}

static void refuses_files_that_are_too_large(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    put(&house, "placeholder/large", "x", pool);
    assert_int_equal(0, truncate(apr_pstrcat(pool, house.config.base, "/placeholder/large", NULL),
                                 2 * ACME_STORE_VALUE_MAX));
    char *value;
    apr_size_t len;
    assert_refused(ACME_ERR_INPUT,
                   acme_store_get(&value, &len, house.store, "placeholder/large", pool));
}

static void a_failed_write_leaves_the_old_value_and_no_rest(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    put(&house, "placeholder/a", "old", pool);
    struct rlimit before, none;
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    none = before;
    none.rlim_cur = 2;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &none));
    acme_err_t *err = acme_store_put(house.store, "placeholder/a", "newer", 5, pool);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    assert_refused(ACME_ERR_STORE, err);
    assert_int_equal(EFBIG, err->status);
    assert_non_null(strstr(err->text, "/acme/placeholder/a"));
    assert_string_equal("old", get(&house, "placeholder/a", pool));
    assert_int_equal(1, scratch_count(house.config.base, "placeholder", pool));
}

static void says_what_is_missing(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_store_t *store;
    house.config.base = apr_pstrcat(pool, house.config.base, "/nowhere", NULL);
    acme_err_t *err =
        acme_store_fs_open(&store, &house.config, house.seal, fake_env(house.world), pool);
    assert_refused(ACME_ERR_STORE, err);
    assert_non_null(strstr(err->text, "/nowhere"));
}

static void tells_paths_and_times(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_string_equal(apr_pstrcat(pool, house.config.base, "/domains/a", NULL),
                        acme_store_fs_path(house.store, "domains/a", pool));
    assert_true(acme_store_fs_mtime(house.store, "challenges") > 0);
    assert_int_equal(0, acme_store_fs_mtime(house.store, "nothing"));
    struct utimbuf times = {1000, 1000};
    assert_int_equal(0, utime(acme_store_fs_path(house.store, "placeholder", pool), &times));
    assert_true(acme_store_fs_mtime(house.store, "placeholder") == apr_time_from_sec(1000));
}

/* What another process is told when it asks for the lock: its exit status. */
static int ask_in_child(const house_t *house, pid_t parent, apr_pool_t *pool)
{
    pid_t child = fork();
    if (child == 0) {
        int is_ours, holder;
        acme_err_t *err = acme_store_lock(&is_ours, &holder, house->store, pool);
        _exit(err != NULL ? 3 : is_ours ? 1 : holder == (int)parent ? 2 : 4);
    }
    int status;
    assert_int_equal(child, waitpid(child, &status, 0));
    return WEXITSTATUS(status);
}

static void one_process_holds_the_lock(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    int is_ours, holder;
    assert_int_equal(1, ask_in_child(&house, getpid(), pool));
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    assert_int_equal(2, ask_in_child(&house, getpid(), pool));
    assert_int_equal(2, ask_in_child(&house, getpid(), pool));
    acme_store_unlock(house.store);
    assert_int_equal(1, ask_in_child(&house, getpid(), pool));
}

static void two_stores_of_one_process_do_not_share_the_lock(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_pool_t *short_lived;
    apr_pool_create(&short_lived, pool);
    acme_store_t *other;
    assert_well(
        acme_store_fs_open(&other, &house.config, house.seal, fake_env(house.world), short_lived));
    int is_ours, holder;
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    assert_well(acme_store_lock(&is_ours, &holder, other, pool));
    assert_false(is_ours);
    assert_int_equal(getpid(), holder);
    apr_pool_destroy(short_lived);
    assert_int_equal(2, ask_in_child(&house, getpid(), pool));
}

static void closing_the_store_lets_go(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_pool_t *short_lived;
    apr_pool_create(&short_lived, pool);
    acme_store_t *other;
    assert_well(
        acme_store_fs_open(&other, &house.config, house.seal, fake_env(house.world), short_lived));
    int is_ours, holder;
    assert_well(acme_store_lock(&is_ours, &holder, other, pool));
    assert_true(is_ours);
    apr_pool_destroy(short_lived);
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    /* looking at the store again must not drop what we hold */
    acme_store_fs_prepare(&house.condition, &house.config, 1, fake_env(house.world), pool);
    assert_int_equal(2, ask_in_child(&house, getpid(), pool));
}

static void a_removed_lock_file_is_made_again(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    int is_ours, holder;
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_int_equal(0, unlink(acme_store_fs_path(house.store, "lock", pool)));
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_true(is_ours);
    assert_int_equal(2, ask_in_child(&house, getpid(), pool));
}

static void the_engine_sweeps_old_rests(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    put(&house, "live/a/1", "key", pool);
    scratch_write(house.config.base, "live/a/.tmp.1.1", "rest", pool);
    scratch_write(house.config.base, "live/a/.tmp.1.2", "rest", pool);
    struct utimbuf old = {1000, 1000};
    assert_int_equal(0, utime(acme_store_fs_path(house.store, "live/a/.tmp.1.1", pool), &old));
    fake_env_set_clock(house.world, apr_time_now());
    int is_ours, holder;
    assert_well(acme_store_lock(&is_ours, &holder, house.store, pool));
    assert_int_equal(2, scratch_count(house.config.base, "live/a", pool));
    assert_string_equal("key", get(&house, "live/a/1", pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(gives_back_what_was_put),
        FIXTURE_TEST(a_second_opening_reads_the_same),
        FIXTURE_TEST(values_and_folders_are_private),
        FIXTURE_TEST(del_removes_the_empty_folder),
        FIXTURE_TEST(list_leaves_hidden_and_foreign_names_out),
        FIXTURE_TEST(follows_no_link_in_what_others_write),
        FIXTURE_TEST(odd_things_in_a_sealed_place_are_set_aside),
        FIXTURE_TEST(refuses_files_that_are_too_large),
        FIXTURE_TEST(a_failed_write_leaves_the_old_value_and_no_rest),
        FIXTURE_TEST(says_what_is_missing),
        FIXTURE_TEST(tells_paths_and_times),
        FIXTURE_TEST(one_process_holds_the_lock),
        FIXTURE_TEST(two_stores_of_one_process_do_not_share_the_lock),
        FIXTURE_TEST(closing_the_store_lets_go),
        FIXTURE_TEST(a_removed_lock_file_is_made_again),
        FIXTURE_TEST(the_engine_sweeps_old_rests),
    };
    return fixture_run(tests);
}

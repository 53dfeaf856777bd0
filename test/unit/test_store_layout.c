/* Tests of acme_store_fs_prepare: folders, owners, modes, store.json and its upgrades.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What only root can do is tested when the tests run as root, and skipped otherwise.
 */
#include "unit/scratch.h"

#include <errno.h>
#include <sys/wait.h>

#include "../../mod_acme/port/acme_store_fs_private.h"
#include "unit/fake_env.h"

#define STRANGER 65534

typedef struct {
    fake_env_t *world;
    acme_store_fs_config_t config;
    acme_store_condition_t condition;
} house_t;

static house_t plan_house(apr_pool_t *pool)
{
    house_t house = {.world = fake_env_create(1, pool)};
    house.config =
        (acme_store_fs_config_t){.base = apr_pstrcat(pool, scratch_create(pool), "/lib/acme", NULL),
                                 .run_uid = geteuid() == 0 ? STRANGER : geteuid(),
                                 .run_gid = geteuid() == 0 ? STRANGER : getegid(),
                                 .run_user = "www"};
    return house;
}

static acme_store_state_t prepare(house_t *house, int may_write, apr_pool_t *pool)
{
    acme_store_fs_prepare(&house->condition, &house->config, may_write, fake_env(house->world),
                          pool);
    if (house->condition.state != ACME_STORE_USABLE) {
        assert_non_null(house->condition.why);
    }
    else {
        assert_null(house->condition.why);
    }
    return house->condition.state;
}

static house_t build_house(apr_pool_t *pool)
{
    house_t house = plan_house(pool);
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    return house;
}

static char *inside(const house_t *house, const char *name, apr_pool_t *pool)
{
    return apr_pstrcat(pool, house->config.base, "/", name, NULL);
}

static void assert_owned(const house_t *house, const char *name, uid_t uid, mode_t mode,
                         apr_pool_t *pool)
{
    struct stat info = scratch_stat(house->config.base, name, pool);
    if (info.st_uid != uid || (info.st_mode & 07777) != mode) {
        fail_msg("%s: owner %d, mode %o", name, (int)info.st_uid, info.st_mode);
    }
}

static void builds_the_tree(void **state)
{
    apr_pool_t *pool = *state;
    mode_t before = umask(077);
    house_t house = build_house(pool);
    umask(before);
    assert_true(house.condition.is_new);
    uid_t us = geteuid();
    uid_t run = house.config.run_uid;
    assert_owned(&house, "", us, 0755, pool);
    assert_owned(&house, "store.json", us, 0600, pool);
    assert_owned(&house, "domains", us, 0700, pool);
    assert_owned(&house, "archive", us, 0700, pool);
    assert_owned(&house, "placeholder", us, 0700, pool);
    assert_owned(&house, "live", run, 0700, pool);
    assert_owned(&house, "staging", run, 0700, pool);
    assert_owned(&house, "accounts", run, 0700, pool);
    assert_owned(&house, "challenges", run, 0700, pool);
    assert_owned(&house, "requests", run, 0700, pool);
    assert_owned(&house, "lock", run, 0600, pool);
    assert_int_equal(10, scratch_count(house.config.base, "", pool));
}

static void looking_makes_nothing(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = plan_house(pool);
    static const unsigned char zero[ACME_SEAL_SECRET_LEN];
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 0, pool));
    assert_true(house.condition.is_new);
    assert_memory_equal(zero, house.condition.secret, sizeof zero);
    assert_int_equal(0, scratch_stat(house.config.base, "", pool).st_mode);
}

static void looking_sees_what_is_there(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    acme_store_condition_t before = house.condition;
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 0, pool));
    assert_false(house.condition.is_new);
    assert_memory_equal(before.secret, house.condition.secret, ACME_SEAL_SECRET_LEN);
}

static void the_secret_stays(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    acme_store_condition_t before = house.condition;
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    assert_false(house.condition.is_new);
    assert_memory_equal(before.secret, house.condition.secret, ACME_SEAL_SECRET_LEN);
}

static void a_lost_store_json_means_a_new_secret(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    acme_store_condition_t before = house.condition;
    assert_int_equal(0, unlink(inside(&house, "store.json", pool)));
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    assert_true(house.condition.is_new);
    assert_memory_not_equal(before.secret, house.condition.secret, ACME_SEAL_SECRET_LEN);
}

static void without_randomness_there_is_no_store(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = plan_house(pool);
    fake_env_break_random(house.world, 1);
    assert_int_equal(ACME_STORE_UNUSABLE, prepare(&house, 1, pool));
    assert_int_equal(0, scratch_stat(house.config.base, "store.json", pool).st_mode);
}

static void refuses_a_relative_folder(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = plan_house(pool);
    house.config.base = "acme";
    assert_int_equal(ACME_STORE_UNUSABLE, prepare(&house, 1, pool));
    assert_non_null(strstr(house.condition.why, "absolute"));
}

static void refuses_a_link_among_the_folders(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    assert_int_equal(0, rmdir(inside(&house, "live", pool)));
    assert_int_equal(0, symlink("staging", inside(&house, "live", pool)));
    assert_int_equal(ACME_STORE_UNUSABLE, prepare(&house, 1, pool));
    assert_non_null(strstr(house.condition.why, "/live is a symbolic link"));
}

static void refuses_a_link_as_lock(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    assert_int_equal(0, unlink(inside(&house, "lock", pool)));
    assert_int_equal(0, symlink("store.json", inside(&house, "lock", pool)));
    assert_int_equal(ACME_STORE_UNUSABLE, prepare(&house, 1, pool));
}

static void the_base_may_be_a_link(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    char *other = apr_pstrcat(pool, house.config.base, ".link", NULL);
    assert_int_equal(0, symlink(house.config.base, other));
    house.config.base = other;
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    assert_false(house.condition.is_new);
}

static void a_file_in_the_place_of_a_folder_is_named(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = plan_house(pool);
    char *parent = apr_pstrmemdup(pool, house.config.base, strlen(house.config.base) - 5);
    assert_int_equal(0, mkdir(parent, 0755));
    scratch_write(parent, "acme", "a file", pool);
    assert_int_equal(ACME_STORE_UNUSABLE, prepare(&house, 1, pool));
    assert_non_null(strstr(house.condition.why, house.config.base));
}

static void assert_damaged(const char *store_json, apr_pool_t *pool)
{
    house_t house = build_house(pool);
    static const unsigned char zero[ACME_SEAL_SECRET_LEN];
    scratch_write(house.config.base, "store.json", store_json, pool);
    if (prepare(&house, 1, pool) != ACME_STORE_DAMAGED) {
        fail_msg("not damaged: %s", store_json);
    }
    assert_memory_equal(zero, house.condition.secret, sizeof zero);
    assert_non_null(strstr(house.condition.why, "store.json"));
    assert_string_equal(store_json, scratch_read(house.config.base, "store.json", pool));
}

static void a_damaged_store_json_is_left_alone(void **state)
{
    apr_pool_t *pool = *state;
    assert_damaged("", pool);
    assert_damaged("{\"version\":1,\"store\":{\"ver", pool);
    assert_damaged("[1]", pool);
    assert_damaged("{}", pool);
    assert_damaged("{\"version\":\"1\",\"store\":{\"version\":1}}", pool);
    assert_damaged("{\"version\":1,\"store\":{\"version\":0}}", pool);
    assert_damaged("{\"version\":1,\"store\":{\"version\":1}}", pool);
    assert_damaged("{\"version\":1,\"store\":{\"version\":1},\"secret\":\"AAAA\"}", pool);
    assert_damaged("{\"version\":1,\"store\":{\"version\":1},\"secret\":\"!\"}", pool);
    assert_damaged("{\"version\":1,\"version\":1,\"store\":{\"version\":1}}", pool);
}

static void a_newer_store_is_left_alone(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    const char *newer = "{\"version\":1,\"store\":{\"version\":2},\"secret\":\"AAAA\"}";
    scratch_write(house.config.base, "store.json", newer, pool);
    assert_int_equal(ACME_STORE_NEWER, prepare(&house, 1, pool));
    assert_non_null(strstr(house.condition.why, "newer mod_acme (format 2, this one knows 1)"));
    assert_string_equal(newer, scratch_read(house.config.base, "store.json", pool));
}

static acme_err_t *rename_member(json_t *store_json, int base_fd, const acme_env_t *env,
                                 apr_pool_t *pool)
{
    (void)base_fd;
    (void)env;
    json_t *key = json_object_get(store_json, "key");
    if (key == NULL) {
        return acme_err_make(pool, ACME_ERR_STORE, "it has no key");
    }
    json_object_set(store_json, "secret", key);
    json_object_del(store_json, "key");
    return NULL;
}

static acme_err_t *keep_all(json_t *store_json, int base_fd, const acme_env_t *env,
                            apr_pool_t *pool)
{
    (void)store_json;
    (void)base_fd;
    (void)env;
    (void)pool;
    return NULL;
}

static const acme_store_fs_upgrade_t upgrades[] = {{2, keep_all}, {1, rename_member}, {0, NULL}};

static void format(house_t *house, int version, int may_write, apr_pool_t *pool)
{
    int fd = open(house->config.base, O_RDONLY | O_DIRECTORY);
    memset(&house->condition, 0, sizeof house->condition);
    acme_store_fs__format(&house->condition, &house->config, fd, version, upgrades, may_write,
                          fake_env(house->world), pool);
    close(fd);
}

static const char old_format[] =
    "{\"version\":1,\"store\":{\"version\":1,\"x\":2},"
    "\"key\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"unknown\":[1]}";

static void an_older_store_is_upgraded_beside(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    scratch_write(house.config.base, "store.json", old_format, pool);
    format(&house, 3, 1, pool);
    assert_int_equal(ACME_STORE_USABLE, house.condition.state);
    assert_int_equal(1, house.condition.secret[0]);
    assert_string_equal(old_format, scratch_read(house.config.base, "store.json.1", pool));
    json_t *now = json_loads(scratch_read(house.config.base, "store.json", pool), 0, NULL);
    assert_int_equal(3, json_integer_value(json_object_get(now, "version")));
    json_t *store = json_object_get(now, "store");
    assert_int_equal(3, json_integer_value(json_object_get(store, "version")));
    assert_int_equal(2, json_integer_value(json_object_get(store, "x")));
    assert_true(json_is_array(json_object_get(now, "unknown")));
    assert_null(json_object_get(now, "key"));
    json_decref(now);
    assert_owned(&house, "store.json.1", geteuid(), 0600, pool);
    assert_int_equal(1, fake_env_logged(house.world, ACME_LOG_NOTICE, "from version 1 to 3"));
}

static void a_failed_upgrade_changes_nothing(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = build_house(pool);
    const char *without_key = "{\"version\":1,\"store\":{\"version\":1}}";
    scratch_write(house.config.base, "store.json", without_key, pool);
    format(&house, 3, 1, pool);
    assert_int_equal(ACME_STORE_UNUSABLE, house.condition.state);
    assert_non_null(strstr(house.condition.why, "it has no key"));
    assert_string_equal(without_key, scratch_read(house.config.base, "store.json", pool));
    assert_null(scratch_read(house.config.base, "store.json.1", pool));
    scratch_write(house.config.base, "store.json", old_format, pool);
    format(&house, 4, 1, pool);
    assert_int_equal(ACME_STORE_UNUSABLE, house.condition.state);
    assert_string_equal(old_format, scratch_read(house.config.base, "store.json", pool));
}

static void root_puts_owners_and_modes_right(void **state)
{
    apr_pool_t *pool = *state;
    if (geteuid() != 0) {
        skip();
    }
    house_t house = build_house(pool);
    assert_int_equal(0, chown(house.config.base, STRANGER, STRANGER));
    assert_int_equal(0, chmod(house.config.base, 0777));
    assert_int_equal(0, chown(inside(&house, "live", pool), 0, 0));
    assert_int_equal(0, chmod(inside(&house, "staging", pool), 0755));
    assert_int_equal(0, chown(inside(&house, "store.json", pool), STRANGER, STRANGER));
    assert_int_equal(0, chmod(inside(&house, "store.json", pool), 0644));
    assert_int_equal(0, chmod(inside(&house, "domains", pool), 0770));
    assert_int_equal(0, chown(inside(&house, "lock", pool), 0, 0));
    assert_int_equal(0, chmod(inside(&house, "lock", pool), 0666));
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    assert_owned(&house, "", 0, 0755, pool);
    assert_owned(&house, "live", STRANGER, 0700, pool);
    assert_owned(&house, "staging", STRANGER, 0700, pool);
    assert_owned(&house, "store.json", 0, 0600, pool);
    assert_owned(&house, "domains", 0, 0750, pool); /* another daemon's group may go on reading */
    assert_owned(&house, "lock", STRANGER, 0600, pool);
}

static void what_root_puts_for_the_run_user_is_the_run_users(void **state)
{
    apr_pool_t *pool = *state;
    if (geteuid() != 0) {
        skip();
    }
    house_t house = build_house(pool);
    acme_store_t *store;
    const acme_seal_t *seal = acme_seal_create(house.condition.secret, pool);
    assert_well(acme_store_fs_open(&store, &house.config, seal, fake_env(house.world), pool));
    assert_well(acme_store_put(store, "live/a/1", "key", 3, pool));
    assert_well(acme_store_put(store, "requests/renew", "{}", 2, pool));
    assert_well(acme_store_put(store, "placeholder/privkey.pem", "key", 3, pool));
    assert_owned(&house, "live/a", STRANGER, 0700, pool);
    assert_owned(&house, "live/a/1", STRANGER, 0600, pool);
    assert_owned(&house, "requests/renew", STRANGER, 0600, pool);
    assert_owned(&house, "placeholder/privkey.pem", 0, 0600, pool);
}

/* Runs as the run user, like a child of httpd: its exit status says how far it came. */
static int work_as_run_user(const acme_store_t *store, apr_pool_t *pool)
{
    if (setgid(STRANGER) != 0 || setuid(STRANGER) != 0) {
        return 1;
    }
    char *value;
    apr_size_t len;
    int is_ours, holder;
    if (acme_store_lock(&is_ours, &holder, store, pool) != NULL || !is_ours ||
        acme_store_put(store, "live/a/2", "new", 3, pool) != NULL ||
        acme_store_get(&value, &len, store, "live/a/1", pool) != NULL || value == NULL) {
        return 2;
    }
    if (acme_store_put(store, "placeholder/x", "x", 1, pool) == NULL ||
        acme_store_put(store, "domains/a/x", "x", 1, pool) == NULL ||
        acme_store_get(&value, &len, store, "archive/a.1/privkey.pem", pool) == NULL) {
        return 3;
    }
    return 0;
}

static void a_child_writes_its_part_and_no_other(void **state)
{
    apr_pool_t *pool = *state;
    if (geteuid() != 0) {
        skip();
    }
    house_t house = build_house(pool);
    acme_store_t *store;
    const acme_seal_t *seal = acme_seal_create(house.condition.secret, pool);
    assert_well(acme_store_fs_open(&store, &house.config, seal, fake_env(house.world), pool));
    assert_well(acme_store_put(store, "live/a/1", "old", 3, pool));
    assert_well(acme_store_put(store, "archive/a.1/privkey.pem", "key", 3, pool));
    /* the folders above need not be open for the child: it inherits the base */
    assert_int_equal(
        0, chmod(apr_pstrmemdup(pool, house.config.base, strlen(house.config.base) - 5), 0700));
    pid_t child = fork();
    if (child == 0) {
        _exit(work_as_run_user(store, pool));
    }
    int status;
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_int_equal(0, status);
}

static void says_when_the_run_user_can_replace_the_store(void **state)
{
    apr_pool_t *pool = *state;
    if (geteuid() != 0) {
        skip();
    }
    house_t house = build_house(pool);
    char *parent = apr_pstrmemdup(pool, house.config.base, strlen(house.config.base) - 5);
    assert_int_equal(0, chown(parent, STRANGER, STRANGER));
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    assert_non_null(house.condition.warning);
    assert_non_null(strstr(house.condition.warning, "can replace the store"));
    assert_non_null(strstr(house.condition.warning, "user www"));
}

static int prepare_as_stranger(house_t *house, apr_pool_t *pool)
{
    if (setgid(STRANGER) != 0 || setuid(STRANGER) != 0) {
        return 1;
    }
    acme_store_fs_prepare(&house->condition, &house->config, 1, fake_env(house->world), pool);
    if (house->condition.state != ACME_STORE_UNUSABLE) {
        return 2;
    }
    return strstr(house->condition.why, house->config.base) != NULL &&
                   strstr(house->condition.why, "user www") != NULL
               ? 0
               : 3;
}

static void names_path_and_user_of_an_unwritable_store(void **state)
{
    apr_pool_t *pool = *state;
    if (geteuid() != 0) {
        skip();
    }
    house_t house = build_house(pool);
    pid_t child = fork();
    if (child == 0) {
        _exit(prepare_as_stranger(&house, pool));
    }
    int status;
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_int_equal(0, status);
}

static void warns_of_tmpfs(void **state)
{
    apr_pool_t *pool = *state;
    char *folder = apr_pstrdup(pool, "/dev/shm/mod_acme_test.XXXXXX");
    if (access("/dev/shm", W_OK) != 0 || mkdtemp(folder) == NULL) {
        skip();
    }
    apr_pool_cleanup_register(pool, folder, scratch_remove, apr_pool_cleanup_null);
    house_t house = plan_house(pool);
    house.config.base = apr_pstrcat(pool, folder, "/acme", NULL);
    assert_int_equal(ACME_STORE_USABLE, prepare(&house, 1, pool));
    assert_non_null(house.condition.warning);
    assert_non_null(strstr(house.condition.warning, house.config.base));
    assert_non_null(strstr(house.condition.warning, "lost"));
}

static void tells_the_commands_of_selinux(void **state)
{
    apr_pool_t *pool = *state;
    const char *advice =
        acme_store_fs__selinux_advice("/srv/acme", "system_u:object_r:var_t:s0", pool);
    assert_non_null(strstr(advice, "system_u:object_r:var_t:s0"));
    assert_non_null(strstr(advice, "semanage fcontext -a -t httpd_var_lib_t '/srv/acme(/.*)?'"));
    assert_non_null(strstr(advice, "restorecon -R /srv/acme"));
    assert_non_null(acme_store_fs__selinux_advice("/srv/acme", NULL, pool));
    assert_null(acme_store_fs__selinux_advice("/a", "system_u:object_r:httpd_var_lib_t:s0", pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(builds_the_tree),
        FIXTURE_TEST(looking_makes_nothing),
        FIXTURE_TEST(looking_sees_what_is_there),
        FIXTURE_TEST(the_secret_stays),
        FIXTURE_TEST(a_lost_store_json_means_a_new_secret),
        FIXTURE_TEST(without_randomness_there_is_no_store),
        FIXTURE_TEST(refuses_a_relative_folder),
        FIXTURE_TEST(refuses_a_link_among_the_folders),
        FIXTURE_TEST(refuses_a_link_as_lock),
        FIXTURE_TEST(the_base_may_be_a_link),
        FIXTURE_TEST(a_file_in_the_place_of_a_folder_is_named),
        FIXTURE_TEST(a_damaged_store_json_is_left_alone),
        FIXTURE_TEST(a_newer_store_is_left_alone),
        FIXTURE_TEST(an_older_store_is_upgraded_beside),
        FIXTURE_TEST(a_failed_upgrade_changes_nothing),
        FIXTURE_TEST(root_puts_owners_and_modes_right),
        FIXTURE_TEST(what_root_puts_for_the_run_user_is_the_run_users),
        FIXTURE_TEST(a_child_writes_its_part_and_no_other),
        FIXTURE_TEST(says_when_the_run_user_can_replace_the_store),
        FIXTURE_TEST(names_path_and_user_of_an_unwritable_store),
        FIXTURE_TEST(warns_of_tmpfs),
        FIXTURE_TEST(tells_the_commands_of_selinux),
    };
    return fixture_run(tests);
}

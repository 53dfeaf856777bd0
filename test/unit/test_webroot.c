/* Tests of acme_webroot: answers as files, whole, readable, and never where a link leads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include <sys/wait.h>

#include "acme/acme_webroot.h"

#define TOKEN "-vaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define VALUE TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define FOLDER ".well-known/acme-challenge"
#define FILE_NAME FOLDER "/" TOKEN

typedef struct {
    char *dir;
    acme_dns_update_t *update;
    acme_txt_t txt;
} house_t;

static house_t open_house(apr_pool_t *pool)
{
    house_t house = {.dir = scratch_create(pool), .update = acme_webroot_create(pool)};
    house.txt = (acme_txt_t){.domain = "example.org",
                             .name = apr_pstrcat(pool, house.dir, ACME_WEBROOT_PATH, TOKEN, NULL),
                             .value = VALUE,
                             .token = TOKEN,
                             .key_authorization = VALUE};
    return house;
}

static acme_err_t *finish(const house_t *house, apr_pool_t *pool)
{
    int is_done = 0;
    apr_time_t poll_at;
    acme_err_t *err =
        house->update->poll(&is_done, &poll_at, house->update->baton, &house->txt, pool);
    assert_true(is_done);
    return err;
}

static acme_err_t *add(const house_t *house, apr_pool_t *pool)
{
    acme_err_t *err = house->update->add(house->update->baton, &house->txt, pool);
    return err != NULL ? err : finish(house, pool);
}

static acme_err_t *take_away(const house_t *house, apr_pool_t *pool)
{
    acme_err_t *err = house->update->remove(house->update->baton, &house->txt, pool);
    return err != NULL ? err : finish(house, pool);
}

static mode_t mode_of(const house_t *house, const char *name, apr_pool_t *pool)
{
    return scratch_stat(house->dir, name, pool).st_mode;
}

static char *at(const house_t *house, const char *name, apr_pool_t *pool)
{
    return apr_pstrcat(pool, house->dir, "/", name, NULL);
}

static void make_folders(const house_t *house, apr_pool_t *pool)
{
    assert_int_equal(0, mkdir(at(house, ".well-known", pool), 0755));
    assert_int_equal(0, mkdir(at(house, FOLDER, pool), 0755));
}

static void a_file_comes_and_goes(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_well(add(&house, pool));
    assert_string_equal(VALUE, scratch_read(house.dir, FILE_NAME, pool));
    assert_int_equal(S_IFREG | 0644, mode_of(&house, FILE_NAME, pool));
    assert_int_equal(S_IFDIR | 0755, mode_of(&house, ".well-known", pool));
    assert_int_equal(S_IFDIR | 0755, mode_of(&house, FOLDER, pool));
    assert_int_equal(1, scratch_count(house.dir, FOLDER, pool));
    assert_well(add(&house, pool)); /* as after a crash */
    assert_string_equal(VALUE, scratch_read(house.dir, FILE_NAME, pool));
    assert_well(take_away(&house, pool));
    assert_int_equal(0, scratch_count(house.dir, FOLDER, pool));
    assert_well(take_away(&house, pool));
}

static void the_umask_does_not_matter(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    mode_t before = umask(0077);
    acme_err_t *err = add(&house, pool);
    umask(before);
    assert_well(err);
    assert_int_equal(S_IFREG | 0644, mode_of(&house, FILE_NAME, pool));
    assert_int_equal(S_IFDIR | 0755, mode_of(&house, ".well-known", pool));
    assert_int_equal(S_IFDIR | 0755, mode_of(&house, FOLDER, pool));
}

static void what_others_have_there_stays(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    make_folders(&house, pool);
    assert_int_equal(0, chmod(at(&house, FOLDER, pool), 0750));
    scratch_write(house.dir, FOLDER "/of-another-client", "x", pool);
    assert_well(add(&house, pool));
    assert_well(take_away(&house, pool));
    assert_string_equal("x", scratch_read(house.dir, FOLDER "/of-another-client", pool));
    assert_int_equal(S_IFDIR | 0750, mode_of(&house, FOLDER, pool));
}

static void what_a_killed_process_left_is_no_hindrance(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    make_folders(&house, pool);
    scratch_write(house.dir, FOLDER "/." TOKEN ".new", "half", pool);
    assert_well(add(&house, pool));
    assert_string_equal(VALUE, scratch_read(house.dir, FILE_NAME, pool));
    assert_int_equal(1, scratch_count(house.dir, FOLDER, pool));
}

static void a_planted_link_is_replaced_and_not_followed(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    make_folders(&house, pool);
    scratch_write(house.dir, "precious", "precious", pool);
    assert_int_equal(0, symlink("../../precious", at(&house, FILE_NAME, pool)));
    assert_int_equal(0, symlink("../../precious", at(&house, FOLDER "/." TOKEN ".new", pool)));
    assert_well(add(&house, pool));
    assert_string_equal("precious", scratch_read(house.dir, "precious", pool));
    assert_int_equal(S_IFREG | 0644, mode_of(&house, FILE_NAME, pool));
    assert_int_equal(0, unlink(at(&house, FILE_NAME, pool)));
    assert_int_equal(0, symlink("../../precious", at(&house, FILE_NAME, pool)));
    assert_well(take_away(&house, pool));
    assert_string_equal("precious", scratch_read(house.dir, "precious", pool));
}

static void a_linked_folder_is_refused(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_int_equal(0, mkdir(at(&house, "elsewhere", pool), 0755));
    assert_int_equal(0, symlink("elsewhere", at(&house, ".well-known", pool)));
    acme_err_t *err = add(&house, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "example.org"));
    assert_non_null(strstr(err->text, "/.well-known"));
    assert_non_null(strstr(err->text, "links are not followed"));
    assert_int_equal(0, scratch_count(house.dir, "elsewhere", pool));
    assert_refused(ACME_ERR_CONFIG, acme_webroot_check(house.dir, pool));
    assert_refused(ACME_ERR_CONFIG, take_away(&house, pool));
}

static void the_folder_itself_may_be_a_link(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_int_equal(0, mkdir(at(&house, "real", pool), 0755));
    assert_int_equal(0, symlink("real", at(&house, "www", pool)));
    house.txt.name = apr_pstrcat(pool, house.dir, "/www", ACME_WEBROOT_PATH, TOKEN, NULL);
    assert_well(acme_webroot_check(at(&house, "www", pool), pool));
    assert_well(add(&house, pool));
    assert_string_equal(VALUE, scratch_read(house.dir, "real/" FILE_NAME, pool));
}

static void a_missing_folder_is_named(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *missing = at(&house, "missing", pool);
    house.txt.name = apr_pstrcat(pool, missing, ACME_WEBROOT_PATH, TOKEN, NULL);
    acme_err_t *err = add(&house, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, missing));
    assert_non_null(strstr(err->text, "make it"));
    err = acme_webroot_check(missing, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, missing));
    assert_well(take_away(&house, pool)); /* there surely is nothing */
}

static void what_is_no_place_for_an_answer_is_refused(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *const names[] = {"",
                                 "/",
                                 TOKEN,
                                 "/etc/passwd",
                                 at(&house, TOKEN, pool),
                                 apr_pstrcat(pool, house.dir, ACME_WEBROOT_PATH, "other", NULL)};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        house.txt.name = names[i];
        assert_refused(ACME_ERR_INTERNAL, add(&house, pool));
        assert_refused(ACME_ERR_INTERNAL, take_away(&house, pool));
    }
    house.txt.token = "../../passwd";
    house.txt.name = apr_pstrcat(pool, house.dir, ACME_WEBROOT_PATH, house.txt.token, NULL);
    assert_refused(ACME_ERR_INTERNAL, add(&house, pool));
    assert_int_equal(0, scratch_count(house.dir, ".", pool));
}

static void a_file_in_the_way_is_named(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    scratch_write(house.dir, ".well-known", "", pool);
    acme_err_t *err = add(&house, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "/.well-known"));
    assert_refused(ACME_ERR_CONFIG, acme_webroot_check(house.dir, pool));
}

static void the_check_changes_nothing(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_well(acme_webroot_check(house.dir, pool));
    assert_int_equal(0, scratch_count(house.dir, ".", pool));
    assert_int_equal(0, mkdir(at(&house, ".well-known", pool), 0755));
    assert_well(acme_webroot_check(house.dir, pool));
    assert_int_equal(0, mkdir(at(&house, FOLDER, pool), 0755));
    assert_well(acme_webroot_check(house.dir, pool));
    assert_int_equal(0, scratch_count(house.dir, FOLDER, pool));
}

static void who_may_not_write_is_told(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    if (geteuid() == 0) { /* root may always: as somebody else in a process of its own */
        pid_t child = fork();
        if (child == 0) {
            int is_refused = setgid(65534) == 0 && setuid(65534) == 0 &&
                             acme_webroot_check(house.dir, pool) != NULL &&
                             add(&house, pool) != NULL;
            _exit(is_refused ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(child, waitpid(child, &status, 0));
        assert_int_equal(0, status);
        return;
    }
    assert_int_equal(0, chmod(house.dir, 0555));
    acme_err_t *err = acme_webroot_check(house.dir, pool);
    acme_err_t *add_err = add(&house, pool);
    assert_int_equal(0, chmod(house.dir, 0755));
    assert_refused(ACME_ERR_CONFIG, err);
    assert_refused(ACME_ERR_CONFIG, add_err);
    assert_non_null(strstr(err->text, "write there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_file_comes_and_goes),
        FIXTURE_TEST(the_umask_does_not_matter),
        FIXTURE_TEST(what_others_have_there_stays),
        FIXTURE_TEST(what_a_killed_process_left_is_no_hindrance),
        FIXTURE_TEST(a_planted_link_is_replaced_and_not_followed),
        FIXTURE_TEST(a_linked_folder_is_refused),
        FIXTURE_TEST(the_folder_itself_may_be_a_link),
        FIXTURE_TEST(a_missing_folder_is_named),
        FIXTURE_TEST(what_is_no_place_for_an_answer_is_refused),
        FIXTURE_TEST(a_file_in_the_way_is_named),
        FIXTURE_TEST(the_check_changes_nothing),
        FIXTURE_TEST(who_may_not_write_is_told),
    };
    return fixture_run(tests);
}

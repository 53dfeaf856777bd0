/* Tests of the promoter: live/ to domains/ and back, on a real folder, and what is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_store_fs.h"
#include "mod_acme_pair.h"
#include "mod_acme_placeholder.h"
#include "mod_acme_promoter.h"
#include "unit/read_world.h"

typedef struct {
    read_world_t *world; /* clock, env; its store is on disk here */
    acme_store_fs_config_t config;
    const char *base;
    apr_array_header_t *domains;
} house_t;

static void open_store(house_t *house, apr_pool_t *pool)
{
    acme_store_condition_t condition;
    acme_store_fs_prepare(&condition, &house->config, 1, house->world->env, pool);
    assert_int_equal(ACME_STORE_USABLE, condition.state);
    assert_well(acme_store_fs_open(&house->world->store, &house->config,
                                   acme_seal_create(condition.secret, pool), house->world->env,
                                   pool));
}

static house_t open_house(const char *names, apr_pool_t *pool)
{
    house_t house = {.world = read_world_create(pool)};
    house.base = apr_pstrcat(pool, scratch_create(pool), "/acme", NULL);
    house.config = (acme_store_fs_config_t){
        .base = house.base, .run_uid = geteuid(), .run_gid = getegid(), .run_user = "www"};
    open_store(&house, pool);
    house.domains = apr_array_make(pool, 1, sizeof(const acme_domain_t *));
    APR_ARRAY_PUSH(house.domains, const acme_domain_t *) = read_world_domain(names, 0, pool);
    return house;
}

static int run(const house_t *house, apr_pool_t *pool)
{
    return mod_acme_promoter_run(house->world->store, house->base, house->domains, pool);
}

static apr_uint64_t pointed(const house_t *house, apr_pool_t *pool)
{
    return acme_store_fs_pointed(house->world->store, "a.example", pool);
}

static apr_uint64_t live(const house_t *house, apr_pool_t *pool)
{
    acme_generation_facts_t *facts;
    assert_well(acme_generation_facts_read(&facts, house->world->store, "a.example", pool));
    return facts != NULL ? facts->number : 0;
}

static int logged(const house_t *house, const char *text)
{
    return fake_env_logged(house->world->clock, ACME_LOG_ERROR, text);
}

static mod_acme_pair_t *pair_in_domains(const house_t *house, apr_pool_t *pool)
{
    acme_err_t *err;
    const char *folder = apr_pstrcat(pool, house->base, "/domains/a.example", NULL);
    apr_array_header_t *pairs = mod_acme_pair_list(&err, folder, pool);
    assert_null(err);
    return pairs->nelts > 0 ? APR_ARRAY_IDX(pairs, 0, mod_acme_pair_t *) : NULL;
}

static void carries_what_is_newer(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(0, pointed(&house, pool));
    read_world_write(house.world, "a.example", 3, pool);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(3, pointed(&house, pool));
    mod_acme_pair_t *pair = pair_in_domains(&house, pool);
    assert_non_null(pair);
    assert_int_equal(ACME_KEY_P256, pair->chain->key_type);
    const char *json = scratch_read(house.base, "domains/a.example/domain.json", pool);
    assert_non_null(strstr(json, pair->chain->sha256));
    assert_non_null(strstr(json, "\"generation\": 3"));
    assert_non_null(strstr(json, "https://ca.example/directory"));
}

static void carries_both_types_of_key(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    acme_generation_t *generation =
        read_world_generation(house.world, "a.example", 1, ACME_KEY_P256, pool);
    read_world_add(house.world, generation, "a.example", ACME_KEY_RSA, pool);
    assert_well(acme_generation_write(house.world->store, "a.example", generation, pool));
    assert_int_equal(0, run(&house, pool));
    acme_err_t *err;
    const char *folder = apr_pstrcat(pool, house.base, "/domains/a.example", NULL);
    assert_int_equal(2, mod_acme_pair_list(&err, folder, pool)->nelts);
    assert_int_not_equal(0, scratch_stat(folder, "privkey.pem", pool).st_mode);
    assert_int_not_equal(0, scratch_stat(folder, "pubcert.p-256.pem", pool).st_mode);
}

static void keeps_three_generations(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    for (apr_uint64_t number = 1; number <= 5; number++) {
        read_world_write(house.world, "a.example", number, pool);
        assert_int_equal(0, run(&house, pool));
    }
    assert_int_equal(3, scratch_count(house.base, "archive", pool));
    assert_int_equal(5, pointed(&house, pool));
}

static void leaves_what_is_for_other_names(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    read_world_write(house.world, "a.example", 1, pool);
    assert_int_equal(0, run(&house, pool));
    assert_well(acme_generation_write(
        house.world->store, "a.example",
        read_world_generation(house.world, "evil.example", 2, ACME_KEY_P256, pool), pool));
    assert_int_equal(1, run(&house, pool));
    assert_int_equal(1, pointed(&house, pool));
    assert_int_equal(1, logged(&house, "none of the domain's names"));
}

static void leaves_what_is_not_sealed(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    read_world_write(house.world, "a.example", 1, pool);
    assert_int_equal(0, run(&house, pool));
    read_world_write(house.world, "a.example", 2, pool);
    scratch_write(house.base, "live/a.example/2", "ACMESEAL1 and what an enemy wrote", pool);
    assert_int_equal(1, run(&house, pool));
    assert_int_equal(1, pointed(&house, pool));
    assert_int_equal(1, logged(&house, "was not copied to domains/"));
}

static void leaves_what_begins_in_the_future(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    read_world_write(house.world, "a.example", 1, pool);
    fake_env_set_clock(house.world->clock, FAKE_ENV_START - 10 * ACME_TIME_DAY);
    assert_int_equal(1, run(&house, pool));
    assert_int_equal(0, pointed(&house, pool));
    assert_int_equal(1, logged(&house, "clock of this machine"));
}

static void one_that_fails_holds_up_no_other(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    APR_ARRAY_PUSH(house.domains, const acme_domain_t *) = read_world_domain("b.example", 1, pool);
    assert_well(acme_generation_write(
        house.world->store, "a.example",
        read_world_generation(house.world, "evil.example", 1, ACME_KEY_P256, pool), pool));
    read_world_write(house.world, "b.example", 1, pool);
    assert_int_equal(1, run(&house, pool));
    assert_int_equal(1, acme_store_fs_pointed(house.world->store, "b.example", pool));
}

static void gives_back_after_a_lost_secret(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    read_world_write(house.world, "a.example", 4, pool);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(0, unlink(apr_pstrcat(pool, house.base, "/store.json", NULL)));
    open_store(&house, pool);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(4, live(&house, pool));
    assert_int_equal(4, pointed(&house, pool));
    acme_generation_t *generation;
    assert_well(acme_generation_read(&generation, house.world->store, "a.example", 4, pool));
    const acme_generation_certificate_t *certificate =
        acme_generation_certificate(generation, ACME_KEY_P256);
    assert_string_equal("https://ca.example/directory", certificate->ca_url);
}

static void write_pair(const house_t *house, const char *folder, const char *name, apr_pool_t *pool)
{
    char *key;
    acme_generation_t *generation =
        read_world_generation(house->world, name, 1, ACME_KEY_P256, pool);
    const acme_generation_certificate_t *certificate =
        acme_generation_certificate(generation, ACME_KEY_P256);
    assert_well(acme_key_pem(&key, certificate->key, pool));
    (void)mkdir(apr_pstrcat(pool, house->base, "/", folder, NULL), 0700);
    scratch_write(house->base, apr_pstrcat(pool, folder, "/pubcert.p-256.pem", NULL),
                  certificate->chain->pem, pool);
    scratch_write(house->base, apr_pstrcat(pool, folder, "/privkey.p-256.pem", NULL), key, pool);
}

static void takes_what_was_laid_there_by_hand(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    write_pair(&house, "domains/a.example", "a.example", pool);
    const char *wanted = pair_in_domains(&house, pool)->chain->sha256;
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(1, live(&house, pool));
    assert_int_equal(1, pointed(&house, pool));
    assert_string_equal(wanted, pair_in_domains(&house, pool)->chain->sha256);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(1, live(&house, pool));
}

static void does_not_take_back_what_is_older(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    write_pair(&house, "domains/a.example", "a.example", pool);
    fake_env_move(house.world->clock, 10 * ACME_TIME_DAY);
    read_world_write(house.world, "a.example", 7, pool);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(7, live(&house, pool));
    assert_int_equal(7, pointed(&house, pool));
}

static void does_not_give_what_has_expired(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    write_pair(&house, "domains/a.example", "a.example", pool);
    fake_env_move(house.world->clock, READ_WORLD_LIFETIME + ACME_TIME_DAY);
    assert_int_equal(0, run(&house, pool));
    assert_int_equal(0, live(&house, pool));
    assert_non_null(pair_in_domains(&house, pool));
}

static void a_pair_that_does_not_fit_is_an_error(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    write_pair(&house, "domains/a.example", "a.example", pool);
    write_pair(&house, "domains/b.example", "b.example", pool);
    const char *folder = apr_pstrcat(pool, house.base, "/domains/", NULL);
    assert_int_equal(0, rename(apr_pstrcat(pool, folder, "b.example/privkey.p-256.pem", NULL),
                               apr_pstrcat(pool, folder, "a.example/privkey.p-256.pem", NULL)));
    acme_err_t *err;
    assert_int_equal(
        0, mod_acme_pair_list(&err, apr_pstrcat(pool, folder, "a.example", NULL), pool)->nelts);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "a.example/pubcert.p-256.pem"));
    assert_int_equal(
        0, mod_acme_pair_list(&err, apr_pstrcat(pool, folder, "b.example", NULL), pool)->nelts);
    assert_null(err);
}

static void the_placeholder_is_made_and_renewed(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    mod_acme_placeholder_files_t files;
    const acme_env_t *env = house.world->env;
    assert_false(mod_acme_placeholder_find(&files, house.base, env, pool));
    assert_well(mod_acme_placeholder_store(&files, house.world->store, house.base, pool));
    assert_true(mod_acme_placeholder_find(&files, house.base, env, pool));
    assert_int_equal(S_IFREG | 0600,
                     scratch_stat(house.base, "placeholder/privkey.p-256.pem", pool).st_mode);
    fake_env_move(house.world->clock, 340 * ACME_TIME_DAY);
    assert_false(mod_acme_placeholder_find(&files, house.base, env, pool));
    assert_well(mod_acme_placeholder_store(&files, house.world->store, house.base, pool));
    assert_true(mod_acme_placeholder_find(&files, house.base, env, pool));
}

static void a_placeholder_of_two_makers_is_none(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house("a.example", pool);
    mod_acme_placeholder_files_t files;
    assert_well(mod_acme_placeholder_store(&files, house.world->store, house.base, pool));
    write_pair(&house, "placeholder-of-another", "a.example", pool);
    const char *other =
        apr_pstrcat(pool, house.base, "/placeholder-of-another/privkey.p-256.pem", NULL);
    assert_int_equal(0, rename(other, files.key_file));
    assert_false(mod_acme_placeholder_find(&files, house.base, house.world->env, pool));
}

static void a_passing_placeholder_goes_with_its_pool(void **state)
{
    apr_pool_t *pool = *state;
    const char *folder = scratch_create(pool);
    read_world_t *world = read_world_create(pool);
    apr_pool_t *passing;
    apr_pool_create(&passing, pool);
    mod_acme_placeholder_files_t files;
    assert_well(mod_acme_placeholder_improvise(&files, folder, world->env, passing));
    mod_acme_pair_t *pair;
    assert_well(mod_acme_pair_read(&pair, files.certificate_file, files.key_file, passing));
    assert_non_null(pair);
    assert_int_equal(1, scratch_count(folder, "", pool));
    apr_pool_destroy(passing);
    assert_int_equal(0, scratch_count(folder, "", pool));
    assert_refused(ACME_ERR_STORE,
                   mod_acme_placeholder_improvise(&files, "/nowhere/at/all", world->env, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(carries_what_is_newer),
        FIXTURE_TEST(carries_both_types_of_key),
        FIXTURE_TEST(keeps_three_generations),
        FIXTURE_TEST(leaves_what_is_for_other_names),
        FIXTURE_TEST(leaves_what_is_not_sealed),
        FIXTURE_TEST(leaves_what_begins_in_the_future),
        FIXTURE_TEST(one_that_fails_holds_up_no_other),
        FIXTURE_TEST(gives_back_after_a_lost_secret),
        FIXTURE_TEST(takes_what_was_laid_there_by_hand),
        FIXTURE_TEST(does_not_take_back_what_is_older),
        FIXTURE_TEST(does_not_give_what_has_expired),
        FIXTURE_TEST(a_pair_that_does_not_fit_is_an_error),
        FIXTURE_TEST(the_placeholder_is_made_and_renewed),
        FIXTURE_TEST(a_placeholder_of_two_makers_is_none),
        FIXTURE_TEST(a_passing_placeholder_goes_with_its_pool),
    };
    return fixture_run(tests);
}

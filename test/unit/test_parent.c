/* Tests of the parent: for which domains it starts a process, and when again for those that failed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_store_fs.h"
#include "acme/acme_time.h"
#include "mod_acme_activation.h"
#include "mod_acme_parent.h"
#include "mod_acme_process.h"
#include "mod_acme_promoter.h"
#include "unit/read_world.h"

/* ---- what is around it: processes are started by nobody and end when the test says so */

static mod_acme_world_t *world;
static mod_acme_process_t process;
static int started;

mod_acme_world_t *mod_acme_world(void)
{
    return world;
}

acme_err_t *mod_acme_process_start(const mod_acme_process_t *wanted, apr_pool_t *pool)
{
    (void)pool;
    process = *wanted;
    started++;
    return NULL;
}

int mod_acme_promoter_run(const acme_store_t *store, const char *base,
                          const apr_array_header_t *domains, apr_pool_t *scratch_pool)
{
    (void)store;
    (void)base;
    (void)domains;
    (void)scratch_pool;
    return 0;
}

void mod_acme_activation_look(mod_acme_world_t *looking, const apr_uint64_t *pointed)
{
    (void)looking;
    (void)pointed;
}

static void begin(fake_env_t **clock, apr_pool_t *pool)
{
    read_world_t *house = read_world_create(pool);
    const char *base = apr_pstrcat(pool, scratch_create(pool), "/acme", NULL);
    const acme_store_fs_config_t config = {
        .base = base, .run_uid = geteuid(), .run_gid = getegid(), .run_user = "www"};
    acme_store_condition_t condition;
    acme_store_fs_prepare(&condition, &config, 1, house->env, pool);
    mod_acme_global_t *global = apr_pcalloc(pool, sizeof(*global));
    apr_array_header_t *domains = apr_array_make(pool, 2, sizeof(const acme_domain_t *));
    APR_ARRAY_PUSH(domains, const acme_domain_t *) = read_world_domain("a.example", 0, pool);
    APR_ARRAY_PUSH(domains, const acme_domain_t *) = read_world_domain("b.example", 1, pool);
    global->domains = domains;
    world = apr_pcalloc(pool, sizeof(*world));
    world->pool = pool;
    world->env = house->env;
    world->global = global;
    world->base = base;
    assert_well(acme_store_fs_open(&world->store, &config,
                                   acme_seal_create(condition.secret, pool), house->env, pool));
    assert_well(mod_acme_board_create(&world->board, 2, pool));
    mod_acme_parent_begin(world, pool);
    started = 0;
    *clock = house->clock;
}

static void ring(int index, apr_uint64_t number)
{
    acme_bell_t *bell = mod_acme_board_bell(world->board);
    atomic_store(&bell->engine_is_up, 1);
    acme_bell_ring(bell, index, number);
}

static int look(void)
{
    int before = started;
    (void)mod_acme_parent_look(world->pool, NULL);
    return started - before;
}

static void carry(const char *folder, apr_uint64_t number)
{
    apr_array_header_t *files = apr_array_make(world->pool, 1, sizeof(acme_store_fs_file_t));
    const acme_store_fs_file_t file = {"domain.json", "{}", 2};
    APR_ARRAY_PUSH(files, acme_store_fs_file_t) = file;
    assert_well(acme_store_fs_archive(world->store, folder, number, files, world->pool));
    assert_well(acme_store_fs_point(world->store, folder, number, world->pool));
}

static void ends(int status)
{
    process.ended(process.baton, status, "");
}

static void starts_nothing_when_nothing_waits(void **state)
{
    fake_env_t *clock;
    begin(&clock, *state);
    assert_int_equal(0, look());
}

static void a_failure_is_tried_again_after_a_minute(void **state)
{
    fake_env_t *clock;
    begin(&clock, *state);
    ring(0, 1);
    assert_int_equal(1, look());
    ends(MOD_ACME_PROCESS_FAILED);
    assert_int_equal(0, look());
    fake_env_move(clock, ACME_TIME_MINUTE);
    assert_int_equal(1, look());
    carry("a.example", 1);
    ends(MOD_ACME_PROCESS_WELL);
    fake_env_move(clock, ACME_TIME_DAY);
    assert_int_equal(0, look());
}

static void a_failure_is_not_forgotten_when_another_does_well(void **state)
{
    fake_env_t *clock;
    begin(&clock, *state);
    ring(0, 1);
    assert_int_equal(1, look());
    ends(MOD_ACME_PROCESS_FAILED);
    ring(1, 1);
    assert_int_equal(1, look());
    carry("b.example", 1);
    ends(MOD_ACME_PROCESS_WELL);
    assert_int_equal(0, look());
    fake_env_move(clock, ACME_TIME_MINUTE);
    assert_int_equal(1, look());
}

/* The run user can ring for what is not there. */
static void a_lie_starts_a_process_ever_more_rarely(void **state)
{
    fake_env_t *clock;
    begin(&clock, *state);
    ring(0, 9);
    assert_int_equal(1, look());
    ends(MOD_ACME_PROCESS_FAILED);
    int count = 0;
    for (int i = 0; i < 6 * 60; i++) {
        fake_env_move(clock, 10 * ACME_TIME_SECOND);
        if (look() > 0) {
            ends(MOD_ACME_PROCESS_WELL);
            count++;
        }
    }
    assert_in_range(count, 1, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(starts_nothing_when_nothing_waits),
        FIXTURE_TEST(a_failure_is_tried_again_after_a_minute),
        FIXTURE_TEST(a_failure_is_not_forgotten_when_another_does_well),
        FIXTURE_TEST(a_lie_starts_a_process_ever_more_rarely),
    };
    return fixture_run(tests);
}

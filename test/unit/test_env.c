/* Tests of acme_env: the table is called as its callers expect.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_env.h"

typedef struct {
    unsigned char next;
    int is_broken;
    acme_log_level_t level;
    char line[16384];
} world_t;

static apr_time_t now(void *baton)
{
    (void)baton;
    return 1234;
}

static apr_interval_time_t monotonic(void *baton)
{
    (void)baton;
    return 99;
}

static acme_err_t *draw(void *baton, unsigned char *bytes, apr_size_t len, apr_pool_t *pool)
{
    world_t *world = baton;
    if (world->is_broken) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "no randomness");
    }
    memset(bytes, world->next, len);
    return NULL;
}

static void keep_line(void *baton, acme_log_level_t level, const char *line)
{
    world_t *world = baton;
    world->level = level;
    apr_cpystrn(world->line, line, sizeof(world->line));
}

static acme_env_t *make_env(world_t **world, apr_pool_t *pool)
{
    acme_env_t *env = apr_pcalloc(pool, sizeof(*env));
    *world = apr_pcalloc(pool, sizeof(**world));
    *env = (acme_env_t){*world, now, monotonic, draw, keep_line};
    return env;
}

static void asks_the_table(void **state)
{
    world_t *world;
    acme_env_t *env = make_env(&world, *state);
    assert_int_equal(1234, acme_env_now(env));
    assert_int_equal(99, acme_env_monotonic(env));
    unsigned char bytes[3];
    world->next = 7;
    assert_well(acme_env_random(env, bytes, sizeof(bytes), *state));
    assert_int_equal(7, bytes[2]);
    world->is_broken = 1;
    assert_refused(ACME_ERR_INTERNAL, acme_env_random(env, bytes, sizeof(bytes), *state));
}

static void uniform_lies_in_the_unit_interval(void **state)
{
    world_t *world;
    acme_env_t *env = make_env(&world, *state);
    assert_true(acme_env_uniform(env, *state) == 0.0);
    world->next = 0xFF;
    double largest = acme_env_uniform(env, *state);
    assert_true(largest < 1.0 && largest > 0.999999);
    world->next = 0x80;
    double middle = acme_env_uniform(env, *state);
    assert_true(middle > 0.5 && middle < 0.51);
    world->is_broken = 1;
    assert_true(acme_env_uniform(env, *state) == 0.5);
}

static void logs_a_formatted_line(void **state)
{
    world_t *world;
    acme_env_t *env = make_env(&world, *state);
    acme_env_log(env, ACME_LOG_NOTICE, "%s: step %d", "a.test", 3);
    assert_int_equal(ACME_LOG_NOTICE, world->level);
    assert_string_equal("a.test: step 3", world->line);
}

static void cuts_a_long_line_between_characters(void **state)
{
    world_t *world;
    acme_env_t *env = make_env(&world, *state);
    char *text = apr_palloc(*state, 20001);
    for (int i = 0; i < 10000; i++) {
        memcpy(text + 2 * i, "\xC3\xA9", 2);
    }
    text[20000] = '\0';
    acme_env_log(env, ACME_LOG_INFO, "%s", text);
    assert_int_equal(8190, strlen(world->line));
    acme_env_log(env, ACME_LOG_INFO, ".%s", text);
    assert_int_equal(8191, strlen(world->line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_the_table),
        FIXTURE_TEST(uniform_lies_in_the_unit_interval),
        FIXTURE_TEST(logs_a_formatted_line),
        FIXTURE_TEST(cuts_a_long_line_between_characters),
    };
    return fixture_run(tests);
}

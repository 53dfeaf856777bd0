/* A world for tests: time stands still unless the test moves it, randomness has a seed, the log is
 * kept. SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "fake_env.h"

typedef struct line_t line_t;
struct line_t {
    line_t *next;
    acme_log_level_t level;
    char text[];
};

struct fake_env_t {
    acme_env_t env;
    pthread_mutex_t mutex; /* over randomness and log */
    apr_time_t wall;
    apr_interval_time_t steady;
    apr_uint64_t seed;
    int is_random_broken;
    int is_echoed;
    line_t *first;
    line_t **last;
    int lines;
};

static apr_time_t now(void *baton)
{
    return ((fake_env_t *)baton)->wall;
}

static apr_interval_time_t monotonic(void *baton)
{
    return ((fake_env_t *)baton)->steady;
}

/* splitmix64 */
static apr_uint64_t next_number(fake_env_t *world)
{
    apr_uint64_t x = (world->seed += APR_UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static acme_err_t *draw(void *baton, unsigned char *bytes, apr_size_t len, apr_pool_t *pool)
{
    fake_env_t *world = baton;
    if (world->is_random_broken) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "there is no randomness in this test");
    }
    pthread_mutex_lock(&world->mutex);
    for (apr_size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)next_number(world);
    }
    pthread_mutex_unlock(&world->mutex);
    return NULL;
}

static const char *level_name(acme_log_level_t level)
{
    static const char *const names[] = {"ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"};
    return names[level];
}

static void keep_line(void *baton, acme_log_level_t level, const char *text)
{
    fake_env_t *world = baton;
    size_t size = strlen(text) + 1;
    line_t *line = malloc(sizeof *line + size);
    line->next = NULL;
    line->level = level;
    memcpy(line->text, text, size);
    pthread_mutex_lock(&world->mutex);
    *world->last = line;
    world->last = &line->next;
    ++world->lines;
    pthread_mutex_unlock(&world->mutex);
    if (world->is_echoed) {
        fprintf(stderr, "%-7s %s\n", level_name(level), text);
    }
}

/* see fake_env.h */
void fake_env_clear_log(fake_env_t *world)
{
    while (world->first != NULL) {
        line_t *line = world->first;
        world->first = line->next;
        free(line);
    }
    world->last = &world->first;
    world->lines = 0;
}

static apr_status_t destroy(void *data)
{
    fake_env_t *world = data;
    fake_env_clear_log(world);
    pthread_mutex_destroy(&world->mutex);
    return APR_SUCCESS;
}

/* see fake_env.h */
fake_env_t *fake_env_create(apr_uint64_t seed, apr_pool_t *pool)
{
    fake_env_t *world = apr_pcalloc(pool, sizeof *world);
    world->env = (acme_env_t){
        .baton = world, .now = now, .monotonic = monotonic, .random = draw, .log = keep_line};
    world->wall = FAKE_ENV_START;
    world->steady = APR_USEC_PER_SEC;
    world->seed = seed;
    world->last = &world->first;
    pthread_mutex_init(&world->mutex, NULL);
    apr_pool_cleanup_register(pool, world, destroy, apr_pool_cleanup_null);
    return world;
}

/* see fake_env.h */
const acme_env_t *fake_env(const fake_env_t *world)
{
    return &world->env;
}

/* see fake_env.h */
void fake_env_move(fake_env_t *world, apr_interval_time_t span)
{
    world->wall += span;
    world->steady += span;
}

/* see fake_env.h */
void fake_env_move_to(fake_env_t *world, apr_time_t when)
{
    if (when > world->wall) {
        fake_env_move(world, when - world->wall);
    }
}

/* see fake_env.h */
void fake_env_set_clock(fake_env_t *world, apr_time_t when)
{
    world->wall = when;
}

/* see fake_env.h */
void fake_env_break_random(fake_env_t *world, int is_broken)
{
    world->is_random_broken = is_broken;
}

/* see fake_env.h */
int fake_env_logged(const fake_env_t *world, acme_log_level_t level, const char *text)
{
    int count = 0;
    for (const line_t *line = world->first; line != NULL; line = line->next) {
        if (line->level == level && (text == NULL || strstr(line->text, text) != NULL)) {
            ++count;
        }
    }
    return count;
}

/* see fake_env.h */
int fake_env_lines(const fake_env_t *world)
{
    return world->lines;
}

/* see fake_env.h */
const char *fake_env_line(const fake_env_t *world, int index, acme_log_level_t *level)
{
    const line_t *line = world->first;
    while (line != NULL && index-- > 0) {
        line = line->next;
    }
    if (line != NULL && level != NULL) {
        *level = line->level;
    }
    return line != NULL ? line->text : NULL;
}

/* see fake_env.h */
void fake_env_echo(fake_env_t *world, int is_echoed)
{
    world->is_echoed = is_echoed;
}

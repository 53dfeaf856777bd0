/* A world for tests: time stands still unless the test moves it, randomness has a seed, the log is
 * kept. SPDX-License-Identifier: Apache-2.0
 *
 *     fake_env_t *world = fake_env_create(7, pool);
 *     fake_env_move(world, ACME_TIME_HOUR);
 *     … code under test with fake_env(world) …
 *     assert_int_equal(1, fake_env_logged(world, ACME_LOG_WARNING, "example.org"));
 *
 * It outlives a process that dies: the next one may use the same world. Log and randomness may be
 * used by several threads; the clock is moved by one.
 */
#ifndef FAKE_ENV_H
#define FAKE_ENV_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_env.h"

/** When the clock of a new world stands: 2026-01-02T03:04:05Z. */
#define FAKE_ENV_START ((apr_time_t)1767323045 * APR_USEC_PER_SEC)

typedef struct fake_env_t fake_env_t;

/** A world in @a pool; the same @a seed gives the same bytes. */
fake_env_t *fake_env_create(apr_uint64_t seed, apr_pool_t *pool);

/** What the code under test is handed. */
const acme_env_t *fake_env(const fake_env_t *world);

/** Moves both clocks forward. */
void fake_env_move(fake_env_t *world, apr_interval_time_t span);

/** Moves both clocks forward to @a when; a moment that is past moves nothing. */
void fake_env_move_to(fake_env_t *world, apr_time_t when);

/** Sets the wall clock alone, as an administrator or NTP does. */
void fake_env_set_clock(fake_env_t *world, apr_time_t when);

/** Lets the source of randomness fail until called with 0. */
void fake_env_break_random(fake_env_t *world, int is_broken);

/** How many lines of @a level contain @a text (NULL: all). */
int fake_env_logged(const fake_env_t *world, acme_log_level_t level, const char *text);

/** How many lines were kept, and the n-th of them (from 0) with its level. */
int fake_env_lines(const fake_env_t *world);
const char *fake_env_line(const fake_env_t *world, int index, acme_log_level_t *level);

/** Forgets the lines. */
void fake_env_clear_log(fake_env_t *world);

/** Writes lines to stderr as well, for whoever debugs a test. */
void fake_env_echo(fake_env_t *world, int is_echoed);

#endif

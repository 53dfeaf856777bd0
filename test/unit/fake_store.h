/* A disk for tests: a store provider in memory that outlives processes and fails when told.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     fake_store_t *disk = fake_store_create(pool);
 *     const acme_store_t *store = fake_store_open(disk, 1, seal, env, process_pool);
 *     fake_store_die(disk, 3, FAKE_STORE_BEFORE, jump, &here);
 *     … the third write of whatever runs now longjmps out; the disk is as it was …
 *     fake_store_kill(disk, 1);              // process 1 is gone, its lock with it
 *     store = fake_store_open(disk, 2, seal, env, another_process_pool);
 *
 * Writes are put, del, set_aside and a lock that is newly taken: only these make a difference to
 * whoever comes after a death, so only these are counted. Folders exist while they have values.
 * Several threads may use the verbs; faults are set by one.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "acme/acme_env.h"
#include "acme/acme_seal.h"
#include "acme/acme_store.h"

typedef struct fake_store_t fake_store_t;

typedef enum { FAKE_STORE_BEFORE, FAKE_STORE_AFTER } fake_store_moment_t;

/** An empty disk in @a pool. */
fake_store_t *fake_store_create(apr_pool_t *pool);

/** The disk as process number @a process (above 0) sees it; the store lives in @a pool. */
acme_store_t *fake_store_open(fake_store_t *disk, int process, const acme_seal_t *seal,
                              const acme_env_t *env, apr_pool_t *pool);

/** Lets go of what process number @a process held. */
void fake_store_kill(fake_store_t *disk, int process);

/** The number of writes so far. */
int fake_store_writes(const fake_store_t *disk);

/** The @a nth put from now (1: the next) fails with @a status (ENOSPC, EACCES, …), and @a count - 1
 * after it. 0 takes the order back. */
void fake_store_fail_put(fake_store_t *disk, int nth, int count, apr_status_t status);

/** At the @a nth write from now @a die is called, before it happens or after. If @a die returns,
 * the write goes on. It is called once. 0 takes the order back. */
void fake_store_die(fake_store_t *disk, int nth, fake_store_moment_t moment,
                    void (*die)(void *baton), void *baton);

/** The machine goes down hard: what was last written unsynced is gone. Processes are to be killed too. */
void fake_store_lose_power(fake_store_t *disk);

/** Called after each write with its verb ("put", "del", "set_aside", "lock") and path; NULL: none.
 */
void fake_store_watch(fake_store_t *disk,
                      void (*watch)(void *baton, const char *verb, const char *path), void *baton);

/* Behind the seals: what is really on the disk. */

/** The raw bytes at @a path, or NULL; they live until that path is written. */
const char *fake_store_raw(fake_store_t *disk, const char *path, apr_size_t *len);

/** Plants raw bytes at @a path, as an intruder or a backup would; NULL removes. Counts as no write.
 */
void fake_store_plant(fake_store_t *disk, const char *path, const char *bytes, apr_size_t len);

/** The number of values whose path begins with @a start. */
int fake_store_count(fake_store_t *disk, const char *start);

#endif

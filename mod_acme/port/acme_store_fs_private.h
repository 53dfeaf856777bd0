/* The store on disk, shared among its files: verbs, lock, layout, format and root's archive.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the folder port. Who may write what:
 *
 *   base, domains/, archive/, placeholder/, store.json    root
 *   live/, staging/, accounts/, challenges/, requests/    the run user (and root)
 *
 * All verbs work from the base folder's descriptor, so that nobody can change the path under them,
 * and so that children need no permission on the folders above it.
 */
#ifndef ACME_STORE_FS_PRIVATE_H
#define ACME_STORE_FS_PRIVATE_H

#include <jansson.h>

#include "acme/acme_store_fs.h"
#include "acme_store_file.h"

/** Longest name in the store, and the longest number behind one. */
#define ACME_STORE_FS_NAME_MAX 220

typedef struct acme_store_fs_lock_t acme_store_fs_lock_t;

/** The baton of the provider. */
typedef struct {
    acme_store_fs_config_t config;
    const acme_env_t *env;
    int base_fd;
    acme_store_fs_lock_t *lock; /**< NULL until the first acme_store_lock */
} acme_store_fs_t;

typedef struct {
    const char *name;
    int is_run_users;
} acme_store_fs_group_t;

/** All groups; ends with a NULL name. */
extern const acme_store_fs_group_t acme_store_fs__groups[];

/** Nonzero if the group of @a path belongs to the run user. */
int acme_store_fs__is_run_users(const char *path);

/** The owner of what is made under @a path. */
acme_store_file_owner_t acme_store_fs__owner(const acme_store_fs_config_t *config,
                                             const char *path);

/** The sentence for a failed step on @a path (relative to the base; "" is the base itself):
 * "cannot write /…/staging/example.org/order.json: No space left on device; free some space". */
acme_err_t *acme_store_fs__failed(const acme_store_fs_config_t *config, int error, const char *verb,
                                  const char *path, apr_pool_t *pool);

/** Opens the folder of @a path (one or two names) below the base, made where missing if
 * @a is_made. For domains/<name> the one link that root made is followed. Returns an errno value.
 */
int acme_store_fs__open_folder(int *fd, const acme_store_fs_t *fs, const char *path, int is_made);

/** Reads where domains/<folder> points to into @a target ("<folder>.<n>"), of @a size bytes.
 * ENOENT: nothing there; EINVAL: a real folder, or a link that root's code did not make. */
int acme_store_fs__read_link(char *target, apr_size_t size, const acme_store_fs_t *fs,
                             const char *folder);

/** Removes what processes killed in a write left behind more than an hour ago, where the run user
 * writes (the engine does that when it takes the lock) or where root does (in prepare). */
void acme_store_fs__sweep(int base_fd, int is_run_users, const acme_env_t *env);

/* acme_store_fs_lock.c */
acme_err_t *acme_store_fs__lock(int *is_ours, int *holder, void *baton, apr_pool_t *pool);
void acme_store_fs__unlock(void *baton);
/** Lets go of the lock and forgets the descriptor if nobody else in the process uses it. */
void acme_store_fs__lock_release(acme_store_fs_t *fs);

/* acme_store_fs_format.c */

/** Brings store.json from version @a from to @a from + 1, in memory. */
typedef struct {
    int from;
    acme_err_t *(*upgrade)(json_t *store_json, int base_fd, const acme_env_t *env,
                           apr_pool_t *pool);
} acme_store_fs_upgrade_t;

/** Reads store.json, makes it or upgrades it to @a format with @a upgrades (ends with NULL);
 * fills state, why, is_new and secret of @a condition. */
void acme_store_fs__format(acme_store_condition_t *condition, const acme_store_fs_config_t *config,
                           int base_fd, int format, const acme_store_fs_upgrade_t *upgrades,
                           int may_write, const acme_env_t *env, apr_pool_t *pool);

/* acme_store_fs_layout.c */

/** What to do about SELinux, given the label found, as half a sentence; NULL if it is no matter. */
const char *acme_store_fs__selinux_advice(const char *base, const char *label, apr_pool_t *pool);

#endif

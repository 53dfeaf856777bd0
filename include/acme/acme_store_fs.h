/* The store on disk: folders, permissions, format version, and root's part of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The folder tree, owners and modes are those of docs/architecture.md. store.json (root, 0600) holds
 * the format version and the secret. Values are written to a temporary file of final mode beside
 * their place, synced, renamed, and the folder is synced. Below what the run user can write every
 * component is opened with O_NOFOLLOW, only regular files are read, and sizes are bounded.
 *
 * Order of calls: the parent (root) calls acme_store_fs_prepare once per configuration, which makes
 * or checks the tree and gives the secret; acme_store_fs_open makes the store that parent, children
 * and promoter share. Children inherit the opened base folder by fork.
 */
#ifndef ACME_STORE_FS_H
#define ACME_STORE_FS_H

#include <apr_pools.h>
#include <apr_user.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_store.h"

/** The format this code writes. */
#define ACME_STORE_FORMAT 1

typedef enum {
    ACME_STORE_USABLE,  /**< as it should be */
    ACME_STORE_NEWER,   /**< written by a newer mod_acme: serve from domains/, run no engine */
    ACME_STORE_DAMAGED, /**< store.json cannot be read as one: likewise */
    ACME_STORE_UNUSABLE /**< folders cannot be made, read or written: likewise, if domains/ is there */
} acme_store_state_t;

typedef struct {
    acme_store_state_t state;
    const char *why;     /**< the sentence if not USABLE: what, which path, what to do; else NULL */
    const char *warning; /**< tmpfs, overlay or the like, as a sentence; else NULL */
    int is_new;          /**< store.json was made now (or would have been, when only looking) */
    /** Only if USABLE and there is or was made a store.json; all zero otherwise, and then no seal
     * may be made of it: what is in the store would not open and be set aside. */
    unsigned char secret[ACME_SEAL_SECRET_LEN];
} acme_store_condition_t;

typedef struct {
    const char *base; /**< absolute path of ACMEStoreDir */
    uid_t run_uid;    /**< owner of what the engine writes; ignored when not root */
    gid_t run_gid;
    const char *run_user; /**< its name, for sentences */
} acme_store_fs_config_t;

/** Makes what is missing (folders with owner and mode, store.json with a fresh secret), checks the
 * rest (owner, mode, writability for the run user, no symbolic link among the folders), upgrades an
 * older format beside (never in place). Never fails: the condition says what holds. A missing
 * store.json beside existing live/ values means a new secret; live/ is then rebuilt by promotion.
 * Side effects: call with @a may_write 0 to only look (httpd's first pass). */
void acme_store_fs_prepare(acme_store_condition_t *condition, const acme_store_fs_config_t *config,
                           int may_write, const acme_env_t *env, apr_pool_t *pool);

/** Opens the store for the verbs of acme_store.h. The base folder stays open (O_CLOEXEC) until
 * @a pool goes. The lock file is opened by the first acme_store_lock of a process, exactly once. */
acme_err_t *acme_store_fs_open(acme_store_t **store, const acme_store_fs_config_t *config,
                               const acme_seal_t *seal, const acme_env_t *env, apr_pool_t *pool);

/** Absolute path of something in the store, for mod_ssl and for sentences. */
char *acme_store_fs_path(const acme_store_t *store, const char *path, apr_pool_t *pool);

/** Root only: makes archive/<folder>.<number>/ from @a files (array of acme_store_fs_file_t, written
 * 0600), not synced file by file, and nothing points to it yet. An existing folder of that number is
 * replaced. */
typedef struct {
    const char *name;
    const char *bytes;
    apr_size_t len;
} acme_store_fs_file_t;
acme_err_t *acme_store_fs_archive(const acme_store_t *store, const char *folder,
                                  apr_uint64_t number, const apr_array_header_t *files,
                                  apr_pool_t *scratch_pool);

/** Root only: syncs the whole file system of the store, once for many archives: after they are
 * written and before anything points to them, and once more after that. */
acme_err_t *acme_store_fs_sync(const acme_store_t *store, apr_pool_t *scratch_pool);

/** Root only: lets domains/<folder> point to archive/<folder>.<number> by one rename. A real folder in
 * its place is moved to archive/<folder>.moved first, where the last such folder is kept. */
acme_err_t *acme_store_fs_point(const acme_store_t *store, const char *folder, apr_uint64_t number,
                                apr_pool_t *scratch_pool);

/** The generation number domains/<folder> points to; 0 if there is none or it is a real folder. */
apr_uint64_t acme_store_fs_pointed(const acme_store_t *store, const char *folder,
                                   apr_pool_t *scratch_pool);

/** Root only: removes all but the newest @a keep generations of @a folder from archive/, never the
 * one pointed to. */
void acme_store_fs_prune(const acme_store_t *store, const char *folder, int keep,
                         apr_pool_t *scratch_pool);

/** Modification time of a group's folder, 0 if unknown: how whoever is not the engine rings. */
apr_time_t acme_store_fs_mtime(const acme_store_t *store, const char *group);

/** Gives a value that root copied below live/ by other means, and its folder, to the run user. What
 * acme_store_put writes as root where the run user writes belongs to the run user at once. */
acme_err_t *acme_store_fs_give(const acme_store_t *store, const char *path,
                               apr_pool_t *scratch_pool);

#endif

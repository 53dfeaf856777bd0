/* Where state survives: a few verbs over small values with paths, and the seal on what others can write.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A path is two or three names joined by '/', the first of them a group:
 *
 *   domains/<name>/<file>        plain    root's own copy (behind a symbolic link, see acme_store_fs.h)
 *   archive/<name>.<n>/<file>    plain
 *   placeholder/<file>           plain
 *   accounts/<ca>/account.json   record   accounts/<ca>/session.json  record
 *   accounts/<ca>/budget.json    record
 *   accounts/<ca>/privkey        secret   accounts/<ca>/privkey.new    secret
 *   staging/<name>/order.json    record   staging/<name>/job.json     record
 *   staging/<name>/privkey       secret
 *   live/<name>/current          record   live/<name>/<n>             secret
 *   challenges/http-01/<token>   record   challenges/<type>/<name>    record
 *   requests/<file>              record
 *
 * The path alone decides what a value is: *plain* (as is), *record* (readable JSON with a MAC) or
 * *secret* (encrypted); see acme_seal.h. Who reads a record or secret whose seal does not open gets
 * nothing: it is set aside (renamed to ".unsealed.<file>") and one WARNING says so.
 *
 * acme_store_put is the only commit: killed anywhere, a reader sees the old value or the new one,
 * whole. Values are at most ACME_STORE_VALUE_MAX bytes. Names are [A-Za-z0-9._:~-], not beginning
 * with a dot, at most 220 bytes; anything else is ACME_ERR_INTERNAL.
 *
 * A store is immutable after it was opened except for the lock; all verbs may be called from any
 * thread and process with pools of their own.
 */
#ifndef ACME_STORE_H
#define ACME_STORE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_seal.h"

#define ACME_STORE_VALUE_MAX (1024 * 1024)

typedef enum { ACME_STORE_PLAIN, ACME_STORE_RECORD, ACME_STORE_SECRET } acme_store_kind_t;

typedef struct acme_store_provider_t acme_store_provider_t;

typedef struct {
    const acme_store_provider_t *provider;
    void *baton;
    const acme_seal_t *seal; /**< NULL: only plain paths can be used */
    const acme_env_t *env;
} acme_store_t;

/** What a provider does: bytes under paths, no seals. */
struct acme_store_provider_t {
    /** *bytes NULL if there is no such value. Never follows a symbolic link below live/, staging/,
     * accounts/, challenges/, requests/. */
    acme_err_t *(*get)(char **bytes, apr_size_t *len, void *baton, const char *path,
                       apr_pool_t *pool);
    /** With @a is_synced it is on the disk when this returns. */
    acme_err_t *(*put)(void *baton, const char *path, const char *bytes, apr_size_t len, int is_synced,
                       apr_pool_t *pool);
    acme_err_t *(*del)(void *baton, const char *path, apr_pool_t *pool);
    acme_err_t *(*list)(apr_array_header_t **names, void *baton, const char *path,
                        apr_pool_t *pool);
    acme_err_t *(*set_aside)(void *baton, const char *path, apr_pool_t *pool);
    acme_err_t *(*lock)(int *is_ours, int *holder, void *baton, apr_pool_t *pool);
    void (*unlock)(void *baton);
};

/** What the value at @a path is. */
acme_store_kind_t acme_store_kind(const char *path);

/** Nonzero if @a path keeps the rules above. */
int acme_store_path_ok(const char *path);

/** Joins names to a path in @a pool. */
char *acme_store_path(apr_pool_t *pool, const char *group, const char *name, const char *file);

/** Reads; *value is NULL (and no error) if there is none or its seal does not open. NUL-terminated
 * beyond its length. Secrets are wiped when @a pool goes. */
acme_err_t *acme_store_get(char **value, apr_size_t *len, const acme_store_t *store,
                           const char *path, apr_pool_t *pool);

/** Writes, atomically and durably; makes the folders between. */
acme_err_t *acme_store_put(const acme_store_t *store, const char *path, const char *value,
                           apr_size_t len, apr_pool_t *scratch_pool);

/** The same, but not durably: killed anywhere, a reader still sees the old value or the new one, whole;
 * when the machine loses power, either may be gone. For what the CA can tell us again, or what is
 * made again at no cost: a disk takes milliseconds for each sync, and a certificate many steps. */
acme_err_t *acme_store_put_unsynced(const acme_store_t *store, const char *path, const char *value,
                                    apr_size_t len, apr_pool_t *scratch_pool);

/** Removes the value, and the folder that held it if it is empty then. Absent is no error. */
acme_err_t *acme_store_del(const acme_store_t *store, const char *path, apr_pool_t *scratch_pool);

/** The names (const char *, unsorted) in the folder @a path (one or two names); none if it is not
 * there. Names that begin with a dot are left out. */
acme_err_t *acme_store_list(apr_array_header_t **names, const acme_store_t *store,
                            const char *path, apr_pool_t *pool);

/** Tries to become the one engine of this store, without waiting. *is_ours says whether; if not,
 * *holder is the process id of the holder (0 if unknown). Taken again by its holder it is no error. */
acme_err_t *acme_store_lock(int *is_ours, int *holder, const acme_store_t *store,
                            apr_pool_t *scratch_pool);
void acme_store_unlock(const acme_store_t *store);

#endif

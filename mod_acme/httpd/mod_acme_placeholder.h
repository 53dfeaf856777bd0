/* The placeholder: one self-signed pair that keeps TLS hosts alive until their first certificate.
 * SPDX-License-Identifier: Apache-2.0
 *
 * httpd does not start with a TLS host that has no certificate, so there is one pair for the whole
 * server in placeholder/ of the store, made when it is missing or near its end. When the store
 * cannot hold it, a pair is made in a private temporary folder: whatever happens to the store,
 * httpd starts and serves everything else. Parent only.
 */
#ifndef MOD_ACME_PLACEHOLDER_H
#define MOD_ACME_PLACEHOLDER_H

#include <apr_pools.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_store.h"

typedef struct {
    const char *certificate_file;
    const char *key_file;
} mod_acme_placeholder_files_t;

/** Nonzero, and the files in *placeholder, if the store at @a base has a pair that is good for
 * another month. */
int mod_acme_placeholder_find(mod_acme_placeholder_files_t *placeholder, const char *base,
                              const acme_env_t *env, apr_pool_t *pool);

/** Makes a pair and puts it into @a store; the files as @a base has them. */
acme_err_t *mod_acme_placeholder_store(mod_acme_placeholder_files_t *placeholder,
                                       const acme_store_t *store, const char *base,
                                       apr_pool_t *pool);

/** Makes a pair in a folder of its own below @a dir that is removed with @a pool. */
acme_err_t *mod_acme_placeholder_improvise(mod_acme_placeholder_files_t *placeholder,
                                           const char *dir, const acme_env_t *env,
                                           apr_pool_t *pool);

#endif

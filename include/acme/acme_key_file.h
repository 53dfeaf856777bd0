/* Private keys in the store: one sealed value each, with its type known.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_KEY_FILE_H
#define ACME_KEY_FILE_H

#include <apr_pools.h>

#include "acme/acme_err.h"
#include "acme/acme_key.h"
#include "acme/acme_store.h"

/** Reads the key at @a path, which must be a secret path; *key NULL if there is none or it does not
 * open. */
acme_err_t *acme_key_file_read(acme_key_t **key, const acme_store_t *store, const char *path,
                               apr_pool_t *pool);
acme_err_t *acme_key_file_write(const acme_store_t *store, const char *path, const acme_key_t *key,
                                apr_pool_t *scratch_pool);

#endif

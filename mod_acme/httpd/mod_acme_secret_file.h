/* A file with a secret that the administrator names: root's, 0600, is right.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the run user may read, every script of every site may read. The parent reads such files, and
 * the children have the contents by fork.
 */
#ifndef MOD_ACME_SECRET_FILE_H
#define MOD_ACME_SECRET_FILE_H

#include <apr_pools.h>

#include "acme/acme_err.h"

/** What stands in such a file. */
typedef struct {
    char *text; /**< NUL-terminated beyond len; NULL: it could not be read */
    apr_size_t len;
    const char *warning; /**< a sentence if others can read it, else NULL */
} mod_acme_secret_file_t;

/** Reads @a file, cut where it is longer than any of its kind may be. */
acme_err_t *mod_acme_secret_file_read(mod_acme_secret_file_t *secret, const char *file,
                                      apr_pool_t *pool);

/** Overwrites what was read; to be called in any case. */
void mod_acme_secret_file_wipe(mod_acme_secret_file_t *secret);

#endif

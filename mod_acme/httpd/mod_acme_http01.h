/* The words of the directive ACMEChallengeHttp01, read without httpd.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions; errors are ACME_ERR_INPUT with a sentence that says what may be written. Paths
 * stay as they are written: whoever knows ServerRoot makes them absolute.
 */
#ifndef MOD_ACME_HTTP01_H
#define MOD_ACME_HTTP01_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"
#include "acme/acme_http01.h"

/** @a words (const char *), not empty, that is
 *
 *     self                          the module answers
 *     webroot DIR
 *     exec [style=certbot|dehydrated|uacme] [credentials=FILE] [cleanup=PROGRAM] [limit=DURATION]
 *          PROGRAM [ARGUMENT ...]   without a style as for dehydrated
 *     manual [wait=DURATION]
 */
acme_err_t *mod_acme_http01_parse(acme_http01_t **http01, const apr_array_header_t *words,
                                  apr_pool_t *pool);

#endif

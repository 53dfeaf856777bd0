/* Credentials for a program, as lines NAME=VALUE of a file that only root reads.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The form that systemd's EnvironmentFile, docker's env files and acme.sh's account.conf share:
 *
 *     # a comment
 *     CF_Token=abc
 *     export AWS_SECRET_ACCESS_KEY="a b"
 *
 * One variable in each line; `export` before it and one pair of quotes around the value are taken
 * off; nothing is expanded. No error ever quotes a value.
 */
#ifndef ACME_CREDENTIALS_H
#define ACME_CREDENTIALS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"

/** The longest file that is read. */
#define ACME_CREDENTIALS_MAX 65536

/** *variables is an array of const char *, "NAME=VALUE" each, in the file's order; of a name given
 * twice only the last. ACME_ERR_INPUT with the number of the line otherwise: no '=', a name that is
 * none, a NUL byte, a quote that does not end, a file above the maximum. */
acme_err_t *acme_credentials_parse(apr_array_header_t **variables, const char *text, apr_size_t len,
                                   apr_pool_t *pool);

#endif

/* The words of the directives about dns-01, read without httpd.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions; errors are ACME_ERR_INPUT with a sentence that says what may be written. Paths
 * stay as they are written: whoever knows ServerRoot makes them absolute.
 */
#ifndef MOD_ACME_DNS01_H
#define MOD_ACME_DNS01_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_dns01.h"
#include "acme/acme_err.h"

/** ACMEChallengeDns01: @a words (const char *), not empty, that is
 *
 *     rfc2136 [server=HOST[:PORT]] [key=FILE] [zone=ZONE]
 *     exec [style=STYLE] [version=1|2] [credentials=FILE] [cleanup=PROGRAM] [limit=DURATION]
 *          PROGRAM [ARGUMENT ...]
 *     manual
 *     none                          of what is said around it nothing holds here
 *     PROGRAM [ARGUMENT ...]        mod_md's own form
 */
acme_err_t *mod_acme_dns01_parse(acme_dns01_t **dns01, const apr_array_header_t *words,
                                 apr_pool_t *pool);

/** The form `exec` alone, with @a style where none is written; for http-01 as well. */
acme_err_t *mod_acme_dns01_parse_exec(acme_dns01_t **dns01, const apr_array_header_t *words,
                                      int style, apr_pool_t *pool);

/** ACMEDns01Wait; what is not written stays as it is in *wait. */
acme_err_t *mod_acme_dns01_parse_wait(acme_dns01_wait_t *wait, const apr_array_header_t *words,
                                      apr_pool_t *pool);

/** ACMEDnsResolver: addresses with or without port become "192.0.2.1:53,[2001:db8::1]:53". */
acme_err_t *mod_acme_dns01_parse_resolvers(const char **resolvers, const apr_array_header_t *words,
                                           apr_pool_t *pool);

/** ACMEDnsPort. */
acme_err_t *mod_acme_dns01_parse_port(int *port, const char *word, apr_pool_t *pool);

#endif

/* Certificates that the administrator gives to a domain: ACMECertificateFile,
 * ACMECertificateKeyFile. SPDX-License-Identifier: Apache-2.0
 *
 * The n-th certificate file and the n-th key file are a pair; certificates of issuers stand in the
 * certificate file. What mod_ssl would end the server over is sorted out here, each with a
 * sentence, and the domain is then as if it had not been written. Parent only, as root.
 */
#ifndef MOD_ACME_GIVEN_H
#define MOD_ACME_GIVEN_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "mod_acme_finding.h"

/** A file, as one of the directives names it. */
typedef struct {
    const char *path; /**< absolute */
    const char *file; /**< where the directive stands */
    int line;
} mod_acme_given_file_t;

/** A pair that mod_ssl can load. */
typedef struct {
    const char *certificate_file;
    const char *key_file;
} mod_acme_given_pair_t;

/** The pairs (mod_acme_given_pair_t, one for each kind of key that OpenSSL keeps apart) of these
 * files (mod_acme_given_file_t; NULL: none). What is wrong is added to @a findings. */
const apr_array_header_t *mod_acme_given_pairs(const apr_array_header_t *certificate_files,
                                               const apr_array_header_t *key_files,
                                               mod_acme_findings_t *findings, apr_pool_t *pool);

#endif

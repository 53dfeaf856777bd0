/* The CAs known by name: what a word in ACMECertificateAuthority stands for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions over a small table. A CA that is not in it is named by its URL and taken for a
 * private one: its names are not judged.
 */
#ifndef MOD_ACME_CA_H
#define MOD_ACME_CA_H

#include <apr_pools.h>

#include "acme/acme_domain.h"
#include "acme/acme_err.h"

/** Names that a certificate may have where nobody said otherwise. */
#define MOD_ACME_CA_MAX_IDENTIFIERS 100

/** What a word stands for. */
typedef struct {
    const char *name;          /**< "letsencrypt", or the host of the URL */
    const char *directory_url; /**< https://… */
    int is_private;
    int is_default; /**< nobody wrote it */
    int max_identifiers;
    int is_without_must_staple; /**< it issues no certificate with must-staple any more */
    acme_limits_t limits; /**< those that it publishes; all 0: none are known */
} mod_acme_ca_t;

/** Reads a name (any case; mod_md's spellings too) or a directory URL. ACME_ERR_INPUT with what to
 * write instead: unknown name, a CA that has ended, the protocol before RFC 8555, no https. Text in
 * *ca lives in @a pool or for ever. */
acme_err_t *mod_acme_ca_parse(mod_acme_ca_t *ca, const char *word, apr_pool_t *pool);

/** The test environment of the CA with this directory URL, where validations that fail count
 * nothing. 0 if none is known. */
int mod_acme_ca_test(mod_acme_ca_t *test, const char *directory_url);

/** The CA where none is configured: Let's Encrypt. */
void mod_acme_ca_default(mod_acme_ca_t *ca);

#endif

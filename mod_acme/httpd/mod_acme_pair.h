/* Pairs: certificate and key as PEM files of one folder, as mod_ssl reads them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * mod_ssl ends the server over a pair that does not fit, so a pair is looked at before it is named
 * to it. Parent only, as root: the folders read here are root's own.
 */
#ifndef MOD_ACME_PAIR_H
#define MOD_ACME_PAIR_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_certificate.h"
#include "acme/acme_err.h"
#include "acme/acme_key.h"

typedef struct {
    const char *certificate_file;
    const char *key_file;
    const acme_chain_t *chain;
    const acme_key_t *key;
} mod_acme_pair_t;

/** File name of the certificate, of the key, of @a type below @a folder. */
char *mod_acme_pair_certificate_file(const char *folder, acme_key_type_t type, apr_pool_t *pool);
char *mod_acme_pair_key_file(const char *folder, acme_key_type_t type, apr_pool_t *pool);

/** Reads a PEM file, which may hold a key: the bytes are wiped when @a pool goes. *text NULL if there is
 * no such file; an error if it cannot be read or is larger than any certificate. */
acme_err_t *mod_acme_pair_read_file(char **text, apr_size_t *len, const char *file,
                                    apr_pool_t *pool);

/** Reads the certificates of a PEM file, whatever else stands in it (a key, text for people). *chain in
 * @a pool; an error if there is no such file, or no chain in it. */
acme_err_t *mod_acme_pair_read_chain(acme_chain_t **chain, const char *file, apr_pool_t *pool);

/** Reads the pair of these files. *pair NULL if one of them is not there; an error if they cannot
 * be read, parsed, or do not fit each other. */
acme_err_t *mod_acme_pair_read(mod_acme_pair_t **pair, const char *certificate_file,
                               const char *key_file, apr_pool_t *pool);

/** All pairs of @a folder (mod_acme_pair_t *), RSA first; what is no pair is left out, and the last
 * reason why is in *err (NULL if none). */
apr_array_header_t *mod_acme_pair_list(acme_err_t **err, const char *folder, apr_pool_t *pool);

#endif

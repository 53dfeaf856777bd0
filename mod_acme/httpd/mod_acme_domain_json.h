/* domain.json: what stands beside the certificates of a domain in root's own copy.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For people, backups and other daemons; mod_acme itself reads only where each certificate
 * came from, when a generation is given back to live/. Its names are those of mod_md's store where the
 * thing is the same.
 */
#ifndef MOD_ACME_DOMAIN_JSON_H
#define MOD_ACME_DOMAIN_JSON_H

#include <apr_pools.h>

#include "acme/acme_domain.h"
#include "acme/acme_generation.h"

/** The text for @a generation of @a domain. */
char *mod_acme_domain_json_write(const acme_domain_t *domain, const acme_generation_t *generation,
                                 apr_pool_t *pool);

/** Where @a certificate, whose chain is set, came from, as @a text says: its CA, account and profile;
 * all of them stay as they are if it does not say. */
void mod_acme_domain_json_origin(acme_generation_certificate_t *certificate, const char *text,
                                 apr_size_t len, apr_pool_t *pool);

#endif

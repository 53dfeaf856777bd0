/* Certificates that the administrator gives: SSLCertificateFile of hosts, or ACMECertificateFile.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Such a certificate counts if all TLS hosts of the domain have one, and each is valid, not
 * self-signed, of no test CA, and covers all names of the domain: then the domain's first order is
 * made when it would be renewed, not at once. So a server that comes from another client moves over
 * name by name, each on its day. Parent only, while mod_ssl reads its files.
 */
#ifndef MOD_ACME_STATIC_H
#define MOD_ACME_STATIC_H

#include <apr_tables.h>

#include "acme/acme_domain.h"
#include "acme/acme_generation.h"
#include "mod_acme_world.h"

/** A TLS host of @a domain has the certificates of @a files (const char *, each a PEM file or what else
 * mod_ssl takes); NULL: it has none. */
void mod_acme_static_note(mod_acme_world_t *world, const acme_domain_t *domain,
                          const apr_array_header_t *files);

/** What counts, for acme_engine_config_t: one entry a domain, by its index; NULL if nothing does. */
const acme_generation_facts_t *const *mod_acme_static_facts(const mod_acme_world_t *world,
                                                            apr_pool_t *pool);

#endif

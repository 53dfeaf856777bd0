/* ACMEMustStaple: whether what it asks for can be had, and be served.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOD_ACME_STAPLE_H
#define MOD_ACME_STAPLE_H

#include <apr_pools.h>

#include "mod_acme_config.h"
#include "mod_acme_finding.h"

/** Adds to @a findings, once for each CA, that it issues no such certificates and that it is
 * therefore left out, and once that nobody would staple. For check_config. */
void mod_acme_staple_check(const mod_acme_global_t *global, mod_acme_findings_t *findings,
                           apr_pool_t *scratch_pool);

#endif

/* The preflight of the engine in httpd: what it looks with.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOD_ACME_PREFLIGHT_H
#define MOD_ACME_PREFLIGHT_H

#include <apr_pools.h>

#include "acme/acme_preflight.h"
#include "mod_acme_world.h"

/** The preflight, in @a pool; NULL with ACMEPreflight off, or if libcurl or c-ares cannot (which is
 * logged). In a child, before the engine is made. */
const acme_preflight_t *mod_acme_preflight_create(const mod_acme_world_t *world,
                                                  const char *user_agent, apr_pool_t *pool);

#endif

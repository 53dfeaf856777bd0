/* The solvers of the engine in httpd: what can be proved here, and by which means.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOD_ACME_SOLVERS_H
#define MOD_ACME_SOLVERS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "mod_acme_world.h"

/** All solvers (acme_solver_t *), in @a pool, with the programs that they run: these are killed
 * with it. In a child, before the engine is made. Folders for answers that cannot be written to are
 * said in the log. @a user_agent is told by who looks for answers. */
apr_array_header_t *mod_acme_solvers_create(const mod_acme_world_t *world, const char *user_agent,
                                            apr_pool_t *pool);

#endif

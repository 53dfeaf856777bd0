/* What the parent does while the server runs: looks whether a certificate waits to be carried.
 * SPDX-License-Identifier: Apache-2.0
 *
 * httpd calls the monitor hook about every ten seconds in the parent, as root. Here it compares
 * numbers in memory: what the bell says against what domains/ has. Only if something waits it
 * starts one process that does the promotion (mod_acme_promoter.h); the parent itself opens nothing
 * that the run user can write. What children ring may be a lie, so it is no more than a reason to
 * look, and a number that failed is looked at again only after a while.
 */
#ifndef MOD_ACME_PARENT_H
#define MOD_ACME_PARENT_H

#include "mod_acme_world.h"

/** In post_config: carries what waits in live/, in this process since there are no children yet,
 * and remembers what domains/ has. */
void mod_acme_parent_begin(mod_acme_world_t *world, apr_pool_t *scratch_pool);

/** For ap_hook_monitor. */
int mod_acme_parent_look(apr_pool_t *pool, server_rec *server);

#endif

/* Key and credentials files of dns-01 and http-01: read by the parent, which alone need be able to.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Root, 0600, is right: what the run user may read, every script of every site may read. The
 * children have the contents by fork, and hand them to the program they are for.
 */
#ifndef MOD_ACME_SECRET_H
#define MOD_ACME_SECRET_H

#include <apr_pools.h>

#include "mod_acme_world.h"

/** In the parent's post_config: reads what ACMEChallengeDns01 and ACMEChallengeHttp01 name. What is wrong with a file is
 * said in the log, and kept for whoever needs it. */
void mod_acme_secret_read_all(const mod_acme_world_t *world, apr_pool_t *scratch_pool);

#endif

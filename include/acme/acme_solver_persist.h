/* The solver of dns-persist-01: finds out whether the standing record is there; nothing is
 * published. SPDX-License-Identifier: Apache-2.0
 *
 * The record is the administrator's (acme_persist.h). Every authoritative server of its zone is
 * asked, wherever CNAMEs lead; the resolver, where these cannot be found or none of them answers.
 * It is met when one of them shows a record that the CA would take, and none that answers lacks it.
 */
#ifndef ACME_SOLVER_PERSIST_H
#define ACME_SOLVER_PERSIST_H

#include "acme/acme_dns.h"
#include "acme/acme_solver.h"

/** The solver, in @a pool; what it is given outlives it. */
acme_solver_t *acme_solver_persist_create(const acme_env_t *env, const acme_dns_t *dns,
                                          apr_pool_t *pool);

#endif

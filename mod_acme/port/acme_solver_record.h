/* Solvers that publish by writing a sealed record: what http-01 and tls-alpn-01 share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The children answer from the record, so a proof is visible as soon as the store has it. What
 * somebody removed meanwhile is published once more. Types differ in the name of the record only.
 *
 * Internal to the folder port.
 */
#ifndef ACME_SOLVER_RECORD_H
#define ACME_SOLVER_RECORD_H

#include "acme/acme_solver.h"

/** The name in challenges/<type>/ of the record for @a proof, whose token has been checked. */
typedef const char *acme_solver__record_name_fn(const acme_proof_t *proof, apr_pool_t *pool);

/** A solver of @a type in @a pool. */
acme_solver_t *acme_solver__record_create(const char *type, acme_solver__record_name_fn *name,
                                          const acme_store_t *store, apr_pool_t *pool);

#endif

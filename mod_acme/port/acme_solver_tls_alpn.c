/* tls-alpn-01: what to prove as a sealed record, for the children to answer handshakes with.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The record's name is the identifier, since that is all a handshake tells (RFC 8737 section 3). No
 * key and no certificate is kept: the child that is asked makes both, of the kind that the
 * handshake needs.
 */
#include <string.h>

#include "acme/acme_digest.h"
#include "acme_solver_record.h"

/* see acme_solver.h */
char *acme_solver_tls_alpn_name(const acme_identifier_t *identifier, apr_pool_t *pool)
{
    return acme_identifier_folder(
        identifier, acme_digest_hex(identifier->value, strlen(identifier->value), pool), pool);
}

static const char *name_of(const acme_proof_t *proof, apr_pool_t *pool)
{
    return acme_solver_tls_alpn_name(proof->identifier, pool);
}

/* see acme_solver.h */
acme_solver_t *acme_solver_tls_alpn_create(const acme_store_t *store, apr_pool_t *pool)
{
    return acme_solver__record_create("tls-alpn-01", name_of, store, pool);
}

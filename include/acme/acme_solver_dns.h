/* The solver of dns-01 (RFC 8555 section 8.4): sets the record, and waits until the world sees it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What must outlive the process is in a sealed record challenges/dns-01/<value>: at which name the
 * record was set and since when, so that a restart neither begins the wait anew nor loses what is
 * to be cleaned away, whatever the DNS says by then.
 *
 * The wait ends well when every authoritative server shows the value and the time to settle is
 * over. It fails when a server that answers still lacks it at the time limit. Where nobody can be
 * asked (all servers silent, a resolver that may have it cached), the limit is the whole wait, and
 * a warning says so: the CA will tell.
 */
#ifndef ACME_SOLVER_DNS_H
#define ACME_SOLVER_DNS_H

#include "acme/acme_dns.h"
#include "acme/acme_dns01.h"
#include "acme/acme_dns_update.h"
#include "acme/acme_solver.h"

/** More foreign values than this at a name are warned about: answers grow until they do not fit. */
#define ACME_SOLVER_DNS_FOREIGN_MAX 10

typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    const acme_dns_t *dns; /**< NULL: nobody can be asked, `settle` is the whole wait */
    void *baton;
    /** The settings of the domain that has @a identifier now, for what a process before left
     * behind; NULL if there are none. */
    const acme_dns01_t *(*settings_for)(void *baton, const acme_identifier_t *identifier);
    /** What sets the records for these settings; it outlives the solver's use of it. */
    acme_err_t *(*update_for)(const acme_dns_update_t **update, void *baton,
                              const acme_dns01_t *dns01, apr_pool_t *pool);
} acme_solver_dns_config_t;

/** The solver; lives in @a pool. */
acme_solver_t *acme_solver_dns_create(const acme_solver_dns_config_t *config, apr_pool_t *pool);

#endif

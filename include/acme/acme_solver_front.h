/* The solver of http-01 (RFC 8555 section 8.3), also where another server answers the CA.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the domain's settings say decides (acme_http01.h): the module answers from the sealed record
 * challenges/http-01/<token>; or the answer is put where a front server has it: into a folder, by a
 * program, or by hand. Then the record also says where, so that it can be taken away after a crash,
 * and whatever the configuration says by then.
 *
 * A file is there once it is written, and a program has done it when it ends. An answer set by hand
 * is asked for, at http://NAME/.well-known/acme-challenge/TOKEN, until it is seen; then the CA is
 * told. At the end of the wait the CA is told only where it cannot be seen from here, because
 * nobody answers this machine or a redirect leads elsewhere; if something else is answered, the CA
 * would see the same, and the run fails.
 */
#ifndef ACME_SOLVER_FRONT_H
#define ACME_SOLVER_FRONT_H

#include "acme/acme_dns_update.h"
#include "acme/acme_http01.h"
#include "acme/acme_solver.h"
#include "acme/acme_transport.h"

typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    /** The solver's alone: it is pumped from inside `visible`, where nobody else's answer may be
     * heard. NULL: what was set by hand cannot be looked for. */
    acme_transport_t *transport;
    void *baton;
    /** The settings of the domain that has @a identifier now, for what a process before left
     * behind; NULL if there are none. */
    const acme_http01_t *(*settings_for)(void *baton, const acme_identifier_t *identifier);
    /** How to reach the world for @a identifier; NULL: directly. */
    const acme_route_t *(*route_for)(void *baton, const acme_identifier_t *identifier);
    /** The programs of settings whose way is exec; it outlives the solver's use of it. */
    acme_err_t *(*exec_for)(const acme_dns_update_t **update, void *baton,
                            const acme_http01_t *http01, apr_pool_t *pool);
} acme_solver_front_config_t;

/** The solver; lives in @a pool. */
acme_solver_t *acme_solver_front_create(const acme_solver_front_config_t *config, apr_pool_t *pool);

#endif

/* The preflight that looks by DNS and probes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It asks the DNS for all addresses and the CAA records of each name, and fetches a token of its
 * own from each address by the way of http-01 (redirects included), and by https where tls-alpn-01
 * counts; the answer tells whether this server is there or another.
 */
#ifndef ACME_PREFLIGHT_LOOK_H
#define ACME_PREFLIGHT_LOOK_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_dns.h"
#include "acme/acme_env.h"
#include "acme/acme_preflight.h"
#include "acme/acme_probe.h"
#include "acme/acme_solver.h"

/** No look tells more sentences than this, and one that says how many names more there are. */
#define ACME_PREFLIGHT_LOOK_FINDINGS_MAX 8

/** What is looked with. */
typedef struct {
    const acme_env_t *env;
    acme_solver_t *http;   /**< of http-01: publishes the token */
    const acme_dns_t *dns; /**< that hears failures; NULL: names are not looked up */
    const acme_prober_t *prober;
    int http_port;      /**< the port of this machine that the CA reaches as 80; 0: none */
    int https_port;     /**< likewise 443 */
    const char *server; /**< what this server calls itself in answers, or NULL */
    /** The addresses of this machine (const char *); NULL: acme_addresses_local. */
    apr_array_header_t *(*local)(apr_pool_t *pool);
    apr_interval_time_t limit; /**< of one look */
    int max_looks;             /**< out at once */
} acme_preflight_look_config_t;

/** A preflight in @a pool. */
acme_preflight_t *acme_preflight_look_create(const acme_preflight_look_config_t *config,
                                             apr_pool_t *pool);

#endif

/* Makes the preflight from the settings of the server.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_preflight.h"

#include <httpd.h>

#include "acme/acme_preflight_look.h"
#include "acme/acme_solver.h"
#include "acme/acme_time.h"

#define QUESTION_LIMIT (6 * ACME_TIME_SECOND)

/* What public CAs grant to those that they validate. */
#define CONNECT_LIMIT (8 * ACME_TIME_SECOND)
#define PROBE_LIMIT (10 * ACME_TIME_SECOND)

#define LOOK_LIMIT (20 * ACME_TIME_SECOND)
#define LOOKS_MAX 10
#define PROBES_MAX 40

static acme_err_t *make(acme_preflight_t **preflight, const mod_acme_world_t *world,
                        const char *user_agent, apr_pool_t *pool)
{
    /* a DNS of its own, so that its questions never stand in the way of those about dns-01 */
    acme_dns_t *dns = NULL;
    const acme_dns_config_t dns_config = {.env = world->env,
                                          .resolvers = world->global->resolvers,
                                          .port = world->global->dns_port,
                                          .limit = QUESTION_LIMIT,
                                          .hears_failures = 1};
    ACME_TRY(acme_dns_create(&dns, &dns_config, pool));
    acme_prober_t *prober = NULL;
    const acme_prober_config_t prober_config = {.user_agent = user_agent,
                                                .connect_timeout = CONNECT_LIMIT,
                                                .timeout = PROBE_LIMIT,
                                                .max_probes = PROBES_MAX};
    ACME_TRY(acme_prober_create(&prober, &prober_config, pool));
    const acme_preflight_look_config_t config = {.env = world->env,
                                            .http = acme_solver_http_create(world->store, pool),
                                            .dns = dns,
                                            .prober = prober,
                                            .http_port = world->global->ports.http,
                                            .https_port = world->global->ports.https,
                                            .server = ap_get_server_banner(),
                                            .limit = LOOK_LIMIT,
                                            .max_looks = LOOKS_MAX};
    *preflight = acme_preflight_look_create(&config, pool);
    return NULL;
}

/* see mod_acme_preflight.h */
const acme_preflight_t *mod_acme_preflight_create(const mod_acme_world_t *world,
                                                  const char *user_agent, apr_pool_t *pool)
{
    acme_preflight_t *preflight = NULL;
    if (!world->global->has_preflight) {
        return NULL;
    }
    acme_err_t *err = make(&preflight, world, user_agent, pool);
    if (err != NULL) {
        acme_env_log(world->env, ACME_LOG_WARNING,
                     "no preflight, so it shows only at the CA whether names can be validated: %s",
                     err->text);
        return NULL;
    }
    return preflight;
}

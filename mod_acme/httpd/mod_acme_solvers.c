/* Makes the solvers of the engine, and the ways to set proofs when they are first needed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_solvers.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_dns_update_manual.h"
#include "acme/acme_dns_update_nsupdate.h"
#include "acme/acme_program.h"
#include "acme/acme_solver.h"
#include "acme/acme_solver_dns.h"
#include "acme/acme_solver_front.h"
#include "acme/acme_solver_persist.h"
#include "acme/acme_time.h"
#include "acme/acme_transport_curl.h"
#include "acme/acme_webroot.h"

/* A DNS question that has no answer by then has none. */
#define QUESTION_LIMIT (8 * ACME_TIME_SECOND)

/* So long a look for an answer waits for a connection, and twice as long for all. */
#define LOOK_LIMIT (10 * ACME_TIME_SECOND)

/* What dns-01 and http-01 need beyond their solvers; lives as long as the engine. */
typedef struct {
    const mod_acme_world_t *world;
    apr_pool_t *pool;
    acme_program_runner_t *runner;
    apr_hash_t *updates; /* const acme_dns01_t * -> acme_dns_update_t * */
} workshop_t;

static acme_err_t *make_exec(acme_dns_update_t **update, const workshop_t *workshop,
                             const acme_dns01_t *dns01, int is_http01)
{
    acme_dns_update_exec_config_t *config = apr_pcalloc(workshop->pool, sizeof(*config));
    *config = (acme_dns_update_exec_config_t){.env = workshop->world->env,
                                              .runner = workshop->runner,
                                              .style = (acme_dns_style_t)dns01->style,
                                              .is_http01 = is_http01,
                                              .mod_md_version = dns01->version,
                                              .command = dns01->command,
                                              .cleanup = dns01->cleanup,
                                              .credentials = dns01->credentials,
                                              .limit = dns01->limit};
    return acme_dns_update_exec_create(update, config, workshop->pool);
}

static acme_err_t *make_nsupdate(acme_dns_update_t **update, const workshop_t *workshop,
                                 const acme_dns01_t *dns01)
{
    acme_dns_update_nsupdate_config_t *config = apr_pcalloc(workshop->pool, sizeof(*config));
    *config = (acme_dns_update_nsupdate_config_t){.env = workshop->world->env,
                                                  .runner = workshop->runner,
                                                  .server = dns01->server,
                                                  .zone = dns01->zone,
                                                  .key = dns01->key};
    return acme_dns_update_nsupdate_create(update, config, workshop->pool);
}

static acme_err_t *make_update(acme_dns_update_t **update, const workshop_t *workshop,
                               const acme_dns01_t *dns01, apr_pool_t *pool)
{
    if (dns01->trouble != NULL) {
        return acme_err_make(pool, ACME_ERR_CONFIG, "no TXT record can be set: %s", dns01->trouble);
    }
    switch (dns01->way) {
    case ACME_DNS01_EXEC:
        return make_exec(update, workshop, dns01, 0);
    case ACME_DNS01_RFC2136:
        return make_nsupdate(update, workshop, dns01);
    default:
        *update = acme_dns_update_manual_create(workshop->world->env, workshop->pool);
        return NULL;
    }
}

static void keep_update(workshop_t *workshop, const acme_dns01_t *dns01, acme_dns_update_t *made)
{
    apr_hash_set(workshop->updates, apr_pmemdup(workshop->pool, &dns01, sizeof(dns01)),
                 sizeof(dns01), made);
}

static acme_err_t *update_for(const acme_dns_update_t **update, void *baton,
                              const acme_dns01_t *dns01, apr_pool_t *pool)
{
    workshop_t *workshop = baton;
    acme_dns_update_t *made = apr_hash_get(workshop->updates, &dns01, sizeof(dns01));
    if (made == NULL) {
        ACME_TRY(make_update(&made, workshop, dns01, pool));
        keep_update(workshop, dns01, made);
    }
    *update = made;
    return NULL;
}

static acme_err_t *exec_for(const acme_dns_update_t **update, void *baton,
                            const acme_http01_t *http01, apr_pool_t *pool)
{
    (void)pool;
    workshop_t *workshop = baton;
    const acme_dns01_t *exec = http01->exec;
    acme_dns_update_t *made = apr_hash_get(workshop->updates, &exec, sizeof(exec));
    if (made == NULL) {
        ACME_TRY(make_exec(&made, workshop, exec, 1));
        keep_update(workshop, exec, made);
    }
    *update = made;
    return NULL;
}

/* A domain may have the wildcard alone: then a name below leads to it. */
static const acme_domain_t *domain_for(const workshop_t *workshop,
                                       const acme_identifier_t *identifier)
{
    const acme_domain_index_t *index = workshop->world->global->index;
    char below[300];
    const acme_domain_t *domain =
        acme_domain_index_find(index, identifier->value, strlen(identifier->value));
    if (domain == NULL) {
        (void)apr_snprintf(below, sizeof(below), "x.%s", identifier->value);
        domain = acme_domain_index_find(index, below, strlen(below));
    }
    return domain;
}

static const acme_dns01_t *dns01_for(void *baton, const acme_identifier_t *identifier)
{
    const acme_domain_t *domain = domain_for(baton, identifier);
    return domain != NULL ? domain->dns01 : NULL;
}

static const acme_http01_t *http01_for(void *baton, const acme_identifier_t *identifier)
{
    const acme_domain_t *domain = domain_for(baton, identifier);
    return domain != NULL ? domain->http01 : NULL;
}

/* Who needs a proxy to reach the CA needs it to see what the CA sees. */
static const acme_route_t *route_for(void *baton, const acme_identifier_t *identifier)
{
    const acme_domain_t *domain = domain_for(baton, identifier);
    return domain != NULL ? &domain->ca->route : NULL;
}

/* NULL if nobody can be asked. */
static const acme_dns_t *make_dns(const mod_acme_world_t *world, apr_pool_t *pool)
{
    acme_dns_t *dns = NULL;
    const acme_dns_config_t config = {.env = world->env,
                                      .resolvers = world->global->resolvers,
                                      .port = world->global->dns_port,
                                      .limit = QUESTION_LIMIT};
    acme_err_t *err = acme_dns_create(&dns, &config, pool);
    if (err != NULL) {
        acme_env_log(world->env, ACME_LOG_ERROR, "%s", err->text);
    }
    return dns;
}

/* dns-01 then only lets time pass. */
static void warn_of_silence(const mod_acme_world_t *world)
{
    if (!acme_dns_is_built_in()) {
        acme_env_log(world->env, ACME_LOG_WARNING,
                     "this mod_acme was built without c-ares, so nobody is asked whether TXT "
                     "records can be seen: ACMEDns01Wait settle=DURATION is the whole wait");
    }
}

static workshop_t *make_workshop(const mod_acme_world_t *world, apr_pool_t *pool)
{
    workshop_t *workshop = apr_pcalloc(pool, sizeof(*workshop));
    *workshop = (workshop_t){.world = world,
                             .pool = pool,
                             .runner = acme_program_runner_create(world->env, pool),
                             .updates = apr_hash_make(pool)};
    return workshop;
}

/* The administrator need not wait for the first order to hear of it. */
static void check_webroots(const mod_acme_world_t *world, apr_pool_t *pool)
{
    for (int i = 0; i < world->global->http01s->nelts; i++) {
        const acme_http01_t *http01 = APR_ARRAY_IDX(world->global->http01s, i, acme_http01_t *);
        acme_err_t *err =
            http01->webroot != NULL ? acme_webroot_check(http01->webroot, pool) : NULL;
        if (err != NULL) {
            acme_env_log(world->env, ACME_LOG_ERROR,
                         "ACMEChallengeHttp01: http-01 cannot be answered: %s", err->text);
        }
    }
}

/* NULL where nothing is set by hand: then nobody need look for it. */
static acme_transport_t *make_looks(const mod_acme_world_t *world, const char *user_agent,
                                    apr_pool_t *pool)
{
    acme_transport_t *transport = NULL;
    const acme_transport_curl_config_t config = {.user_agent = user_agent,
                                                 .connect_timeout = LOOK_LIMIT,
                                                 .exchange_timeout = 2 * LOOK_LIMIT,
                                                 .max_connections = 1};
    int is_needed = 0;
    for (int i = 0; i < world->global->http01s->nelts; i++) {
        is_needed |=
            APR_ARRAY_IDX(world->global->http01s, i, acme_http01_t *)->way == ACME_HTTP01_MANUAL;
    }
    acme_err_t *err = is_needed ? acme_transport_curl_create(&transport, &config, pool) : NULL;
    if (err != NULL) {
        acme_env_log(world->env, ACME_LOG_ERROR, "ACMEChallengeHttp01 manual: %s", err->text);
        return NULL;
    }
    return transport;
}

static acme_solver_t *make_front_solver(workshop_t *workshop, const char *user_agent,
                                        apr_pool_t *pool)
{
    const acme_solver_front_config_t config = {.env = workshop->world->env,
                                               .store = workshop->world->store,
                                               .transport =
                                                   make_looks(workshop->world, user_agent, pool),
                                               .baton = workshop,
                                               .settings_for = http01_for,
                                               .route_for = route_for,
                                               .exec_for = exec_for};
    check_webroots(workshop->world, pool);
    return acme_solver_front_create(&config, pool);
}

static acme_solver_t *make_dns_solver(workshop_t *workshop, const acme_dns_t *dns, apr_pool_t *pool)
{
    const mod_acme_world_t *world = workshop->world;
    warn_of_silence(world);
    const acme_solver_dns_config_t config = {.env = world->env,
                                             .store = world->store,
                                             .dns = dns,
                                             .baton = workshop,
                                             .settings_for = dns01_for,
                                             .update_for = update_for};
    return acme_solver_dns_create(&config, pool);
}

/* Also where no domain has a way any more, but records of before may still stand in a zone: then
 * that is said. */
static int needs_dns_solver(const mod_acme_world_t *world, apr_pool_t *pool)
{
    apr_array_header_t *left = NULL;
    return world->global->dns01s->nelts > 0 ||
           (acme_proof_list(&left, world->store, "dns-01", pool) == NULL && left->nelts > 0);
}

/* see mod_acme_solvers.h */
apr_array_header_t *mod_acme_solvers_create(const mod_acme_world_t *world, const char *user_agent,
                                            apr_pool_t *pool)
{
    workshop_t *workshop = make_workshop(world, pool);
    apr_array_header_t *solvers = apr_array_make(pool, 3, sizeof(acme_solver_t *));
    APR_ARRAY_PUSH(solvers, acme_solver_t *) = make_front_solver(workshop, user_agent, pool);
    APR_ARRAY_PUSH(solvers, acme_solver_t *) = acme_solver_tls_alpn_create(world->store, pool);
    const acme_dns_t *dns = make_dns(world, pool);
    if (needs_dns_solver(world, pool)) {
        APR_ARRAY_PUSH(solvers, acme_solver_t *) = make_dns_solver(workshop, dns, pool);
    }
    if (dns != NULL) {
        APR_ARRAY_PUSH(solvers, acme_solver_t *) =
            acme_solver_persist_create(world->env, dns, pool);
    }
    return solvers;
}

/* A server without a server, see engine_world.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/engine_world.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_responder.h"
#include "acme/acme_text.h"

static int validate(void *baton, const char *type, const char *identifier, const char *token,
                    const char *key_authorization)
{
    engine_world_t *w = baton;
    if (w->more_solvers != NULL && strcmp(type, w->more_solvers->type) == 0) {
        return 1;
    }
    if (w->store == NULL || strcmp(type, "http-01") != 0 || w->fails_http) {
        return 0;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, w->pool);
    const char *path = apr_pstrcat(pool, ACME_RESPONDER_HTTP_PREFIX, token, NULL);
    const char *answer;
    const acme_responder_t responder = {.store = w->store, .bell = w->bell};
    int is_valid = acme_responder_http(&answer, &responder, identifier, path, pool) &&
                   strcmp(answer, key_authorization) == 0;
    apr_pool_destroy(pool);
    return is_valid;
}

engine_world_t *engine_world_create(apr_pool_t *pool)
{
    engine_world_t *w = apr_pcalloc(pool, sizeof(*w));
    w->pool = pool;
    w->world = fake_env_create(7, pool);
    w->disk = fake_store_create(pool);
    w->ca = fake_ca_create(fake_env(w->world), 11, pool);
    fake_ca_on_validate(w->ca, validate, w);
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = "a secret that is no secret here";
    w->seal = acme_seal_create(secret, pool);
    w->domains = apr_array_make(pool, 4, sizeof(const acme_domain_t *));
    w->retry_delay = 30 * ACME_TIME_SECOND;
    w->check_interval = 12 * ACME_TIME_HOUR;
    w->ca_config = (acme_ca_t){.directory_url = fake_ca_directory_url(w->ca),
                               .name = "ca.test",
                               .folder = acme_ca_folder(fake_ca_directory_url(w->ca), pool),
                               .contacts = apr_array_make(pool, 1, sizeof(const char *)),
                               .agreement = "accepted",
                               .is_private = 1,
                               .max_identifiers = 100};
    return w;
}

acme_domain_t *engine_world_domain(engine_world_t *w, const char *names)
{
    acme_domain_t *domain = apr_pcalloc(w->pool, sizeof(*domain));
    apr_array_header_t *words = acme_text_split(names, " ", w->pool);
    apr_array_header_t *identifiers =
        apr_array_make(w->pool, words->nelts, sizeof(const acme_identifier_t *));
    for (int i = 0; i < words->nelts; ++i) {
        acme_identifier_t *identifier = NULL;
        (void)acme_identifier_parse(&identifier, APR_ARRAY_IDX(words, i, const char *), w->pool);
        APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = identifier;
    }
    const acme_identifier_t *first = APR_ARRAY_IDX(identifiers, 0, const acme_identifier_t *);
    apr_array_header_t *specs = apr_array_make(w->pool, 1, sizeof(acme_key_spec_t));
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_P256};
    apr_array_header_t *types = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(types, const char *) = "http-01";
    *domain = (acme_domain_t){.name = first->value,
                              .folder = acme_identifier_folder(first, NULL, w->pool),
                              .identifiers = identifiers,
                              .key_specs = specs,
                              .has_key_specs = 1,
                              .ca = &w->ca_config,
                              .challenge_types = types,
                              .renew_window = {.percent = 33},
                              .warn_window = {.percent = 10},
                              .renew_mode = ACME_RENEW_AUTO,
                              .is_used = 1,
                              .file = "httpd.conf",
                              .line = 1,
                              .index = w->domains->nelts};
    APR_ARRAY_PUSH(w->domains, const acme_domain_t *) = domain;
    return domain;
}

static acme_engine_config_t engine_config(engine_world_t *w)
{
    apr_array_header_t *solvers = apr_array_make(w->process_pool, 1, sizeof(acme_solver_t *));
    APR_ARRAY_PUSH(solvers, acme_solver_t *) = acme_solver_http_create(w->store, w->process_pool);
    if (w->more_solvers != NULL) {
        APR_ARRAY_PUSH(solvers, acme_solver_t *) = w->more_solvers;
    }
    return (acme_engine_config_t){.env = fake_env(w->world),
                                  .store = w->store,
                                  .transport = fake_ca_transport(w->ca),
                                  .solvers = solvers,
                                  .domains = w->domains,
                                  .bell = w->bell,
                                  .registered_domain = fake_ca_registered_domain,
                                  .preflight = w->preflight,
                                  .retry_delay = w->retry_delay,
                                  .generate_key = w->generate_key,
                                  .check_interval = w->check_interval,
                                  .max_in_flight = w->max_in_flight,
                                  .max_runs = w->max_runs};
}

void engine_world_start(engine_world_t *w)
{
    static int processes; /* never the same twice: locks tell processes apart by it */
    w->process = ++processes;
    apr_pool_create(&w->process_pool, w->pool);
    const acme_env_t *env = fake_env(w->world);
    w->store = fake_store_open(w->disk, w->process, w->seal, env, w->process_pool);
    w->bell = apr_pcalloc(w->process_pool, acme_bell_size(w->domains->nelts));
    acme_engine_config_t config = engine_config(w);
    w->engine = acme_engine_create(&config, w->process_pool);
    atomic_store(&w->bell->engine_is_up, 1);
}

void engine_world_die(engine_world_t *w)
{
    fake_ca_forget_client(w->ca);
    fake_store_kill(w->disk, w->process);
    w->engine = NULL;
    w->store = NULL;
    w->bell = NULL;
    w->process = 0;
    apr_pool_destroy(w->process_pool);
    w->process_pool = NULL;
}

void engine_world_pass(engine_world_t *w, apr_interval_time_t span)
{
    const acme_env_t *env = fake_env(w->world);
    apr_time_t end = acme_env_now(env) + span;
    while (acme_env_now(env) <= end && w->engine != NULL) {
        apr_time_t next = acme_engine_tick(w->engine, 0);
        if (w->is_interrupted) {
            return;
        }
        apr_time_t event = fake_ca_next_event(w->ca);
        next = event != 0 && event < next ? event : next;
        apr_time_t now = acme_env_now(env);
        if (next > end) {
            break;
        }
        fake_env_move_to(w->world, next > now ? next : now + 1000);
    }
    fake_env_move_to(w->world, end);
}

/* The disk as a look from outside sees it, also while no process runs. */
static const acme_store_t *outside(engine_world_t *w)
{
    return w->store != NULL
               ? w->store
               : fake_store_open(w->disk, 1 << 30, w->seal, fake_env(w->world), w->pool);
}

acme_generation_facts_t *engine_world_facts(engine_world_t *w, int index)
{
    acme_generation_facts_t *facts = NULL;
    const acme_domain_t *domain = APR_ARRAY_IDX(w->domains, index, const acme_domain_t *);
    (void)acme_generation_facts_read(&facts, outside(w), domain->folder, w->pool);
    return facts;
}

apr_uint64_t engine_world_number(engine_world_t *w, int index)
{
    const acme_generation_facts_t *facts = engine_world_facts(w, index);
    return facts != NULL ? facts->number : 0;
}

acme_job_t *engine_world_job(engine_world_t *w, int index)
{
    const acme_domain_t *domain = APR_ARRAY_IDX(w->domains, index, const acme_domain_t *);
    return acme_job_read(outside(w), domain->folder, w->pool);
}

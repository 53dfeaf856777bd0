/* What the parent does while the server runs: looks whether a certificate waits to be carried.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <stdatomic.h>

#include <httpd.h>
#include <http_config.h>

#include "acme/acme_adopt.h"
#include "acme/acme_store_fs.h"
#include "acme/acme_time.h"
#include "mod_acme_activation.h"
#include "mod_acme_parent.h"
#include "mod_acme_process.h"
#include "mod_acme_promoter.h"

#define LIMIT_SECONDS 60
#define RETRY_MIN (1 * ACME_TIME_MINUTE)
#define RETRY_MAX (1 * ACME_TIME_HOUR)

struct mod_acme_parent_t {
    mod_acme_world_t *world;
    apr_uint64_t *pointed;       /* by domain: the generation in domains/ */
    apr_uint64_t *tried;         /* by domain: the highest number that a process was started for */
    apr_array_header_t *in_hand; /* const acme_domain_t *: of the process under way */
    int is_running;
    apr_interval_time_t retry_delay; /* 0: no domain has failed */
    apr_interval_time_t retry_at;    /* monotonic */
    apr_time_t domains_mtime;
    apr_time_t live_mtime;
};

static const acme_domain_t *domain_at(const mod_acme_world_t *world, int i)
{
    return APR_ARRAY_IDX(world->global->domains, i, const acme_domain_t *);
}

/* Reads the links in domains/ again. */
static void look_at_links(mod_acme_parent_t *parent, const apr_array_header_t *domains)
{
    apr_pool_t *iteration = NULL;
    apr_pool_create(&iteration, parent->world->pool);
    for (int i = 0; i < domains->nelts; i++) {
        apr_pool_clear(iteration);
        const acme_domain_t *domain = APR_ARRAY_IDX(domains, i, const acme_domain_t *);
        parent->pointed[domain->index] =
            acme_store_fs_pointed(parent->world->store, domain->folder, iteration);
    }
    apr_pool_destroy(iteration);
    parent->domains_mtime = acme_store_fs_mtime(parent->world->store, "domains");
    parent->live_mtime = acme_store_fs_mtime(parent->world->store, "live");
}

/* see mod_acme_parent.h */
void mod_acme_parent_begin(mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    const apr_array_header_t *domains = world->global->domains;
    mod_acme_parent_t *parent = apr_pcalloc(world->pool, sizeof(*parent));
    parent->world = world;
    parent->pointed = apr_pcalloc(world->pool, sizeof(apr_uint64_t) * (apr_size_t)domains->nelts);
    parent->tried = apr_pcalloc(world->pool, sizeof(apr_uint64_t) * (apr_size_t)domains->nelts);
    parent->in_hand = apr_array_make(world->pool, domains->nelts, sizeof(const acme_domain_t *));
    (void)acme_adopt(domains, world->store, world->env, scratch_pool);
    (void)mod_acme_promoter_run(world->store, world->base, domains, scratch_pool);
    look_at_links(parent, domains);
    world->parent = parent;
}

/* ---- the process */

static int promote(void *baton)
{
    const mod_acme_parent_t *parent = baton;
    apr_pool_t *pool = NULL;
    apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    int waiting =
        mod_acme_promoter_run(parent->world->store, parent->world->base, parent->in_hand, pool);
    apr_pool_destroy(pool); /* wipes the keys */
    return waiting == 0 ? MOD_ACME_PROCESS_WELL : MOD_ACME_PROCESS_FAILED;
}

static void back_off(mod_acme_parent_t *parent)
{
    parent->retry_delay = parent->retry_delay == 0               ? RETRY_MIN
                          : parent->retry_delay >= RETRY_MAX / 2 ? RETRY_MAX
                                                                 : parent->retry_delay * 2;
    parent->retry_at = acme_env_monotonic(parent->world->env) + parent->retry_delay;
}

/* Nonzero if something is not in domains/ although a process was started for it. */
static int has_failed(const mod_acme_parent_t *parent)
{
    const acme_bell_t *bell = mod_acme_board_bell(parent->world->board);
    for (int i = 0; i < parent->world->global->domains->nelts; i++) {
        apr_uint64_t rung = acme_bell_generation(bell, i);
        if (rung != ACME_BELL_UNKNOWN && rung != ACME_BELL_NONE && rung > parent->pointed[i] &&
            rung <= parent->tried[i]) {
            return 1;
        }
    }
    return 0;
}

/* One that did well says nothing about those that failed before and were not in it. */
static void settle(mod_acme_parent_t *parent)
{
    if (!has_failed(parent)) {
        parent->retry_delay = 0;
    }
    else if (parent->retry_delay > 0 &&
             acme_env_monotonic(parent->world->env) >= parent->retry_at) {
        back_off(parent); /* it was among them, and there is nothing that could be carried */
    }
}

/* What was given to live/ is not the engine's work, so the parent rings for it; while no engine of
 * this configuration is up, the children look for themselves. */
static void ring(const mod_acme_parent_t *parent)
{
    acme_bell_t *bell = mod_acme_board_bell(parent->world->board);
    for (int i = 0; i < parent->in_hand->nelts && atomic_load(&bell->engine_is_up); i++) {
        int index = APR_ARRAY_IDX(parent->in_hand, i, const acme_domain_t *)->index;
        if (parent->pointed[index] != 0) {
            acme_bell_ring(bell, index, parent->pointed[index]);
        }
    }
}

static void promotion_ended(void *baton, int status, const char *output)
{
    mod_acme_parent_t *parent = baton;
    parent->is_running = 0;
    look_at_links(parent, parent->in_hand);
    ring(parent);
    apr_array_clear(parent->in_hand);
    if (status == MOD_ACME_PROCESS_WELL) {
        settle(parent);
        mod_acme_activation_look(parent->world, parent->pointed);
        return;
    }
    (void)output; /* what it has to say is in the error log */
    back_off(parent);
    if (status != MOD_ACME_PROCESS_FAILED) {
        acme_env_log(parent->world->env, ACME_LOG_ERROR,
                     "The process that copies certificates from live/ to domains/ ended with "
                     "signal %d; it is tried again, and what domains/ has is kept",
                     status);
    }
}

static void start_promotion(mod_acme_parent_t *parent)
{
    const mod_acme_process_t process = {promote, promotion_ended, parent, LIMIT_SECONDS, 0};
    acme_err_t *err = mod_acme_process_start(&process, parent->world->pool);
    if (err == NULL) {
        parent->is_running = 1;
        return;
    }
    apr_array_clear(parent->in_hand);
    back_off(parent);
    acme_env_log(parent->world->env, ACME_LOG_ERROR,
                 "New certificates are served, but not yet copied to domains/: %s", err->text);
}

/* ---- looking */

/* Somebody who is not this server's engine has been at the store. */
static int was_touched(mod_acme_parent_t *parent)
{
    const acme_store_t *store = parent->world->store;
    apr_time_t domains = acme_store_fs_mtime(store, "domains");
    apr_time_t live = acme_store_fs_mtime(store, "live");
    int is_ours = atomic_load(&mod_acme_board_bell(parent->world->board)->engine_is_up);
    int touched = domains != parent->domains_mtime || (!is_ours && live != parent->live_mtime);
    parent->domains_mtime = domains;
    parent->live_mtime = live;
    return touched;
}

static int waits(const mod_acme_parent_t *parent, const acme_domain_t *domain, int may_retry)
{
    apr_uint64_t rung =
        acme_bell_generation(mod_acme_board_bell(parent->world->board), domain->index);
    return rung != ACME_BELL_UNKNOWN && rung != ACME_BELL_NONE &&
           rung > parent->pointed[domain->index] &&
           (rung > parent->tried[domain->index] || may_retry);
}

static void gather(mod_acme_parent_t *parent)
{
    const mod_acme_world_t *world = parent->world;
    int all = was_touched(parent);
    int may_retry = parent->retry_delay > 0 && acme_env_monotonic(world->env) >= parent->retry_at;
    for (int i = 0; i < world->global->domains->nelts; i++) {
        const acme_domain_t *domain = domain_at(world, i);
        int waiting = waits(parent, domain, may_retry);
        if (waiting) {
            parent->tried[i] = acme_bell_generation(mod_acme_board_bell(world->board), i);
        }
        if (waiting || all) {
            APR_ARRAY_PUSH(parent->in_hand, const acme_domain_t *) = domain;
        }
    }
}

/* see mod_acme_parent.h */
int mod_acme_parent_look(apr_pool_t *pool, server_rec *server)
{
    (void)pool;
    (void)server;
    mod_acme_world_t *world = mod_acme_world();
    if (world == NULL || world->parent == NULL) {
        return DECLINED;
    }
    mod_acme_parent_t *parent = world->parent;
    if (!parent->is_running) {
        gather(parent);
        if (parent->in_hand->nelts > 0) {
            start_promotion(parent);
        }
        else {
            mod_acme_activation_look(world, parent->pointed);
        }
    }
    return DECLINED; /* other modules look, too */
}

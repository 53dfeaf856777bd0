/* The start of a configuration: store, seal, placeholder, promotion, bell, engine; and of a child.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <unistd.h>

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_seal.h"
#include "acme/acme_store_fs.h"
#include "mod_acme_alpn.h"
#include "mod_acme_env.h"
#include "mod_acme_host.h"
#include "mod_acme_parent.h"
#include "mod_acme_secret.h"
#include "mod_acme_start.h"
#include "mod_acme_watchdog.h"
#include "mod_acme_world.h"

APLOG_USE_MODULE(acme);

/* A child keeps so many domains ready; others are loaded when they are asked for. */
#define CACHE_CAPACITY 10000

static mod_acme_world_t *make_world(apr_pool_t *pconf, server_rec *s,
                                    const mod_acme_global_t *global)
{
    mod_acme_world_t *world = apr_pcalloc(pconf, sizeof(*world));
    world->server = s;
    world->pool = pconf;
    world->env = mod_acme_env_create(s, pconf);
    world->global = global;
    world->base = global->store_dir;
    world->is_rehearsal = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
    world->is_root = geteuid() == 0;
    world->began = acme_env_now(world->env);
    world->hosts = apr_hash_make(pconf);
    apr_pool_create(&world->placeholder_pool, pconf);
    return world;
}

/* ---- the store */

static acme_store_fs_config_t store_config(const mod_acme_world_t *world)
{
    const acme_store_fs_config_t config = {
        .base = world->base,
        .run_uid = world->is_root ? ap_unixd_config.user_id : geteuid(),
        .run_gid = world->is_root ? ap_unixd_config.group_id : getegid(),
        .run_user = world->is_root ? ap_unixd_config.user_name : "the user that started httpd",
    };
    return config;
}

static void report_condition(const mod_acme_world_t *world, const acme_store_condition_t *condition)
{
    if (condition->why != NULL) {
        acme_env_log(world->env, ACME_LOG_ERROR, "%s%s", condition->why,
                     condition->state == ACME_STORE_NEWER
                         ? "" /* it is said in it */
                         : "; no certificate is obtained or renewed, those in domains/ are served");
    }
    if (condition->warning != NULL) {
        acme_env_log(world->env, ACME_LOG_WARNING, "%s", condition->warning);
    }
    if (!world->is_root) {
        acme_env_log(world->env, ACME_LOG_NOTICE,
                     "httpd was not started as root: the private keys in %s belong to the user "
                     "that it runs as, and whatever runs as that user can read them",
                     world->base);
    }
}

/* Opens the store for everything; what hinders is in world->trouble. */
static void open_store(mod_acme_world_t *world)
{
    const acme_store_fs_config_t config = store_config(world);
    acme_store_condition_t condition = {0};
    acme_store_fs_prepare(&condition, &config, 1, world->env, world->pool);
    report_condition(world, &condition);
    if (condition.state == ACME_STORE_USABLE) {
        const acme_seal_t *seal = acme_seal_create(condition.secret, world->pool);
        acme_err_t *err = acme_store_fs_open(&world->store, &config, seal, world->env, world->pool);
        if (err != NULL) {
            world->store = NULL;
            world->trouble = err->text;
            acme_env_log(world->env, ACME_LOG_ERROR, "%s", err->text);
        }
    }
    else {
        world->trouble = condition.why != NULL ? condition.why : "The store cannot be used";
    }
    OPENSSL_cleanse(condition.secret, sizeof(condition.secret));
}

/* ---- the placeholder */

/* The store as far as plain files go: in the first pass, and when it is damaged or newer. */
static acme_err_t *open_plain(acme_store_t **store, const mod_acme_world_t *world, apr_pool_t *pool)
{
    const acme_store_fs_config_t config = store_config(world);
    if (world->is_rehearsal) {
        acme_store_condition_t condition = {0};
        acme_store_fs_prepare(&condition, &config, 1, world->env, pool);
        OPENSSL_cleanse(condition.secret, sizeof(condition.secret));
    }
    return acme_store_fs_open(store, &config, NULL, world->env, pool);
}

static acme_err_t *store_placeholder(mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    acme_store_t *store = world->store;
    if (store == NULL) {
        ACME_TRY(open_plain(&store, world, scratch_pool));
    }
    return mod_acme_placeholder_store(&world->placeholder, store, world->base, world->pool);
}

/* Where the store cannot hold it: in the run-time folder, else in the one for temporary files. */
static acme_err_t *improvise_placeholder(mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    const char *run_dir = ap_runtime_dir_relative(scratch_pool, "");
    const char *temp_dir = NULL;
    acme_err_t *err = run_dir != NULL
                          ? mod_acme_placeholder_improvise(&world->placeholder, run_dir, world->env,
                                                           world->placeholder_pool)
                          : NULL;
    if ((err != NULL || run_dir == NULL) &&
        apr_temp_dir_get(&temp_dir, scratch_pool) == APR_SUCCESS) {
        err = mod_acme_placeholder_improvise(&world->placeholder, temp_dir, world->env,
                                             world->placeholder_pool);
    }
    return err;
}

static void prepare_placeholder(mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    if (mod_acme_placeholder_find(&world->placeholder, world->base, world->env, world->pool)) {
        return;
    }
    acme_err_t *err = store_placeholder(world, scratch_pool);
    if (err == NULL) {
        return;
    }
    if (world->trouble == NULL && !world->is_rehearsal) {
        acme_env_log(world->env, ACME_LOG_ERROR,
                     "The placeholder certificate cannot be kept in the store, a passing one is "
                     "used: %s",
                     err->text);
    }
    err = improvise_placeholder(world, scratch_pool);
    if (err != NULL) {
        world->placeholder.certificate_file = NULL;
        acme_env_log(world->env, ACME_LOG_ERROR,
                     "No placeholder certificate can be made, so httpd will not start if a TLS "
                     "host has no certificate: %s",
                     err->text);
    }
}

/* ---- the configuration in force */

static void begin(mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    if (world->store == NULL) {
        return;
    }
    acme_err_t *err =
        mod_acme_board_create(&world->board, world->global->domains->nelts, world->pool);
    if (err != NULL) {
        world->trouble = err->text;
        acme_env_log(world->env, ACME_LOG_ERROR,
                     "%s: no certificate is obtained, those in domains/ are served", err->text);
        return;
    }
    mod_acme_alpn_allow(world);
    mod_acme_secret_read_all(world, scratch_pool);
    mod_acme_parent_begin(world, scratch_pool);
    mod_acme_watchdog_register(world);
}

/* see mod_acme_start.h */
int mod_acme_start_before_tls(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    const mod_acme_global_t *global = mod_acme_config_global(s);
    if (global == NULL || global->domains->nelts == 0) {
        return OK;
    }
    mod_acme_world_t *world = make_world(pconf, s, global);
    apr_pool_t *scratch_pool = NULL;
    apr_pool_create(&scratch_pool, ptemp);
    if (!world->is_rehearsal) {
        open_store(world);
    }
    prepare_placeholder(world, scratch_pool);
    if (!world->is_rehearsal) {
        begin(world, scratch_pool);
    }
    mod_acme_world_set(world);
    apr_pool_destroy(scratch_pool);
    return OK;
}

/* see mod_acme_start.h */
int mod_acme_start_after_tls(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)plog;
    (void)s;
    mod_acme_world_t *world = mod_acme_world();
    if (world == NULL) {
        return OK;
    }
    apr_pool_destroy(world->placeholder_pool); /* the TLS module has read it */
    world->placeholder_pool = NULL;
    if (!world->is_rehearsal) {
        mod_acme_host_review(world, ptemp);
    }
    return OK;
}

/* see mod_acme_start.h */
void mod_acme_start_child(apr_pool_t *pchild, server_rec *s)
{
    (void)pchild;
    (void)s;
    mod_acme_world_t *world = mod_acme_world();
    if (world == NULL || world->store == NULL || world->board == NULL) {
        return;
    }
    /* of no pool of httpd's: those may go while worker threads still finish a handshake */
    apr_pool_t *pool = NULL;
    apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    if (world->global->is_stateless) {
        world->thumbprints = acme_thumbprint_cache_create(
            world->store, mod_acme_board_bell(world->board), world->global->cas, pool);
    }
    if (world->global->activation.mode == MOD_ACME_ACTIVATE_LIVE) {
        world->cache = acme_certificate_cache_create(
            world->store, mod_acme_board_bell(world->board), world->global->domains->nelts,
            CACHE_CAPACITY, world->env, pool);
        acme_certificate_cache_hold_back(world->cache, mod_acme_host_loaded(world, pool));
    }
    mod_acme_alpn_start_child();
    mod_acme_watchdog_child_init(world);
}

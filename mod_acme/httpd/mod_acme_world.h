/* The world of one configuration: all that parent, children and the watchdog thread share by fork.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Made anew by the parent for each configuration in post_config, frozen before the children are
 * forked, but for what is said below. It lives in the configuration's pool and is forgotten with
 * it.
 */
#ifndef MOD_ACME_WORLD_H
#define MOD_ACME_WORLD_H

#include <httpd.h>
#include <apr_hash.h>

#include "acme/acme_certificate_cache.h"
#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_store.h"
#include "acme/acme_thumbprint_cache.h"
#include "mod_acme_board.h"
#include "mod_acme_config.h"
#include "mod_acme_placeholder.h"

typedef struct mod_acme_parent_t mod_acme_parent_t;
typedef struct mod_acme_activation_state_t mod_acme_activation_state_t;
typedef struct mod_acme_static_t mod_acme_static_t;

typedef struct {
    server_rec *server; /**< the main one */
    apr_pool_t *pool;   /**< the configuration's; the parent's alone once children are there */
    const acme_env_t *env;
    const mod_acme_global_t *global; /**< settings, domains, index */
    const char *base;                /**< ACMEStoreDir */
    int is_rehearsal;        /**< httpd's first pass: the configuration is thrown away after it */
    int is_root;             /**< started as root: what root keeps, the children cannot read */
    const char *trouble;     /**< why the store is not to be worked with, a sentence; NULL: it is */
    acme_store_t *store;     /**< NULL when there is trouble */
    mod_acme_board_t *board; /**< NULL in the rehearsal, and when there is trouble */
    apr_time_t began;        /**< when this configuration was read */

    mod_acme_placeholder_files_t placeholder;
    apr_pool_t *placeholder_pool; /**< goes when mod_ssl has read its files */
    apr_hash_t *hosts; /**< server_rec * to mod_acme_host_t *; TLS hosts that mod_ssl asked about */
    mod_acme_static_t **statics; /**< of mod_acme_static.c, by domain; NULL: no host has its own */
    int placeholder_hosts; /**< how many of them have nothing but the placeholder */

    mod_acme_parent_t *parent; /**< of mod_acme_parent.c; NULL when there is trouble */
    mod_acme_activation_state_t *activation; /**< of mod_acme_activation.c */

    /* each child's own; NULL in the parent */
    acme_certificate_cache_t *cache;
    acme_thumbprint_cache_t *thumbprints; /**< NULL unless ACMEHttp01Stateless is on */
} mod_acme_world_t;

/** The world of the configuration in force, or NULL if there is none (no ACMEDomain). */
mod_acme_world_t *mod_acme_world(void);

/** Makes @a world the one in force; it is forgotten with its pool. */
void mod_acme_world_set(mod_acme_world_t *world);

#endif

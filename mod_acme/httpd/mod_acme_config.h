/* The configuration as the rest of the roof sees it: global settings and all managed domains,
 * frozen. SPDX-License-Identifier: Apache-2.0
 *
 * mod_acme.c puts the three functions and the command table below into the module record and its
 * hooks. httpd then calls them in this order, in every pass over the configuration:
 *
 *   mod_acme_config_create_server   once per server and virtual host
 *   the handlers of mod_acme_directives   once per directive
 *   mod_acme_config_merge_server    once per virtual host
 *   mod_acme_config_check           once, as check_config hook: links domains and virtual hosts,
 *                                   judges the names, freezes the result, reports what is wrong
 *
 * From then on mod_acme_config_global and mod_acme_vhost_domain answer, to any thread and in every
 * child. Everything lives in pconf, so until the next restart; nothing here is static data. Nothing
 * here touches the store, the network or the clock.
 *
 * Only wrong syntax, ChrootDir, and settings in a <VirtualHost> that could not apply to anything
 * are fatal; what depends on names is a warning with file and line (an error with ACMEStrict on).
 */
#ifndef MOD_ACME_CONFIG_H
#define MOD_ACME_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_domain.h"

#include "mod_acme_words.h"

extern module AP_MODULE_DECLARE_DATA acme_module;

/** ACMEPlaceholder: what a host answers that has nothing but the placeholder certificate. */
typedef enum {
    MOD_ACME_PLACEHOLDER_UNAVAILABLE,
    MOD_ACME_PLACEHOLDER_SERVE
} mod_acme_placeholder_t;

/** What holds for the whole server. */
typedef struct {
    const char *store_dir;              /**< ACMEStoreDir, absolute */
    apr_interval_time_t retry_delay;    /**< ACMERetryDelay */
    int retry_failover;                 /**< ACMERetryFailover */
    apr_interval_time_t check_interval; /**< ACMECheckInterval */
    mod_acme_ports_t ports;             /**< ACMEPortMap */
    int has_http;                       /**< a Listen is for ports.http */
    int has_https;                      /**< a Listen is for ports.https */
    const char
        *resolvers; /**< ACMEDnsResolver: "192.0.2.1:53,[2001:db8::1]:53"; NULL: the system's */
    int dns_port;   /**< ACMEDnsPort, of name servers that are asked directly */
    mod_acme_activation_t activation;   /**< ACMEActivation */
    mod_acme_placeholder_t placeholder; /**< ACMEPlaceholder */
    int has_base_server; /**< ACMEBaseServer on: the base server is a host like others */
    int match_aliases;   /**< ACMEMatchNames all */
    int is_strict;       /**< ACMEStrict on */
    int is_stateless;    /**< ACMEHttp01Stateless on */
    int has_preflight;   /**< ACMEPreflight on */

    const apr_array_header_t
        *domains; /**< const acme_domain_t *; each at its own index; may be empty */
    const apr_array_header_t *givens; /**< by domain: const apr_array_header_t * of
                                           mod_acme_given_pair_t, its ACMECertificateFiles */
    const acme_domain_index_t *index; /**< over all identifiers of these domains */
    const apr_array_header_t *cas;    /**< const acme_ca_t *: those that the domains use */
    const apr_array_header_t *dns01s; /**< acme_dns01_t *: those that the domains use */
    const apr_array_header_t *http01s; /**< acme_http01_t *: those of other servers that they use */
} mod_acme_global_t;

/** The frozen configuration; NULL before mod_acme_config_check of this pass has run. @a s is any
 * server or virtual host. */
const mod_acme_global_t *mod_acme_config_global(const server_rec *s);

/** For the module record: create_server_config and merge_server_config. */
void *mod_acme_config_create_server(apr_pool_t *pool, server_rec *s);
void *mod_acme_config_merge_server(apr_pool_t *pool, void *base, void *add);

/** For the module record: the directives (mod_acme_directives.c). */
extern const command_rec mod_acme_directives[];

/** The check_config hook (any place among the others). Returns OK, or an HTTP status after it has
 * logged why the server must not start. Reports each finding once: not again in the second pass of
 * a start. */
int mod_acme_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

#endif

/* The TLS hosts: which certificate files each gets, and whether it can change live.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The TLS module asks for each host with TLS in its post_config (ssl_add_cert_files). A host of a
 * managed domain gets root's copy in domains/, else what ACMECertificateFile gives to the domain,
 * else the placeholder. A host that names SSLCertificateFile keeps it. Only pairs that are whole are given,
 * since the TLS module ends the server over others.
 */
#ifndef MOD_ACME_HOST_H
#define MOD_ACME_HOST_H

#include <httpd.h>
#include <apr_tables.h>

#include "mod_acme_world.h"

typedef struct {
    server_rec *server;
    const acme_domain_t *domain; /**< linked to it */
    int has_own;                 /**< SSLCertificateFile in the configuration */
    int has_only_placeholder;
    int is_live;            /**< the handshake callback is in its SSL_CTX */
    apr_uint64_t loaded;    /**< number of the generation the TLS module loaded; 0: none of ours */
    apr_uint64_t announced; /**< number that was said to wait for a restart */
    apr_uint64_t looked;    /**< number that was looked at for must-staple */
    int is_held_back;       /**< it has must-staple, so the host waits for a restart */
} mod_acme_host_t;

/** The host of @a server, or NULL if mod_ssl never asked about it or it has no domain. */
mod_acme_host_t *mod_acme_host_find(const mod_acme_world_t *world, const server_rec *server);

/** For ap_hook_ssl_add_cert_files. */
int mod_acme_host_add_files(server_rec *server, apr_pool_t *pool, apr_array_header_t *cert_files,
                            apr_array_header_t *key_files);

/** By the domain's index: the generation that the TLS module has loaded, and so can staple; the largest
 * number there is where no restart would make it load one. */
const apr_uint64_t *mod_acme_host_loaded(const mod_acme_world_t *world, apr_pool_t *pool);

/** After the TLS module's post_config: says which hosts cannot change live and what the placeholder
 * is about, once each. */
void mod_acme_host_review(const mod_acme_world_t *world, apr_pool_t *scratch_pool);

#endif

/* The start of a configuration: store, seal, placeholder, promotion, bell, engine; and of a child.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing here is fatal: whatever is wrong with the store is one sentence in the log and on the
 * status page, and httpd serves everything else, and what is in domains/, all the same.
 *
 * httpd reads its configuration twice when it starts; the first pass is thrown away. In it only
 * what the TLS module needs to pass is made, a placeholder where there is none.
 */
#ifndef MOD_ACME_START_H
#define MOD_ACME_START_H

#include <httpd.h>

/** post_config, before the TLS module. */
int mod_acme_start_before_tls(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *s);

/** post_config, after the TLS module. */
int mod_acme_start_after_tls(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/** child_init. */
void mod_acme_start_child(apr_pool_t *pchild, server_rec *s);

#endif

/* Which domain belongs to which virtual host: links the two and freezes the array of domains.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A virtual host may answer for any number of domains, a domain may span any number of virtual
 * hosts. Names are compared folded; `*.example.org` in ServerAlias counts as the wildcard name and
 * as a host for every name below example.org, as httpd itself has it. Time and memory are linear in
 * the number of names, but for aliases with `?` or an inner `*`, which are matched one by one.
 */
#ifndef MOD_ACME_VHOST_H
#define MOD_ACME_VHOST_H

#include <httpd.h>

#include "acme/acme_domain.h"

#include "mod_acme_config.h"
#include "mod_acme_settings.h"

/** The domain linked to @a s: the one that has its ServerName, else the first that has one of its
 * aliases, else the first that has a name under one of its wildcard aliases. NULL if there is none,
 * for the base server without ACMEBaseServer, and before mod_acme_config_check. What a connection
 * without SNI is answered with. Any thread. */
const acme_domain_t *mod_acme_vhost_domain(const server_rec *s);

/** Makes domains, index and CAs of @a global from what was configured, and links all servers of the
 * list @a s to it. What is wrong is added to the findings of @a raw. All in @a pool. */
void mod_acme_vhost_link(mod_acme_global_t *global, mod_acme_raw_t *raw, server_rec *s,
                         apr_pool_t *pool);

#endif
